"""Values, electrostatic potentials and Fourier transforms of expansions, in atomic units."""

from __future__ import annotations

import numpy as np
from ase import units
from numpy.typing import ArrayLike, NDArray

from ase_dos.density.basis import AuxiliaryBasis, BasisLayout
from ase_dos.kernels.boys import boys_table
from ase_dos.kernels.gaussian_fields import BLOCK, gaussian_fields
from ase_dos.kernels.harmonics import harmonic_coefficients, harmonics_of
from ase_dos.kernels.threads import on_threads

__all__ = ["form_factors", "potentials", "values"]

_NEGLIGIBLE = 1e-16  # value (a.u.) of a function below which it counts as zero
_VECTORS = 4096  # wave vectors at a time


def values(
    basis: AuxiliaryBasis,
    numbers: ArrayLike,
    positions: NDArray,
    coefficients: NDArray,
    points: NDArray,
) -> NDArray:
    """Values (sets, n_points) of expansions (electrons/Bohr^3).

    Parameters
    ----------
    basis : AuxiliaryBasis
        Functions of every species.
    numbers : (n_atoms,) array_like of int
        Atomic numbers.
    positions : (n_atoms, 3) array
        Of the atoms (Angstrom).
    coefficients : (sets, size) array
        Several sets of coefficients.
    points : (n_points, 3) array
        Angstrom.

    Notes
    -----
    A function counts as zero from where it stays below 1e-16.
    """
    layout = basis.layout(numbers)
    no_charges = np.zeros(len(positions))
    return _on_points(
        layout, positions, points, coefficients, no_charges, layout.coefficients, _reach(layout)
    )


def potentials(
    basis: AuxiliaryBasis,
    numbers: ArrayLike,
    positions: NDArray,
    coefficients: NDArray,
    points: NDArray,
    charges: NDArray,
) -> NDArray:
    """Electrostatic potentials (sets, n_points) of nuclei and electrons (Hartree/e).

    Parameters are those of `values`, and the charges (n_atoms,) of the nuclei (e). A point on a
    nucleus has an infinite potential.
    """
    layout = basis.layout(numbers)
    weights = 2 * np.pi / layout.exponents * layout.coefficients
    everywhere = np.full(len(layout.l), np.inf)
    return _on_points(
        layout, positions, points, -coefficients, charges, weights, everywhere, potential=True
    )


def form_factors(
    basis: AuxiliaryBasis,
    numbers: ArrayLike,
    positions: NDArray,
    coefficients: NDArray,
    vectors: NDArray,
) -> NDArray:
    """Fourier transforms (n_vectors,), integrals of rho(r) exp(i q.r), of one expansion.

    The transform of r^l Y_lm(r) exp(-a r^2) is (pi / a)^(3/2) (i / 2 a)^l q^l Y_lm(q)
    exp(-q^2 / 4 a). Parameters are those of `values`, with one set of coefficients (size,) and
    wave vectors (n_vectors, 3) in 1/Angstrom.
    """
    layout = basis.layout(numbers)
    momenta = np.repeat(layout.l, np.diff(layout.first))
    a = layout.exponents
    weights = layout.coefficients * (np.pi / a) ** 1.5 / (2 * a) ** momenta
    factors = np.empty(len(vectors), dtype=complex)
    for begin in range(0, len(vectors), _VECTORS):
        block = slice(begin, begin + _VECTORS)
        phases = np.exp(1j * vectors[block] @ positions.T)
        q = vectors[block] * units.Bohr
        length = np.linalg.norm(q, axis=1)
        direction = np.where(length[:, None] > 0, q, [0.0, 0.0, 1.0])
        direction /= np.linalg.norm(direction, axis=1)[:, None]
        harmonics = harmonics_of(direction, int(layout.l.max()))
        total = np.zeros(len(q), dtype=complex)
        for shell, (atom, ell, start) in enumerate(
            zip(layout.atom, layout.l, layout.start, strict=True)
        ):
            own = slice(layout.first[shell], layout.first[shell + 1])
            radial = np.exp(-(length[:, None] ** 2) / (4 * a[own])) @ weights[own] * length**ell
            angular = (
                harmonics[:, ell**2 : (ell + 1) ** 2] @ (coefficients[start : start + 2 * ell + 1])
            )
            total += 1j**ell * phases[:, atom] * radial * angular
        factors[block] = total
    return factors


def _on_points(
    layout: BasisLayout,
    positions: NDArray,
    points: NDArray,
    coefficients: NDArray,
    charges: NDArray,
    weights: NDArray,
    reach: NDArray,
    *,
    potential: bool = False,
) -> NDArray:
    """Let the kernel sum over functions, (sets, n_points)."""
    l_max = int(layout.l.max())
    functions = (layout.shells, layout.start, layout.first, layout.exponents)
    out = np.empty((len(coefficients), len(points)))
    scaled_points, scaled_positions = points / units.Bohr, positions / units.Bohr

    def work(begin: int, end: int) -> None:
        gaussian_fields(
            begin,
            end,
            potential,
            scaled_points,
            scaled_positions,
            charges,
            *functions,
            weights,
            reach,
            harmonic_coefficients(l_max),
            *boys_table(),
            coefficients,
            out,
        )

    on_threads(len(points), work, grain=BLOCK)
    return out


def _reach(layout: BasisLayout) -> NDArray:
    """Distances (n_shells,), in Bohr, from which on functions stay below what is negligible.

    With the most diffuse exponent a, the whole weight w of a shell and the largest harmonic, h:
    h w r^l exp(-a r^2) is negligible where a r^2 = log(h w / negligible) + l log(r).
    """
    begins = layout.first[:-1]
    diffuse = np.minimum.reduceat(layout.exponents, begins)
    weight = np.add.reduceat(np.abs(layout.coefficients), begins)
    height = np.log(weight * np.sqrt((2 * layout.l + 1) / (4 * np.pi)) / _NEGLIGIBLE)
    reach = np.sqrt(height / diffuse)
    for _ in range(50):
        reach = np.sqrt((height + layout.l * np.log(reach)) / diffuse)
    return reach
