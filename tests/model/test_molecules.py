"""Molecules far from a small training set: a DOS that dips below zero, and electrons that rest."""

import numpy as np
import pytest
from ase import Atoms
from ase.units import kB
from toy_training import QUICK

from ase_dos.descriptors.soap import SOAP
from ase_dos.model.dos_model import DOSModel
from ase_dos.spectra.states import ElectronicStates

pytestmark = pytest.mark.filterwarnings("ignore")


def dimers(rng, spread):
    """Two stretched molecules of two atoms each."""
    places = []
    for k in range(2):
        centre = np.array([4.0 * k, 0, 0]) + rng.normal(0, 0.3 * spread, 3)
        bond = rng.normal(size=3)
        bond *= 0.5 * (1.1 + 0.15 * spread * rng.normal()) / np.linalg.norm(bond)
        places += [centre - bond, centre + bond]
    return Atoms("NCNC", places)


def levels(atoms):
    """Bonds and antibonds of an s level on every atom, and levels far above; 4 electrons."""
    away = atoms.get_all_distances()
    site = np.diag(np.where(atoms.numbers == 7, -3.0, 0.0))
    other = 1 - np.eye(len(atoms))
    low = site - 6 * np.exp(-(away - 1.1) / 0.5) * other
    high = site + 12 * np.eye(len(atoms)) + 2 * np.exp(-(away - 1.1) / 0.7) * other
    bands = np.sort(np.concatenate([np.linalg.eigvalsh(low), np.linalg.eigvalsh(high)]))
    return ElectronicStates(bands[None, None], np.ones(1), float(len(atoms)), 2)


def test_molecules_far_from_the_training_set_have_cold_electrons():
    """Gaps of 6 to 18 eV: F(5000 K) - F(0) was +0.76 to -1.6 eV, S up to 5 k."""
    rng = np.random.default_rng(0)
    train = [dimers(rng, 0.5) for _ in range(8)]
    soap = SOAP(cutoff=4.0, max_radial=4, max_angular=3, species=("C", "N"))
    model = DOSModel(soap, smearing=0.3, valence={"C": 1, "N": 1}, **QUICK)
    model.fit(train, [levels(atoms) for atoms in train])
    dips = 0
    for _ in range(12):
        atoms = dimers(rng, 1.5)
        exact = levels(atoms).electron_gas([0.0, 5000.0], top=np.inf)
        assert -2e-3 < exact.free_energy[1] - exact.free_energy[0] < 0
        dos = model.predict(atoms).total()
        dips += dos.values.min() < -0.1
        gas = dos.electron_gas([0.0, 5000.0])
        assert -2e-3 < gas.free_energy[1] - gas.free_energy[0] <= 0
        assert 0 <= gas.entropy[1] < 0.02 * kB
        assert gas.heat_capacity[1] >= 0
    assert dips > 6
