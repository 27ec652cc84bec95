"""Curve of one density of states, and the labels of figures."""

from dataclasses import replace

import numpy as np
from ase.build import bulk
from toy_model import ToyModel

from ase_dos.plot.style import math_label


def test_dos_and_its_method():
    dos = ToyModel().predict(bulk("Si")).total()
    ax = dos.plot(color="black", label="Si")
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), dos.energies)
    np.testing.assert_array_equal(line.get_ydata(), dos.values)
    assert (line.get_color(), line.get_label()) == ("black", "Si")
    assert ax.get_xlim() == (dos.energies[0], dos.valid_to)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Energy (eV)", "DOS (states/eV)")


def test_majority_is_drawn_upwards_and_minority_downwards():
    dos = ToyModel().predict(bulk("Si")).total()
    ax = replace(dos, spin=0.25 * dos.values).plot(label="Ni")
    zero, up, down = ax.lines
    assert not np.any(zero.get_ydata())
    np.testing.assert_allclose(up.get_ydata(), 0.625 * dos.values)
    np.testing.assert_allclose(down.get_ydata(), -0.375 * dos.values)
    assert ax.get_legend_handles_labels()[1] == ["Ni"]
    low, high = ax.get_ylim()
    assert low < down.get_ydata().min() < up.get_ydata().max() < high
    assert "minority below" in ax.get_ylabel()


def test_symbols_of_labels_are_set_as_mathematics():
    assert math_label("E_F - band bottom (eV)") == "$E_F$ - band bottom (eV)"
    assert math_label("g(E_F)") == "$g(E_F)$"
    assert math_label("C_el(300 K) (k_B/atom)") == r"$C_\mathrm{el}$(300 K) ($k_B$/atom)"
    assert math_label("M (mu_B/atom)") == r"$M$ ($\mu_B$/atom)"
    assert math_label("S (k_B/atom)") == "$S$ ($k_B$/atom)"
    assert math_label("DOS (states/eV/atom)") == "DOS (states/eV/atom)"
