"""Sparse kernels against kernel regression written out, and the choice of their points."""

import numpy as np
import pytest

from ase_dos.fit.ridge import Ridge
from ase_dos.fit.sparse_kernel import SparseKernel, farthest_points

DEGREE = 2


def structures(seed=0, counts=(3, 4, 2, 3, 3, 2)):
    """Features of the atoms of a few structures, more features than atoms."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(count, 25)) for count in counts]


def kernel(a, b):
    """Mean over pairs of atoms of two structures."""
    return np.mean([[(x @ y / np.sqrt((x @ x) * (y @ y))) ** DEGREE for y in b] for x in a])


def test_all_environments_as_points_are_full_kernel_regression():
    train, test = structures(), structures(1)[:2]
    maps = SparseKernel(n_points=1000, degree=DEGREE).maps([np.concatenate(train)])
    assert len(maps) == 1
    assert maps[0].mix.shape == (17, 17)  # nothing is cut
    design = np.array([maps[0](some).mean(axis=0) for some in train])
    ridge = Ridge.decompose(design, np.ones((6, 1)))
    values = np.random.default_rng(2).normal(size=(6, 3))
    weights, terms = ridge.solve(0.01, values)
    found = [maps[0](some).mean(axis=0) @ weights + terms[0] for some in test]
    # The same with a kernel matrix and a constant that is not penalised.
    strength = 0.01 * ridge.scale
    gram = np.array([[kernel(a, b) for b in train] for a in train])
    system = np.block(
        [[gram + strength * np.eye(6), np.ones((6, 1))], [np.ones((1, 6)), np.zeros((1, 1))]]
    )
    solution = np.linalg.solve(system, np.vstack([values, np.zeros((1, 3))]))
    across = np.array([[kernel(a, b) for b in train] for a in test])
    np.testing.assert_allclose(found, across @ solution[:6] + solution[6], rtol=1e-9)


def test_products_of_outputs_are_the_kernel_among_the_points():
    features = structures()[1]
    outputs = SparseKernel(degree=DEGREE).maps([features])[0](features)
    expected = [[kernel([x], [y]) for y in features] for x in features]
    np.testing.assert_allclose(outputs @ outputs.T, expected, rtol=1e-9)


def test_every_species_has_points_of_its_own():
    some, others = structures()[:2]
    maps = SparseKernel(n_points=3).maps([some, others])
    assert [one.weights[0].shape for one in maps] == [(25, 3), (25, 3)]
    unit = others / np.linalg.norm(others, axis=1, keepdims=True)
    assert all(np.isclose(unit, point).all(axis=1).any() for point in maps[1].weights[0].T)


def test_duplicates_neither_count_nor_spoil_the_regression():
    features = structures()[0]
    once, often = (
        SparseKernel(degree=DEGREE).maps([some])[0]
        for some in (features, np.concatenate([features, 2.0 * features, features[:1]]))
    )
    assert often.weights[0].shape == once.weights[0].shape
    np.testing.assert_allclose(
        often(features) @ often(features).T, once(features) @ once(features).T, rtol=1e-9
    )


def test_dependent_points_are_cut():
    """A linear kernel of two features has two directions, however many points there are."""
    features = np.random.default_rng(0).normal(size=(30, 2))
    feature_map = SparseKernel(degree=1).maps([features])[0]
    assert feature_map.mix.shape[1] == 2


def test_atoms_without_features_are_no_points():
    features = structures()[0]
    features[1] = 0.0
    feature_map = SparseKernel(degree=DEGREE).maps([features])[0]
    assert feature_map.weights[0].shape == (25, 2)
    assert np.isfinite(feature_map(features)).all()


def test_many_candidates_are_thinned_out():
    features = np.random.default_rng(0).normal(size=(100, 8))
    feature_map = SparseKernel(max_candidates=30).maps([features])[0]
    assert 20 <= feature_map.weights[0].shape[1] <= 30


def test_farthest_points_are_the_corners_of_a_box():
    rng = np.random.default_rng(3)
    inside = rng.uniform(-0.8, 0.8, (200, 2))
    corners = np.array([[1, 1], [-1, 1], [1, -1], [-1.01, -1.01]])
    vectors = np.concatenate([inside, corners])
    assert sorted(farthest_points(vectors, 4)) == [200, 201, 202, 203]


def test_farthest_points_are_what_they_say():
    vectors = np.random.default_rng(5).normal(size=(40, 3))
    chosen = farthest_points(vectors, 10)
    for count in range(1, 10):
        far = [min(np.linalg.norm(v - vectors[c]) for c in chosen[:count]) for v in vectors]
        assert np.argmax(far) == chosen[count]


def test_farthest_points_do_not_depend_on_the_order():
    vectors = np.random.default_rng(6).normal(size=(50, 4))
    order = np.random.default_rng(7).permutation(50)
    np.testing.assert_array_equal(
        order[farthest_points(vectors[order], 12)], farthest_points(vectors, 12)
    )


def test_farthest_points_stop_where_nothing_is_new():
    vectors = np.repeat(np.random.default_rng(8).normal(size=(5, 3)), 4, axis=0)
    assert len(farthest_points(vectors, 100)) == 5


@pytest.mark.parametrize("name", ["n_points", "degree", "max_candidates"])
@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3"])
def test_bad_options(name, value):
    with pytest.raises(
        ValueError, match=f"SparseKernel: {name}: expected an integer >= 1, got {value!r}"
    ):
        SparseKernel(**{name: value})
