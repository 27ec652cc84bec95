"""Frames that features are checked on, and how close two sets of features are."""

from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule

from ase_dos.descriptors.radial import RadialScaling
from ase_dos.descriptors.soap import SOAP


def perovskite():
    scaled = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0, 0.5, 0.5), (0.5, 0, 0.5)]
    atoms = Atoms("SrTiO3", scaled_positions=scaled, cell=[3.905] * 3, pbc=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def silicon():
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=2)
    return atoms


def skewed():
    cell = [[2.5, 0, 0], [1.8, 2.4, 0], [-1.1, 0.9, 2.6]]
    return Atoms("SiGe", [[0, 0, 0], [1.3, 1.1, 1.0]], cell=cell, pbc=True)


def slab():
    atoms = silicon()
    atoms.pbc = (True, False, True)
    atoms.positions[:, 1] -= 40.0
    return atoms


FRAMES = {f.__name__: f() for f in (silicon, perovskite, skewed, slab)} | {
    "ethanol": molecule("CH3CH2OH")
}


SCALINGS = [None, RadialScaling(1.0, 2.5, 4), RadialScaling(0.7, 2.0, 7)]


def soap_for(atoms, **options):
    return SOAP(species=sorted(set(atoms.numbers.tolist())), **options)


def assert_close(values, expected, relative=1e-8):
    assert np.abs(values - expected).max() <= relative * np.abs(expected).max()


def contraction_for(soap, n_radial, seed=0):
    """Orthonormal combinations of the primitive functions, others for every species and l."""
    shape = (len(soap.species), soap.max_angular + 1, soap.max_radial, soap.max_radial)
    turned = np.linalg.qr(np.random.default_rng(seed).normal(size=shape))[0]
    return turned[:, :, :n_radial]


def contracted(soap, n_radial):
    return replace(soap, contraction=contraction_for(soap, n_radial))
