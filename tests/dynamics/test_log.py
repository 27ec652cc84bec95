"""Log, trajectory and warnings of a run."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from ase.io import Trajectory
from ase.units import fs
from toy_md import WAVY, FlatMetal, crystal

from ase_dos import LaserPulse, TwoTemperature


def test_log_trajectory_and_observers(tmp_path):
    atoms = crystal((2, 2, 2), model=WAVY, hot=4000.0)
    log = tmp_path / "run.log"
    with TwoTemperature(
        atoms,
        fs,
        coupling=lambda t: 1e14 * t,
        rng=0,
        pulse=LaserPulse(0.1, 5 * fs, 5 * fs),
        logfile=str(log),
        trajectory=str(tmp_path / "run.traj"),
        loginterval=2,
    ) as dynamics:
        seen = [step for step in dynamics.irun(6)]
    assert seen == [False] * 6 + [True]
    table = np.loadtxt(log)
    names = log.read_text().splitlines()[0].lstrip("#").split()
    assert table.shape == (4, len(names))
    column = dict(zip(names, table.T, strict=True))
    np.testing.assert_allclose(column["time_fs"], [0, 2, 4, 6])
    total = column["E_kin_eV"] + column["E_0_eV"] + column["U_e_eV"]
    np.testing.assert_allclose(
        total - column["absorbed_eV"] - column["bath_eV"], column["conserved_eV"], rtol=1e-10
    )
    assert column["T_e_K"][-1] == pytest.approx(dynamics.electronic_temperature, rel=1e-10)
    with Trajectory(tmp_path / "run.traj") as frames:
        assert len(frames) == 4
        assert frames.description["md-type"] == "TwoTemperature"
        last = frames[-1]
    np.testing.assert_array_equal(last.get_forces(), atoms.get_forces())
    assert last.calc.parameters["electronic_temperature"] == dynamics.electronic_temperature
    assert dynamics.todict()["coupling"] == "<lambda>"


def test_each_kind_of_warning_comes_once():
    class Wandering(FlatMetal):
        def predict(self, atoms):
            warnings.warn(f"{len(atoms)} of 8 atoms are far from the others", stacklevel=1)
            warnings.warn(f"at {np.random.default_rng().random()} K", stacklevel=1)
            return replace(super().predict(atoms), novelty=np.full(len(atoms), 1.5))

    with pytest.warns(UserWarning, match=r"at the start: .* kind are only counted") as caught:
        dynamics = TwoTemperature(crystal((2, 2, 2), model=Wandering()), fs)
    assert sum(one.category is not DeprecationWarning for one in caught) == 2
    dynamics.run(5)  # warnings are errors here
    assert sorted(dynamics.warning_counts.values()) == [6, 6]
    assert dynamics.novelty == 1.5
