"""Bridge to PySCF: the order of functions, and densities as a start of calculations."""

import numpy as np
import pytest
from toy_densities import NUMBERS, basis_to_l6, pyscf_molecule, toy_density

from ase_dos.density import Density
from ase_dos.density.fitting import fit_density
from ase_dos.density.pyscf import pyscf_order, three_centre_integrals

pytest.importorskip("pyscf")
WATER = np.array([8, 1, 1]), np.array([[0.0, 0.0, 0.1], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]])
LAYOUT = basis_to_l6().layout(NUMBERS)


def calculation(kind="RKS", xc="pbe", **options):
    """Mean field of water on a coarse grid, not yet run."""
    from pyscf import dft, scf

    molecule = pyscf_molecule(*WATER, basis="6-31g", **options)
    if xc is None:
        return getattr(scf, kind)(molecule)
    mean_field = getattr(dft, kind)(molecule, xc=xc)
    mean_field.grids.level = 1
    return mean_field


@pytest.fixture(scope="module")
def water():
    mean_field = calculation().run()
    return mean_field, fit_density(mean_field)


def test_order_differs_for_p_functions_alone():
    order = pyscf_order(LAYOUT)
    assert sorted(order) == list(range(LAYOUT.size))
    owner = np.repeat(LAYOUT.l, 2 * LAYOUT.l + 1)
    assert set(owner[order != np.arange(LAYOUT.size)]) == {1}


@pytest.mark.parametrize("kind", ["int3c2e", "int3c1e"])
def test_three_centre_integrals_of_cartesian_orbitals(kind):
    """Orbitals s and p are the same functions in both forms; auxiliary ones go to l = 6."""
    found = []
    for cartesian in (False, True):
        molecule = pyscf_molecule(basis="6-31g", cart=cartesian)
        integrals = np.empty((molecule.nao * (molecule.nao + 1) // 2, LAYOUT.size))
        for places, block in three_centre_integrals(molecule, basis_to_l6(), kind):
            integrals[:, places] = block
        found.append(integrals)
    np.testing.assert_allclose(*found, atol=1e-12)


def test_a_fitted_density_converges_in_few_cycles(water):
    mean_field, density = water
    again = calculation()
    energy = again.kernel(dm0=density.initial_guess(again))
    assert again.cycles <= 4 < mean_field.cycles
    assert energy == pytest.approx(mean_field.e_tot, abs=1e-8)


def test_first_orbitals_have_nearly_the_converged_density(water):
    mean_field, density = water
    guess = density.initial_guess(calculation())
    assert np.trace(guess @ mean_field.get_ovlp()) == pytest.approx(10)
    first = mean_field.energy_tot(dm=guess)
    default = mean_field.energy_tot(dm=mean_field.get_init_guess())
    assert 0 < first - mean_field.e_tot < 1e-3 * (default - mean_field.e_tot)


@pytest.mark.parametrize(
    ("kind", "xc", "options"),
    [
        ("RKS", "lda,vwn", {}),
        ("RKS", "pbe", {"cart": True}),
        ("RHF", None, {}),
        ("UKS", "pbe", {}),
        ("ROHF", None, {"charge": 1, "spin": 1}),
    ],
)
def test_starts_of_all_kinds_of_calculations(water, kind, xc, options):
    """Their density matrix holds the electrons, and is closer than the default start."""
    _, density = water
    mean_field = calculation(kind, xc, **options)
    charge = options.get("charge", 0)
    if charge:  # an ion's density: that of water less a share of all its functions
        density = Density(density.basis, *WATER, 0.9 * density.coefficients, charge)
    guess = density.initial_guess(mean_field)
    per_spin = np.einsum("...ij,ij->...", guess, mean_field.get_ovlp())
    expected = 10 if kind.startswith("R") and not charge else mean_field.mol.nelec
    np.testing.assert_allclose(per_spin, expected, atol=1e-10)
    if not charge:
        default = mean_field.energy_tot(dm=mean_field.get_init_guess())
        assert mean_field.energy_tot(dm=guess) < default


def test_calculations_of_something_else_are_refused(water):
    from pyscf import gto, scf

    _, density = water
    with pytest.raises(ValueError, match=r"expected RHF, RKS, UHF, .* got GHF"):
        density.initial_guess(scf.GHF(calculation().mol))
    with pytest.raises(ValueError, match="in their order and at their places"):
        toy_density().initial_guess(calculation())
    with pytest.raises(ValueError, match=r"has 9 electrons, the density 10\.0"):
        density.initial_guess(calculation("UKS", charge=1, spin=1))
    heavy = gto.M(atom="I 0 0 0; H 0 0 1.6", basis="def2-svp", ecp="def2-svp", verbose=0)
    with pytest.raises(ValueError, match="effective core potentials"):
        density.initial_guess(scf.RHF(heavy))


def test_periodic_calculations_are_refused(water):
    from pyscf.pbc import gto, scf

    cell = gto.M(
        atom=[(int(z), tuple(r)) for z, r in zip(*WATER, strict=True)],
        a=np.eye(3) * 8,
        basis="sto-3g",
        verbose=0,
    )
    with pytest.raises(ValueError, match="periodic densities are not supported"):
        water[1].initial_guess(scf.RHF(cell))
