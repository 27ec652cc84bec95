"""The calculator among the plugins of ASE, and in its table of calculators."""

import pytest
from ase.build import bulk
from ase.calculators.calculator import get_calculator_class, names
from ase.calculators.emt import EMT
from ase.db import connect

from ase_dos.adapters import ase_plugin
from ase_dos.adapters.ase import DOSCalculator


def test_plugin_is_the_calculator():
    plugins = pytest.importorskip("ase._4.plugins.plugin_collection", exc_type=ImportError)
    found = plugins.PluginCollection(ase_plugin.__ase_plugins__)
    (plugin,) = found.calculators
    assert plugin.name == DOSCalculator().name
    assert plugin.implementation is DOSCalculator


def test_a_row_of_a_database_brings_its_calculator(tmp_path):
    """As often as it is registered."""
    for _ in range(2):
        ase_plugin.register_calculator()
    assert get_calculator_class("doscalculator") is DOSCalculator
    assert names.count("doscalculator") == 1
    atoms = bulk("Al", cubic=True)
    atoms.rattle(0.05, seed=1)
    atoms.calc = DOSCalculator("aluminium", ground_state=EMT(), electronic_temperature=9000.0)
    energy = atoms.get_potential_energy()
    with connect(tmp_path / "runs.json") as database:
        database.write(atoms)
    row = database.get(1)
    again = row.toatoms()
    again.calc = get_calculator_class(row.calculator)(**row.calculator_parameters)
    assert isinstance(again.calc, DOSCalculator)
    assert again.get_potential_energy() == pytest.approx(energy, rel=1e-12)
