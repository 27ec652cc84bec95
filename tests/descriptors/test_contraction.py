"""Contracted radial functions: the same power spectrum in fewer numbers."""

import json
from dataclasses import replace

import numpy as np
import pytest
import reference_soap as reference
from soap_frames import FRAMES, assert_close, contracted, soap_for

from ase_dos.descriptors.soap import SOAP


@pytest.mark.parametrize("name", FRAMES)
def test_contraction_by_the_identity_changes_nothing(name):
    soap = soap_for(FRAMES[name], max_radial=6, max_angular=4)
    identity = np.tile(np.eye(6), (len(soap.species), 5, 1, 1))
    same = replace(soap, contraction=identity)
    assert_close(same.compute(FRAMES[name]), soap.compute(FRAMES[name]), 1e-12)


@pytest.mark.parametrize("n_radial", [1, 3, 6])
@pytest.mark.parametrize("name", FRAMES)
def test_contraction_acts_on_both_sides_of_the_spectrum(name, n_radial):
    atoms = FRAMES[name]
    soap = soap_for(atoms, max_radial=6, max_angular=4)
    small = contracted(soap, n_radial)
    features = small.compute(atoms)
    assert features.shape == (len(atoms), len(small.basis.labels))
    u = np.array(small.contraction)
    plain = soap.basis.unfold(soap.compute(atoms))
    for pair, (za, zb) in enumerate(soap.basis.species_pairs):
        a, b = soap.species.index(za), soap.species.index(zb)
        expected = np.einsum("lqn,ilnk,lpk->ilqp", u[a], plain[:, pair], u[b])
        full = small.basis.unfold(features)[:, pair]
        assert np.abs(full - expected).max() <= 1e-10 * np.abs(features).max()
    assert_close(small.contract(soap.compute(atoms)), features, 1e-10)


def test_contracted_spectrum_agrees_with_naive_formula():
    atoms = FRAMES["perovskite"]
    soap = contracted(soap_for(atoms, cutoff=3.0, max_radial=5, max_angular=3), 2)
    full = reference.power_spectrum(soap, atoms)
    assert_close(soap.basis.unfold(soap.compute(atoms)), full, 1e-9)


def test_turning_all_radial_functions_keeps_every_dot_product():
    atoms = FRAMES["perovskite"]
    soap = soap_for(atoms)
    plain, turned = soap.compute(atoms), contracted(soap, soap.max_radial).compute(atoms)
    assert_close(turned @ turned.T, plain @ plain.T, 1e-10)
    assert np.abs(turned - plain).max() > 0.1 * np.abs(plain).max()


def test_contracted_features_are_invariant():
    atoms = FRAMES["perovskite"].copy()
    soap = contracted(soap_for(atoms), 3)
    features = soap.compute(atoms)
    order = [3, 1, 4, 0, 2]
    assert_close(soap.compute(atoms[order]), features[order], 1e-12)
    atoms.rotate(73.0, (1, 2, -0.5), rotate_cell=True)
    assert_close(soap.compute(atoms), features, 1e-12)


def test_contraction_survives_json():
    soap = contracted(SOAP(species=("Ti", 8)), 3)
    again = SOAP.from_dict(json.loads(json.dumps(soap.to_dict())))
    assert again == soap
    assert hash(again) == hash(soap) != hash(SOAP(species=("Ti", 8)))
    assert soap.to_dict() == again.to_dict()
    assert soap.primitive == SOAP(species=("Ti", 8))
    assert len(repr(soap)) < 300


@pytest.mark.parametrize(
    ("contraction", "message"),
    [
        (np.zeros((1, 3, 5, 4)), "expected 1 to 4 functions of 4 primitive ones, got 5"),
        (np.zeros((1, 3, 0, 4)), "expected 1 to 4 functions of 4 primitive ones, got 0"),
        (
            np.zeros((2, 3, 2, 4)),
            r"contraction: expected shape \(1, 3, any, 4\), got \(2, 3, 2, 4\)",
        ),
        (np.zeros((3, 2, 4)), r"contraction: expected shape \(1, 3, any, 4\), got \(3, 2, 4\)"),
        (np.full((1, 3, 2, 4), np.nan), "contraction: 24 of 24 values are NaN"),
        ("half", "contraction: expected numbers"),
    ],
)
def test_contraction_that_does_not_fit_is_refused(contraction, message):
    with pytest.raises(ValueError, match=message):
        SOAP(max_radial=4, max_angular=2, contraction=contraction)
