"""What happens to the features before the regression: values, slopes, and the fused kernels."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk

from ase_dos.descriptors.feature_map import Hidden, mean_outputs
from ase_dos.descriptors.layers import make_layers
from ase_dos.descriptors.soap import SOAP

N = 5  # features of an atom
RNG = np.random.default_rng(4)
FEATURES = RNG.normal(size=(4, N))


def kernel_map(degree, n_features=N, points=6):
    unit = RNG.normal(size=(points, n_features))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    mix = RNG.normal(size=(points, 3))
    return Hidden([unit.T], [np.zeros(points)], degree=degree, unit_length=True, mix=mix)


def network_map(n_features=N, widths=(7,)):
    sizes = (n_features, *widths)
    weights = [RNG.normal(size=pair) for pair in itertools.pairwise(sizes)]
    return Hidden(weights, [RNG.normal(size=n) for n in widths], activation="tanh")


MAPS = {
    "ridge": Hidden(),
    **{f"kernel {degree}": kernel_map(degree) for degree in range(1, 6)},
    "network": network_map(),
    "two layers": network_map(widths=(7, 4)),
    "network with mix": replace(network_map(), mix=RNG.normal(size=(7, 3))),
}


def by_hand(name, hidden, x):
    """Return the outputs of one atom from the formula."""
    if name == "ridge":
        return x
    if name.startswith("kernel"):
        points = hidden.weights[0].T
        kernel = [(s @ x / np.sqrt(x @ x)) ** hidden.degree for s in points]
        return np.array(kernel) @ hidden.mix
    for weight, bias in zip(hidden.weights, hidden.biases, strict=True):
        x = np.array([np.tanh(column @ x + b) for column, b in zip(weight.T, bias, strict=True)])
    return x if hidden.mix is None else x @ hidden.mix


@pytest.mark.parametrize("name", MAPS)
def test_outputs_are_those_of_the_formula(name):
    hidden = MAPS[name]
    expected = [by_hand(name, hidden, x) for x in FEATURES]
    np.testing.assert_allclose(hidden(FEATURES), expected, rtol=1e-12, atol=1e-14)
    assert hidden(FEATURES).shape == (4, hidden.size(N))


@pytest.mark.parametrize("name", MAPS)
def test_gradient_against_central_differences(name):
    hidden = MAPS[name]
    towards = np.random.default_rng(1).normal(size=(4, hidden.size(N)))
    h = 1e-6
    numeric = np.empty_like(FEATURES)
    for i, step in enumerate(h * np.eye(N)):
        change = hidden(FEATURES + step) - hidden(FEATURES - step)
        numeric[:, i] = np.sum(towards * change, axis=1) / (2 * h)
    gradient = hidden.gradient(FEATURES, towards)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-7, atol=1e-7)
    assert np.abs(gradient).max() > 0.1


def test_atoms_without_features_have_no_direction():
    """The length of a vector of zeros is not divided by."""
    hidden = kernel_map(2)
    nothing = np.zeros((1, N))
    assert not hidden(nothing).any()
    assert np.isfinite(hidden.gradient(nothing, np.ones((1, 3)))).all()


def test_length_of_features_is_of_no_consequence_to_a_kernel():
    hidden = kernel_map(3)
    np.testing.assert_allclose(hidden(7.0 * FEATURES), hidden(FEATURES), rtol=1e-12)
    along = np.sum(hidden.gradient(FEATURES, np.ones((4, 3))) * FEATURES, axis=1)
    np.testing.assert_allclose(along, 0, atol=1e-13)


@pytest.mark.parametrize("name", MAPS)
def test_header_and_arrays_bring_it_back(name):
    hidden = MAPS[name]
    assert sorted(hidden.header()["arrays"]) == sorted(hidden.arrays())
    again = Hidden.restored(hidden.header(), hidden.arrays())
    np.testing.assert_array_equal(again(FEATURES), hidden(FEATURES))
    assert again.header() == hidden.header()


@pytest.mark.parametrize("kind", ["ridge", "kernel", "network"])
@pytest.mark.parametrize("backend", ["numba", "featomic"])
def test_compiled_kernels_agree(kind, backend):
    if backend != "numba":
        pytest.importorskip(backend)
    soap = SOAP(cutoff=4.0, max_radial=3, max_angular=2, species=("Si",), backend=backend)
    n = soap.n_features
    hidden = {"ridge": Hidden(), "kernel": kernel_map(3, n), "network": network_map(n)}[kind]
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=0)
    matrix = RNG.normal(size=(hidden.size(n), 4))
    last = matrix if hidden.mix is None else hidden.mix @ matrix
    layers = make_layers(
        [*hidden.weights, last],
        [*hidden.biases, np.zeros(4)],
        activation=hidden.activation,
        degree=hidden.degree,
        unit_length=hidden.unit_length,
    )
    expected = hidden(replace(soap, backend="numba").compute(atoms)) @ matrix
    scale = np.abs(expected).max()
    np.testing.assert_allclose(soap.regress(atoms, layers), expected, atol=1e-10 * scale)
    some = soap.regress(atoms, layers, which=np.array([5, 2]))
    np.testing.assert_allclose(some, expected[[5, 2]], atol=1e-10 * scale)


def test_row_of_the_regression_is_the_mean_over_atoms_by_species():
    maps, kinds = [kernel_map(2), network_map()], np.array([1, 0, 1, 1])
    row = mean_outputs(maps, FEATURES, kinds, 4)
    first = by_hand("kernel", maps[0], FEATURES[1]) / 4
    rest = sum(by_hand("network", maps[1], FEATURES[i]) for i in (0, 2, 3)) / 4
    np.testing.assert_allclose(row, np.concatenate([first, rest]), rtol=1e-12)
    shared = mean_outputs([maps[0]], FEATURES, kinds, 4)
    np.testing.assert_allclose(shared, maps[0](FEATURES).mean(axis=0), rtol=1e-12)


def test_row_of_a_structure_that_lacks_a_species():
    maps = [kernel_map(2), network_map()]
    row = mean_outputs(maps, FEATURES, np.ones(4, int), 4)
    assert not row[:3].any()
    np.testing.assert_allclose(row[3:], maps[1](FEATURES).mean(axis=0))
