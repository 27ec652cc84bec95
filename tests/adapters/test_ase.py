"""The calculator as ASE sees it: properties, parameters, files, failures."""

import copy
import json
import pickle
from types import SimpleNamespace

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import (
    CalculationFailed,
    CalculatorSetupError,
    InputError,
    PropertyNotImplementedError,
    compare_atoms,
)
from ase.db import connect
from ase.units import kB
from scipy.special import erfc
from toy_model import ToyModel

from ase_dos import SOAP, DOSModel
from ase_dos.adapters.ase import DOSCalculator
from ase_dos.spectra.local_dos import LocalDOS


@pytest.fixture
def model():
    return ToyModel()


@pytest.fixture
def atoms(model):
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=1)
    atoms.calc = DOSCalculator(model, electronic_temperature=2000.0)
    return atoms


def test_fermi_level_is_that_of_the_prediction(atoms):
    predicted = atoms.calc.model.predict(atoms).total()
    assert atoms.calc.get_fermi_level() == predicted.get_fermi_level()
    assert atoms.calc.get_fermi_level() == atoms.calc.get_property("fermi_level", atoms)
    assert atoms.calc.get_dos().get_fermi_level() == pytest.approx(0.0, abs=1e-9)


def test_dos_has_its_zero_at_the_fermi_level(atoms):
    dos = atoms.calc.get_dos(atoms)
    assert dos.electron_gas(0.0).fermi_level == pytest.approx(0.0, abs=1e-9)
    assert dos.n_electrons == 32
    local = atoms.calc.get_local_dos()
    np.testing.assert_allclose(local.energies, dos.energies)
    np.testing.assert_allclose(local.values.sum(axis=0), dos.values, atol=1e-12)


def test_methods_follow_the_attached_structure(atoms):
    before = atoms.calc.get_dos().values
    atoms.positions[0] += 0.3
    after = atoms.calc.get_dos().values
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_array_equal(after, atoms.calc.get_property("dos", atoms))
    other = bulk("Si")
    assert atoms.calc.get_dos(other).n_electrons == 8


def test_properties_are_those_of_the_electron_gas(atoms):
    calc = atoms.calc
    gas = calc.get_electron_gas(atoms=atoms)
    cold = calc.get_electron_gas(0.0)
    assert calc.get_property("electronic_entropy", atoms) == pytest.approx(gas.entropy)
    assert calc.get_property("electronic_heat_capacity", atoms) == pytest.approx(gas.heat_capacity)
    assert calc.get_property("electronic_free_energy", atoms) == pytest.approx(
        gas.free_energy - cold.free_energy
    )
    # Sommerfeld: F(T) - F(0) = -pi^2/6 (kT)^2 g(E_F)
    g = calc.get_dos().at(0.0)
    assert calc.get_property("electronic_free_energy", atoms) == pytest.approx(
        -(np.pi**2) / 6 * (kB * 2000) ** 2 * g, rel=0.02
    )


def test_shapes_and_types(atoms, model):
    calc = atoms.calc
    assert calc.get_property("dos", atoms).shape == (model.grid.size,)
    assert "local_dos" not in calc.results
    assert calc.get_property("local_dos", atoms).shape == (8, model.grid.size)
    assert all(isinstance(value, (float, np.ndarray)) for value in calc.results.values())


def test_one_prediction_serves_all_properties(atoms, model):
    for name in atoms.calc.implemented_properties:
        if name not in ("forces", "stress", "magmom", "magmoms"):  # which the toy model lacks
            atoms.calc.get_property(name, atoms)
    atoms.calc.get_electron_gas([300.0, 600.0])
    assert model.calls == 1
    atoms.positions[0] += 0.01
    atoms.calc.get_property("dos", atoms)
    assert model.calls == 2


def test_moved_atoms_drop_the_local_dos(atoms):
    before = atoms.calc.get_property("local_dos", atoms)
    atoms.positions[0] += 0.3
    after = atoms.calc.get_property("local_dos", atoms)
    assert np.abs(after[0] - before[0]).max() > 1e-3


CHANGES = {
    "nothing": lambda atoms: None,
    "a position, by rounding": lambda atoms: atoms.positions.__setitem__((0, 0), 0.9e-15),
    "a position": lambda atoms: atoms.positions.__setitem__((3, 1), 1e-12),
    "a position that is no number": lambda atoms: atoms.positions.__setitem__((3, 1), np.nan),
    "species": lambda atoms: atoms.numbers.__setitem__(2, 32),
    "cell": lambda atoms: atoms.set_cell(atoms.cell * 1.001),
    "boundaries": lambda atoms: atoms.set_pbc((True, True, False)),
    "charges": lambda atoms: atoms.set_initial_charges([0.0] * 8),
    "magnetic moments": lambda atoms: atoms.set_initial_magnetic_moments([1.0] * 8),
    "number of atoms": lambda atoms: atoms.__delitem__(7),
    "what does not matter": lambda atoms: atoms.set_tags([1] * 8),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_are_those_that_ase_sees(atoms, change):
    atoms.positions[0] = 0.0
    calc = atoms.calc
    calc.get_property("dos", atoms)
    assert calc.check_state(atoms) == []
    change(atoms)
    assert set(calc.check_state(atoms)) == set(compare_atoms(calc.atoms, atoms))
    assert set(calc.check_state(atoms, 0.1)) == set(compare_atoms(calc.atoms, atoms, 0.1))


def test_temperature_change_discards_results(atoms):
    hot = atoms.calc.get_property("electronic_entropy", atoms)
    atoms.calc.set(electronic_temperature=1000.0)
    assert atoms.calc.results == {}
    assert atoms.calc.get_property("electronic_entropy", atoms) == pytest.approx(hot / 2, rel=0.02)


@pytest.mark.parametrize("name", ["magmom", "nonsense"])
def test_what_the_dos_does_not_give_is_refused(atoms, name):
    with pytest.raises(PropertyNotImplementedError):
        atoms.calc.get_property(name, atoms)


@pytest.mark.parametrize("suffix", ["traj", "extxyz", "json", "db"])
@pytest.mark.parametrize("asked", ["fermi_level", "local_dos"])
def test_files_keep_the_structure(atoms, tmp_path, suffix, asked):
    atoms.calc.get_property(asked, atoms)
    path = tmp_path / f"si.{suffix}"
    ase.io.write(path, atoms)
    back = ase.io.read(path)
    np.testing.assert_allclose(back.positions, atoms.positions, atol=1e-7)
    np.testing.assert_array_equal(back.numbers, atoms.numbers)


def test_trajectory_file_keeps_the_parameters(atoms, tmp_path):
    atoms.calc.get_dos(atoms)
    with ase.io.Trajectory(tmp_path / "a.traj", "w") as trajectory:
        trajectory.write(atoms)
        trajectory.write(atoms)
    with ase.io.Trajectory(tmp_path / "a.traj") as trajectory:
        parameters = trajectory[1].calc.parameters
    assert parameters == {
        "model": "ToyModel toy",
        "electronic_temperature": 2000.0,
        "ground_state": None,
        "ground_state_smearing": 0.0,
    }


def test_database_row(atoms, tmp_path):
    atoms.calc.get_dos(atoms)
    with connect(tmp_path / "a.db") as database:
        number = database.write(atoms)
        row = database.get(number)
    assert row.calculator == "doscalculator"
    assert row.calculator_parameters["electronic_temperature"] == 2000.0


def test_export_keeps_the_names_that_ase_knows(atoms):
    atoms.calc.get_property("local_dos", atoms)
    exported = atoms.calc.export_properties()
    assert set(exported) == {"fermi_level"}
    assert set(atoms.calc.calculate_properties(atoms, ["fermi_level"])) == {"fermi_level"}


def test_parameters_are_plain(atoms):
    assert json.loads(json.dumps(atoms.calc.todict())) == atoms.calc.todict()


def test_copies(atoms):
    expected = atoms.calc.get_dos(atoms).values
    for twin in (copy.deepcopy(atoms.calc), pickle.loads(pickle.dumps(atoms.calc))):
        np.testing.assert_array_equal(twin.get_dos(atoms).values, expected)


def test_no_structure_yet(model):
    with pytest.raises(InputError, match="no structure"):
        DOSCalculator(model).get_dos()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (Atoms(), "no atoms"),
        (molecule("H2O"), "unknown species"),
        (Atoms("Si", [[np.nan, 0, 0]]), "NaN"),
    ],
)
def test_structures_the_model_cannot_describe(model, bad, message):
    calc = DOSCalculator(model)
    with pytest.raises(InputError, match=message):
        calc.get_property("dos", bad)
    assert calc.results == {}


@pytest.mark.parametrize("temperature", [-1.0, np.nan, "hot", [300.0, 600.0], None])
def test_bad_temperature(model, temperature):
    with pytest.raises(CalculatorSetupError, match="temperature"):
        DOSCalculator(model, electronic_temperature=temperature)


def test_unknown_model_and_parameter(model, tmp_path):
    with pytest.raises(CalculatorSetupError, match="unobtainium"):
        DOSCalculator("unobtainium")
    with pytest.raises(CalculatorSetupError, match=r"absent\.npz"):
        DOSCalculator(tmp_path / "absent.npz")
    with pytest.raises(CalculatorSetupError, match="no parameter 'temprature'"):
        DOSCalculator(model, temprature=10)


def test_temperature_beyond_the_window(atoms):
    with pytest.raises(CalculationFailed, match=r"this window supports up to \S+ K"):
        atoms.calc.get_electron_gas(200_000.0, atoms)
    cold = atoms.calc.get_property("fermi_level", atoms)
    atoms.calc.set(electronic_temperature=200_000.0)
    assert atoms.calc.get_property("fermi_level", atoms) == cold
    assert not {name for name in atoms.calc.results if name.startswith("electronic")}


@pytest.mark.parametrize(
    "name", ["electronic_entropy", "electronic_free_energy", "electronic_heat_capacity"]
)
def test_calculator_works_on_after_a_failure(atoms, model, name):
    expected = atoms.calc.get_electron_gas(300.0, atoms).entropy
    dos = atoms.calc.get_dos().values
    atoms.calc.set(electronic_temperature=50_000.0)
    model.calls = 0
    for _ in range(2):  # the second call fails for the same reason, not for another
        with pytest.raises(CalculationFailed, match="supports up to"):
            atoms.calc.get_property(name, atoms)
    np.testing.assert_array_equal(atoms.calc.get_dos().values, dos)
    assert atoms.calc.get_electron_gas(300.0).entropy == expected
    assert atoms.calc.get_local_dos().total().n_electrons == 32
    assert model.calls == 1
    with pytest.raises(CalculationFailed, match="supports up to"):
        atoms.calc.get_electron_gas()
    atoms.calc.set(electronic_temperature=300.0)
    assert atoms.calc.get_property("electronic_entropy", atoms) == pytest.approx(expected)


def test_calculator_works_on_after_a_failed_prediction(atoms, model):
    good = model.predict

    def fail(atoms):
        raise ValueError("positions: too close")

    model.predict = fail
    for _ in range(2):
        with pytest.raises(InputError, match="too close"):
            atoms.calc.get_dos(atoms)
    model.predict = good
    assert atoms.calc.get_dos(atoms).n_electrons == 32


def test_no_warning_for_a_temperature_nobody_asked_for():
    class Insulator(ToyModel):
        def predict(self, atoms):  # E_F in a gap whose states are Gaussian tails
            local = super().predict(atoms)
            e, s = local.energies, 0.3
            band = 0.5 * (erfc((e - -1.0) / s / 2**0.5) - erfc((e - -5.0) / s / 2**0.5))
            band += 0.5 * erfc(-(e - 1.0) / s / 2**0.5)
            return LocalDOS(np.ones((len(atoms), 1)), band[None], e, local.valence, s)

    atoms = bulk("Si")
    calc = DOSCalculator(Insulator())
    calc.get_dos(atoms)
    calc.get_local_dos()
    calc.get_electron_gas(0.0)
    calc.get_property("fermi_level", atoms)
    with pytest.warns(UserWarning, match="at 300 K .* smearing"):
        calc.get_property("electronic_entropy", atoms)
    with pytest.warns(UserWarning, match="at 600 K .* smearing"):  # once for each Atoms object
        DOSCalculator(Insulator()).get_dos(atoms.copy()).electron_gas(600.0)


def test_any_object_with_the_interface_is_a_model(model):
    parts = ("species", "grid", "smearing", "cutoff", "predict", "differentiate")
    proxy = SimpleNamespace(info={"hash": "abc"}, **{name: getattr(model, name) for name in parts})
    assert DOSCalculator(proxy).todict()["model"] == "SimpleNamespace abc"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (None, "got None, which has no info"),
        (3.0, r"got 3\.0, which has no info"),
        (SimpleNamespace(predict=len, info={"hash": "abc"}), "which has no species, grid"),
        (DOSModel(SOAP(4.0, 2, 2, 0.5, ("Si",))), "the model is not trained"),
    ],
)
def test_what_is_no_model(bad, message):
    with pytest.raises(CalculatorSetupError, match=message):
        DOSCalculator(bad)
