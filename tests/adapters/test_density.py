"""Dipole moment and charges of molecules as ASE sees them."""

import copy

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import (
    CalculatorSetupError,
    InputError,
    PropertyNotImplementedError,
)
from ase.db import connect
from toy_density_model import ToyDensityModel

from ase_dos.adapters.density import DensityCalculator


@pytest.fixture
def atoms():
    atoms = molecule("H2O", calculator=DensityCalculator(ToyDensityModel()))
    atoms.rattle(0.05, seed=1)
    return atoms


def test_dipole_and_charges_are_those_of_the_model(atoms):
    np.testing.assert_allclose(atoms.get_dipole_moment(), ToyDensityModel().dipole(atoms))
    np.testing.assert_allclose(atoms.get_charges(), ToyDensityModel().charges(atoms))
    assert atoms.get_charges().sum() == pytest.approx(0.0, abs=1e-12)


def test_nothing_is_predicted_twice(atoms):
    atoms.get_dipole_moment()
    atoms.get_charges()
    assert atoms.calc.model.calls == 1
    before = atoms.get_dipole_moment()
    atoms.positions[1] += 0.1
    assert not np.allclose(atoms.get_dipole_moment(), before)
    np.testing.assert_allclose(atoms.get_dipole_moment(), ToyDensityModel().dipole(atoms))
    assert atoms.calc.model.calls == 2


def test_density_of_the_structure_as_it_is_now(atoms):
    density = atoms.calc.get_density(atoms)
    np.testing.assert_allclose(density.dipole(), atoms.get_dipole_moment())
    assert density.dipole_std().shape == (3,)
    atoms.positions[1] += 0.1
    np.testing.assert_array_equal(atoms.calc.get_density(atoms).positions, atoms.positions)
    with pytest.raises(InputError, match="no structure yet"):
        DensityCalculator(ToyDensityModel()).get_density()


def test_charge_of_an_ion(atoms):
    neutral = atoms.get_charges()
    atoms.calc.set(charge=1)
    assert atoms.calc.parameters["charge"] == 1.0
    assert atoms.get_charges().sum() == pytest.approx(1.0)
    np.testing.assert_allclose(atoms.get_charges() - neutral, [1, 0, 0], atol=1e-12)
    assert atoms.calc.get_density().n_electrons == pytest.approx(9.0)


def test_another_model_drops_the_results(atoms):
    atoms.get_dipole_moment()
    other = ToyDensityModel()
    atoms.calc.set(model=other)
    atoms.get_dipole_moment()
    assert other.calls == 1
    assert atoms.calc.model is other


@pytest.mark.parametrize("suffix", ["traj", "extxyz", "json", "db"])
def test_results_survive_files(atoms, tmp_path, suffix):
    dipole, charges = atoms.get_dipole_moment(), atoms.get_charges()
    ase.io.write(tmp_path / f"a.{suffix}", atoms)
    read = ase.io.read(tmp_path / f"a.{suffix}")
    np.testing.assert_allclose(read.get_dipole_moment(), dipole, atol=1e-7)
    np.testing.assert_allclose(read.get_charges(), charges, atol=1e-7)


def test_files_keep_the_parameters(atoms, tmp_path):
    atoms.get_dipole_moment()
    with ase.io.Trajectory(tmp_path / "a.traj", "w") as trajectory:
        trajectory.write(atoms)
    with ase.io.Trajectory(tmp_path / "a.traj") as trajectory:
        parameters = trajectory[0].calc.parameters
    assert parameters == {"model": "ToyDensityModel toy-density", "charge": 0.0}
    with connect(tmp_path / "a.db") as database:
        database.write(atoms)
        row = database.get(1)
    assert row.calculator_parameters == parameters
    np.testing.assert_allclose(row.dipole, atoms.get_dipole_moment())
    np.testing.assert_allclose(row.charges, atoms.get_charges())


def test_copies_are_calculators_of_their_own(atoms):
    atoms.get_dipole_moment()
    other = copy.deepcopy(atoms)
    other.positions[1] += 0.1
    assert not np.allclose(other.get_dipole_moment(), atoms.get_dipole_moment())


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (Atoms(), "no atoms"),
        (Atoms("Si"), "unknown species"),
        (molecule("H2O", vacuum=3.0, pbc=True), "periodic densities are not supported"),
    ],
)
def test_structures_that_cannot_be_described(structure, message):
    structure.calc = DensityCalculator(ToyDensityModel())
    with pytest.raises(InputError, match=message):
        structure.get_dipole_moment()


def test_there_is_no_energy(atoms):
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_potential_energy()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"model": "nonsense"}, r"shipped models \(water-density\), got 'nonsense'"),
        ({"model": "silicon"}, r"shipped models \(water-density\), got 'silicon'"),
        ({"model": 3}, "expected the name or path of a density model"),
        ({"charge": "one"}, "charge: expected numbers"),
        ({"charge": [1, 2]}, "charge: expected shape"),
        ({"temperature": 300}, "no parameter 'temperature'"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(CalculatorSetupError, match=message):
        DensityCalculator(**{"model": ToyDensityModel(), **parameters})
