"""A data set, structures that carry a DOS, a model and a trajectory, as files."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from command_line import TINY, states_of

from ase_dos.cli.main import main
from ase_dos.io.dataset import Dataset, load_dataset, save_dataset
from ase_dos.spectra.target import target_from_states


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    frames = []
    for i in range(24):
        atoms = bulk("Si", a=5.0 + 0.04 * i)
        atoms.rattle(0.03, seed=i)
        atoms.info = {"name": f"si-{i}", "family": "diamond" if i % 2 else "strained"}
        frames.append(atoms)
    states = [states_of(atoms) for atoms in frames]
    split = np.array(["train", "train", "train", "test"] * 6)
    path = tmp_path_factory.mktemp("data") / "set.npz"
    save_dataset(path, Dataset(frames, states, states, split), provenance={})
    return path


@pytest.fixture(scope="session")
def dos_file(dataset):
    """The training structures with their broadened DOS on one grid, unknown above their bands."""
    frames, states = load_dataset(dataset).select("train")
    energies = -15.0 + 0.05 * np.arange(900)
    images = []
    for atoms, one in zip(frames, states, strict=True):
        dos = target_from_states(one, 0.3).dos(energies)
        images.append(Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True))
        images[-1].info = {
            "DOS": dos.values,
            "mask": (energies <= dos.valid_to).astype(int),
            "number_of_electrons": dos.n_electrons,
        }
    path = dataset.with_name("dos.extxyz")
    ase.io.write(path, images)
    return path


@pytest.fixture(scope="session")
def model(dataset):
    path = dataset.with_name("tiny.npz")
    main(["train", str(dataset), "-o", str(path), *TINY])
    return path


@pytest.fixture
def md(tmp_path):
    frames = []
    for i in range(4):
        atoms = bulk("Si", a=5.4, cubic=True)
        atoms.rattle(0.05, seed=i)
        frames.append(atoms)
    ase.io.write(tmp_path / "md.extxyz", frames)
    return tmp_path / "md.extxyz"
