"""Fits to densities of PySCF, which is also the reference."""

import numpy as np
import pytest
from ase import units

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.fitting import fit_density
from ase_dos.density.pyscf import pyscf_order

pytest.importorskip("pyscf")

WATER = "O 0 0 0.117; H 0.1 0.757 -0.469; H -0.05 -0.757 -0.469"


@pytest.fixture(scope="module")
def calculation():
    from pyscf import gto, scf

    return scf.RHF(gto.M(atom=WATER, basis="cc-pvdz", verbose=0)).run()


def reference(calculation, integrals, matrix):
    """Free fit by PySCF alone, in its order."""
    from pyscf import df

    molecule = calculation.mol
    auxiliary = df.make_auxmol(molecule, "def2-universal-jkfit")
    three = df.incore.aux_e2(molecule, auxiliary, integrals)
    right = np.einsum("ijp,ij->p", three, calculation.make_rdm1())
    return np.linalg.solve(auxiliary.intor(matrix), right)


@pytest.mark.parametrize(
    ("metric", "integrals", "matrix"),
    [("coulomb", "int3c2e", "int2c2e"), ("overlap", "int3c1e", "int1e_ovlp")],
)
def test_free_fits_are_those_of_pyscf(calculation, metric, integrals, matrix):
    density = fit_density(calculation, metric, "free")
    expected = reference(calculation, integrals, matrix)
    order = pyscf_order(density.basis.layout(density.numbers))
    np.testing.assert_allclose(density.coefficients[order], expected, atol=1e-7)
    assert density.n_electrons == pytest.approx(10.0, abs=5e-3)


@pytest.mark.parametrize("metric", ["coulomb", "overlap"])
def test_exact_fits_hold_the_electrons_and_the_dipole(calculation, metric):
    density = fit_density(calculation, metric)
    assert density.n_electrons == pytest.approx(10.0, abs=1e-11)
    debye = calculation.dip_moment(unit="Debye", verbose=0)
    error = density.dipole() / units.Debye - debye
    assert np.abs(error).max() < (0.005 if metric == "coulomb" else 0.05)


def test_open_shells_and_ions(calculation):
    from pyscf import gto, scf

    radical = scf.UHF(gto.M(atom="O 0 0 0; H 0 0 0.97", basis="6-31g", spin=1, verbose=0)).run()
    assert fit_density(radical).n_electrons == pytest.approx(9.0, abs=1e-10)
    hydroxide = gto.M(atom="O 0 0 0; H 0 0 0.97", basis="6-31g", charge=-1, verbose=0)
    density = fit_density(scf.RHF(hydroxide).run())
    assert density.charge == -1.0
    assert density.n_electrons == pytest.approx(10.0, abs=1e-10)


def test_cartesian_orbitals():
    from pyscf import gto, scf

    molecule = gto.M(atom=WATER, basis="cc-pvdz", cart=True, verbose=0)
    cartesian = scf.RHF(molecule).run()
    density = fit_density(cartesian)
    error = density.dipole() / units.Debye - cartesian.dip_moment(unit="Debye", verbose=0)
    assert np.abs(error).max() < 0.005


def test_molecule_and_density_matrix(calculation):
    matrix = calculation.make_rdm1()
    whole = fit_density(calculation).coefficients
    again = fit_density(calculation.mol, density_matrix=matrix).coefficients
    spins = fit_density(calculation.mol, density_matrix=[matrix / 2, matrix / 2]).coefficients
    np.testing.assert_allclose(again, whole, atol=1e-10)
    np.testing.assert_allclose(spins, whole, atol=1e-10)


def test_bad_input(calculation):
    from pyscf import gto, scf

    molecule, matrix = calculation.mol, calculation.make_rdm1()
    with pytest.raises(ValueError, match="metric: expected one of coulomb, overlap, got 'dos'"):
        fit_density(calculation, "dos")
    with pytest.raises(ValueError, match="electron_number: expected one of exact, free"):
        fit_density(calculation, electron_number="a_posteriori")
    with pytest.raises(ValueError, match="converged calculation, or a density matrix"):
        fit_density(molecule)
    with pytest.raises(ValueError, match="converged calculation"):
        fit_density(scf.RHF(molecule))
    with pytest.raises(ValueError, match=r"expected shape \(24, 24\)"):
        fit_density(molecule, density_matrix=np.eye(4))
    with pytest.raises(ValueError, match=r"holds 5\.0000 electrons, the molecule 10"):
        fit_density(molecule, density_matrix=matrix / 2)
    oxygen = AuxiliaryBasis.from_pyscf(species=["O"])
    with pytest.raises(ValueError, match="no functions for H"):
        fit_density(calculation, basis=oxygen)
    ecp = gto.M(atom="Na 0 0 0; Na 0 0 3", basis="lanl2dz", ecp="lanl2dz", verbose=0)
    with pytest.raises(ValueError, match="core potentials"):
        fit_density(ecp, density_matrix=np.eye(ecp.nao))
