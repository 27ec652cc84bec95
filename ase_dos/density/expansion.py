"""Expansion of a charge density on the atoms of a molecule, and what follows from it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.io.cube import write_cube
from numpy.typing import ArrayLike, NDArray

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.fields import form_factors, potentials, values
from ase_dos.density.integrals import coulomb
from ase_dos.utils.checks import as_array, as_count, as_integers, as_positive
from ase_dos.utils.files import replaced_path

__all__ = ["Expansion"]

# Step (Bohr) of what the header of a cube file can say.
_CUBE_DIGIT = 1e-6


@dataclass(frozen=True, eq=False)
class Expansion:
    """Electrons rho(r) = sum_i c_i phi_i(r), and the charges of the nuclei.

    Parameters
    ----------
    basis : AuxiliaryBasis
        Functions of every species.
    numbers : (n_atoms,) array_like of int
        Atomic numbers.
    positions : (n_atoms, 3) array_like
        Of the nuclei (Angstrom).
    coefficients : (size,) array_like
        The c_i, in the order of `ase_dos.density.basis` and in atomic units.
    charge : float
        Total charge (e).

    Raises
    ------
    ValueError
        If shapes do not fit the basis, or the basis lacks a species.
    """

    basis: AuxiliaryBasis
    numbers: NDArray
    positions: NDArray
    coefficients: NDArray
    charge: float = 0.0

    def __post_init__(self) -> None:
        numbers = as_integers(self.numbers, "numbers", (None,))
        checked = {
            "numbers": numbers,
            "positions": as_array(self.positions, "positions", (len(numbers), 3)),
            "coefficients": self._fitting(self.coefficients, "coefficients", 1),
            "charge": float(as_array(self.charge, "charge", ())),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def _fitting(self, coefficients: ArrayLike, name: str, dimensions: int) -> NDArray:
        array, size = as_array(coefficients, name), self.basis.layout(self.numbers).size
        if array.ndim != dimensions or array.shape[-1] != size:
            raise ValueError(
                f"{name}: expected {size} functions of the basis {self.basis.name} on "
                f"{Atoms(numbers=self.numbers).symbols}, got shape {array.shape}; "
                "ase_dos.density.basis has their order"
            )
        return array

    @property
    def n_electrons(self) -> float:
        """Integral of the density, which differs from the number of electrons by its error."""
        return float(self.basis.charges(self.numbers) @ self.coefficients)

    @property
    def nuclear_charges(self) -> NDArray:
        """Charges (n_atoms,) of the nuclei (e)."""
        return self.numbers.astype(float)

    # What is linear in the coefficients

    def dipole(self, origin: ArrayLike | None = None) -> NDArray:
        """Dipole moment (3,) in e Angstrom.

        Parameters
        ----------
        origin : (3,) array_like, optional
            Point (Angstrom) that the moment of an ion refers to, by default its centre of nuclear
            charge. The moment of a neutral molecule depends on it only by the error of
            `n_electrons`.
        """
        return self._dipoles(self.coefficients[None], origin)[0]

    def _dipoles(self, coefficients: NDArray, origin: ArrayLike | None) -> NDArray:
        center = self.numbers @ self.positions / self.numbers.sum()
        about = center if origin is None else as_array(origin, "origin", (3,))
        positions = self.positions - about
        electrons = coefficients @ self.basis.dipole(self.numbers, positions)
        return self.nuclear_charges @ positions - electrons

    def charges(self) -> NDArray:
        """Charges (n_atoms,) of the atoms (e): nucleus less what its own functions hold.

        They add up to the charge of the molecule, but depend on the basis more than those of a
        partition of space do. Together with the atomic dipoles and higher `multipoles` they give
        the potential outside the molecule.
        """
        return self._charges(self.coefficients[None])[0]

    def _charges(self, coefficients: NDArray) -> NDArray:
        layout = self.basis.layout(self.numbers)
        first = layout.start[layout.shells[:, 0]]
        electrons = np.add.reduceat(coefficients * self.basis.charges(self.numbers), first, axis=1)
        return self.nuclear_charges - electrons

    def multipoles(self, max_l: int) -> NDArray:
        """Multipoles (n_atoms, (max_l + 1)^2) of what is on every atom (e Angstrom^l).

        Q_lm = integral of (4 pi / (2 l + 1))^(1/2) r^l Y_lm(r) times the charge of the nucleus and
        of the atom's own functions, about the nucleus, at l^2 + l + m. Column 0 has the charges,
        columns 1 to 3 the dipoles along y, z, x. Functions of another l add nothing.
        """
        max_l = as_count(max_l, "max_l", 0)
        layout = self.basis.layout(self.numbers)
        multipoles = np.zeros((len(self.numbers), (max_l + 1) ** 2))
        for ell in range(max_l + 1):
            here = layout.l == ell
            unit = math.sqrt(4 * math.pi / (2 * ell + 1)) * units.Bohr**ell
            for m in range(2 * ell + 1):
                moments = unit * layout.moment[here] * self.coefficients[layout.start[here] + m]
                np.subtract.at(multipoles[:, ell**2 + m], layout.atom[here], moments)
        multipoles[:, 0] += self.nuclear_charges
        return multipoles

    def potential(self, points: ArrayLike) -> NDArray:
        """Electrostatic potential (n_points,) of nuclei and electrons (V).

        Parameters
        ----------
        points : (n_points, 3) array_like
            Angstrom.

        Raises
        ------
        ValueError
            If a point is on a nucleus, where the potential is infinite.
        """
        return self._potentials(self.coefficients[None], points)[0]

    def _potentials(self, coefficients: NDArray, points: ArrayLike) -> NDArray:
        where = as_array(points, "points", (None, 3))
        found = potentials(
            self.basis, self.numbers, self.positions, coefficients, where, self.nuclear_charges
        )
        infinite = np.flatnonzero(~np.isfinite(found).all(axis=0))
        if infinite.size:
            raise ValueError(
                f"points: the potential is infinite at point {infinite[0]}, which is on a nucleus"
            )
        return found * units.Hartree

    def evaluate(self, points: ArrayLike) -> NDArray:
        """Density (n_points,) in electrons/Angstrom^3.

        Parameters
        ----------
        points : (n_points, 3) array_like
            Angstrom.
        """
        where = as_array(points, "points", (None, 3))
        found = values(self.basis, self.numbers, self.positions, self.coefficients[None], where)
        return found[0] / units.Bohr**3

    def form_factor(self, vectors: ArrayLike) -> NDArray:
        """Form factor (n,), the integral of rho(r) exp(i q.r): complex, n_electrons at q = 0.

        Parameters
        ----------
        vectors : (n, 3) array_like
            Wave vectors q with 2 pi in them (1/Angstrom).
        """
        q = as_array(vectors, "vectors", (None, 3))
        return form_factors(self.basis, self.numbers, self.positions, self.coefficients, q)

    # What is quadratic

    def hartree_energy(self) -> float:
        """Repulsion of the density with itself, c.J.c / 2 (eV)."""
        matrix = coulomb(self.basis, self.numbers, self.positions)
        return float(self.coefficients @ matrix @ self.coefficients) / 2 * units.Hartree

    # Files

    def write_cube(
        self, path: str | os.PathLike, *, spacing: float = 0.1, padding: float = 4.0
    ) -> float:
        """Write the density to a Gaussian cube file, in electrons/Bohr^3 as these have it.

        Parameters
        ----------
        path : str or path
            The file; an earlier one is replaced in one step.
        spacing : float
            Distance of the points (Angstrom).
        padding : float
            Room on all sides of the nuclei (Angstrom).

        Returns
        -------
        float
            Error of the grid: electrons of the sum over its points, less `n_electrons`. The first
            line of the file has it too. Cores, which are narrower than the spacing, make most
            of it; the density at every point is exact.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        step = _rounded(as_positive(spacing, "spacing") / units.Bohr)
        room = as_positive(padding, "padding", zero=True) / units.Bohr
        corners = self.positions.min(axis=0) / units.Bohr, self.positions.max(axis=0) / units.Bohr
        origin = _rounded(corners[0] - room)
        shape = np.ceil((corners[1] + room - origin) / step).astype(int) + 1
        grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
        points = (origin + step * grid.reshape(-1, 3)) * units.Bohr
        density = self.evaluate(points) * units.Bohr**3
        error = float(density.sum() * step**3) - self.n_electrons
        atoms = Atoms(
            numbers=self.numbers, positions=self.positions, cell=shape * step * units.Bohr
        )
        comment = (
            f"electron density (1/Bohr^3), {self.n_electrons:.6f} electrons; "
            f"the sum over the grid is off by {error:.1e}"
        )
        with replaced_path(path) as partial, open(partial, "w") as file:
            write_cube(file, atoms, density.reshape(shape), origin * units.Bohr, comment)
        return error


def _rounded(length: NDArray | float) -> NDArray:
    """Length (Bohr) as the header of a cube file has it."""
    return np.round(np.asarray(length) / _CUBE_DIGIT) * _CUBE_DIGIT
