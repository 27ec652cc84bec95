"""Simulated maps of WSe2 with known bands, for the benchmarks of reconstruction.

The bands are those of data/wse2. The truth differs from them by smooth corrections of some 60 meV
and a rigid shift of 50.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms

from ase_dos.bands import BandMap, LineProfile, MatrixElements, TheoryBands, simulate_map
from benchmarks.measure import ROOT

PROFILE = LineProfile(0.05, 0.04)


def theory_of_wse2(size: int) -> TheoryBands:
    """14 bands on a square of momenta."""
    with np.load(ROOT / "data" / "wse2" / "wse2.npz") as data:
        atoms = Atoms(
            data["numbers"], scaled_positions=data["scaled_positions"], cell=data["cell"], pbc=True
        )
        axis = np.linspace(-1.2, 1.2, size)
        return TheoryBands.from_mesh(
            data["kpoints"], data["energies"], data["cell"], atoms=atoms, momenta=(axis, axis)
        )


def true_energies(theory: TheoryBands, seed: int, common: bool = False) -> np.ndarray:
    """Theory and smooth corrections: plane waves, of other phases for each band or common to all.

    Common ones turn over some 6 eV, so slowly that bands keep their order.
    """
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(*theory.momenta, indexing="ij")

    def correction(band):
        """Sum of plane waves in momentum, and in energy where they are common."""
        wrong = 0.05
        for _ in range(3):
            turn, wave, phase = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.5, 2.5), rng.uniform()
            along = wave * (np.cos(turn) * x + np.sin(turn) * y)
            if common:
                along = along + rng.uniform(-1.0, 1.0) * band
            wrong = wrong + rng.normal(0.0, 0.05) * np.cos(along + 2.0 * np.pi * phase)
        return wrong

    if common:
        return theory.energies + correction(theory.energies)
    return np.sort([band + correction(band) for band in theory.energies], axis=0)


def measured(truth: np.ndarray, theory: TheoryBands, energies, counts, seed) -> BandMap:
    """Simulate counts of the true bands."""
    kx, ky = theory.momenta
    return simulate_map(
        truth,
        energies,
        PROFILE,
        counts_per_edc=counts,
        amplitudes=MatrixElements(len(truth), seed=seed),
        background=0.1,
        step=0.05,
        seed=seed,
        kx=kx,
        ky=ky,
    )


def rmse(found: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Root mean square error over all bands and of the worst (meV)."""
    squares = (found - truth) ** 2
    return 1e3 * float(np.sqrt(squares.mean())), 1e3 * float(
        np.sqrt(squares.reshape(len(truth), -1).mean(axis=1).max())
    )
