"""Structures given twice: with the same levels they count once, with others they are named."""

from dataclasses import replace

import numpy as np
import pytest
from toy_model import toy_frames, toy_states
from toy_training import QUICK, soap

from ase_dos.model.dos_model import DOSModel
from ase_dos.model.repeats import RepeatedStructures, same_states
from ase_dos.model.training_remarks import TrainingSetWarning
from ase_dos.model.training_set import make_targets
from ase_dos.utils.structure_errors import StructureError

FRAMES = toy_frames(8, seed=5)
STATES = [toy_states(atoms, seed=i) for i, atoms in enumerate(FRAMES)]
TARGETS = make_targets(STATES, 0.3)


def model():
    return DOSModel(soap(), **QUICK)


def test_same_states_but_for_rounding_and_the_zero_of_energy():
    one = STATES[0]
    (target,) = make_targets([one], 0.3)
    for levels, same in (
        (one.eigenvalues.round(4), True),
        (one.eigenvalues + 3.7, True),
        (1.1 * one.eigenvalues, False),
        (np.concatenate([one.eigenvalues, one.eigenvalues[..., -1:] + 9.0], axis=-1), True),
    ):
        (other,) = make_targets([replace(one, eigenvalues=levels)], 0.3)
        assert same_states(target, other) == same_states(other, target) == same
    assert not same_states(target, TARGETS[1])


def test_a_structure_that_is_given_again_counts_once():
    whole = model().fit(FRAMES, STATES)
    frames, states = [*FRAMES, FRAMES[2].copy(), FRAMES[5].copy()], [*STATES, STATES[2], STATES[5]]
    frames[2].info["name"] = "twice"
    order = [8, 0, 1, 2, 3, 9, 4, 5, 6, 7]
    again = model()
    message = r"2 structures are given again with the same levels, the first 3 \(twice\) that of 0;"
    with pytest.warns(TrainingSetWarning, match=message) as warned:
        again.fit([frames[i] for i in order], [states[i] for i in order])
    assert sum(one.category is TrainingSetWarning for one in warned) == 1
    assert again.info["n_structures"] == 8
    assert again.training.shifts.shape == again.training.like.groups.shape == (10,)
    assert again.training.shifts[0] == again.training.shifts[3]
    first = whole.predict(FRAMES[0]).total()
    np.testing.assert_allclose(again.predict(FRAMES[0]).total().values, first.values, atol=1e-6)
    appended = model()
    with pytest.warns(TrainingSetWarning, match="given again"):
        appended.fit(frames, states, features=appended.compute_features(frames))
    assert appended.info["hash"] == whole.info["hash"]
    del frames[2].info["name"]


def test_the_same_structure_with_other_levels_is_named_and_kept():
    other = replace(STATES[3], eigenvalues=1.2 * STATES[3].eigenvalues)
    frames, states = [*FRAMES, FRAMES[3].copy()], [*STATES, other]
    message = r"1 pairs of the same structure have different levels \(8 and 3\): of another funct"
    for groups in (None, range(9)):
        with pytest.warns(TrainingSetWarning, match=message):
            found = model().fit(frames, states, groups=groups)
        assert found.info["n_structures"] == 9


def test_a_copy_of_either_of_two_that_contradict_each_other():
    targets = make_targets(
        [STATES[0], replace(STATES[0], eigenvalues=1.2 * STATES[0].eigenvalues)], 0.3
    )
    found = RepeatedStructures.of([FRAMES[0]] * 4, [targets[0], targets[1], targets[1], targets[0]])
    assert found.first.tolist() == [0, 1, 1, 0]
    assert found.contradictions == [(0, 1)]
    assert found.merged.tolist() == [2, 3]
    assert found.place.tolist() == [0, 1, 1, 0]


def test_errors_name_the_structure_that_was_given():
    frames, states = [FRAMES[0], *FRAMES], [STATES[0], *STATES]
    states[7] = replace(states[7], n_electrons=states[7].n_electrons + 1)
    with pytest.raises(StructureError) as caught:
        model().fit(frames, states)
    assert caught.value.indices == (7,)
