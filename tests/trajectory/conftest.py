"""Frames in memory and in a file, and a toy model."""

import ase.io
import pytest
from toy_model import ToyModel
from toy_run import N_FRAMES, frames_of


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
