"""Parameters to begin a fit of overlapping orbitals with: Gaussians and extended Hueckel theory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from scipy.special import gamma

from ase_dos.kernels.harmonics import harmonics_of
from ase_dos.tight_binding.form import (
    HamiltonianForm,
    independent_integrals,
    integral_name,
    level_name,
    overlap_name,
    radii,
)
from ase_dos.utils.checks import as_array

__all__ = ["gaussian_overlap", "hueckel_parameters"]

_WOLFSBERG_HELMHOLZ = 1.75
_DISTANCES = (0.7, 2.5)  # in sums of covalent radii, between which functions are fitted
_NODES = 6  # along each axis, of a quadrature that is exact to the degree 11


class _Gaussian(NamedTuple):
    """Shell r^l exp(-a r^2) Y_lm, normalised."""

    ell: int
    exponent: float

    @classmethod
    def of_size(cls, ell: int, size: float) -> _Gaussian:
        """Shell with a root-mean-square radius."""
        return cls(ell, (2 * ell + 3) / (4 * size**2))

    def polynomial(self, points: NDArray, order: int) -> NDArray:
        """Values (n,) at points (n, 3) of the orbital of an order, without exp(-a r^2)."""
        distances = np.linalg.norm(points, axis=1)
        harmonics = harmonics_of(points / distances[:, None], self.ell)
        norm = np.sqrt(2 * (2 * self.exponent) ** (self.ell + 1.5) / gamma(self.ell + 1.5))
        return norm * distances**self.ell * harmonics[:, self.ell**2 + self.ell + order]


def gaussian_overlap(
    shells: tuple[int, int], sizes: tuple[float, float], order: int, distances: NDArray
) -> NDArray:
    """Two-centre overlaps (n,) of Gaussian shells, by Gauss-Hermite quadrature, which is exact.

    Parameters
    ----------
    shells : (int, int)
        Angular momenta.
    sizes : (float, float)
        Root-mean-square radii (Angstrom).
    order : int
        0 (sigma), 1 (pi), 2 (delta).
    distances : (n,) array
        Angstrom.
    """
    first, second = map(_Gaussian.of_size, shells, sizes)
    total = first.exponent + second.exponent
    nodes, weights = np.polynomial.hermite.hermgauss(_NODES)
    points = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 3)
    products = np.einsum("i,j,k->ijk", weights, weights, weights).ravel() / total**1.5
    out = np.empty(distances.size)
    for n, distance in enumerate(distances):
        bond = np.array([0.0, 0.0, distance])
        around = points / np.sqrt(total) + second.exponent / total * bond
        values = first.polynomial(around, order) * second.polynomial(around - bond, order)
        decay = np.exp(-first.exponent * second.exponent / total * distance**2)
        out[n] = decay * (products @ values)
    return out


def hueckel_parameters(
    form: HamiltonianForm,
    levels: Mapping[int, Sequence[float]],
    sizes: Mapping[int, Sequence[float]],
) -> NDArray:
    """Parameters (n,) of a form with overlaps: those of Gaussians, given levels, nothing else.

    The integrals are those of extended Hueckel theory, H = 1.75 S (E_1 + E_2) / 2 (M. Wolfsberg
    and L. Helmholz, https://doi.org/10.1063/1.1700580; R. Hoffmann,
    https://doi.org/10.1063/1.1734456).

    Parameters
    ----------
    form : HamiltonianForm
    levels : mapping of int to sequence of float
        Energy of every shell of a species (eV), from the vacuum.
    sizes : mapping of int to sequence of float
        Root-mean-square radius of every shell (Angstrom).

    Raises
    ------
    ValueError
        If the form has no overlaps, or a species lacks levels or sizes, or has another number of
        them than shells.
    """
    if not form.n_overlap:
        raise ValueError("form: its orbitals are orthogonal, expected overlapping ones")
    energies, extents = _of_shells(form, levels, "levels"), _of_shells(form, sizes, "sizes")
    parameters = np.zeros(form.n_parameters)
    arrays = form.split(parameters)
    for a in form.species:
        arrays[level_name(a)][:, 0, 0] = energies[a]
    for a, b in form.overlapping():
        d = float(radii(np.array([a, b])).sum())
        distances = np.linspace(_DISTANCES[0] * d, _DISTANCES[1] * d, 60)
        functions, _ = form.integral_functions(distances, form.n_overlap, d)
        blocks = form.pair(a, b)
        rows, _ = independent_integrals(blocks, a == b)
        for row, (i, j, order) in zip(rows, blocks.integrals, strict=True):
            if a == b and i > j:
                continue  # follows from the integral of the shells swapped
            overlaps = gaussian_overlap(
                (blocks.first[i], blocks.second[j]),
                (extents[a][i], extents[b][j]),
                order,
                distances,
            )
            coefficients = np.linalg.lstsq(functions, overlaps, rcond=None)[0]
            mean = (energies[a][i] + energies[b][j]) / 2
            arrays[overlap_name(a, b)][row, 0] = coefficients
            arrays[integral_name(a, b)][row, 0, : form.n_overlap] = (
                _WOLFSBERG_HELMHOLZ * mean * coefficients
            )
    return parameters


def _of_shells(
    form: HamiltonianForm, values: Mapping[int, Sequence[float]], name: str
) -> dict[int, NDArray]:
    """Check a number for every shell of every species."""
    missing = [chemical_symbols[z] for z in form.species if z not in values]
    if missing:
        raise ValueError(f"{name}: none for {', '.join(missing)}")
    return {
        z: as_array(values[z], f"{name} of {chemical_symbols[z]}", (len(form.shells[z]),))
        for z in form.species
    }
