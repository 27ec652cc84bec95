"""Runs over small trajectories, and what is in their stores."""

import numpy as np
import xarray
from ase.build import bulk
from toy_model import ToyModel

from ase_dos.trajectory.run import analyze_trajectory

N_FRAMES = 7
TEMPERATURES = np.array([300.0, 3000.0])


def frames_of(sizes):
    """Rattled silicon, of so many cubic cells each."""
    frames = []
    for i, n in enumerate(sizes):
        atoms = bulk("Si", cubic=True).repeat((n, 1, 1))
        atoms.rattle(0.1, seed=i)
        atoms.info["time"] = 2.0 * i
        frames.append(atoms)
    return frames


def analyze(source, model, output=None, **options):
    """Analyse a trajectory at two temperatures, without a progress bar."""
    return analyze_trajectory(source, model, TEMPERATURES, output, **{"progress": False, **options})


def run(source, output=None, model=None, **options):
    """Analyse a trajectory with the local DOS."""
    return analyze(source, model or ToyModel(), output, **{"local": True, **options})


def content(path):
    """Every array of a store, as bytes."""
    with xarray.open_zarr(path) as data:
        return {str(n): (v.dims, v.shape, v.values.tobytes()) for n, v in data.variables.items()}


def files(directory):
    """Content of every file in a directory."""
    return {p: p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def stamps(directory):
    """Times at which the files in a directory were written."""
    return {p: p.stat().st_mtime_ns for p in directory.rglob("*")}


def assert_same(a, b):
    """Every array is the same, byte for byte."""
    assert set(a.dataset.variables) == set(b.dataset.variables)
    for name, variable in a.dataset.variables.items():
        other = b.dataset.variables[name]
        assert (variable.dims, variable.dtype) == (other.dims, other.dtype)
        assert variable.values.tobytes() == other.values.tobytes(), name
