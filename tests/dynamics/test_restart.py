"""Restart files: those of every format so far are read, and their runs go on."""

import numpy as np
import pytest
from ase.units import fs
from paths import FORMATS
from toy_md import FlatMetal, crystal

from ase_dos import LaserPulse, TwoTemperature


def test_a_run_of_format_1_goes_on(tmp_path):
    """Seven of sixteen steps were taken by the release that wrote the file."""

    def start(path):
        atoms = crystal((3, 2, 2), 900.0, model=FlatMetal(level=1.0, wave=0.3), hot=900.0)
        return TwoTemperature(
            atoms,
            2 * fs,
            coupling=1e18,
            cells=(3, 1, 1),
            conductivity=50.0,
            rng=5,
            pulse=LaserPulse(0.3, 20 * fs, 15 * fs, depth=5.0, direction="+x"),
            reassign_interval=4,
            restart=path,
        )

    continued = start(tmp_path / "run.npz")
    continued.read_restart(FORMATS / "restart_v1.npz")
    assert continued.nsteps == 7
    assert 0 < continued.absorbed < 0.3 * 12
    continued.run(9)
    whole = start(tmp_path / "run.npz")
    whole.run(16)
    # To rounding: the file comes from another machine.
    np.testing.assert_allclose(continued.atoms.positions, whole.atoms.positions, rtol=1e-9)
    np.testing.assert_allclose(continued.state.temperature, whole.state.temperature, rtol=1e-9)
    assert continued.absorbed == pytest.approx(whole.absorbed, rel=1e-12)
    assert continued.conserved_energy == pytest.approx(whole.conserved_energy, rel=1e-9)
