"""Magnetic moment in two-temperature dynamics: it follows the electrons, and changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from ase.units import fs
from toy_md import FlatMetal, crystal

from ase_dos import LaserPulse, TwoTemperature


class Ferromagnet(FlatMetal):
    """The flat metal with a majority that has more states below E_F, and fewer above."""

    def predict(self, atoms, which=None):
        excess = 0.5 * np.exp(-0.5 * (self.energies + 0.5) ** 2)
        spin_basis = np.stack([excess, np.zeros_like(excess)])
        return replace(super().predict(atoms, which), spin_basis=spin_basis)


def logged(model, path, **options):
    """Columns of the log of a run that a pulse heats."""
    atoms = crystal((2, 2, 2), model=model, hot=1000.0)
    pulse = LaserPulse(0.3, 5 * fs, 5 * fs)
    with TwoTemperature(atoms, fs, rng=0, pulse=pulse, logfile=str(path), **options) as run:
        run.run(10)
    names = path.read_text().splitlines()[0].lstrip("#").split()
    return dict(zip(names, np.loadtxt(path).T, strict=True)), atoms


@pytest.mark.parametrize("options", [{}, {"cells": (2, 1, 1), "conductivity": 50.0}])
def test_the_log_follows_the_moment_of_hot_electrons(tmp_path, options):
    column, atoms = logged(Ferromagnet(wave=0.3), tmp_path / "spin.log", **options)
    moments = column.pop("moment_mu_B")
    assert moments[0] > 1.01 * moments[-1] > 0
    assert moments[-1] == pytest.approx(atoms.get_magnetic_moment())
    if not options:
        dos = atoms.calc.get_dos()
        assert moments[-1] == pytest.approx(dos.magnetic_moment(column["T_e_K"][-1]))
    plain, _ = logged(FlatMetal(wave=0.3), tmp_path / "plain.log", **options)
    assert list(plain) == list(column)
    for name, values in plain.items():
        np.testing.assert_array_equal(column[name], values)
