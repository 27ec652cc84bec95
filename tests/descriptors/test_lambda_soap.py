"""Equivariant features: the naive formula, symmetries, SOAP and featomic, and bad input."""

import json
from dataclasses import replace

import numpy as np
import pytest
import reference_equivariants as reference
from ase import Atoms
from ase.build import molecule
from soap_frames import FRAMES, assert_close, contraction_for

from ase_dos.descriptors.backends import featomic_hypers
from ase_dos.descriptors.lambda_soap import LambdaSOAP
from ase_dos.descriptors.soap import SOAP

OPTIONS = {"cutoff": 3.5, "max_radial": 3, "max_angular": 3}
SOME = LambdaSOAP(**OPTIONS, species=("H", "C", "O"))
ETHANOL = FRAMES["ethanol"]
ROTATION = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
ROTATION *= np.linalg.det(ROTATION)


def descriptor_for(atoms, **options):
    return LambdaSOAP(species=sorted(set(atoms.numbers.tolist())), **{**OPTIONS, **options})


def transformed(atoms, matrix):
    """The frame after r -> matrix r."""
    moved = atoms.copy()
    moved.positions = atoms.positions @ matrix.T
    moved.cell[:] = atoms.cell.array @ matrix.T
    return moved


def gram(features):
    """Dot products (n, 2 lambda + 1, n, 2 lambda + 1) of features."""
    return np.einsum("imf,jkf->imjk", features, features)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ethanol", {}),
        ("ethanol", {"max_angular": 1, "max_lambda": 2, "max_radial": 1, "center_weight": 0.3}),
        ("perovskite", {"cutoff": 3.0, "max_radial": 2, "max_angular": 4, "max_lambda": 6}),
        ("ethanol", {"max_radial": 1, "max_angular": 8, "max_lambda": 6}),
        ("slab", {"cutoff": 3.0, "max_radial": 9, "radial_scaling": (1.0, 2.0, 5)}),
        ("ethanol", {"contraction": contraction_for(SOME, 2)}),
    ],
)
def test_features_agree_with_naive_formula(name, options):
    atoms = FRAMES[name]
    descriptor = descriptor_for(atoms, **options)
    for ell, features in enumerate(descriptor.compute(atoms)):
        assert features.shape == (len(atoms), 2 * ell + 1, descriptor.n_features(ell))
        assert_close(features, reference.features(descriptor, atoms, ell), 1e-9)


@pytest.mark.parametrize("name", ["ethanol", "perovskite"])
def test_features_turn_with_the_frame(name):
    atoms = FRAMES[name]
    descriptor = descriptor_for(atoms, max_lambda=6)
    turned = descriptor.compute(transformed(atoms, ROTATION))
    for ell, before in enumerate(descriptor.compute(atoms)):
        expected = np.einsum("km,imf->ikf", reference.turn(ROTATION, ell), before)
        assert_close(turned[ell], expected, 1e-11)


@pytest.mark.parametrize("matrix", [-np.eye(3), np.diag([1.0, -1.0, 1.0])])
def test_features_change_under_inversion_and_reflection_as_harmonics_do(matrix):
    descriptor = descriptor_for(ETHANOL)
    mirrored = descriptor.compute(transformed(ETHANOL, matrix))
    for ell, before in enumerate(descriptor.compute(ETHANOL)):
        expected = np.einsum("km,imf->ikf", reference.turn(matrix, ell), before)
        assert_close(mirrored[ell], expected, 1e-11)


def test_translation_changes_nothing_and_permutation_permutes():
    atoms = FRAMES["perovskite"]
    descriptor, order = descriptor_for(atoms), [3, 1, 4, 0, 2]
    moved = atoms.copy()
    moved.positions += [13.1, -7.2, 41.7]
    for here, there, permuted in zip(
        *(descriptor.compute(frame) for frame in (atoms, moved, atoms[order])), strict=True
    ):
        assert_close(there, here, 1e-11)
        assert_close(permuted, here[order], 1e-12)


@pytest.mark.parametrize("name", FRAMES)
def test_features_of_lambda_zero_are_those_of_soap(name):
    atoms = FRAMES[name]
    descriptor = descriptor_for(atoms, max_radial=5)
    soap = SOAP(**OPTIONS | {"max_radial": 5}, species=descriptor.species).compute(atoms)
    invariant = descriptor.compute(atoms)[0][:, 0]
    assert_close(invariant @ invariant.T, soap @ soap.T, 1e-12)
    assert_close(np.sort(np.abs(invariant)), np.sort(np.abs(soap)), 1e-12)


def test_lone_atom_has_invariant_features_only():
    features = SOME.compute(Atoms("O"))
    assert np.abs(features[0]).max() > 0
    for of_ell in features[1:]:
        assert (of_ell == 0).all()


def test_linear_molecule_along_z_has_features_of_mu_zero_only():
    atoms = Atoms("OCO", [[0, 0, -1.2], [0, 0, 0], [0, 0, 1.1]])
    for ell, features in enumerate(SOME.compute(atoms)):
        others = np.delete(features, ell, axis=1)
        assert np.abs(features[:, ell]).max() > 1e-3
        assert np.abs(others).max(initial=0) < 1e-14


def test_labels_name_the_channels():
    """An atom that is not there leaves the features of its species zero."""
    atoms = molecule("CH4")
    for ell, features in enumerate(SOME.compute(atoms)):
        labels = SOME.labels(ell)
        assert labels.shape == (SOME.n_features(ell), 6)
        with_oxygen = (labels[:, [0, 3]] == 8).any(axis=1)
        assert (features[..., with_oxygen] == 0).all()
        l1, l2 = labels[:, 2], labels[:, 5]
        assert ((l1 + l2 + ell) % 2 == 0).all()
        assert (l1 <= l2).all()


def test_blocks_join_to_the_whole():
    atoms = ETHANOL + Atoms("O2", [[5, 5, 5], [6, 5, 5]])
    whole = SOME.compute(atoms)
    for where, block in SOME.blocks(atoms, size=4):
        for of_ell, expected in zip(block, whole, strict=True):
            assert (of_ell == expected[where]).all()


@pytest.mark.parametrize(
    "options", [{}, {"max_radial": 6, "max_angular": 8, "max_lambda": 6}, {"max_angular": 2}]
)
def test_products_are_those_of_the_features(options):
    atoms = ETHANOL
    descriptor = descriptor_for(atoms, **options)
    same = atoms.numbers[:, None] == atoms.numbers
    products = descriptor.products(atoms, descriptor.points(atoms))
    for features, found in zip(descriptor.compute(atoms), products, strict=True):
        assert_close(found, gram(features) * same[:, None, :, None], 1e-13)


def test_products_of_chosen_atoms_with_chosen_points():
    points = SOME.points(ETHANOL)
    whole = SOME.products(points, points)
    atoms, some = np.array([7, 2, 0]), [8, 0, 1, 2]
    for found, again, expected in zip(
        SOME.products(ETHANOL, points.take(some), atoms),
        SOME.products(points, points.take(some), atoms),
        whole,
        strict=True,
    ):
        np.testing.assert_allclose(found, expected[atoms][:, :, some], rtol=0, atol=1e-13)
        assert (found == again).all()


def test_atoms_are_chosen_by_index_or_mask():
    whole, mask = SOME.points(ETHANOL), ETHANOL.numbers > 1
    for chosen in (mask, np.flatnonzero(mask)):
        some = SOME.points(ETHANOL, chosen)
        assert (some.species == ETHANOL.numbers[mask]).all()
        assert_close(some.coefficients, whole.coefficients[mask], 1e-13)
    assert [one.shape[2] for one in SOME.products(ETHANOL, SOME.points(ETHANOL, []))] == [0] * 5


def test_points_join_and_measure_their_length():
    joined = type(points := SOME.points(ETHANOL)).join([points.take([0, 3]), points.take([5])])
    assert (joined.species == ETHANOL.numbers[[0, 3, 5]]).all()
    lengths = SOME.lengths(joined)
    for ell, products in enumerate(SOME.products(joined, joined)):
        squares = np.einsum("imim->i", products)
        np.testing.assert_allclose(lengths[ell] ** 2, squares, rtol=1e-12)


def test_how_threads_share_the_atoms_changes_no_digit(monkeypatch):
    points = SOME.points(ETHANOL)
    whole = SOME.products(ETHANOL, points), SOME.compute(ETHANOL)
    monkeypatch.setattr(
        "ase_dos.descriptors.lambda_soap.on_threads",
        lambda count, work, grain=1: [work(i, i + 1) for i in range(count)],
    )
    for before, after in zip(
        whole, (SOME.products(ETHANOL, points), SOME.compute(ETHANOL)), strict=True
    ):
        assert all((a == b).all() for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("name", ["ethanol", "CH3CONH2"])
def test_dot_products_are_those_of_featomic(name):
    pytest.importorskip("featomic")
    from featomic import SphericalExpansion
    from featomic.clebsch_gordan import EquivariantPowerSpectrum

    atoms = FRAMES.get(name) or molecule(name)
    descriptor = descriptor_for(atoms)
    calculator = SphericalExpansion(**featomic_hypers(SOAP(**OPTIONS, species=descriptor.species)))
    tensors = EquivariantPowerSpectrum(calculator).compute(atoms, neighbors_to_properties=True)
    ours = descriptor.compute(atoms)
    for ell, features in enumerate(ours):
        for z in descriptor.species:
            block = tensors.block({"o3_lambda": ell, "o3_sigma": 1, "center_type": z})
            theirs = np.asarray(block.values)
            assert_close(gram(features[atoms.numbers == z]), gram(theirs), 1e-9)


def test_hyperparameters_survive_json():
    descriptor = replace(SOME, max_lambda=2, radial_scaling=(1.0, 2.0, 3))
    assert LambdaSOAP.from_dict(json.loads(json.dumps(descriptor.to_dict()))) == descriptor
    with pytest.raises(ValueError, match=r"LambdaSOAP: unknown hyperparameters .*'backend'"):
        LambdaSOAP.from_dict({"backend": "featomic"})


def test_what_makes_no_sense_is_refused():
    points = SOME.points(ETHANOL)
    with pytest.raises(
        ValueError, match="max_lambda: expected at most 6, twice max_angular, got 7"
    ):
        replace(SOME, max_lambda=7)
    with pytest.raises(ValueError, match="lambda: expected an integer from 0 to 4, got 5"):
        SOME.n_features(5)
    with pytest.raises(ValueError, match="frame is empty"):
        SOME.compute(Atoms())
    with pytest.raises(ValueError, match=r"unknown species N \(7\)"):
        SOME.compute(Atoms("N"))
    with pytest.raises(ValueError, match="same place"):
        SOME.compute(Atoms("O2"))
    with pytest.raises(ValueError, match="points: expected coefficients"):
        replace(SOME, max_radial=2).products(ETHANOL, points)
    with pytest.raises(ValueError, match="those of one descriptor"):
        points.join([points, replace(SOME, max_radial=2).points(ETHANOL)])
    with pytest.raises(ValueError, match="one atomic number for each point"):
        type(points)(points.species[None], points.coefficients)
    with pytest.raises(ValueError, match="coefficients"):
        type(points)(points.species[:2], points.coefficients)
