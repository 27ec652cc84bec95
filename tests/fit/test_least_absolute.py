"""Linear fit by least absolute deviations."""

import numpy as np
import pytest

from ase_dos.fit.least_absolute import least_absolute


def test_one_coefficient_is_the_weighted_median():
    rng = np.random.default_rng(0)
    values, sizes = rng.normal(size=21), rng.uniform(0.5, 2, 21)
    found = least_absolute(sizes[:, None], values)[0]
    order = np.argsort(values / sizes)
    share = np.cumsum(sizes[order]) / sizes.sum()
    median = (values / sizes)[order][np.argmax(share >= 0.5)]
    assert found == pytest.approx(median, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_a_few_wrong_values_do_not_move_it(seed):
    rng = np.random.default_rng(seed)
    matrix, truth = rng.dirichlet(np.ones(3), 40), np.array([4.0, 6.0, 1.0])
    values = matrix @ truth
    values[:8] += rng.normal(0, 5, 8)
    np.testing.assert_allclose(least_absolute(matrix, values), truth, atol=1e-8)


def test_no_other_coefficients_have_smaller_deviations():
    rng = np.random.default_rng(3)
    matrix, values = rng.normal(size=(15, 2)), rng.normal(size=15)
    best = least_absolute(matrix, values)
    size = np.abs(matrix @ best - values).sum()
    for step in rng.normal(0, 0.1, (200, 2)):
        assert np.abs(matrix @ (best + step) - values).sum() > size
