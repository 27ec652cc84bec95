"""Maps of features: against their formulas, and the same maps in the fused kernels."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk

from ase_dos.descriptors.feature_map import FeatureMap, mean_outputs
from ase_dos.descriptors.soap import SOAP

N = 5  # features of an atom
RNG = np.random.default_rng(4)
FEATURES = RNG.normal(size=(4, N))


def kernel_map(degree, n_features=N, points=6):
    unit = RNG.normal(size=(points, n_features))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    mix = RNG.normal(size=(points, 3))
    return FeatureMap([unit.T], [np.zeros(points)], degree=degree, unit_length=True, mix=mix)


def network_map(n_features=N, widths=(7,)):
    sizes = (n_features, *widths)
    weights = [RNG.normal(size=pair) for pair in itertools.pairwise(sizes)]
    return FeatureMap(weights, [RNG.normal(size=n) for n in widths], activation="tanh")


MAPS = {
    "ridge": FeatureMap(),
    **{f"kernel {degree}": kernel_map(degree) for degree in range(1, 6)},
    "network": network_map(),
    "two layers": network_map(widths=(7, 4)),
    "network with mix": replace(network_map(), mix=RNG.normal(size=(7, 3))),
}


def by_hand(name, feature_map, x):
    """Return the outputs of one atom from the formula."""
    if name == "ridge":
        return x
    if name.startswith("kernel"):
        points = feature_map.weights[0].T
        kernel = [(s @ x / np.sqrt(x @ x)) ** feature_map.degree for s in points]
        return np.array(kernel) @ feature_map.mix
    for weight, bias in zip(feature_map.weights, feature_map.biases, strict=True):
        x = np.array([np.tanh(column @ x + b) for column, b in zip(weight.T, bias, strict=True)])
    return x if feature_map.mix is None else x @ feature_map.mix


@pytest.mark.parametrize("name", MAPS)
def test_outputs_are_those_of_the_formula(name):
    feature_map = MAPS[name]
    expected = [by_hand(name, feature_map, x) for x in FEATURES]
    np.testing.assert_allclose(feature_map(FEATURES), expected, rtol=1e-12, atol=1e-14)
    assert feature_map(FEATURES).shape == (4, feature_map.size(N))


@pytest.mark.parametrize("name", MAPS)
def test_output_multiplies_by_a_matrix(name):
    matrix = np.random.default_rng(1).normal(size=(MAPS[name].size(N), 2))
    with_output = MAPS[name].with_output(matrix)
    assert with_output.size(N) == 2
    expected = [by_hand(name, MAPS[name], x) @ matrix for x in FEATURES]
    np.testing.assert_allclose(with_output(FEATURES), expected, rtol=1e-11, atol=1e-13)


def test_atoms_without_features_have_no_direction():
    """The length of a vector of zeros is not divided by."""
    np.testing.assert_array_equal(kernel_map(2)(np.zeros((1, N))), np.zeros((1, 3)))


def test_length_of_features_is_of_no_consequence_to_a_kernel():
    feature_map = kernel_map(3)
    np.testing.assert_allclose(feature_map(7.0 * FEATURES), feature_map(FEATURES), rtol=1e-12)


@pytest.mark.parametrize("name", MAPS)
def test_header_and_arrays_bring_it_back(name):
    feature_map = MAPS[name]
    assert sorted(feature_map.header()["arrays"]) == sorted(feature_map.arrays())
    again = FeatureMap.restored(feature_map.header(), feature_map.arrays())
    np.testing.assert_array_equal(again(FEATURES), feature_map(FEATURES))
    assert again.header() == feature_map.header()


@pytest.mark.parametrize("kind", ["ridge", "kernel", "network"])
@pytest.mark.parametrize("backend", ["numba", "featomic"])
def test_compiled_kernels_agree(kind, backend):
    if backend != "numba":
        pytest.importorskip(backend)
    soap = SOAP(cutoff=4.0, max_radial=3, max_angular=2, species=("Si",), backend=backend)
    n = soap.n_features
    feature_map = {"ridge": FeatureMap(), "kernel": kernel_map(3, n), "network": network_map(n)}[
        kind
    ]
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=0)
    matrix = RNG.normal(size=(feature_map.size(n), 4))
    with_output = feature_map.with_output(matrix)
    expected = feature_map(replace(soap, backend="numba").compute(atoms)) @ matrix
    scale = np.abs(expected).max()
    np.testing.assert_allclose(soap.regress(atoms, with_output), expected, atol=1e-10 * scale)
    some = soap.regress(atoms, with_output, which=np.array([5, 2]))
    np.testing.assert_allclose(some, expected[[5, 2]], atol=1e-10 * scale)


def test_row_of_the_regression_is_the_mean_over_atoms_by_species():
    maps, kinds = [kernel_map(2), network_map()], np.array([1, 0, 1, 1])
    row = mean_outputs(maps, FEATURES, kinds)
    first = by_hand("kernel", maps[0], FEATURES[1]) / 4
    rest = sum(by_hand("network", maps[1], FEATURES[i]) for i in (0, 2, 3)) / 4
    np.testing.assert_allclose(row, np.concatenate([first, rest]), rtol=1e-12)
    shared = mean_outputs([maps[0]], FEATURES, kinds)
    np.testing.assert_allclose(shared, maps[0](FEATURES).mean(axis=0), rtol=1e-12)


def test_row_of_a_structure_that_lacks_a_species():
    maps = [kernel_map(2), network_map()]
    row = mean_outputs(maps, FEATURES, np.ones(4, int))
    assert not row[:3].any()
    np.testing.assert_allclose(row[3:], maps[1](FEATURES).mean(axis=0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"weights": [np.zeros((3, 2)), np.zeros((3, 1))], "biases": [np.zeros(2), np.zeros(1)]},
            r"weights: expected shape \(2, any\), got \(3, 1\)",
        ),
        ({"weights": [np.zeros((3, 2))], "biases": [np.zeros(3)]}, "biases: expected shape"),
        ({"weights": [np.zeros((3, 2))]}, "biases: expected 1, one for each matrix"),
        ({"weights": [np.full((3, 2), np.nan)], "biases": [np.zeros(2)]}, "weights: 6 of 6"),
        ({"weights": [np.eye(2)], "biases": [np.zeros(2)], "mix": np.eye(3)}, "mix: expected"),
        ({"activation": "relu"}, "expected one of power, tanh, got 'relu'"),
        ({"degree": 0}, "degree: expected an integer >= 1, got 0"),
    ],
)
def test_maps_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeatureMap(**arguments)


def test_kernels_need_a_matrix_at_the_end():
    with pytest.raises(ValueError, match="expected one that ends in a matrix; use with_output"):
        SOAP(4.0, 3, 2).regress(bulk("Si"), FeatureMap())
