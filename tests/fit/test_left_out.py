"""Groups left out of a regression in closed form, against refitting without them."""

import numpy as np
import pytest

from ase_dos.fit.left_out import LeftOut, alone, rows_of_groups
from ase_dos.fit.ridge import Ridge

GROUPS = np.array([0, 1, 0, 2, 2, 2, 3, 1, 4, 5])


def fitted(p, species):
    rng = np.random.default_rng(0)
    share = rng.uniform(size=10)
    z = np.ones((10, 1)) if species == 1 else np.column_stack([share, 1 - share])
    phi = rng.normal(size=(10, p))
    return phi, z, rng.normal(size=(10, 4)), Ridge.decompose(phi, z)


@pytest.mark.parametrize("species", [1, 2])
@pytest.mark.parametrize("p", [3, 30])
def test_residuals_and_distances_are_those_of_refitting_without_the_group(p, species):
    phi, z, targets, ridge = fitted(p, species)
    left_out = LeftOut(ridge.residual_maker(0.2), GROUPS)
    assert left_out.structures.tolist() == list(range(10))
    design = np.hstack([phi, z])
    penalty = np.diag([0.2 * ridge.scale] * p + [0.0] * species)
    for out in range(10):
        rest = np.flatnonzero(GROUPS - GROUPS[out])
        gram = design[rest].T @ design[rest] + penalty
        weights = np.linalg.solve(gram, design[rest].T @ targets[rest])
        np.testing.assert_allclose(
            left_out.residuals(targets)[out], targets[out] - design[out] @ weights, atol=1e-10
        )
        distance = design[out] @ np.linalg.solve(gram, design[out])
        assert left_out.distances[out] == pytest.approx(distance, rel=1e-9)


def test_group_with_all_structures_of_a_species_is_left_aside():
    phi, _, targets, _ = fitted(3, 1)
    fractions = np.array([[1.0, 0.0]] * 10)
    fractions[[3, 4, 5]] = [0.5, 0.5]
    ridge = Ridge.decompose(phi, fractions)
    left_out = LeftOut(ridge.residual_maker(0.2), GROUPS)
    assert left_out.structures.tolist() == [0, 1, 2, 6, 7, 8, 9]
    assert left_out.residuals(targets).shape == (7, 4)


def test_rows_of_groups_are_in_order():
    assert [rows.tolist() for rows in rows_of_groups(GROUPS)] == [
        [0, 2],
        [1, 7],
        [3, 4, 5],
        [6],
        [8],
        [9],
    ]
    assert [rows.tolist() for rows in rows_of_groups(alone(2))] == [[0], [1]]
