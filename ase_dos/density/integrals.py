"""Overlap and Coulomb integrals between the functions of an auxiliary basis, in atomic units."""

from __future__ import annotations

import numpy as np
from ase import units
from numpy.typing import ArrayLike, NDArray

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.kernels.boys import MAX_ORDER, boys_table
from ase_dos.kernels.gaunt import product_terms
from ase_dos.kernels.gaussian_integrals import two_centre_integrals
from ase_dos.kernels.harmonics import harmonic_coefficients
from ase_dos.kernels.threads import on_threads
from ase_dos.utils.checks import as_array

__all__ = ["coulomb", "overlap"]


def overlap(basis: AuxiliaryBasis, numbers: ArrayLike, positions: ArrayLike) -> NDArray:
    """Overlap matrix S (size, size): integrals of products of two functions.

    Parameters
    ----------
    basis : AuxiliaryBasis
        Functions of every species, to l = 6.
    numbers : (n_atoms,) array_like of int
        Atomic numbers.
    positions : (n_atoms, 3) array_like
        Of the atoms (Angstrom).

    Raises
    ------
    ValueError
        If the basis lacks a species or goes beyond l = 6, or the shapes do not fit.

    Notes
    -----
    Each integral is exact to 1e-12 of the largest that its two shells have at any distance
    (`ase_dos.kernels.gaussian_integrals` has the formulas).
    """
    return _integrals(basis, numbers, positions, coulomb=False)


def coulomb(basis: AuxiliaryBasis, numbers: ArrayLike, positions: ArrayLike) -> NDArray:
    """Coulomb matrix J (size, size): repulsion of two functions (Hartree).

    Parameters, errors and precision are those of `overlap`.
    """
    return _integrals(basis, numbers, positions, coulomb=True)


def _integrals(
    basis: AuxiliaryBasis, numbers: ArrayLike, positions: ArrayLike, *, coulomb: bool
) -> NDArray:
    layout = basis.layout(numbers)
    l_max = int(layout.l.max())
    if 2 * l_max > MAX_ORDER:
        raise ValueError(
            f"basis {basis.name}: has functions of l = {l_max}; expected {MAX_ORDER // 2} at most"
        )
    n_atoms = int(layout.atom[-1]) + 1
    centers = as_array(positions, "positions", (n_atoms, 3)) / units.Bohr
    momenta = np.repeat(layout.l, np.diff(layout.first))
    weights = layout.coefficients / (2 * layout.exponents) ** momenta
    tables = (harmonic_coefficients(2 * l_max), *product_terms(l_max), *boys_table())
    functions = (layout.shells, layout.start, layout.first, layout.exponents, weights)
    out = np.empty((layout.size, layout.size))
    on_threads(
        n_atoms,
        lambda begin, end: two_centre_integrals(
            begin, end, coulomb, centers, *functions, *tables, out
        ),
    )
    return out
