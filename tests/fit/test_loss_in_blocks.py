"""Loss of the shifts of many structures: that of few, block by block."""

from dataclasses import replace

import numpy as np
import pytest
from toy_regression import ENERGIES, make_regression, masked

from ase_dos.fit import loss_in_blocks
from ase_dos.fit.known_energies import KnownEnergies
from ase_dos.fit.loss_in_blocks import LossInBlocks
from ase_dos.fit.metric import METRICS
from ase_dos.fit.projected_loss import projected_loss
from ase_dos.fit.unknown_energies import UnknownEnergies


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(loss_in_blocks, "_BLOCK", 7)


def of_many(metric="mix", ends=None, n=30):
    """Regression of structures that are known to the end, or to energies (n,)."""
    regression = replace(make_regression(n=n, noise=0.2)[0], metric_name=metric)
    regression = replace(regression, n_atoms=np.arange(1.0, n + 1) % 3 + 1)
    return regression if ends is None else masked(regression, ends)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("ends", [None, np.linspace(1.0, 9.0, 30), np.linspace(1.0, 6.5, 30)])
def test_it_is_the_loss_of_few_structures(metric, ends):
    regression = of_many(metric, ends)
    residual_maker = regression.ridge.residual_maker(0.01)
    point = np.random.default_rng(5).normal(0, 0.2, 30)
    loss, gradient = LossInBlocks(regression, residual_maker, 0.1, point)(point)
    expected, slope = projected_loss(point, regression, residual_maker, 0.1)
    assert loss == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(gradient, slope, atol=1e-9 * np.abs(slope).max())


@pytest.mark.parametrize("metric", METRICS)
def test_its_gradient_has_no_steps_where_energies_become_unknown(metric):
    # from points of the grid a hundredth of a step below and above the ends of targets
    ends = ENERGIES[60:120:2] + np.tile([0.001, -0.001], 15)
    regression = of_many(metric, ends)
    loss = LossInBlocks(regression, regression.ridge.residual_maker(0.01), 0.1, np.zeros(30))
    gradient = loss(np.zeros(30))[1]
    h = 3e-3
    numeric = [(loss(h * e)[0] - loss(-h * e)[0]) / (2 * h) for e in np.eye(30)]
    np.testing.assert_allclose(gradient, numeric, atol=1e-3 * np.abs(gradient).max())


def test_unknown_values_are_those_without_a_residual():
    regression = of_many(ends=np.linspace(1.0, 6.5, 30))
    residual_maker = regression.ridge.residual_maker(0.01)
    values, _, known = regression.per_atom(np.zeros(30))
    filled = KnownEnergies(known.sum(axis=1), ENERGIES.size, residual_maker).fill(values)
    np.testing.assert_array_equal(filled[known], values[known])
    assert np.abs((residual_maker @ filled)[~known]).max() < 1e-9
    nobody = ~known.any(axis=0)
    assert nobody.sum() > 10
    assert not filled[:, nobody].any()
    expected = UnknownEnergies(known, residual_maker).fill(values)
    np.testing.assert_allclose(filled, expected, atol=1e-7)


def test_what_is_known_to_the_end_stays_as_it_is():
    regression = of_many()
    residual_maker = regression.ridge.residual_maker(0.01)
    values = regression.per_atom(np.zeros(30))[0]
    lengths = np.full(30, ENERGIES.size)
    assert KnownEnergies(lengths, ENERGIES.size, residual_maker).fill(values) is values
