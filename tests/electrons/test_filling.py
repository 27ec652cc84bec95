"""Filling of states: the repaired DOS that a gas carries along, and structures taken from it."""

import numpy as np
import pytest
from toy_dos import NAMES, free_electrons, semiconductor

from ase_dos.electrons.filling import Filling
from ase_dos.electrons.gas import gas_from_dos


def test_gas_carries_the_dos_that_its_electrons_fill():
    e, g, n = semiconductor(gap=1.0)
    electrons = n * (1 + 3e-4)
    gas = gas_from_dos(e, g, electrons, [0.0, 3000.0])
    repaired = gas.filling.dos[0]
    np.testing.assert_array_equal(repaired[e > 0], g[e > 0])
    np.testing.assert_allclose(repaired[e < 0], gas.valence_factor[0] * g[e < 0], rtol=1e-15)
    assert gas.valence_factor == pytest.approx([1 + 3e-4] * 2, rel=1e-9)
    weights = gas.weights(e).electrons
    assert weights @ repaired == pytest.approx([electrons] * 2, rel=1e-12)
    parts = gas.filling.local_weights(weights[None])[0]
    assert (parts[:, e.size // 2] == 0).all()  # inside the gap
    assert parts @ g == pytest.approx([electrons] * 2, rel=1e-12)


def test_structures_are_split_with_their_repairs():
    e, gapped, n = semiconductor(gap=1.0)
    metal = np.where(np.abs(e) < 3.9, 3.0, 0.0)
    electrons = np.array([n, n * (1 + 1e-4), n])
    gas = gas_from_dos(e, [metal, gapped, gapped], electrons, [300.0, 3000.0], tables=False)
    for i, (one, values) in enumerate(zip(gas.split(), (metal, gapped, gapped), strict=True)):
        alone = gas_from_dos(e, values, electrons[i], [300.0, 3000.0])
        for name in (*NAMES, "valence_factor"):
            np.testing.assert_array_equal(getattr(one, name), getattr(alone, name))
        assert one.filling.repairs == alone.filling.repairs
        np.testing.assert_array_equal(one.filling.dos, alone.filling.dos)


def test_highest_temperature_is_that_of_the_most_limited_structure():
    e, g = free_electrons()
    fillings = [Filling.of_dos(e, g, n) for n in (11.0, 25.0)]
    alone = [filling.highest_temperature(10.0) for filling in fillings]
    assert alone[1] < alone[0]
    assert Filling.of_dos(e, g, [11.0, 25.0]).highest_temperature(10.0) == alone[1]
