"""Parameters of the calculator: set by any way that works, checked, and made again from files."""

import copy

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError, InputError
from ase.calculators.eam import EAM
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from toy_md import WAVY, FlatMetal, Springs, crystal

from ase_dos import DOSCalculator


def hot(**options):
    atoms = crystal((2, 2, 2), model=WAVY)
    atoms.calc = DOSCalculator(WAVY, **options)
    return atoms


def energy_at(temperature):
    return hot(electronic_temperature=temperature).get_potential_energy()


def by_attribute(calc, name, value):
    setattr(calc, name, value)


def by_item(calc, name, value):
    calc.parameters[name] = value


def by_update(calc, name, value):
    calc.parameters.update({name: value})


def by_attribute_of_the_parameters(calc, name, value):
    setattr(calc.parameters, name, value)


def by_all_parameters(calc, name, value):
    calc.parameters = {name: value}


WAYS = [by_attribute, by_item, by_update, by_attribute_of_the_parameters, by_all_parameters]


@pytest.mark.parametrize("change", WAYS)
def test_every_way_to_set_a_temperature_works(change):
    """-F(T) of C = gamma T: before, the first did nothing, the second changed the file alone."""
    atoms = hot(electronic_temperature=3000.0)
    assert atoms.get_potential_energy() == energy_at(3000.0)
    change(atoms.calc, "electronic_temperature", 9000)
    assert atoms.get_potential_energy() == energy_at(9000.0)
    for kept in (atoms.calc.parameters, atoms.calc.todict()):
        assert kept["electronic_temperature"] == 9000.0
    assert atoms.calc.electronic_temperature == atoms.calc.parameters.electronic_temperature
    with pytest.raises(CalculatorSetupError, match="temperature: expected kelvin >= 0, got -1"):
        change(atoms.calc, "electronic_temperature", -1.0)
    assert atoms.get_potential_energy() == energy_at(9000.0)


@pytest.mark.parametrize("change", WAYS)
def test_every_way_to_set_the_other_parameters_works(change):
    atoms = hot(electronic_temperature=3000.0)
    alone = atoms.get_potential_energy()
    change(atoms.calc, "ground_state_smearing", 1000.0)
    assert atoms.get_potential_energy() == pytest.approx(alone - energy_at(1000.0), rel=1e-9)
    change(atoms.calc, "ground_state_smearing", 0.0)
    change(atoms.calc, "ground_state", Springs(atoms.positions - 0.1))
    assert atoms.get_potential_energy() == pytest.approx(alone + 0.5 * 2.0 * 24 * 0.01)
    change(atoms.calc, "model", FlatMetal(level=2.0))
    assert atoms.calc.model.level == 2.0
    with pytest.raises(CalculatorSetupError, match="ground_state: expected an ASE calculator"):
        change(atoms.calc, "ground_state", "EMT")


def test_parameters_of_the_ground_state_may_change():
    """Its own set() is enough: the results that were kept are those of other parameters."""
    ground = LennardJones(epsilon=0.1, sigma=2.3)
    atoms = hot(ground_state=ground, electronic_temperature=3000.0)
    once = atoms.get_potential_energy() - energy_at(3000.0)
    ground.set(epsilon=0.2)
    twice = atoms.get_potential_energy() - energy_at(3000.0)
    assert twice == pytest.approx(2 * once, rel=1e-9)
    assert atoms.calc.todict()["ground_state"]["parameters"]["epsilon"] == 0.2


def test_what_is_no_parameter_is_refused():
    calc = hot().calc
    with pytest.raises(AttributeError, match="no 'temperature' to set; its parameters are model, "):
        calc.temperature = 5000.0
    with pytest.raises(CalculatorSetupError, match="no parameter 'temperature'"):
        calc.parameters["temperature"] = 5000.0
    with pytest.raises(CalculatorSetupError, match="parameters cannot be removed"):
        del calc.parameters["model"]
    twin = copy.deepcopy(calc)
    twin.electronic_temperature = 700.0
    assert calc.electronic_temperature == 300.0


def test_parameters_are_set_all_or_none():
    atoms = hot(electronic_temperature=3000.0)
    with pytest.raises(CalculatorSetupError, match="ground_state"):
        atoms.calc.set(electronic_temperature=9000.0, ground_state=3)
    assert atoms.calc.electronic_temperature == 3000.0
    assert atoms.get_potential_energy() == energy_at(3000.0)


@pytest.mark.parametrize(
    ("ground", "message"),
    [
        (
            "EMT",
            "expected an ASE calculator such as EMT.., got str 'EMT'. Files keep only the name",
        ),
        (EMT, r"got the class EMT: write EMT\(\)"),
        (3.0, "got float, which has no get_property and no implemented_properties"),
        (Atoms("Al"), "got Atoms, which has no get_property"),
        ({"name": "os.system", "parameters": {}}, "os.system is not one of ASE's own"),
        ({"name": "ase.calculators.emt.parameters", "parameters": {}}, "is no calculator"),
        ({"name": "ase.calculators.emt.Nothing", "parameters": {}}, "has no attribute 'Nothing'"),
        ({"parameters": {}}, "'name'"),
    ],
)
def test_what_is_no_ground_state(ground, message):
    with pytest.raises(CalculatorSetupError, match=message):
        DOSCalculator(WAVY, ground_state=ground)


@pytest.mark.parametrize(
    "ground", [None, EMT(), LennardJones(epsilon=0.2, sigma=2.3)], ids=["none", "EMT", "LJ"]
)
@pytest.mark.parametrize("suffix", ["todict", "traj", "db"])
@pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning")
def test_a_calculator_is_made_again_from_its_parameters(ground, suffix, tmp_path):
    atoms = crystal((2, 2, 2))
    atoms.calc = DOSCalculator("aluminium", ground_state=ground, electronic_temperature=9000.0)
    energy, path = atoms.get_potential_energy(), tmp_path / f"run.{suffix}"
    parameters = atoms.calc.todict()
    if suffix == "traj":
        ase.io.write(path, atoms)
        parameters = ase.io.read(path).calc.parameters
    elif suffix == "db":
        with connect(path) as database:
            parameters = database.get(database.write(atoms)).calculator_parameters
    twin = atoms.copy()
    twin.calc = DOSCalculator(**parameters)
    assert twin.get_potential_energy() == pytest.approx(energy, rel=1e-12)


@pytest.mark.parametrize("name", ["Springs", "EAM"])
def test_a_ground_state_that_files_only_name(name):
    """Springs is not ASE's, and EAM is more than its parameters."""
    ground = Springs(np.zeros((8, 3))) if name == "Springs" else EAM.__new__(EAM)
    parameters = DOSCalculator(WAVY, ground_state=ground).todict()
    assert parameters["ground_state"] == name
    parameters["model"] = WAVY
    with pytest.raises(CalculatorSetupError, match="give it again: DOSCalculator"):
        DOSCalculator(**parameters)
    again = DOSCalculator(**(parameters | {"ground_state": ground}))
    assert again.ground_state is ground


def test_groups_are_among_the_plain_values(tmp_path):
    atoms = hot()
    atoms.calc.set_group_temperatures([2000.0, 9000.0], np.arange(8) % 2)
    energy = atoms.get_potential_energy()
    ase.io.write(tmp_path / "run.traj", atoms)
    parameters = ase.io.read(tmp_path / "run.traj").calc.parameters
    twin = atoms.copy()
    twin.calc = DOSCalculator(**(parameters | {"model": WAVY}))
    assert twin.get_potential_energy() == pytest.approx(energy, rel=1e-12)
    assert twin.calc.electronic_temperature == 5500.0
    assert energy != pytest.approx(energy_at(5500.0), rel=1e-3)
    twin.calc.electronic_temperature = 5500.0
    assert twin.get_potential_energy() == energy_at(5500.0)
    assert "group_temperatures" not in twin.calc.todict()


@pytest.mark.parametrize(
    ("temperatures", "groups", "message"),
    [
        ([300.0, -1.0], [0, 1], "temperatures: expected kelvin >= 0, got -1"),
        ([300.0, np.nan], [0, 1], "temperatures: 1 of 2 values are NaN"),
        (300.0, [0, 0], r"temperatures: expected shape \(any\), got \(\)"),
        ([300.0], [0, 1], "numbers from 0 to 0, .* got 1 for atom 1"),
        ([300.0, 900.0], [0, -1], "numbers from 0 to 1, .* got -1 for atom 1"),
        ([300.0, 900.0], [0.0, 1.0], r"an integer for every atom, got float64 of shape \(2,\)"),
        ([300.0, 900.0], [True, False], "got bool of shape"),
        ([300.0, 900.0], [[0, 1]], r"got int64 of shape \(1, 2\)"),
        ([300.0, 900.0], ["a", "b"], "an integer for every atom"),
    ],
)
def test_groups_without_meaning(temperatures, groups, message):
    calc = DOSCalculator(WAVY)
    with pytest.raises(CalculatorSetupError, match=message):
        calc.set_group_temperatures(temperatures, groups)
    record = {"temperatures": temperatures, "groups": groups}
    with pytest.raises(CalculatorSetupError, match=message):
        calc.set(group_temperatures=record)
    assert calc.electron_groups is None


def test_groups_of_another_number_of_atoms():
    atoms = hot()
    atoms.calc.set_group_temperatures([300.0, 900.0], [0, 1, 1])
    with pytest.raises(InputError, match="the groups have 3 atoms, the structure 8"):
        atoms.get_potential_energy()
    with pytest.raises(CalculatorSetupError, match="group_temperatures: expected 'temperatures'"):
        atoms.calc.set(group_temperatures=[300.0])


def test_results_are_those_of_a_single_point():
    atoms = hot(ground_state=Springs(np.zeros((8, 3))), electronic_temperature=5000.0)
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    for name in ("energies", "dos", "electronic_entropy", "fermi_level"):
        if name != "energies":
            atoms.calc.get_property(name, atoms)
    twin = atoms.copy()
    twin.calc = SinglePointCalculator(twin, **atoms.calc.results)
    assert twin.get_potential_energy() == energy
    np.testing.assert_array_equal(twin.get_forces(), forces)
    assert atoms.calc.get_property("electronic_entropy", atoms, allow_calculation=False) > 0
    atoms.positions += 0.1
    assert atoms.calc.get_property("electronic_entropy", atoms, allow_calculation=False) is None


def test_extended_xyz_keeps_what_is_in_the_info(tmp_path):
    atoms = hot(electronic_temperature=5000.0)
    energy = atoms.get_potential_energy()
    atoms.info.update(atoms.calc.get_electron_info())
    ase.io.write(tmp_path / "a.extxyz", atoms)
    back = ase.io.read(tmp_path / "a.extxyz")
    assert back.get_potential_energy() == pytest.approx(energy, abs=1e-8)
    assert back.info["electronic_temperature"] == 5000.0
    gas = atoms.calc.get_electron_gas()
    assert back.info["electronic_entropy"] == pytest.approx(gas.entropy, rel=1e-6)
    assert back.info["electronic_heat_capacity"] == pytest.approx(gas.heat_capacity, rel=1e-6)
    assert back.info["electronic_free_energy"] == pytest.approx(energy, rel=1e-6)
    assert back.info["fermi_level"] == atoms.calc.get_property("fermi_level", atoms)
