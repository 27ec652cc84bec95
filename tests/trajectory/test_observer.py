"""An observer writes, in step with the simulation, what an analysis of its frames would."""

import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
import xarray
from ase import units
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS
from paths import SUPPORT
from toy_model import ToyModel

from ase_dos import DOSObserver
from ase_dos.results import store
from ase_dos.results.result import TrajectoryResult
from ase_dos.trajectory.run import analyze_trajectory

STEP = 2.0  # fs


def silicon(seed=0):
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.05, seed=seed)
    atoms.calc = LennardJones(sigma=2.1, epsilon=0.3, rc=5.0)
    return atoms


def dynamics(atoms):
    return VelocityVerlet(atoms, STEP * units.fs)


def test_it_writes_what_an_analysis_of_the_frames_would(tmp_path):
    atoms, frames = silicon(), []
    dyn = dynamics(atoms)
    dyn.attach(lambda: frames.append(atoms.copy()), interval=3)
    with DOSObserver(dyn, ToyModel(), tmp_path / "md.zarr", (300.0, 3000.0), local=True) as dos:
        dyn.attach(dos, interval=3)
        dyn.run(10)
    seen = dos.result().dataset
    expected = analyze_trajectory(
        frames, ToyModel(), (300.0, 3000.0), local=True, progress=False
    ).dataset
    assert set(seen.variables) == set(expected.variables)
    for name in set(seen.variables) - {"time", "md_step"}:
        np.testing.assert_array_equal(seen[name], expected[name])
    np.testing.assert_allclose(seen["time"], STEP * 3 * np.arange(4))
    assert seen["time"].attrs["units"] == "fs"
    np.testing.assert_array_equal(seen["md_step"], 3 * np.arange(4))


def test_atoms_alone_and_other_dynamics(tmp_path):
    atoms = silicon()
    with DOSObserver(atoms, ToyModel(), tmp_path / "a") as dos:
        dos()
        atoms.rattle(0.05, seed=8)
        dos()
    assert np.isnan(dos.result().time).all()
    assert len(set(dos.result().fermi_level)) == 2
    relaxation = BFGS(silicon(), logfile=None)
    with DOSObserver(relaxation, ToyModel(), tmp_path / "b") as dos:
        relaxation.attach(dos)
        relaxation.run(fmax=0.0, steps=3)
    assert dos.result().md_step.tolist() == [0, 1, 2, 3]


def test_restart_goes_on_from_the_last_frame(tmp_path):
    whole, path = tmp_path / "whole", tmp_path / "parts"
    atoms = silicon()
    dyn = dynamics(atoms)
    with DOSObserver(dyn, ToyModel(), whole) as dos:
        dyn.attach(dos, interval=2)
        dyn.run(8)
    atoms = silicon()
    for _ in range(2):
        dyn = dynamics(atoms)
        with DOSObserver(dyn, ToyModel(), path) as dos:
            dyn.attach(dos, interval=2)
            dyn.run(4)
    with xarray.open_zarr(whole) as a, xarray.open_zarr(path) as b:
        assert a.sizes["frame"] == 5
        xarray.testing.assert_allclose(a.drop_vars("fingerprint"), b.drop_vars("fingerprint"))


def test_another_structure_is_appended(tmp_path):
    for seed in (1, 2):
        with DOSObserver(silicon(seed), ToyModel(), tmp_path / "md.zarr") as dos:
            dos()
    assert dos.result().frames.tolist() == [0, 1]


def test_other_options_and_other_runs_are_refused(tmp_path):
    path = tmp_path / "md.zarr"
    with DOSObserver(silicon(), ToyModel(), path) as dos:
        dos()
        with pytest.raises(ValueError, match="another run is writing there"):
            DOSObserver(silicon(), ToyModel(), path)
    with pytest.raises(ValueError, match="model was toy, is other"):
        DOSObserver(silicon(), ToyModel("other"), path)
    with pytest.raises(ValueError, match="the observer is closed"):
        dos()
    with pytest.raises(ValueError, match="has results of another run"):
        analyze_trajectory([silicon()], ToyModel(), output=path, progress=False)
    with pytest.raises(ValueError, match="on_error"):
        DOSObserver(silicon(), ToyModel(), path, on_error="ignore")


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_bad_structure(tmp_path, on_error):
    atoms = silicon()
    with DOSObserver(atoms, ToyModel(), tmp_path / "md.zarr", on_error=on_error) as dos:
        dos()
        good = atoms.positions.copy()
        atoms.positions[0, 0] = np.nan
        if on_error == "raise":
            with pytest.raises(ValueError, match="frame 1 of the simulation: positions: NaN"):
                dos()
        else:
            dos()
        atoms.positions = good + 0.01
        dos()
    assert dos.result().frames.tolist() == [0, 2]
    assert list(dos.result().missing) == [1]


def test_frames_can_be_looked_at_while_it_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "COMMIT_SECONDS", -1.0)
    dyn = dynamics(silicon())
    with DOSObserver(dyn, ToyModel(), tmp_path / "md.zarr") as dos:
        dyn.attach(dos)
        dyn.run(2)
        assert len(TrajectoryResult.load(tmp_path / "md.zarr")) == 3
        monkeypatch.setattr(store, "COMMIT_SECONDS", 60.0)
        dyn.run(1)
        assert len(TrajectoryResult.load(tmp_path / "md.zarr")) == 3
        assert len(dos.result()) == 4


def test_end_of_a_program_commits(tmp_path):
    """Without a with block, and after an error in the simulation."""
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]; from test_observer import *; "
        "dos = DOSObserver(silicon(), ToyModel(), sys.argv[1]); dos(); raise RuntimeError('late')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "md.zarr", Path(__file__).parent, SUPPORT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "late" in done.stderr
    assert len(TrajectoryResult.load(tmp_path / "md.zarr")) == 1


def test_its_frames_are_those_of_the_trajectory_beside_it(tmp_path):
    dyn = dynamics(silicon())
    with (
        DOSObserver(dyn, ToyModel(), tmp_path / "md.zarr") as dos,
        ase.io.Trajectory(tmp_path / "md.traj", "w", dyn.atoms) as trajectory,
    ):
        dyn.attach(trajectory.write, interval=2)
        dyn.attach(dos, interval=2)
        dyn.run(6)
    again = analyze_trajectory(tmp_path / "md.traj", ToyModel(), progress=False)
    np.testing.assert_array_equal(again.fermi_level, dos.result().fermi_level)
