"""Spin-polarised states of our own making: one set of levels, split rigidly as Stoner did."""

import numpy as np
from toy_model import toy_frames, toy_states

from ase_dos.descriptors.soap import SOAP
from ase_dos.model.dos_model import DOSModel
from ase_dos.spectra.dos import DOS, EnergyGrid
from ase_dos.spectra.states import ElectronicStates

ELECTRONS = 5.0  # of every atom: the third band of either channel is partly filled


def split_states(states, splitting, n_electrons=None):
    """Levels of spin-paired states, down in the first channel and up in the second."""
    half = 0.5 * splitting * np.array([-1.0, 1.0])[:, None, None]
    electrons = states.n_electrons if n_electrons is None else n_electrons
    return ElectronicStates(states.eigenvalues + half, states.weights, electrons, 1)


def spin_set(count, splitting=1.0, seed=1):
    """Structures with rigidly split states; every other one has its moment the other way."""
    frames = toy_frames(count, seed=seed)
    signs = np.where(np.arange(count) % 2, -1.0, 1.0)
    states = [
        split_states(toy_states(atoms, seed=seed + i), sign * splitting, ELECTRONS * len(atoms))
        for i, (atoms, sign) in enumerate(zip(frames, signs, strict=True))
    ]
    return frames, states


def paired(states):
    """Return the states of one channel, spin-paired."""
    return ElectronicStates(states.eigenvalues[0], states.weights, states.n_electrons, 2)


def magnetic_metal(atoms, soap, splitting=2.0):
    """DOS of a ferromagnet: broad peaks whose heights follow the surroundings, split rigidly."""
    energies = np.arange(-16.0, 60.0, 0.1)
    centers, heights = np.arange(-6.0, 49.0, 5.0), np.linspace(0.6, 1.7, 11)
    mixing = np.random.default_rng(3).normal(0, 0.15, (soap.n_features, 11))
    local = heights + np.tanh(soap.compute(atoms) @ mixing / 3)
    up, down = (
        local.sum(axis=0)
        @ (
            np.exp(-0.5 * ((energies + half - centers[:, None]) / 2.0) ** 2)
            / (2 * np.sqrt(2 * np.pi))
        )
        for half in (splitting / 2, -splitting / 2)
    )
    return DOS(energies, up + down, 4.0 * len(atoms), 0.3, spin=up - down)


def magnetic_model(splitting=2.0):
    """Model of `magnetic_metal` with spin channels."""
    soap = SOAP(4.5, 4, 3, 0.5, ("Si",), radial_scaling=(1.0, 2.5, 4))
    frames = toy_frames(12)
    model = DOSModel(
        soap,
        EnergyGrid(-20.0, 0.1, 500),
        n_modes=8,
        reference="fermi",
        regularizations=[1e-3],
        penalties=[0.0],
        spin="channels",
    )
    return model.fit(frames, [magnetic_metal(atoms, soap, splitting) for atoms in frames])
