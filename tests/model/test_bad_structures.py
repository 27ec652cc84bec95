"""What is wrong with one of many structures is said with its index."""

import numpy as np
import pytest
from toy_model import toy_frames, toy_states
from toy_training import QUICK, soap

from ase_dos.model.dos_model import DOSModel
from ase_dos.spectra.states import ElectronicStates
from ase_dos.utils.structure_errors import StructureError

BAD = 4


@pytest.fixture
def data():
    frames = toy_frames(6)
    return frames, [toy_states(atoms, seed=i) for i, atoms in enumerate(frames)]


def oxygen(frames, states):
    frames[BAD].numbers[2] = 8


def lost_atom(frames, states):
    frames[BAD].positions[1] = np.nan


def no_empty_bands(frames, states):
    levels = states[BAD].eigenvalues[..., : 4 * 8 // 2]
    states[BAD] = ElectronicStates(levels, states[BAD].weights, 32.0, 2)


def charge(frames, states):
    one = states[BAD]
    states[BAD] = ElectronicStates(one.eigenvalues, one.weights, 31.0, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (oxygen, r"atoms: unknown species O \(8\); the descriptor knows Si \(14\) only"),
        (lost_atom, "positions: 3 of 24 values are NaN"),
        (no_empty_bands, r"16 bands: .* compute more bands"),
        (charge, "31 electrons, but the others imply 32"),
    ],
)
def test_training_names_the_structure(data, change, message):
    change(*data)
    with pytest.raises(StructureError, match=f"^structure {BAD}: {message}") as error:
        DOSModel(soap(), **QUICK).fit(*data)
    assert error.value.indices == (BAD,)


@pytest.mark.parametrize("change", [oxygen, lost_atom, no_empty_bands])
def test_evaluation_names_the_structure(data, toy_model, change):
    change(*data)
    with pytest.raises(StructureError, match=f"^structure {BAD}: "):
        toy_model.evaluate(*data)
