"""Runs over small trajectories, and what is in their stores."""

import numpy as np
import xarray
from ase.build import bulk
from toy_model import ToyModel

from ase_dos.trajectory.run import analyze_trajectory

TEMPERATURES = np.array([300.0, 3000.0])


def frames_of(sizes):
    frames = []
    for i, n in enumerate(sizes):
        atoms = bulk("Si", cubic=True).repeat((n, 1, 1))
        atoms.rattle(0.1, seed=i)
        atoms.info["time"] = 2.0 * i
        frames.append(atoms)
    return frames


def run(frames, path=None, model=None, **options):
    options = {"progress": False, "local": True, **options}
    return analyze_trajectory(frames, model or ToyModel(), TEMPERATURES, path, **options)


def content(path):
    """Every array of a store, as bytes."""
    with xarray.open_zarr(path) as data:
        return {str(n): (v.dims, v.shape, v.values.tobytes()) for n, v in data.variables.items()}
