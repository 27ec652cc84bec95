"""Auxiliary basis: order of functions, integrals of single functions, header."""

import json

import numpy as np
import pytest
from ase import units
from toy_densities import NUMBERS, POSITIONS, basis_to_l6, pyscf_molecule

from ase_dos.density import AuxiliaryBasis
from ase_dos.density.basis import Shell
from ase_dos.density.pyscf import auxiliary_molecule, pyscf_order


def test_def2_universal_jkfit_has_the_functions_of_pyscf():
    basis = AuxiliaryBasis.from_pyscf(species=["H", "O", 6])
    layout = basis.layout(NUMBERS)
    reference = pytest.importorskip("pyscf.df").make_auxmol(
        pyscf_molecule(), "def2-universal-jkfit"
    )
    shells = range(reference.nbas)
    assert layout.size == reference.nao
    assert layout.l.tolist() == [reference.bas_angular(i) for i in shells]
    assert layout.atom.tolist() == [reference.bas_atom(i) for i in shells]
    assert layout.start.tolist() == reference.ao_loc_nr()[:-1].tolist()
    assert basis.max_l == 4
    assert basis.species == (1, 6, 8)
    assert [basis.shells_of(8, ell) for ell in range(6)] == [10, 8, 4, 2, 1, 0]


def test_charges_and_dipoles_are_those_of_pyscf():
    basis = basis_to_l6()
    reference = auxiliary_molecule(pyscf_molecule(), basis)
    order = pyscf_order(basis.layout(NUMBERS))
    # Integrals of one function are overlaps with a Gaussian that is one everywhere.
    one = 1e-24
    from pyscf import gto

    flat = gto.M(atom="ghost 0 0 0", basis={"ghost": [[0, [one, 1.0]]]}, verbose=0)
    scale = 1 / flat.eval_gto("GTOval_sph", np.zeros((1, 3)))[0, 0]
    charges = gto.intor_cross("int1e_ovlp", reference, flat)[:, 0] * scale
    moments = gto.intor_cross("int1e_r", reference, flat)[:, :, 0].T * scale * units.Bohr
    np.testing.assert_allclose(basis.charges(NUMBERS)[order], charges, rtol=1e-10, atol=1e-12)
    dipoles = basis.dipole(NUMBERS, POSITIONS)[order]
    np.testing.assert_allclose(dipoles, moments, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("ell", range(7))
def test_shells_have_norm_one(ell):
    shell = Shell.normalized(ell, [4.0, 0.7], [0.3, -0.9])
    r = np.linspace(0, 12, 4001)
    radial = sum(
        w * r**ell * np.exp(-a * r**2)
        for a, w in zip(shell.exponents, shell.coefficients, strict=True)
    )
    step = r[1]
    assert np.sum(radial**2 * r**2) * step == pytest.approx(1, abs=1e-12)
    assert np.sum(radial * r ** (ell + 2)) * step == pytest.approx(shell.moment, rel=1e-10)


def test_header_gives_the_same_basis_to_the_last_bit():
    basis = basis_to_l6()
    again = AuxiliaryBasis.from_header(json.loads(json.dumps(basis.to_header())))
    assert again == basis
    assert again.layout(NUMBERS).moment.tolist() == basis.layout(NUMBERS).moment.tolist()


def test_order_of_atoms_is_that_of_the_molecule():
    basis = basis_to_l6()
    one = basis.layout([8])
    two = basis.layout([1, 8])
    assert two.start[basis.layout([1]).l.size :].tolist() == (one.start + 7).tolist()


def test_bad_bases_are_refused():
    basis = basis_to_l6()
    with pytest.raises(ValueError, match=r"no functions for Cl \(17\); it was made for H \(1\), C"):
        basis.layout([8, 17])
    with pytest.raises(ValueError, match="expected one or more atoms"):
        basis.layout([])
    with pytest.raises(ValueError, match=r"positions: expected shape \(4, 3\)"):
        basis.dipole(NUMBERS, POSITIONS[:2])
    with pytest.raises(ValueError, match=r"O \(8\): expected one or more shells by rising l"):
        AuxiliaryBasis("toy", {8: tuple(reversed(basis.shells[8]))})
    with pytest.raises(ValueError, match="no such basis set for O"):
        AuxiliaryBasis.from_pyscf("def2-nonsense", species=["O"])
    with pytest.raises(ValueError, match="no such basis set for Cs"):
        AuxiliaryBasis.from_pyscf("cc-pvdz-jkfit", species=["O", "Cs"])
