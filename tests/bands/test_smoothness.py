import numpy as np
import pytest

from ase_dos.bands.smoothness import Smoothness


@pytest.fixture
def field():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(5, 6, 3, 3))
    information = 100.0 * np.einsum("xyab,xycb->xyac", root, root)
    information[0, 0] = 0.0
    return Smoothness((0.02, 0.03), 0.3), information, rng.normal(size=(3, 5, 6))


def dense(smoothness, information):
    """Matrix of information + Laplacian."""
    shape = (information.shape[-1], *information.shape[:-2])
    columns = []
    for unit in np.eye(int(np.prod(shape))):
        x = unit.reshape(shape)
        image = smoothness.gradient(x) + np.einsum("...bc,c...->b...", information, x)
        columns.append(image.ravel())
    return np.array(columns).T


def test_energy_is_a_sum_over_pairs_of_neighbours(field):
    smoothness, _, d = field
    pairs = 0.0
    for b in range(3):
        for i in range(5):
            for j in range(6):
                if i < 4:
                    pairs += (d[b, i + 1, j] - d[b, i, j]) ** 2 / (2.0 * (0.3 * 0.02) ** 2)
                if j < 5:
                    pairs += (d[b, i, j + 1] - d[b, i, j]) ** 2 / (2.0 * (0.3 * 0.03) ** 2)
    assert smoothness.energy(d) == pytest.approx(pairs, rel=1e-12)
    assert smoothness.energy(d + 7.0) == pytest.approx(pairs, rel=1e-9)
    assert 0.5 * (d * smoothness.gradient(d)).sum() == pytest.approx(pairs, rel=1e-12)


def test_solution_is_that_of_the_dense_system(field):
    smoothness, information, right = field
    exact = np.linalg.solve(dense(smoothness, information), right.ravel())
    found = smoothness.solve(information, right).ravel()
    np.testing.assert_allclose(found, exact, atol=1e-4 * np.abs(exact).max())
