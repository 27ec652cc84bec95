"""Count of states that never falls: bounds, errors, and derivatives through it."""

import numpy as np
import pytest
import reference_counts as reference
from scipy.optimize import isotonic_regression

from ase_dos.electrons.rising_count import (
    change_of_count,
    differentiate,
    divide,
    make_non_negative,
)


def cases(count=40, rows=3, seed=0):
    """Densities of states of any sign, electrons that fit in, and last known points."""
    rng = np.random.default_rng(seed)
    for case in range(count):
        size = int(rng.integers(5, 40))
        values = rng.normal(0.5, 1.0, (rows, size))
        last = rng.integers(size // 2, size, rows) if case % 2 else np.full(rows, size - 1)
        room = np.array([reference.counts(v)[i] for v, i in zip(values, last, strict=True)])
        values[:, 0] += 2 * np.maximum(1 - room, 0)  # some room everywhere
        room += np.maximum(1 - room, 0)
        yield values, room * rng.uniform(0.05, 0.95, rows), last, rng


def test_plain_twin():
    for values, electrons, last, _ in cases():
        found = make_non_negative(values, electrons, last)
        change = change_of_count(values, electrons, last)
        for i in range(len(values)):
            rising = reference.rising(values[i], electrons[i], last[i])
            want = reference.non_negative(values[i], electrons[i], last[i])
            np.testing.assert_allclose(found[i], want, atol=1e-13)
            np.testing.assert_allclose(change[i], rising - reference.counts(values[i]), atol=1e-13)


def test_what_is_not_negative_stays_to_the_bit():
    values = np.random.default_rng(1).exponential(size=(4, 50))
    values[:, 20:25] = 0
    assert (make_non_negative(values, np.full(4, 9.0), np.full(4, 49)) == values).all()
    dipped = values.copy()
    dipped[1, 3] = -0.1
    found = make_non_negative(dipped, np.full(4, 20.0), np.full(4, 49))
    assert (found[[0, 2, 3]] == values[[0, 2, 3]]).all()
    # The dip takes what lies next to it.
    touched = np.flatnonzero(found[1] != values[1])
    assert touched.min() == 3
    assert touched.max() < 8
    assert (found[1, 8:] == values[1, 8:]).all()


@pytest.mark.parametrize("tiny", [5e-324, 1e-310])
def test_states_next_to_nothing_leave_weights_as_they_are(tiny):
    values = np.random.default_rng(1).exponential(size=(4, 50))
    values[:, [0, 7, 49]] = tiny
    weights = np.random.default_rng(2).normal(size=(4, 2, 50))
    for carry in (divide, differentiate):
        found = carry(values, np.full(4, 20.0), np.full(4, 49), weights)
        np.testing.assert_allclose(found, weights, rtol=1e-13)


def test_a_dip_takes_away_as_many_states_and_no_more():
    for values, electrons, last, _ in cases():
        found = make_non_negative(values, electrons, last)
        assert (found >= 0).all()
        assert (found <= np.maximum(values, 0)).all()
        for i, end in enumerate(last):
            assert reference.counts(found[i])[end] == pytest.approx(
                reference.counts(values[i])[end], rel=1e-12
            )


def test_values_above_the_known_ones_change_nothing_below():
    for values, electrons, last, rng in cases():
        other = values.copy()
        for i, end in enumerate(last):
            other[i, end + 1 :] = rng.normal(-3, 1, values.shape[1] - end - 1)
        pair = [make_non_negative(v, electrons, last) for v in (values, other)]
        for i, end in enumerate(last):
            # The last point of the grid has half a hat function.
            same = slice(None, min(end + 1, values.shape[1] - 1))
            np.testing.assert_array_equal(pair[0][i, same], pair[1][i, same])


def test_error_of_the_count_does_not_grow():
    """Of a true DOS with noise, the largest error over all energies."""
    rng = np.random.default_rng(2)
    for noise in (0.01, 0.3, 2.0):
        true = rng.exponential(size=60) * (np.arange(60) % 20 < 12)
        noisy = true + noise * rng.normal(size=60)
        electrons = 0.5 * reference.counts(true)[-1]
        rising = reference.rising(noisy, electrons)
        error = np.abs(rising - reference.counts(true)).max()
        assert error <= np.abs(reference.counts(noisy) - reference.counts(true)).max() + 1e-12


def test_of_all_rising_counts_the_closest_to_the_number_of_electrons():
    for values, electrons, _, _ in cases(seed=3):
        for g, n in zip(values, electrons, strict=True):
            count = reference.counts(g)
            low = np.minimum.accumulate(count[::-1])[::-1]
            high = np.maximum(np.maximum.accumulate(count), 0)
            found = count + change_of_count(g[None], np.array([n]), np.array([g.size - 1]))[0]
            others = (low, high, 0.5 * (low + high), np.maximum(isotonic_regression(count).x, 0))
            for other in others:
                assert (np.abs(found - n) <= np.abs(other - n) + 1e-12).all()


def test_derivatives():
    """Of linear functions of the non-negative DOS, by the DOS as it was given."""
    step = 1e-7
    for values, electrons, last, rng in cases(100, seed=4):
        weights = rng.normal(size=(3, 2, values.shape[1]))
        change = rng.normal(size=values.shape)
        found = np.einsum("sqn,sn->sq", differentiate(values, electrons, last, weights), change)
        pair = [make_non_negative(values + s * step * change, electrons, last) for s in (1, -1)]
        want = np.einsum("sqn,sn->sq", weights, (pair[0] - pair[1]) / (2 * step))
        np.testing.assert_allclose(found, want, atol=1e-6)


def test_parts_sum_to_the_whole():
    for values, electrons, last, rng in cases(100, seed=5):
        weights = rng.normal(size=(3, 2, values.shape[1]))
        parts = divide(values, electrons, last, weights)
        want = np.einsum("sqn,sn->sq", weights, make_non_negative(values, electrons, last))
        np.testing.assert_allclose(np.einsum("sqn,sn->sq", parts, values), want, atol=1e-11)


def test_weights_that_do_not_depend_on_energy_stay():
    """Deep states count alike: noise there moves no electrons from atom to atom."""
    rng = np.random.default_rng(6)
    values = np.concatenate([0.1 * rng.normal(size=30), 1 + rng.random(30)])[None]
    weights = np.concatenate([np.ones(45), np.linspace(1, 0, 15)])[None, None]
    weights[..., 0] *= 0.5
    given = values, np.array([30.0]), np.array([59])
    for carry in (differentiate, divide):
        found = carry(*given, weights)
        np.testing.assert_array_equal(found[..., 1:], weights[..., 1:])
    assert (make_non_negative(*given) != values).any()
