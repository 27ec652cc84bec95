"""Small data sets and models that tests share."""

import ase.io
import matplotlib
import pytest
from toy_metal import Metal, metals
from toy_model import ToyModel, toy_frames, toy_states
from toy_run import N_FRAMES, frames_of

from ase_dos.descriptors.soap import SOAP
from ase_dos.kernels.progress import silence

matplotlib.use("Agg")
silence()  # of kernels that a first run compiles: tests read what commands write to stderr


@pytest.fixture(scope="session")
def toy_data():
    frames = toy_frames(14)
    return frames, [toy_states(atoms, seed=i) for i, atoms in enumerate(frames)]


@pytest.fixture(scope="session")
def metal():
    """Table of a metal whose heat capacity is gamma T."""
    from ase_dos.trajectory.heat_capacity import heat_capacity_table

    return heat_capacity_table(metals(), Metal(), lowest=100.0, highest=12_000.0, points=60)


@pytest.fixture(scope="session")
def toy_model(toy_data):
    from ase_dos.model.dos_model import DOSModel

    soap = SOAP(cutoff=4.5, max_radial=4, max_angular=3, width=0.5, species=("Si",))
    return DOSModel(soap, n_modes=10, regularizations=[1e-4, 1e-2], penalties=[0.01]).fit(*toy_data)


@pytest.fixture
def model():
    return ToyModel()


@pytest.fixture
def frames():
    return frames_of([1] * N_FRAMES)


@pytest.fixture
def md(frames, tmp_path):
    path = tmp_path / "md.extxyz"
    ase.io.write(path, frames)
    return path
