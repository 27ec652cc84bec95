"""The metric of the error against sums written out term by term."""

import numpy as np
import pytest

from ase_dos.fit.metric import METRICS, Metric

STEP = 0.13
SIZE = 17


def plain_loss(name, difference):
    """Return the formula of the module, with its integrals as sums over a grid."""
    counted = [sum(difference[: i + 1]) * STEP for i in range(len(difference))]
    dos = sum(d**2 for d in difference) * STEP
    cumulative = sum(count**2 for count in counted) * STEP
    return {"dos": dos, "cumulative": cumulative, "mix": dos + cumulative}[name]


@pytest.fixture
def differences():
    return np.random.default_rng(0).normal(size=(3, SIZE))


@pytest.mark.parametrize("name", METRICS)
def test_loss_is_the_formula(name, differences):
    losses = Metric(name, STEP).loss(differences)
    np.testing.assert_allclose(losses, [plain_loss(name, d) for d in differences], rtol=1e-13)


@pytest.mark.parametrize("name", METRICS)
def test_call_is_half_of_the_gradient(name, differences):
    metric, d, h = Metric(name, STEP), differences[0], 1e-4
    numeric = [(metric.loss(d + h * e) - metric.loss(d - h * e)) / (2 * h) for e in np.eye(SIZE)]
    np.testing.assert_allclose(2 * metric(d), numeric, rtol=1e-9)


@pytest.mark.parametrize("name", METRICS)
def test_matrix_is_symmetric_and_positive_and_the_product_of_its_factor(name, differences):
    metric = Metric(name, STEP)
    matrix, factor = metric(np.eye(SIZE)), metric.factor(SIZE)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-13)
    assert np.linalg.eigvalsh(matrix).min() > 0
    np.testing.assert_array_equal(factor, np.tril(factor))
    np.testing.assert_allclose(factor @ factor.T, matrix, rtol=1e-12, atol=1e-15)
    lengths = np.sum((differences @ factor) ** 2, axis=1)
    np.testing.assert_allclose(lengths, metric.loss(differences), rtol=1e-12)


def test_cumulative_loss_is_that_of_the_coulomb_kernel_without_electrons(differences):
    energies = STEP * np.arange(SIZE)
    kernel = -np.abs(energies[:, None] - energies) / 2
    neutral = differences - differences.mean(axis=1, keepdims=True)
    coulomb = np.einsum("ai,ij,aj->a", neutral, kernel, neutral) * STEP**2
    losses = Metric("cumulative", STEP).loss(neutral)
    np.testing.assert_allclose(losses, coulomb, rtol=1e-12)
    charged = Metric("cumulative", STEP).loss(differences)
    assert not np.allclose(charged, np.einsum("ai,ij,aj->a", differences, kernel, differences))


def test_long_errors_weigh_more_than_short_ones_of_the_same_size():
    energies = STEP * np.arange(200)
    long, short = np.sin(2 * np.pi * energies / 13), np.sin(2 * np.pi * energies / 1.3)
    metric = Metric("cumulative", STEP)
    assert metric.loss(long) > 50 * metric.loss(short)
    assert np.isclose(Metric("dos", STEP).loss(long), Metric("dos", STEP).loss(short))


def test_integrals_converge_to_those_of_a_known_function():
    """The difference sin(x) from 0 to 2 pi: int d^2 = pi, int (1 - cos)^2 = 3 pi."""
    step = 2 * np.pi / 20_000
    d = np.sin(step * np.arange(20_000))
    assert Metric("dos", step).loss(d) == pytest.approx(np.pi, rel=1e-6)
    assert Metric("cumulative", step).loss(d) == pytest.approx(3 * np.pi, rel=1e-3)
    assert Metric("mix", step).loss(d) == pytest.approx(4 * np.pi, rel=1e-3)
