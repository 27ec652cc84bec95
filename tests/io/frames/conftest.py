"""Structures that the tests of all formats share."""

import numpy as np
import pytest
from ase.build import bulk
from toy_files import N_FRAMES


@pytest.fixture
def images():
    """Two species, sheared, moving, with arrays of their own."""
    images = []
    for i in range(N_FRAMES):
        atoms = bulk("Si", cubic=True)
        atoms.set_cell(atoms.cell.array + np.array([[0, 0, 0], [0.7, 0, 0], [-0.4, 0.3, 0]]), True)
        atoms.symbols[[1, 4]] = "Ge"
        atoms.rattle(0.1, seed=i)
        atoms.arrays["coordination"] = np.arange(8.0) + i
        atoms.info["step"] = 10 * i
        images.append(atoms)
    return images
