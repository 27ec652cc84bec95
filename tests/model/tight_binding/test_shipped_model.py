"""Shipped tight-binding model of silicon: what it is, and structures that it has not seen."""

import numpy as np
import pytest
from ase.build import bulk
from paths import REPOSITORY

from ase_dos.io.dataset import load_dataset
from ase_dos.model import TightBindingModel, load_model
from ase_dos.tight_binding import load_hamiltonian

SILICON = REPOSITORY / "data" / "silicon"


@pytest.fixture(scope="module")
def model():
    return load_model("silicon-tb")


def test_it_is_the_hamiltonian_of_the_data(model):
    """But for the zero of energy."""
    assert isinstance(model, TightBindingModel)
    fitted = load_hamiltonian(SILICON / "hamiltonian.json")
    assert model.hamiltonian.form == fitted.form
    crystal = bulk("Si")
    ours, theirs = (one.band_structure(crystal, "GXL") for one in (model.hamiltonian, fitted))
    shift = ours.energies - theirs.energies
    np.testing.assert_allclose(shift, shift.mean(), atol=1e-9)


@pytest.mark.parametrize(
    ("file", "name", "largest"), [("silicon", "beta_tin_09", 0.05), ("surfaces", "slab_08", 0.2)]
)
def test_structures_outside_the_training_set(model, file, name, largest):
    """A crystal and a slab."""
    data = load_dataset(SILICON / f"{file}.npz")
    row = next(i for i, atoms in enumerate(data.frames) if atoms.info["name"] == name)
    assert data.split[row] != "train"
    assert model.evaluate([data.frames[row]], [data.states[row]]).rmse < largest
