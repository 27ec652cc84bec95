"""Frames of atoms of two kinds, told apart by their local DOS."""

import numpy as np

from ase_dos.results.atoms import AtomicFrame


def two_kinds(n_frames=6, atoms=30, seed=0):
    """Frames of atoms of two kinds whose local DOS peak at different energies."""
    rng = np.random.default_rng(seed)
    energies = -8.0 + 0.05 * np.arange(321)
    basis = np.stack([np.exp(-((energies - c) ** 2) / w) for c, w in ((-5, 1), (-4, 2), (2, 1))])
    kinds, frames = [], []
    for index in range(n_frames):
        kind = rng.integers(0, 2, atoms)
        coefficients = 0.1 * rng.normal(size=(atoms, 3)) + np.where(
            kind[:, None] == 0, [1.0, 1.0, 0.0], [0.2, 1.0, 1.0]
        )
        kinds.append(kind)
        frames.append(
            AtomicFrame(
                index, 0.1 * index, {"charge": kind + 0.0}, None, energies, basis, coefficients
            )
        )
    return frames, kinds
