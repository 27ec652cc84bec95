"""Structures that leave-one-out leaves out together, and what follows for the model."""

import numpy as np
import pytest
from ase.build import bulk
from two_orbitals import moved, states, structure

from ase_dos.descriptors.soap import SOAP
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.like_structures import as_groups, like_structures
from ase_dos.model.training_remarks import TrainingSetWarning
from ase_dos.model.training_set import TrainingFeatures

# Models of so few structures, whose DOS are compared and not their thermodynamics.
pytestmark = pytest.mark.filterwarnings("ignore:.*DOS has negative values")

DESCRIPTOR = SOAP(4.5, 5, 4, 0.5, ("Al",))
N = 20


def groups_of(frames):
    return like_structures(TrainingFeatures(DESCRIPTOR, frames))


def partition(groups):
    return {frozenset(np.flatnonzero(groups == label).tolist()) for label in set(groups.tolist())}


@pytest.fixture(scope="module")
def independent():
    rng = np.random.default_rng(1)
    return [structure(rng) for _ in range(N + 30)]


def test_independent_structures_are_alone(independent):
    found = groups_of(independent[:N])
    assert found.count == N
    assert not found.repeated.size


@pytest.mark.parametrize(("size", "copies"), [(0.01, 1), (0.03, 1), (0.03, 3)])
def test_near_copies_belong_together(independent, size, copies):
    rng = np.random.default_rng(2)
    frames = independent[:N] + [moved(a, size, rng) for _ in range(copies) for a in independent[:N]]
    order = rng.permutation(len(frames))  # of no consequence
    shuffled = groups_of([frames[i] for i in order]).groups
    for found in (groups_of(frames).groups, shuffled[np.argsort(order)]):
        np.testing.assert_array_equal(found.reshape(-1, N), np.tile(found[:N], (copies + 1, 1)))
        assert len(set(found)) >= N - 1


def test_rotated_translated_renumbered_and_repeated_cells_are_the_same(independent):
    rng = np.random.default_rng(3)
    other = independent[3].copy()
    other.rotate(40, "z", rotate_cell=True)
    other.positions += [0.7, 0.1, -0.4]
    other.wrap()
    other = other[rng.permutation(len(other))]
    frames = [*independent[:N], other, independent[5].repeat((1, 2, 1))]
    found = groups_of(frames)
    assert found.count == N
    assert found.groups[N] == found.groups[3]
    assert found.groups[N + 1] == found.groups[5]
    assert found.repeated.tolist() == [[3, N], [5, N + 1]]


def test_small_displacements_of_one_crystal_are_no_copies():
    rng = np.random.default_rng(4)
    crystal = bulk("Al", cubic=True).repeat((2, 2, 1))
    assert groups_of([moved(crystal, 0.03, rng) for _ in range(25)]).count > 20


def correlated_run(n, memory, rng):
    """Oscillators that forget where they were in ``memory`` frames."""
    crystal = bulk("Al", cubic=True).repeat((2, 2, 1))
    keep = np.exp(-1.0 / memory)
    shape = crystal.positions.shape
    place, frames = rng.normal(0, 0.15, shape), []
    for _ in range(n):
        place = keep * place + np.sqrt(1 - keep**2) * rng.normal(0, 0.15, shape)
        frames.append(crystal.copy())
        frames[-1].positions += place
    return frames


def test_run_is_cut_into_stretches_of_twice_its_memory():
    rng = np.random.default_rng(5)
    memory = 5
    found = groups_of(correlated_run(80, memory, rng)).groups
    changes = np.flatnonzero(np.diff(found)) + 1
    lengths = np.diff([0, *changes, 80])
    assert len(set(found)) == len(lengths)  # stretches of neighbours
    # half of the mean square displacement is reached after memory ln 2 frames
    assert abs(lengths[0] - 2 * memory * np.log(2)) <= 3
    assert groups_of(correlated_run(40, 0.2, rng)).count == 40


def test_stretch_of_one_run_does_not_take_in_another_structure(independent):
    run = correlated_run(40, 5, np.random.default_rng(6))
    found = groups_of([*run, *independent[:5]]).groups
    assert not set(found[:40]) & set(found[40:])


@pytest.mark.filterwarnings("ignore:training set")  # of copies that are left out alone
@pytest.mark.parametrize("regressor", ["ridge", "kernel"])
def test_near_copies_do_not_change_what_is_chosen(independent, regressor):
    """Twice the data in near copies is not a worse model, nor one that seems better."""
    rng = np.random.default_rng(7)
    base = independent[:N]
    both = base + [moved(a, 0.03, rng) for a in base]
    rest = independent[N:]
    how = {"regressor": regressor, "penalties": [0.01], "n_modes": 16}
    plain, copied, fooled = (
        DOSModel(DESCRIPTOR, **how).fit(frames, [states(a) for a in frames], groups=groups)
        for frames, groups in ((base, None), (both, None), (both, range(2 * N)))
    )
    assert copied.info["n_groups"] == plain.info["n_groups"] == N
    errors = [m.evaluate(rest, [states(a) for a in rest]).rmse for m in (plain, copied, fooled)]
    assert errors[1] < 1.05 * errors[0]
    assert fooled.info["leave_one_out_rmse"] < 0.6 * copied.info["leave_one_out_rmse"]
    assert copied.info["leave_one_out_rmse"] == pytest.approx(
        plain.info["leave_one_out_rmse"], rel=0.15
    )
    expected = [
        np.sqrt(np.mean([m.predict_ensemble(a, 2).expected_error ** 2 for a in rest]))
        for m in (plain, copied)
    ]
    assert expected[1] == pytest.approx(expected[0], rel=0.2)
    assert plain.info["regularization"] / 10 <= copied.info["regularization"]


def test_given_groups_are_left_out(independent):
    frames = independent[:N]
    labels = ["a" if i < 4 else i for i in range(N)]
    model = DOSModel(DESCRIPTOR, penalties=[0.01], regularizations=[1e-3])
    model.fit(frames, [states(a) for a in frames], groups=labels)
    assert model.info["n_groups"] == N - 3
    assert partition(model.training.like.groups) == {
        frozenset(range(4)),
        *(frozenset([i]) for i in range(4, N)),
    }


def test_groups_that_cannot_be_left_out():
    with pytest.raises(ValueError, match="expected one label per structure, 3, got 2"):
        as_groups("ab", 3)
    with pytest.raises(ValueError, match="expected two or more different labels, got one"):
        as_groups("aaa", 3)


def test_repeated_structures_are_said(independent):
    frames = [*independent[:N], independent[2].copy()]
    frames[2].info["name"] = "first"
    model = DOSModel(DESCRIPTOR, penalties=[0.01], regularizations=[1e-3])
    with pytest.warns(TrainingSetWarning, match=r"1 structures are given again.* 20 .*2 \(first\)"):
        model.fit(frames, [states(a) for a in frames])
    frames[-1].rotate(30.0, "z", rotate_cell=True)
    with pytest.warns(TrainingSetWarning, match=r"1 structures repeat others, .* 20 .*2 \(first\)"):
        model.fit(frames, [states(a) for a in frames])
    assert model.info["n_groups"] == N


def test_outliers_are_said_and_stored(independent):
    frames = independent[:40]
    levels = [states(a) for a in frames]
    other = int(
        np.argmax([abs(np.ptp(s.eigenvalues) - np.ptp(levels[0].eigenvalues)) for s in levels])
    )
    levels[0], levels[other] = levels[other], levels[0]
    model = DOSModel(DESCRIPTOR, penalties=[0.01])
    with pytest.warns(TrainingSetWarning, match="contradict the others"):
        model.fit(frames, levels)
    assert {0, other} <= {one["structure"] for one in model.info["outliers"]}
    assert all(one["z_score"] > 2.7 for one in model.info["outliers"])
    model.fit(frames[:39], levels[:39])  # too few to tell
    assert model.info["outliers"] is None


@pytest.mark.filterwarnings("ignore:training set")
def test_validation_far_above_leave_one_out_is_said(independent):
    rng = np.random.default_rng(8)
    near = [moved(a, 0.03, rng) for a in independent[:N]]
    frames = independent[:N] + near
    model = DOSModel(DESCRIPTOR, penalties=[0.01], n_modes=16)
    model.fit(frames, [states(a) for a in frames], groups=range(2 * N))
    rest = independent[N:]
    with pytest.warns(TrainingSetWarning, match="times the leave-one-out RMSE"):
        model.calibrate(rest, [states(a) for a in rest])


def test_levels_of_several_kpoints_without_periodicity_are_said(independent):
    frames = [atoms.copy() for atoms in independent[:8]]
    levels = [states(a) for a in frames]
    frames[3].pbc = False
    model = DOSModel(DESCRIPTOR, penalties=[0.01], regularizations=[1e-3])
    with pytest.warns(TrainingSetWarning, match="1 structures are not periodic, .* the first 3"):
        model.fit(frames, levels)
