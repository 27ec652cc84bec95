"""Bridge to PySCF: order of functions, auxiliary molecules, start of a calculation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from ase import units
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos.density.basis import P_PLACES, AuxiliaryBasis, BasisLayout

if TYPE_CHECKING:
    from pyscf.gto import Mole
    from pyscf.scf.hf import SCF

__all__ = [
    "auxiliary_molecule",
    "initial_guess",
    "numbers_and_positions",
    "pyscf_order",
    "three_centre_integrals",
]

# Functional where that of a calculation needs more than a density: orbitals.
_SEMILOCAL = "pbe,pbe"
_POINTS = 4000  # of the grid at a time
_INTEGRALS = 2**24  # three-centre integrals at a time


def pyscf_order(layout: BasisLayout) -> NDArray:
    """Places (size,) of PySCF's functions in the order of `ase_dos.density.basis`.

    ``c[order]`` are PySCF's coefficients where ``c`` are ours. Only p functions differ: PySCF has
    x, y, z where m = -1, 0, 1 are y, z, x.
    """
    order = np.arange(layout.size)
    p = layout.start[layout.l == 1]
    for place, m in enumerate(P_PLACES):
        order[p + place] = p + m
    return order


def numbers_and_positions(molecule: Mole) -> tuple[NDArray, NDArray]:
    """Atomic numbers (n_atoms,) and positions (n_atoms, 3) in Angstrom of a molecule of PySCF.

    Raises
    ------
    ValueError
        If it has pseudopotentials: densities here are those of all electrons.
    """
    if molecule.has_ecp():
        raise ValueError(
            "molecule: has effective core potentials; expected all electrons, as a basis such as "
            "def2-universal-jkfit describes them"
        )
    return molecule.atom_charges().astype(int), molecule.atom_coords() * units.Bohr


def auxiliary_molecule(molecule: Mole, basis: AuxiliaryBasis) -> Mole:
    """Molecule of PySCF whose functions are those of an auxiliary basis; see `pyscf_order`.

    Raises
    ------
    ValueError
        If the basis lacks a species.
    """
    from pyscf.df import make_auxmol
    from pyscf.gto import gto_norm

    numbers, _ = numbers_and_positions(molecule)
    basis.layout(numbers)
    shells = {
        chemical_symbols[z]: [
            [ell, *([a, w / gto_norm(ell, a)] for a, w in zip(exponents, weights, strict=True))]
            for ell, exponents, weights in basis.shells[z]
        ]
        for z in set(numbers.tolist())
    }
    auxiliary = make_auxmol(molecule, shells)
    auxiliary.cart = False
    return auxiliary


def three_centre_integrals(
    molecule: Mole, basis: AuxiliaryBasis, kind: str = "int3c2e"
) -> Iterator[tuple[NDArray, NDArray]]:
    """Integrals of products of two orbitals with functions of an auxiliary basis, by blocks.

    Parameters
    ----------
    molecule : Mole
        Molecule with an orbital basis of n functions, spherical or Cartesian.
    basis : AuxiliaryBasis
        Auxiliary functions.
    kind : {"int3c2e", "int3c1e"}
        Coulomb or overlap integrals.

    Yields
    ------
    places, integrals : (k,), (n (n + 1) / 2, k) array
        Places of some functions in the order of `ase_dos.density.basis`, and their integrals with
        pairs of orbitals, as `pyscf.lib.unpack_tril` has them.

    Raises
    ------
    ValueError
        If the basis lacks a species, or the molecule has pseudopotentials.
    """
    from pyscf.df.incore import aux_e2

    auxiliary = auxiliary_molecule(molecule, basis)
    order = pyscf_order(basis.layout(numbers_and_positions(molecule)[0]))
    ends = auxiliary.ao_loc_nr()
    most = max(int(_INTEGRALS / (molecule.nao * (molecule.nao + 1) / 2)), 1)
    if molecule.cart:  # PySCF has integrals of three spherical or three Cartesian functions
        to_spherical, cartesian_ends = auxiliary.cart2sph_coeff(), auxiliary.ao_loc_nr(cart=True)
        auxiliary.cart = True
    begin = 0
    while begin < auxiliary.nbas:
        after = int(np.searchsorted(ends, ends[begin] + most, side="right"))
        end = max(after - 1, begin + 1)
        shells = (0, molecule.nbas, 0, molecule.nbas, begin, end)
        integrals = aux_e2(molecule, auxiliary, kind, aosym="s2ij", shls_slice=shells)
        here = slice(ends[begin], ends[end])
        if molecule.cart:
            cartesian = slice(cartesian_ends[begin], cartesian_ends[end])
            integrals = integrals @ to_spherical[cartesian, here]
        yield order[here], integrals
        begin = end


def initial_guess(
    mean_field: SCF,
    basis: AuxiliaryBasis,
    numbers: NDArray,
    positions: NDArray,
    coefficients: NDArray,
) -> NDArray:
    """Density matrix of the orbitals in the potential that a density makes.

    Nuclei, the Coulomb potential of the density and its exchange-correlation potential make one
    Fock matrix, which is diagonalised once. The functional is that of the calculation, or PBE where
    that is a hybrid, a meta-GGA or Hartree-Fock, which need orbitals. Both spins have the same
    orbitals.

    Parameters
    ----------
    mean_field : SCF
        RHF, RKS, UHF, UKS, ROHF or ROKS of PySCF, not yet run.
    basis, numbers, positions, coefficients
        Of `ase_dos.density.density.Density`.

    Returns
    -------
    (n, n) or, unrestricted and restricted open shell, (2, n, n) array
        For ``mean_field.kernel(dm0=...)``.

    Raises
    ------
    ValueError
        If the calculation is of another kind, periodic, of other atoms or another number of
        electrons, or has pseudopotentials.
    """
    from pyscf.scf.hf import eig

    _check(mean_field, numbers, positions, coefficients @ basis.charges(numbers))
    molecule = mean_field.mol
    auxiliary = auxiliary_molecule(molecule, basis)
    density = coefficients[pyscf_order(basis.layout(numbers))]
    fock = (
        mean_field.get_hcore()
        + _coulomb_potential(molecule, basis, coefficients)
        + _exchange_correlation(mean_field, auxiliary, density)
    )
    _, orbitals = eig(fock, mean_field.get_ovlp())
    spins = [orbitals[:, :n] @ orbitals[:, :n].T for n in molecule.nelec]
    return np.array(spins) if _has_two_spins(mean_field) else spins[0] + spins[1]


def _has_two_spins(mean_field: SCF) -> bool:
    from pyscf.scf import rohf, uhf

    return isinstance(mean_field, (uhf.UHF, rohf.ROHF))


def _check(mean_field: SCF, numbers: NDArray, positions: NDArray, electrons: float) -> None:
    from pyscf import scf

    molecule = mean_field.mol
    if hasattr(molecule, "lattice_vectors"):
        raise ValueError("mean_field: is periodic; periodic densities are not supported yet")
    if not isinstance(mean_field, (scf.hf.RHF, scf.uhf.UHF)):
        raise ValueError(
            "mean_field: expected RHF, RKS, UHF, UKS, ROHF or ROKS of a molecule, got "
            f"{type(mean_field).__name__}"
        )
    own_numbers, own_positions = numbers_and_positions(molecule)
    if not np.array_equal(own_numbers, numbers) or np.abs(own_positions - positions).max() > 1e-4:
        raise ValueError(
            "mean_field: expected the atoms of the density, in their order and at their places, "
            "got others"
        )
    if abs(molecule.nelectron - electrons) > 0.5:
        raise ValueError(
            f"mean_field: has {molecule.nelectron} electrons, the density {electrons:.3f}; "
            "expected one charge"
        )


def _coulomb_potential(molecule: Mole, basis: AuxiliaryBasis, coefficients: NDArray) -> NDArray:
    """Coulomb matrix (n, n) of a density in the orbital basis."""
    from pyscf.lib import unpack_tril

    blocks = three_centre_integrals(molecule, basis)
    return unpack_tril(sum(integrals @ coefficients[places] for places, integrals in blocks))


def _exchange_correlation(mean_field: SCF, auxiliary: Mole, density: NDArray) -> NDArray:
    """Exchange-correlation matrix (n, n) of a density in the orbital basis."""
    from pyscf.dft import Grids, libxc
    from pyscf.dft.numint import NumInt

    molecule, integrator = mean_field.mol, NumInt()
    grids = getattr(mean_field, "grids", None) or Grids(molecule)
    if grids.coords is None:
        grids.build(with_non0tab=True)
    functional = _functional(mean_field)
    kind = libxc.xc_type(functional)
    # Values, and for a GGA derivatives by x, y and z.
    derivative, parts = (0, 1) if kind == "LDA" else (1, 4)
    matrix = np.zeros((molecule.nao, molecule.nao))
    for begin in range(0, len(grids.weights), _POINTS):
        block = slice(begin, begin + _POINTS)
        points, weights = grids.coords[block], grids.weights[block]
        functions = integrator.eval_ao(auxiliary, points, deriv=derivative)
        rho = functions.reshape(parts, len(weights), -1) @ density
        potential = integrator.eval_xc_eff(functional, rho, deriv=1, xctype=kind)[1]
        weighted = potential.reshape(parts, -1) * weights
        weighted[0] /= 2  # its transpose is added
        orbitals = integrator.eval_ao(molecule, points, deriv=derivative)
        orbitals = orbitals.reshape(parts, len(weights), -1)
        matrix += orbitals[0].T @ np.einsum("xp,xpi->pi", weighted, orbitals)
    return matrix + matrix.T


def _functional(mean_field: SCF) -> str:
    """Functional of density and gradient alone: that of the calculation, or one near it."""
    from pyscf.dft import libxc

    functional = getattr(mean_field, "xc", "hf")
    known = libxc.xc_type(functional) in ("LDA", "GGA") and not libxc.is_hybrid_xc(functional)
    return functional if known else _SEMILOCAL
