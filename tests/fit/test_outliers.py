"""Outliers of a regression: targets that contradict those of all others."""

from dataclasses import replace

import numpy as np
import pytest
from toy_regression import make_regression

from ase_dos.fit.energy_reference import choose
from ase_dos.fit.leave_one_out import leave_one_out
from ase_dos.fit.outliers import largest_expected, outliers


def found_in(regression):
    best, _ = choose(regression, np.array([1e-2, 1e-3]), [0.01], adaptive=True)
    return outliers(regression, best, leave_one_out(regression, best))


def halved(target):
    """Target of levels divided by two."""
    return replace(
        target,
        start=target.start / 2,
        step=target.step / 2,
        values=2 * target.values,
        derivatives=4 * target.derivatives,
        valid_to=target.valid_to / 2,
    )


@pytest.mark.parametrize("seed", range(5))
def test_none_where_there_is_none(seed):
    assert found_in(make_regression(n=60, seed=seed, noise=0.1)[0]) == []


@pytest.mark.parametrize("seed", range(5))
def test_halved_levels_and_swapped_structures_are_found(seed):
    regression, _ = make_regression(n=60, seed=seed, noise=0.1, valid_to=40.0)
    targets = list(regression.targets)
    targets[30] = halved(targets[30])
    # Two structures that differ, so that there is something to see.
    features = regression.ridge.features
    other = int(np.linalg.norm(features - features[3], axis=1).argmax())
    targets[3], targets[other] = targets[other], targets[3]
    found = found_in(replace(regression, targets=targets))
    assert {3, 30, other} <= {one.structure for one in found}
    assert len(found) <= 4
    assert [one.z_score for one in found] == sorted((one.z_score for one in found), reverse=True)


def test_group_of_its_own_kind_is_no_contradiction():
    """Five near copies with states, and a feature, that no other structure has."""
    regression, _ = make_regression(n=60, noise=0.1)
    features = np.hstack([regression.ridge.features, np.zeros((60, 1))])
    features[55:] = [*features[55, :3], 3.0]
    targets, groups = list(regression.targets), np.arange(60).clip(max=55)
    x = (targets[55].nodes - 6.0) / 0.6
    more = 3.0 * np.exp(-0.5 * x**2)
    values, slopes = targets[55].values + more, targets[55].derivatives - x / 0.6 * more
    rng = np.random.default_rng(0)
    for i in range(55, 60):
        size = 1 + 0.02 * rng.normal()
        targets[i] = replace(targets[55], values=size * values, derivatives=size * slopes)
    ridge = regression.ridge.decompose(features, np.ones((60, 1)))
    grouped = replace(regression, ridge=ridge, targets=targets, of_groups=groups)
    best, _ = choose(grouped, np.array([1e-3]), [0.01], adaptive=True)
    left_out = leave_one_out(grouped, best)
    assert left_out.errors.squared[55:].min() > 10 * left_out.errors.squared[:55].max()
    assert outliers(grouped, best, left_out) == []


def test_largest_of_normal_numbers():
    rng = np.random.default_rng(0)
    for n in (20, 60, 400):
        largest = rng.normal(size=(2000, n)).max(axis=1).mean()
        assert largest < largest_expected(n) < largest + 0.6
