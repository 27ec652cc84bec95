"""Electron density of a molecule with error bars, and differences of two."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos._version import __version__
from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.expansion import Expansion
from ase_dos.io.model_file import FORMAT, digest, read_model, write_model
from ase_dos.utils.short_repr import short_repr

if TYPE_CHECKING:
    from pyscf.scf.hf import SCF

__all__ = ["Density", "DensityDifference"]

_KIND = "electron density"
# Electrons that an expansion may lack or have too many, absolute and as a share: far above the
# errors of a free expansion, below what another order of coefficients or another charge does.
_WRONG, _WRONG_SHARE = 0.5, 0.01


@dataclass(frozen=True, eq=False)
class Density(Expansion):
    """Density of all electrons of a molecule, rho(r) = sum_i c_i phi_i(r).

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
        Total charge of the molecule (e).
    members : (n_members, size) array_like, optional
        Coefficients of equally likely densities around this one. What is linear in the density
        has an error bar where they are given: `dipole_std`, `charges_std`, `potential_std`.

    Raises
    ------
    ValueError
        If shapes do not fit the basis, the basis lacks a species, or the density does not
        integrate to the number of electrons, by more than 1 % of them and half an electron.

    Notes
    -----
    Electron density is positive: the potential of electrons is negative, and a dipole points from
    negative to positive charge, as in ASE.
    """

    members: NDArray | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.members is not None:
            object.__setattr__(self, "members", self._fitting(self.members, "members", 2))
        expected = float(self.nuclear_charges.sum()) - self.charge
        if abs(self.n_electrons - expected) > max(_WRONG, _WRONG_SHARE * expected):
            raise ValueError(
                f"coefficients: integrate to {self.n_electrons:.4f} electrons, expected "
                f"{expected:g} for a charge of {self.charge:g}; give the charge of the molecule, "
                "and all electrons in the order of ase_dos.density.basis"
            )

    # Error bars of what is linear in the density

    def dipole_std(self, origin: ArrayLike | None = None) -> NDArray:
        """Error bar (3,) of the dipole from the members (e Angstrom).

        Raises
        ------
        ValueError
            If the density has no members.
        """
        return _deviation(self.member_dipoles(origin), self.dipole(origin))

    def member_dipoles(self, origin: ArrayLike | None = None) -> NDArray:
        """Dipole moments (n_members, 3) of the members (e Angstrom), with `dipole`'s origin.

        Raises
        ------
        ValueError
            If the density has no members.
        """
        return self._dipoles(self._members(), origin)

    def charges_std(self) -> NDArray:
        """Error bar (n_atoms,) of the charges from the members (e).

        Raises
        ------
        ValueError
            If the density has no members.
        """
        return _deviation(self.member_charges(), self.charges())

    def member_charges(self) -> NDArray:
        """Charges (n_members, n_atoms) of the members (e).

        Raises
        ------
        ValueError
            If the density has no members.
        """
        return self._charges(self._members())

    def potential_std(self, points: ArrayLike) -> NDArray:
        """Error bar (n_points,) of the potential from the members (V).

        Raises
        ------
        ValueError
            As in `potential`, and if the density has no members.
        """
        return _deviation(self._potentials(self._members(), points), self.potential(points))

    def _members(self) -> NDArray:
        if self.members is None:
            raise ValueError(
                "density: has no members, so no error bars; those that a model predicts have them"
            )
        return self.members

    # Other densities and programs

    def difference(self, other: Density) -> DensityDifference:
        """Difference to another density of the same nuclei in the same functions.

        Raises
        ------
        ValueError
            If a function, an atom or a position differs.
        """
        if not np.array_equal(other.numbers, self.numbers) or not np.allclose(
            other.positions, self.positions, rtol=0, atol=1e-8
        ):
            raise ValueError("difference: expected two densities of the same atoms at one place")
        species = set(self.numbers.tolist())
        if any(other.basis.shells[z] != self.basis.shells[z] for z in species):
            raise ValueError(
                f"difference: expected two densities in one basis, got {self.basis.name} and "
                f"{other.basis.name}, or other functions of that name"
            )
        return DensityDifference(
            self.basis,
            self.numbers,
            self.positions,
            self.coefficients - other.coefficients,
            self.charge - other.charge,
        )

    def initial_guess(self, mean_field: SCF) -> NDArray:
        """Density matrix to start PySCF with: ``mf.kernel(dm0=density.initial_guess(mf))``.

        `ase_dos.density.pyscf.initial_guess` says how it is made, and lists parameters and errors.
        """
        from ase_dos.density.pyscf import initial_guess

        return initial_guess(
            mean_field, self.basis, self.numbers, self.positions, self.coefficients
        )

    # Files

    def save(self, path: str | os.PathLike) -> None:
        """Write the density to an ``.npz`` file, which `load` reads without PySCF.

        Raises
        ------
        OSError
            If it cannot be written there.
        """
        arrays = {
            "numbers": self.numbers,
            "positions": self.positions,
            "coefficients": self.coefficients,
        }
        if self.members is not None:
            arrays["members"] = self.members
        info = {
            "kind": _KIND,
            "format": FORMAT,
            "version": __version__,
            "basis": self.basis.to_header(),
            "charge": self.charge,
        }
        write_model(path, {**info, "hash": digest(info, arrays)}, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Density:
        """Read a density that `save` wrote.

        Raises
        ------
        ValueError
            If the file is damaged, or holds something else.
        """
        info, arrays = read_model(Path(path))
        if info.get("kind") != _KIND:
            raise ValueError(
                f"{os.fspath(path)}: expected a file with an electron density, as Density.save "
                f"writes it; this one holds {info.get('kind', 'a model')}"
            )
        return cls(AuxiliaryBasis.from_header(info["basis"]), charge=info["charge"], **arrays)


class DensityDifference(Expansion):
    """Difference of two densities of one molecule, in which the nuclei cancel.

    Potential, dipole and charges are those of the change of the electrons alone, and
    `hartree_energy` is its repulsion with itself.
    """

    __repr__ = short_repr

    @property
    def nuclear_charges(self) -> NDArray:
        """Zeros (n_atoms,)."""
        return np.zeros(len(self.numbers))


def _deviation(members: NDArray, mean: NDArray) -> NDArray:
    """Root-mean-square deviation of members from the value itself."""
    return np.sqrt(np.mean((members - mean) ** 2, axis=0))
