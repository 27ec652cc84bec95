"""Function spaces of regularisations: what they leave out, and what they are bound by."""

from itertools import pairwise

import numpy as np
import pytest
from density_toys import BASIS

from ase_dos.density.function_space import FunctionSpace
from ase_dos.density.metric import metric_matrix

VARIANCES = {
    (1, 0): np.array([3.0, 1e-2, 1e-5]),
    (1, 1): np.array([0.2, 1e-3]),
    (8, 0): np.array([5.0, 1e-1, 1e-4, 1e-8]),
    (8, 1): np.array([0.7]),
    (8, 2): np.zeros(0),
}
SPACE = FunctionSpace.of(VARIANCES, BASIS, "coulomb", 50)


def count(n_outputs):
    return sum(n * BASIS.shells_of(*key) for key, n in n_outputs.items())


def test_scale_is_the_mean_of_the_diagonal_elements():
    total = 0.0
    for (species, ell), values in VARIANCES.items():
        matrix = metric_matrix("coulomb", BASIS, [species], [[0.0, 0.0, 0.0]])
        layout = BASIS.layout([species])
        total += values.sum() * matrix.diagonal()[layout.start[layout.l == ell]].sum()
    assert SPACE.scale == pytest.approx(total / 50)


def test_smaller_regularisations_have_larger_spaces():
    spaces = [SPACE.n_outputs(one, 1000) for one in (1e2, 1e-1, 1e-4, 1e-12)]
    for smaller, larger in pairwise(spaces):
        assert all(smaller[key] <= larger[key] for key in VARIANCES)
        assert count(smaller) < count(larger)
    assert count(spaces[0]) == 2  # one output of oxygen, for two shells, stays in any case
    assert spaces[-1] == {key: len(values) for key, values in VARIANCES.items()}


def test_the_most_important_outputs_fit_into_a_number_of_weights():
    for most in (1, 2, 3, 7, 10):
        chosen = SPACE.n_outputs(1e-12, most)
        assert 1 <= count(chosen) <= max(most, 2)  # one output of oxygen has two weights
    assert chosen[8, 0] > 1
    assert chosen[1, 1] > 0
