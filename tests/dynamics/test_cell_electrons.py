"""Electrons of cells: temperature, entropy and energy from one another."""

import numpy as np
import pytest
from ase import Atoms
from toy_dips import DippedModel
from toy_md import FlatMetal, Insulator, crystal, row_of_cells

from ase_dos.dynamics.cell_electrons import CellElectrons


@pytest.mark.parametrize("temperature", [1e-3, 20.0, 300.0, 9000.0])
@pytest.mark.parametrize("metal", [FlatMetal(), Insulator()], ids=["metal", "insulator"])
def test_temperature_from_entropy_and_from_energy(metal, temperature):
    atoms = crystal((2, 2, 2), 300.0)
    electrons = CellElectrons(metal.predict(atoms), np.zeros(8, int))
    state = electrons.at_temperature(temperature)
    for guess in (1.0, temperature, 3e4):
        back = electrons.at_entropy(state.entropy, np.array([guess]))
        assert back.entropy[0] == pytest.approx(state.entropy[0], rel=1e-12)
        assert back.internal_energy[0] == pytest.approx(
            state.internal_energy[0], rel=1e-9, abs=1e-11
        )
        back = electrons.at_energy(state.internal_energy, np.array([guess]))
        assert back.internal_energy[0] == pytest.approx(
            state.internal_energy[0], rel=1e-9, abs=1e-11
        )


def test_many_cells_are_each_like_one():
    """Enough of them for the kernel that runs on several threads."""
    _, _, many = row_of_cells(40)
    _, _, one = row_of_cells(1)
    temperature = np.linspace(10.0, 9000.0, 40)
    together = many.at_temperature(temperature)
    alone = [one.at_temperature(t) for t in temperature]
    for name in ("entropy", "internal_energy", "heat_capacity"):
        expected = [getattr(state, name)[0] for state in alone]
        np.testing.assert_allclose(getattr(together, name), expected, rtol=1e-10, atol=1e-13)
    back = many.at_entropy(together.entropy, np.full(40, 500.0))
    np.testing.assert_allclose(back.temperature, temperature, rtol=1e-11)


def test_cells_whose_dos_dips_below_zero():
    """S, U and T of each other, U rising with T, and parts of the atoms that sum to the entropy."""
    rng = np.random.default_rng(0)
    local = DippedModel(2.0).predict(Atoms("Si24", rng.uniform(0, 6, (24, 3))))
    labels = np.repeat([0, 1, 2], 8)
    electrons = CellElectrons(local, labels, 3)
    temperatures = np.array([100.0, 1000.0, 5000.0, 9000.0])
    states = [electrons.at_temperature(t) for t in temperatures]
    for name in ("entropy", "internal_energy"):
        assert (np.diff([getattr(state, name) for state in states], axis=0) > 0).all()
    for temperature, state in zip(temperatures[1:], states[1:], strict=True):
        assert (state.free_energy < 0).all()
        assert (state.heat_capacity > 0).all()
        for back in (
            electrons.at_entropy(state.entropy, np.full(3, 300.0)),
            electrons.at_energy(state.internal_energy, np.full(3, 300.0)),
        ):
            np.testing.assert_allclose(back.temperature, temperature, rtol=1e-8)
        shares = electrons.entropy_shares(state)
        assert (shares >= 0).all()
        np.testing.assert_allclose(np.bincount(labels, shares), 1, rtol=1e-12)
