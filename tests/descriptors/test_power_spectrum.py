"""Order of the features of a power spectrum, and its complete form."""

import numpy as np
import pytest
from soap_frames import FRAMES, assert_close, soap_for

from ase_dos.descriptors.soap import SOAP


def test_dot_products_are_those_of_the_complete_spectrum():
    atoms = FRAMES["perovskite"]
    soap = soap_for(atoms)
    features = soap.compute(atoms)
    full = soap.basis.unfold(features).reshape(len(atoms), -1)
    np.testing.assert_allclose(features @ features.T, full @ full.T, rtol=1e-12)


def test_labels_name_the_features():
    atoms = FRAMES["perovskite"]
    soap = soap_for(atoms, max_radial=4, max_angular=2)
    features = soap.compute(atoms)
    assert features.shape == (5, soap.n_features) == (5, len(soap.basis.labels))
    full = soap.basis.unfold(features)
    for value, (za, zb, n1, n2, ell) in zip(features[1], soap.basis.labels, strict=True):
        fold = np.sqrt(2) if za == zb and n1 != n2 else 1.0
        pair = soap.basis.species_pairs.index((za, zb))
        assert value == pytest.approx(fold * full[1, pair, ell, n1, n2], rel=1e-14)


def test_absent_species_give_zeros():
    wide, narrow = SOAP(species=(8, 14, 22)), SOAP(species=(14,))
    features = wide.compute(FRAMES["silicon"])
    of_silicon = (wide.basis.labels[:, :2] == 14).all(axis=1)
    assert_close(features[:, of_silicon], narrow.compute(FRAMES["silicon"]), 1e-14)
    assert (features[:, ~of_silicon] == 0).all()


def test_features_of_another_basis_are_refused():
    with pytest.raises(ValueError, match="features: expected shape"):
        SOAP().basis.unfold(np.zeros((2, 3)))


def test_complete_spectra_fold_back_to_the_features():
    atoms = FRAMES["perovskite"]
    soap = soap_for(atoms, max_radial=4, max_angular=2)
    features = soap.compute(atoms)
    np.testing.assert_allclose(soap.basis.fold(soap.basis.unfold(features)), features, rtol=1e-14)
