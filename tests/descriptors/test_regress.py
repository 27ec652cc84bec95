"""The fused way from positions to mode coefficients: against features times weights."""

import itertools
from dataclasses import replace

import numba
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from ase_dos import SOAP, DOSModel
from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.descriptors.neighbors import NeighborSearch


def rattled(atoms, seed=0):
    atoms = atoms.copy()
    atoms.rattle(0.1, seed=seed)
    return atoms


def salt(n_atoms=30):
    """Three species at random places of a skewed cell."""
    rng = np.random.default_rng(5)
    cell = 7.0 * (np.eye(3) + 0.2 * rng.normal(size=(3, 3)))
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3) / 4
    scaled = grid[rng.permutation(64)[:n_atoms]] + 0.02 * rng.normal(size=(n_atoms, 3))
    return Atoms(rng.choice([8, 14, 22], n_atoms), scaled_positions=scaled, cell=cell, pbc=True)


FRAMES = {
    "crystal": rattled(bulk("Si", cubic=True).repeat((3, 2, 2))),
    "small cell": rattled(bulk("Si")),
    "molecule": molecule("SiH4"),
    "three species": salt(),
    "one atom": Atoms("Si"),
}
SOAPS = {
    "plain": SOAP(4.5, 6, 4, 0.4, species=(1, 8, 14, 22)),
    "one function": SOAP(3.0, 1, 0, 0.4, species=(1, 8, 14, 22)),
    "odd sizes": SOAP(5.0, 9, 3, 0.5, species=(1, 8, 14, 22), radial_scaling=(1.0, 2.0, 3)),
}


def weights_for(soap, n_outputs, seed=3):
    return np.random.default_rng(seed).normal(size=(soap.n_features, n_outputs))


def relative(difference, scale):
    return np.abs(difference).max() / np.abs(scale).max()


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("soap", SOAPS)
@pytest.mark.parametrize("n_outputs", [1, 7, 32])
def test_linear_map_agrees_with_features_times_weights(frame, soap, n_outputs):
    atoms, soap = FRAMES[frame], SOAPS[soap]
    weights = weights_for(soap, n_outputs)
    expected = soap.compute(atoms) @ weights
    assert relative(soap.linear_map(atoms, weights) - expected, expected) < 1e-13


@pytest.mark.parametrize("frame", FRAMES)
def test_single_precision_costs_six_digits_not_more(frame):
    atoms, soap = FRAMES[frame], SOAPS["plain"]
    weights = weights_for(soap, 8)
    double = soap.linear_map(atoms, weights)
    single = soap.linear_map(atoms, weights, dtype=np.float32)
    error = relative(single - double, double)
    assert 1e-9 < error < 1e-6


def test_single_precision_agrees_on_every_derived_quantity():
    model = DOSModel.load("silicon")
    atoms = rattled(bulk("Si", cubic=True).repeat(3), seed=2)
    double, single = (model.predict(atoms, dtype=t) for t in (np.float64, np.float32))
    assert relative(single.values - double.values, double.values) < 1e-5
    dos = [one.total() for one in (double, single)]
    gases = [one.shifted(-one.band_bottom).electron_gas([0.0, 3000.0]) for one in dos]
    for name in ("fermi_level", "heat_capacity", "entropy", "internal_energy", "thermal_dos"):
        a, b = (np.asarray(getattr(gas, name)) for gas in gases)
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-9, err_msg=name)


def test_numbers_do_not_depend_on_the_threads():
    atoms = rattled(bulk("Si", cubic=True).repeat(5), seed=1)
    soap = SOAP(5.0, 4, 3)
    weights = weights_for(soap, 5)
    most = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        one = soap.linear_map(atoms, weights)
    finally:
        numba.set_num_threads(most)
    np.testing.assert_array_equal(soap.linear_map(atoms, weights), one)


def test_other_backends_map_too():
    pytest.importorskip("featomic")
    soap, atoms = SOAP(4.0, 4, 3), FRAMES["small cell"]
    weights = weights_for(soap, 3)
    ours = soap.linear_map(atoms, weights)
    theirs = replace(soap, backend="featomic").linear_map(atoms, weights)
    assert relative(theirs - ours, ours) < 1e-8


def test_weights_have_to_fit():
    soap = SOAP(4.0, 4, 3)
    with pytest.raises(ValueError, match="weights"):
        soap.linear_map(bulk("Si"), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="dtype: expected float64 or float32"):
        soap.linear_map(bulk("Si"), weights_for(soap, 1), dtype=int)
    with pytest.raises(ValueError, match="takes 3 features, this SOAP has 40"):
        soap.regress(bulk("Si"), FeatureMap(mix=np.zeros((3, 2))))


def test_search_has_to_be_of_this_frame():
    soap, atoms = SOAP(4.0, 2, 1), bulk("Si", cubic=True)
    weights = weights_for(soap, 1)
    shifted = rattled(atoms)
    for search in (
        NeighborSearch(atoms.repeat(2), 4.0),
        NeighborSearch(atoms[:4], 4.0),
        NeighborSearch(atoms, 3.0),
        NeighborSearch(shifted, 4.0),
    ):
        with pytest.raises(ValueError, match="search: made with a cutoff of"):
            soap.linear_map(atoms, weights, search=search)


def test_single_precision_holds_close_to_the_cutoff():
    soap = SOAP(4.0, 4, 3, center_weight=0.0)
    atoms = Atoms("Si2", [[0, 0, 0], [0, 0, 3.999]])
    weights = weights_for(soap, 3)
    double = soap.linear_map(atoms, weights)
    assert relative(soap.linear_map(atoms, weights, dtype=np.float32) - double, double) < 1e-5


@pytest.mark.parametrize("size", [2, 300])
def test_atoms_at_one_place_are_refused(size):
    atoms = bulk("Si", cubic=True).repeat(5)[:size]
    atoms.positions[-1] = atoms.positions[0]
    soap = SOAP(4.0, 2, 1)
    with pytest.raises(ValueError, match=f"atoms 0 and {size - 1} are at the same place"):
        soap.linear_map(atoms, weights_for(soap, 1))
    with pytest.raises(ValueError, match=f"atoms 0 and {size - 1} are at the same place"):
        soap.compute(atoms)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_sparse_kernel_agrees_with_numpy(frame, degree):
    atoms, soap = FRAMES[frame], SOAPS["plain"]
    rng = np.random.default_rng(1)
    sparse = np.abs(rng.normal(size=(soap.n_features, 11))) / np.sqrt(soap.n_features)
    weights = rng.normal(size=(11, 6))
    features = soap.compute(atoms)
    features /= np.linalg.norm(features, axis=1)[:, None]
    expected = (features @ sparse) ** degree @ weights
    kernel = FeatureMap([sparse], [np.zeros(11)], degree=degree, unit_length=True, mix=weights)
    assert relative(soap.regress(atoms, kernel) - expected, expected) < 1e-12


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("widths", [(13,), (13, 5)])
def test_network_agrees_with_numpy(frame, widths):
    atoms, soap = FRAMES[frame], SOAPS["odd sizes"]
    rng = np.random.default_rng(2)
    sizes = [soap.n_features, *widths, 3]
    *weights, last = (rng.normal(size=s) / np.sqrt(s[0]) for s in itertools.pairwise(sizes))
    biases = [rng.normal(size=n) for n in widths]
    expected = soap.compute(atoms)
    for weight, bias in zip(weights, biases, strict=True):
        expected = np.tanh(expected @ weight + bias)
    expected = expected @ last
    network = FeatureMap(weights, biases, activation="tanh", mix=last)
    assert relative(soap.regress(atoms, network) - expected, expected) < 1e-12


def test_some_atoms_only():
    atoms, soap = FRAMES["three species"], SOAPS["plain"]
    linear = FeatureMap(mix=weights_for(soap, 4))
    which = np.flatnonzero(atoms.numbers == 14)
    whole = soap.regress(atoms, linear)
    for chosen in (which, which[::-1], which[:1]):
        some = soap.regress(atoms, linear, which=chosen)
        assert relative(some - whole[chosen], whole) < 1e-14
    assert soap.regress(atoms, linear, which=which[:0]).shape == (0, 4)
