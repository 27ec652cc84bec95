"""Groups of atoms with electrons of their own in the calculator."""

import numpy as np
import pytest
from ase.calculators.calculator import InputError
from derivatives import central
from toy_md import FlatMetal, crystal, silicon

from ase_dos import DOSCalculator
from ase_dos.dynamics.cell_grid import CellGrid

pytestmark = [
    pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning"),
    pytest.mark.filterwarnings("ignore::ase_dos.electrons.smearing.SmearingWarning"),
]


def test_forces_of_cells_are_the_derivative_of_their_free_energies():
    atoms = silicon(repeat=2)
    atoms.rattle(0.1, seed=3)
    groups = CellGrid((2, 1, 1), atoms).assign(atoms.positions)
    calc = DOSCalculator("silicon", electronic_temperature=300.0)
    calc.set_group_temperatures(np.array([12_000.0, 3000.0]), groups)
    forces, stress = calc.get_property("forces", atoms), calc.get_property("stress", atoms)
    whole = calc.get_property("energies", atoms).sum()
    assert whole == pytest.approx(calc.get_property("energy", atoms), rel=1e-9)
    assert calc.get_property("electronic_charges", atoms)[groups == 1].sum() == pytest.approx(
        0, abs=1e-8
    )

    def energy(step, atom=0, strain=0.0):
        moved = atoms.copy()
        moved.positions[atom, 1] += step
        moved.set_cell(moved.cell.array @ np.diag([1 + strain, 1, 1]), scale_atoms=True)
        return calc.get_property("energy", moved)

    for atom in (0, 9):
        expected = -central(lambda h: energy(h, atom), 1e-3)  # noqa: B023
        assert forces[atom, 1] == pytest.approx(expected, rel=1e-6, abs=1e-6 * np.abs(forces).max())
    expected = central(lambda h: energy(0.0, strain=h), 3e-4) / atoms.get_volume()
    assert stress[0] == pytest.approx(expected, rel=1e-6)
    calc.set(electronic_temperature=12_000.0)
    assert not np.allclose(calc.get_property("forces", atoms), forces)


def test_groups_of_other_structures_are_refused():
    calc = DOSCalculator(FlatMetal(), electronic_temperature=300.0)
    calc.set_group_temperatures(np.array([300.0]), np.zeros(3, int))
    with pytest.raises(InputError, match="the groups have 3 atoms, the structure 8"):
        calc.get_property("energy", crystal((2, 2, 2)))
