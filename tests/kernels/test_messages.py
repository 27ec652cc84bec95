"""Sums and minima over the labels of a node, against numpy."""

import numpy as np
import pytest

from ase_dos.kernels.jit import kernel
from ase_dos.kernels.messages import decay, place_of_least, send


@kernel
def decayed(values, lowest, out):
    decay(values, lowest, values.size, out)


@kernel
def place(values):
    return place_of_least(values, values.size)


@kernel
def message(values, places, weight, shift, out):
    return send(values, places, values.size, weight, shift, np.empty(values.size), out, np.int64(0))


def test_exponentials_to_twelve_digits():
    values = np.linspace(-5.0, 294.0, 4096)
    out = np.empty_like(values)
    decayed(values, -5.0, out)
    np.testing.assert_allclose(out, np.exp(-5.0 - values), rtol=1e-12)


def test_exponentials_end_at_300():
    values = np.array([300.0, 301.0, 1e6, np.inf] * 2)
    out = np.empty(8)
    decayed(values, 0.0, out)
    np.testing.assert_allclose(out, np.exp(-300.0), rtol=1e-12)


def test_the_first_of_equal_numbers_is_the_least():
    values = np.ones(24)
    values[[13, 7, 20]] = -2.0
    assert place(values) == 7


@pytest.mark.parametrize("labels", [1, 7, 8, 31])
@pytest.mark.parametrize(("weight", "shift"), [(0.0, 2.0), (0.3, 0.0), (0.7, -2.6), (40.0, 0.4)])
def test_message_is_the_least_sum_of_each_label(labels, weight, shift):
    room = -(-labels // 8) * 8
    values = np.full(room, np.inf)
    values[:labels] = np.random.default_rng(labels).normal(0, 5, labels)
    places = np.minimum(np.arange(room), labels - 1) - (labels - 1) / 2
    steps = places[:labels, None] - places[:labels] + shift
    expected = (values[:labels, None] + weight * steps**2).min(0)
    out = np.empty(room)
    down = message(values, places, weight, shift, out)
    assert down == pytest.approx(expected.min(), abs=1e-10)
    np.testing.assert_allclose(out[:labels], expected - expected.min(), atol=1e-10)
    assert np.isfinite(out).all()
