"""Fit of an auxiliary basis to the electron density of a PySCF calculation.

The coefficients closest to a density rho in the metric M are ``c = M^-1 w``, with w_i the overlap,
or the Coulomb repulsion, of function i with rho. With an exact number of electrons they are
corrected as `ase_dos.density.metric.ElectronNumber` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.density import Density
from ase_dos.density.metric import ElectronNumber, solve_metric
from ase_dos.density.pyscf import (
    auxiliary_molecule,
    numbers_and_positions,
    pyscf_order,
    three_centre_integrals,
)
from ase_dos.utils.checks import as_array

if TYPE_CHECKING:
    from pyscf.gto import Mole
    from pyscf.scf.hf import SCF

__all__ = ["fit_density"]

# PySCF's names of integrals over two and three functions.
_INTEGRALS = {"coulomb": ("int2c2e", "int3c2e"), "overlap": ("int1e_ovlp", "int3c1e")}
_NUMBERS = ("exact", "free")


def fit_density(
    calculation: SCF | Mole,
    metric: str = "coulomb",
    electron_number: str = "exact",
    basis: str | AuxiliaryBasis = "def2-universal-jkfit",
    density_matrix: ArrayLike | None = None,
) -> Density:
    """Fit an auxiliary basis to an electron density.

    Parameters
    ----------
    calculation : PySCF mean field or molecule
        A converged calculation of any spin; or the molecule, with its ``density_matrix``.
    metric : {"coulomb", "overlap"}
        What the fit minimises: the electrostatic energy, or the square, of the error.
    electron_number : {"exact", "free"}
        Whether the fit holds exactly as many electrons as the molecule.
    basis : str or AuxiliaryBasis
        Auxiliary basis, by itself or by a name that PySCF knows.
    density_matrix : (n, n) or (2, n, n) array_like, optional
        In the orbital basis of the molecule, in atomic units; of both spins in the second form.

    Returns
    -------
    Density

    Raises
    ------
    ValueError
        If an option is unknown, the calculation has not converged or has a pseudopotential, the
        density matrix is of another shape or holds another number of electrons, the basis lacks an
        element, or its functions are linearly dependent.
    """
    if metric not in _INTEGRALS:
        raise ValueError(f"metric: expected one of {', '.join(_INTEGRALS)}, got {metric!r}")
    if electron_number not in _NUMBERS:
        raise ValueError(
            f"electron_number: expected one of {', '.join(_NUMBERS)}, got {electron_number!r}"
        )
    molecule: Mole = getattr(calculation, "mol", calculation)
    numbers, positions = numbers_and_positions(molecule)
    matrix = _density_matrix(calculation, molecule, density_matrix)
    if isinstance(basis, str):
        basis = AuxiliaryBasis.from_pyscf(basis, species=np.unique(numbers).tolist())
    two_centres, three_centres = _INTEGRALS[metric]
    overlaps = _overlaps(molecule, matrix, basis, three_centres)
    order = pyscf_order(basis.layout(numbers))
    products = np.empty((len(order), len(order)))
    products[np.ix_(order, order)] = auxiliary_molecule(molecule, basis).intor(two_centres)
    coefficients = solve_metric(products, overlaps)
    if electron_number == "exact":
        number = ElectronNumber.of(basis.charges(numbers), products)
        coefficients = number.corrected(coefficients, molecule.nelectron)
    return Density(basis, numbers, positions, coefficients, charge=float(molecule.charge))


def _density_matrix(
    calculation: SCF | Mole, molecule: Mole, density_matrix: ArrayLike | None
) -> NDArray:
    """Density matrix (n, n) of both spins together."""
    if density_matrix is None:
        if not getattr(calculation, "converged", False):
            raise ValueError(
                "density: expected a converged calculation, or a density matrix; call kernel(), "
                "and check that it converges"
            )
        density_matrix = calculation.make_rdm1()
    n = molecule.nao
    matrix = as_array(density_matrix, "density_matrix")
    if matrix.shape == (2, n, n):
        matrix = matrix.sum(axis=0)
    if matrix.shape != (n, n):
        raise ValueError(
            f"density_matrix: expected shape ({n}, {n}) or (2, {n}, {n}), as the molecule has {n} "
            f"orbitals, got {matrix.shape}"
        )
    electrons = float(np.sum(matrix * molecule.intor("int1e_ovlp")))
    if abs(electrons - molecule.nelectron) > 1e-4 * molecule.nelectron:
        raise ValueError(
            f"density_matrix: holds {electrons:.4f} electrons, the molecule {molecule.nelectron}; "
            "is it of another charge, or of one spin only?"
        )
    return matrix


def _overlaps(molecule: Mole, matrix: NDArray, basis: AuxiliaryBasis, kind: str) -> NDArray:
    """``w`` (size,) in the order of the basis."""
    from pyscf.lib import pack_tril

    pairs = pack_tril(matrix + matrix.T - np.diag(np.diag(matrix)))
    overlaps = np.empty(basis.layout(numbers_and_positions(molecule)[0]).size)
    for places, integrals in three_centre_integrals(molecule, basis, kind):
        overlaps[places] = pairs @ integrals
    return overlaps
