"""Kernels that borrow arrays: they hand back as many references as they were given."""

import sys

import numpy as np
from ase.build import bulk

from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.descriptors.soap import SOAP


def references(*tuples):
    return [sys.getrefcount(one) for tuple_ in tuples for one in tuple_ if np.ndim(one)]


def test_kernels_hand_back_all_references():
    atoms = bulk("Si", cubic=True)
    soap = SOAP(cutoff=4.0, max_radial=3, max_angular=2, width=0.5, species=["Si"])
    feature_map = FeatureMap(mix=np.random.default_rng(1).normal(size=(soap.n_features, 1)))
    hypers, regressor = soap.kernel_arguments(float), feature_map.kernel_form

    def run():
        soap.regress(atoms, feature_map)
        soap.differentiate(atoms, feature_map)

    run()
    before = references(hypers, regressor)
    for _ in range(3):
        run()
    assert references(hypers, regressor) == before
