"""A file of densities, a molecule, and a trajectory of it."""

import ase.io
import pytest
from ase.build import molecule
from toy_density_model import ToyDensityModel, vibrating_water

from ase_dos.cli.main import main
from ase_dos.density.files import write_densities

SMALL = ["--cutoff", "3", "--max-radial", "3", "--max-angular", "2", "--sparse-points", "6"]


@pytest.fixture(scope="session")
def densities(tmp_path_factory):
    frames = []
    for i in range(16):
        atoms = molecule("H2O")
        atoms.rattle(0.05, seed=i)
        atoms.info.update(name=f"water-{i}", family="hot" if i % 3 else "cold")
        frames.append(atoms)
    path = tmp_path_factory.mktemp("densities") / "water.npz"
    write_densities(path, [ToyDensityModel().predict(atoms) for atoms in frames], frames)
    return path


@pytest.fixture(scope="session")
def model(densities):
    path = densities.with_name("model.npz")
    main(["density", "train", str(densities), "-o", str(path), "-q", *SMALL])
    return path


@pytest.fixture(scope="session")
def water(densities):
    path = densities.with_name("md.extxyz")
    ase.io.write(path, vibrating_water(300))
    return path
