"""Derivatives of a regressor by positions and strain against central differences."""

import itertools
from dataclasses import replace

import numba
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from derivatives import central

from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.descriptors.neighbors import NeighborSearch
from ase_dos.descriptors.soap import SOAP


def rattled(atoms, amount=0.15, seed=0):
    atoms = atoms.copy()
    atoms.positions += np.random.default_rng(seed).normal(0, amount, atoms.positions.shape)
    return atoms


def mixed():
    atoms = bulk("Si", cubic=True)
    atoms.numbers[[0, 3, 5]] = 6
    return rattled(atoms, 0.2)


FRAMES = {
    "crystal": rattled(bulk("Si", cubic=True)),
    "primitive cell": rattled(bulk("Si")),
    "two species": mixed(),
    "cluster": Atoms("Si5C2", np.random.default_rng(1).normal(0, 1.8, (7, 3))),
    "slab": Atoms(
        "Si2C",
        [[0, 0, 0], [1.1, 0.7, 1.9], [2.0, 2.1, 0.4]],
        cell=[3.1, 3.4, 9.0],
        pbc=[True, True, False],
    ),
    "small and skewed": Atoms(
        "Si2",
        [[0, 0, 0], [1.2, 1.1, 1.6]],
        cell=[[2.6, 0, 0.4], [1.2, 2.9, 0], [0.3, -0.9, 3.1]],
        pbc=True,
    ),
}
SOAPS = {
    "plain": SOAP(4.5, 5, 4, 0.5, ("C", "Si")),
    "scaled, odd sizes": SOAP(4.0, 9, 2, 0.6, ("C", "Si"), radial_scaling=(1.0, 2.5, 4)),
    "l = 0": SOAP(4.0, 3, 0, 0.5, ("C", "Si")),
}


def regressors(n_features):
    rng = np.random.default_rng(5)
    n = n_features

    def scaled(*shape):
        return rng.normal(size=shape) / np.sqrt(shape[0])

    def network(*widths):
        sizes = (n, *widths)
        weights = [scaled(*shape) for shape in itertools.pairwise(sizes)]
        biases = [rng.normal(size=k) for k in widths]
        return FeatureMap(weights, biases, activation="tanh", mix=scaled(widths[-1], 1))

    return {
        "linear": FeatureMap(mix=scaled(n, 1)),
        "kernel": FeatureMap(
            [scaled(n, 7)], [np.zeros(7)], degree=3, unit_length=True, mix=scaled(7, 1)
        ),
        "network": network(9),
        "deep network": network(9, 6),
    }


def slope(function):
    """Derivative at 0. Small steps, because weights bend sharply where neighbours fade out."""
    return central(function, step=2e-5)


def moved(atoms, atom, axis, step):
    atoms = atoms.copy()
    atoms.positions[atom, axis] += step
    return atoms


def strained(atoms, a, b, step):
    strain = np.eye(3)
    strain[a, b] += step / 2
    strain[b, a] += step / 2
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell.array @ strain)
    atoms.positions = atoms.positions @ strain
    return atoms


@pytest.mark.parametrize("kind", ["linear", "kernel", "network", "deep network"])
@pytest.mark.parametrize("soap", SOAPS)
@pytest.mark.parametrize("frame", FRAMES)
def test_derivatives_agree_with_central_differences(frame, soap, kind):
    atoms, soap = FRAMES[frame], SOAPS[soap]
    regressor = regressors(soap.n_features)[kind]

    def total(structure):
        return soap.regress(structure, regressor).sum()

    gradient, virial = soap.differentiate(atoms, regressor)
    some = range(0, len(atoms), 3)
    expected = np.array(
        [[slope(lambda h: total(moved(atoms, i, k, h))) for k in range(3)] for i in some]  # noqa: B023
    )
    scale = np.abs(gradient).max()
    np.testing.assert_allclose(gradient[some], expected, rtol=0, atol=1e-7 * scale)
    for a, b in ((0, 0), (2, 2), (0, 1), (1, 2)):
        by_strain = slope(lambda h: total(strained(atoms, a, b, h)))  # noqa: B023
        assert virial[a, b] == pytest.approx(by_strain, rel=1e-7, abs=1e-7 * np.abs(virial).max())
    np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-12 * scale)
    np.testing.assert_array_equal(virial, virial.T)


def test_no_torque_on_a_cluster():
    atoms, soap = FRAMES["cluster"], SOAPS["plain"]
    gradient, _ = soap.differentiate(atoms, regressors(soap.n_features)["kernel"])
    torque = np.cross(atoms.positions, gradient).sum(axis=0)
    np.testing.assert_allclose(torque, 0, atol=1e-12 * np.abs(gradient).max())


def test_contracted_radial_functions_are_differentiated_too():
    atoms = FRAMES["two species"]
    turned = np.random.default_rng(0).normal(size=(2, 5, 3, 5))
    soap = replace(SOAPS["plain"], contraction=turned)
    regressor = regressors(soap.n_features)["linear"]
    gradient, _ = soap.differentiate(atoms, regressor)
    expected = slope(lambda h: soap.regress(moved(atoms, 2, 1, h), regressor).sum())
    assert gradient[2, 1] == pytest.approx(expected, rel=1e-7, abs=1e-8 * np.abs(gradient).max())


def test_sum_over_some_atoms_only():
    atoms, soap = FRAMES["two species"], SOAPS["plain"]
    regressor = regressors(soap.n_features)["kernel"]
    which = np.flatnonzero(atoms.numbers == 14)
    gradient, virial = soap.differentiate(atoms, regressor, which=which)
    rest, more = soap.differentiate(atoms, regressor, which=np.flatnonzero(atoms.numbers == 6))
    whole, all_of_it = soap.differentiate(atoms, regressor)
    np.testing.assert_allclose(gradient + rest, whole, atol=1e-12 * np.abs(whole).max())
    np.testing.assert_allclose(virial + more, all_of_it, atol=1e-12 * np.abs(all_of_it).max())
    expected = slope(lambda h: soap.regress(moved(atoms, 0, 2, h), regressor)[which].sum())
    assert gradient[0, 2] == pytest.approx(expected, rel=1e-7)


def test_every_digit_is_independent_of_the_threads():
    atoms = rattled(bulk("Si", cubic=True).repeat(4))
    soap = SOAP(4.0, 4, 3)
    regressor = regressors(soap.n_features)["kernel"]
    most = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        one = soap.differentiate(atoms, regressor)
    finally:
        numba.set_num_threads(most)
    for alone, together in zip(one, soap.differentiate(atoms, regressor), strict=True):
        np.testing.assert_array_equal(together, alone)


def test_combination_of_outputs():
    atoms, soap = FRAMES["crystal"], SOAPS["plain"]
    rng = np.random.default_rng(6)
    combination = rng.normal(size=3)
    for hidden in ([], [rng.normal(size=(soap.n_features, 4))]):
        mix = rng.normal(size=(4 if hidden else soap.n_features, 3))
        options = {"weights": hidden, "biases": [np.ones(4)] * len(hidden), "activation": "tanh"}
        several = FeatureMap(**options, mix=mix)
        alone = FeatureMap(**options, mix=(mix @ combination)[:, None])
        for one, other in zip(
            soap.differentiate(atoms, several, combination),
            soap.differentiate(atoms, alone),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


def test_single_precision_and_a_search_made_before():
    atoms = rattled(bulk("Si", cubic=True).repeat(2))
    soap = SOAP(4.0, 4, 3)
    regressor = regressors(soap.n_features)["linear"]
    double, virial = soap.differentiate(atoms, regressor)
    single, rough = soap.differentiate(atoms, regressor, dtype=np.float32)
    assert 1e-10 < np.abs(single - double).max() / np.abs(double).max() < 1e-5
    assert np.abs(rough - virial).max() < 1e-5 * np.abs(virial).max()
    again, _ = soap.differentiate(atoms, regressor, search=NeighborSearch(atoms, 4.0))
    np.testing.assert_array_equal(again, double)


def test_what_cannot_be_differentiated():
    atoms, soap = FRAMES["crystal"], SOAPS["plain"]
    with pytest.raises(ValueError, match=r"combination of outputs: expected shape \(2\), got"):
        soap.differentiate(atoms, FeatureMap(mix=np.zeros((soap.n_features, 2))))
    with pytest.raises(ValueError, match="need the backend 'numba'"):
        replace(soap, backend="featomic").differentiate(atoms, regressors(3)["linear"])
    with pytest.raises(ValueError, match="takes 3 features"):
        soap.differentiate(atoms, FeatureMap(mix=np.zeros((3, 1))))
    atoms = atoms.copy()
    atoms.positions[1] = atoms.positions[0]
    with pytest.raises(ValueError, match="at the same place"):
        soap.differentiate(atoms, regressors(soap.n_features)["linear"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_that_was_used_before_does_not_matter(dtype):
    """Vectors read past the last radial function; what is there must not be NaN."""
    atoms = Atoms("Si2", [[0, 0, 0], [0, 0, 2.3]])
    soap = SOAP(4.0, 3, 1, 0.5, ("Si",))
    regressor = regressors(soap.n_features)["linear"]
    expected = soap.differentiate(atoms, regressor, dtype=dtype)[0]
    assert np.isfinite(expected).all()
    for size in range(8, 3000, 8):
        spoilt = [np.full(size, np.nan) for _ in range(4)]
        del spoilt
        again = soap.differentiate(atoms, regressor, dtype=dtype)[0]
        np.testing.assert_array_equal(again, expected)
