"""Density of a molecule: agreement with PySCF, sums over grids, error bars, files, bad input."""

import numpy as np
import pytest
from ase import units
from ase.io.cube import read_cube_data
from toy_densities import NUMBERS, POSITIONS, basis_to_l6, pyscf_molecule, smooth_basis, toy_density

from ase_dos import DOSModel
from ase_dos.density import AuxiliaryBasis, Density
from ase_dos.density.pyscf import auxiliary_molecule, pyscf_order

WATER = np.array([[0.0, 0.0, 0.1], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]])


@pytest.fixture(scope="module")
def smooth():
    """Density of wide functions on water, and a grid (Angstrom) that integrates it."""
    density = toy_density(smooth_basis(), np.array([8, 1, 1]), WATER)
    step = 0.25
    edge = step * np.arange(-26, 27)
    grid = np.stack(np.meshgrid(edge, edge, edge, indexing="ij"), axis=-1).reshape(-1, 3)
    return density, grid, step**3


def points_around():
    rng = np.random.default_rng(0)
    near = POSITIONS[rng.integers(4, size=100)] + rng.normal(scale=0.7, size=(100, 3))
    far = rng.uniform(-300, 300, size=(30, 3))
    return np.concatenate([near, far, POSITIONS + 1e-4])


# Against PySCF


def test_values_to_l6_are_those_of_pyscf():
    density, points = toy_density(), np.concatenate([points_around(), POSITIONS])
    reference = auxiliary_molecule(pyscf_molecule(), density.basis)
    functions = reference.eval_gto("GTOval_sph", points / units.Bohr)
    order = pyscf_order(density.basis.layout(NUMBERS))
    expected = functions @ density.coefficients[order] / units.Bohr**3
    scale = np.abs(functions) @ np.abs(density.coefficients[order]) / units.Bohr**3
    error = np.abs(density.evaluate(points) - expected)
    assert (error <= 1e-12 * scale + 1e-14).all()


def test_potentials_to_l6_are_those_of_pyscf():
    from pyscf import gto

    density, points = toy_density(), points_around()
    reference = auxiliary_molecule(pyscf_molecule(), density.basis)
    charges = gto.fakemol_for_charges(points / units.Bohr)
    functions = gto.intor_cross("int2c2e", charges, reference)
    order = pyscf_order(density.basis.layout(NUMBERS))
    electrons = -functions @ density.coefficients[order]
    distances = np.linalg.norm(points[:, None] - POSITIONS, axis=2) / units.Bohr
    nuclei = (NUMBERS / distances).sum(axis=1)
    scale = np.abs(functions) @ np.abs(density.coefficients[order]) + nuclei
    error = np.abs(density.potential(points) / units.Hartree - nuclei - electrons)
    assert (error / scale).max() < 1e-10


def test_hartree_energy_is_that_of_pyscf():
    density = toy_density()
    order = pyscf_order(density.basis.layout(NUMBERS))
    matrix = auxiliary_molecule(pyscf_molecule(), density.basis).intor("int2c2e")
    coefficients = density.coefficients[order]
    expected = coefficients @ matrix @ coefficients / 2 * units.Hartree
    assert density.hartree_energy() == pytest.approx(expected, rel=1e-10)


# Against sums over a grid


def test_a_grid_holds_all_electrons_and_their_dipole(smooth):
    density, grid, volume = smooth
    values = density.evaluate(grid)
    assert density.n_electrons == pytest.approx(10, abs=1e-12)
    assert values.sum() * volume == pytest.approx(10, abs=1e-8)
    expected = density.numbers @ density.positions - volume * values @ grid
    np.testing.assert_allclose(density.dipole(), expected, atol=1e-8)


def test_form_factor_is_the_fourier_transform(smooth):
    density, grid, volume = smooth
    vectors = np.array([[0, 0, 0], [0.4, 0, 0], [0.3, -1.1, 0.7], [0, 0, -2.5], [1.5, 2.0, 0.1]])
    expected = np.exp(1j * vectors @ grid.T) @ density.evaluate(grid) * volume
    np.testing.assert_allclose(density.form_factor(vectors), expected, atol=1e-8)
    assert density.form_factor(vectors)[0] == pytest.approx(density.n_electrons, abs=1e-12)


def test_hartree_energy_is_that_of_the_density_in_its_potential(smooth):
    density, grid, volume = smooth
    other = toy_density(smooth_basis(), density.numbers, WATER, charge=1)
    change = density.difference(other)
    energy = -change.potential(grid) @ change.evaluate(grid) * volume / 2
    assert change.hartree_energy() == pytest.approx(energy, rel=1e-8)


@pytest.mark.parametrize("spacing", [0.35, 0.12])
def test_cube_has_the_density_and_states_its_error(tmp_path, spacing):
    """The sum over a grid exceeds the integral by the form factors of the grid's wave vectors."""
    basis = AuxiliaryBasis.from_pyscf(species=["H"])
    density = toy_density(basis, np.array([1, 1]), np.array([[0.03, 0.0, 0.0], [0.0, 0.1, 0.74]]))
    path = tmp_path / "hydrogen.cube"
    error = density.write_cube(path, spacing=spacing)
    values, atoms = read_cube_data(path)
    step = atoms.cell.lengths() / values.shape
    np.testing.assert_allclose(step, spacing, atol=1e-6)
    np.testing.assert_array_equal(atoms.numbers, density.numbers)
    first_line, _, header = path.read_text().split("\n")[:3]
    assert f"{density.n_electrons:.6f} electrons" in first_line
    assert f"off by {error:.1e}" in first_line
    origin = np.array(header.split()[1:], dtype=float) * units.Bohr

    place = (5, 3, 7)
    at = density.evaluate([origin + np.array(place) * step])[0] * units.Bohr**3
    assert values[place] == pytest.approx(at, rel=1e-4, abs=1e-12)
    cell = np.prod(step) / units.Bohr**3
    assert values.sum() * cell - density.n_electrons == pytest.approx(error, abs=2e-5)

    indices = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3), axis=-1).reshape(-1, 3)
    waves = 2 * np.pi * indices[(indices != 0).any(axis=1)] / step
    expected = np.sum(density.form_factor(waves) * np.exp(-1j * waves @ origin)).real
    assert error == pytest.approx(expected, abs=1e-6)


# Charges and multipoles


def test_charges_add_up_to_that_of_the_molecule():
    density = toy_density(charge=-2)
    assert density.charges().sum() == pytest.approx(-2, abs=1e-12)
    np.testing.assert_allclose(density.multipoles(0)[:, 0], density.charges(), atol=1e-12)


def test_dipole_is_that_of_the_multipoles():
    density = toy_density()
    on_atoms = density.multipoles(1)
    expected = density.charges() @ POSITIONS + on_atoms[:, [3, 1, 2]].sum(axis=0)
    np.testing.assert_allclose(density.dipole([0, 0, 0]), expected, atol=1e-10)


def test_potential_outside_is_that_of_the_multipoles():
    """Far from a molecule with functions to l = 6, on the axis: sum_l Q_l0 / r^(l + 1)."""
    density = toy_density(basis_to_l6(), np.array([6]), np.array([[0.2, -0.1, 0.4]]))
    heights = np.array([12.0, 20.0])
    multipoles = density.multipoles(6)[0, [ell * (ell + 1) for ell in range(7)]]
    powers = heights[:, None] ** -np.arange(1, 8)
    expected = powers @ multipoles * units.Hartree * units.Bohr
    points = density.positions[0] + heights[:, None] * np.array([0, 0, 1])
    np.testing.assert_allclose(density.potential(points), expected, rtol=1e-9)


def test_dipole_depends_on_the_origin_by_the_charge():
    for charge in (0, 1):
        density = toy_density(charge=charge)
        moved = density.dipole([1.0, -2.0, 3.0]) - density.dipole([0, 0, 0])
        np.testing.assert_allclose(moved, -charge * np.array([1, -2, 3]), atol=1e-9)
    center = NUMBERS @ POSITIONS / NUMBERS.sum()
    np.testing.assert_allclose(density.dipole(), density.dipole(center), atol=1e-12)


# Error bars


def test_error_bars_are_deviations_of_the_members():
    density = toy_density(members=5)
    each = [
        Density(density.basis, NUMBERS, POSITIONS, coefficients) for coefficients in density.members
    ]

    def deviation(function):
        return np.sqrt(np.mean([(function(one) - function(density)) ** 2 for one in each], axis=0))

    points = points_around()[::10]
    np.testing.assert_allclose(density.member_dipoles(), [one.dipole() for one in each])
    np.testing.assert_allclose(density.member_charges(), [one.charges() for one in each])
    np.testing.assert_allclose(density.dipole_std(), deviation(Density.dipole), rtol=1e-9)
    np.testing.assert_allclose(density.charges_std(), deviation(Density.charges), rtol=1e-9)
    potential = deviation(lambda one: one.potential(points))
    np.testing.assert_allclose(density.potential_std(points), potential, rtol=1e-9, atol=1e-12)


# Differences and files


def test_nuclei_cancel_in_a_difference():
    density, other = toy_density(), toy_density(charge=1)
    change, points = density.difference(other), points_around()
    assert change.n_electrons == pytest.approx(1)
    np.testing.assert_allclose(
        change.potential(points), density.potential(points) - other.potential(points), atol=1e-9
    )
    np.testing.assert_allclose(change.dipole(), density.dipole() - other.dipole(), atol=1e-10)
    assert change.charges().sum() == pytest.approx(-1)
    assert np.isfinite(change.potential(POSITIONS)).all()


@pytest.mark.parametrize("members", [0, 3])
def test_a_file_gives_the_same_density_to_the_last_bit(tmp_path, members):
    density = toy_density(charge=1, members=members)
    density.save(tmp_path / "density.npz")
    again = Density.load(tmp_path / "density.npz")
    assert again.basis == density.basis
    assert again.charge == 1
    for name in ("numbers", "positions", "coefficients", "members"):
        np.testing.assert_array_equal(getattr(again, name), getattr(density, name))
    np.testing.assert_array_equal(again.dipole(), density.dipole())


def test_files_of_other_kinds_are_refused(tmp_path):
    path = tmp_path / "density.npz"
    np.savez(path, coefficients=np.zeros(3))
    with pytest.raises(ValueError, match=r"density\.npz: not a readable ase_dos model"):
        Density.load(path)
    from ase_dos.io.model_file import find_model

    with pytest.raises(ValueError, match="expected a file with an electron density"):
        Density.load(find_model("silicon"))
    toy_density().save(path)
    with pytest.raises(
        ValueError, match=r"a model of the density of states; .* 'electron density'"
    ):
        DOSModel.load(path)


# Bad input


def test_coefficients_that_do_not_fit_are_refused():
    density = toy_density()
    basis, good = density.basis, density.coefficients
    with pytest.raises(ValueError, match=r"coefficients: expected \d+ functions of the basis toy"):
        Density(basis, NUMBERS, POSITIONS, good[:-1])
    with pytest.raises(ValueError, match="members: expected"):
        Density(basis, NUMBERS, POSITIONS, good, members=good)
    with pytest.raises(ValueError, match=r"integrate to 16\.0000 electrons, expected 15"):
        Density(basis, NUMBERS, POSITIONS, good, charge=1)
    with pytest.raises(ValueError, match="the order of"):
        Density(basis, NUMBERS, POSITIONS, good[::-1])
    with pytest.raises(ValueError, match=r"no functions for Cl \(17\)"):
        Density(basis, [17, *NUMBERS[1:]], POSITIONS, good)
    with pytest.raises(ValueError, match=r"numbers: expected integers, got 1\.5"):
        Density(basis, [*NUMBERS[:-1], 1.5], POSITIONS, good)
    with pytest.raises(ValueError, match="coefficients: 1 of"):
        Density(basis, NUMBERS, POSITIONS, np.append(good[:-1], np.nan))


def test_points_and_differences_that_make_no_sense_are_refused():
    density = toy_density()
    with pytest.raises(ValueError, match="infinite at point 1, which is on a nucleus"):
        density.potential([[9, 9, 9], POSITIONS[2]])
    with pytest.raises(ValueError, match="points: expected shape"):
        density.evaluate([1, 2, 3])
    with pytest.raises(ValueError, match="has no members"):
        density.dipole_std()
    moved = toy_density(positions=POSITIONS + 0.1)
    with pytest.raises(ValueError, match="the same atoms at one place"):
        density.difference(moved)
    other = AuxiliaryBasis("toy", {**density.basis.shells, 6: density.basis.shells[8]})
    with pytest.raises(ValueError, match="two densities in one basis"):
        density.difference(toy_density(other))
