"""Three bands over a square of momenta, a theory that misses them, and what a detector counts."""

import numpy as np

from ase_dos.bands import BandMap, LineProfile, TheoryBands, simulate_map

PROFILE = LineProfile(0.05, 0.03)
ENERGIES = np.linspace(-3.0, 0.2, 107)


def momenta(n):
    """Axis of momentum (1/Angstrom)."""
    return np.linspace(-0.8, 0.8, n)


def theory_energies(kx, ky):
    """Three bands, the lower two of which touch."""
    x, y = np.meshgrid(kx, ky, indexing="ij")
    gap = 0.35 * (np.cos(2.0 * x) + np.cos(2.0 * y) - 1.0)
    return np.sort(
        [-0.6 - 0.5 * (x**2 + y**2), -1.7 + gap, -1.9 - gap + 0.1 * x],
        axis=0,
    )


def corrections(kx, ky):
    """What the theory is wrong by: smooth, of some 60 meV."""
    x, y = np.meshgrid(kx, ky, indexing="ij")
    return np.array(
        [
            0.05 + 0.04 * np.cos(1.5 * x + 0.5),
            -0.06 + 0.04 * np.sin(1.2 * y),
            0.05 * np.cos(x - y),
        ]
    )


def toy_map(n=24, counts=600.0, seed=0, bands=(0, 1, 2)) -> tuple[BandMap, TheoryBands, np.ndarray]:
    """Map, theory, and the true energies (bands, n, n)."""
    k = momenta(n)
    theory = theory_energies(k, k)
    truth = np.sort(theory + corrections(k, k), axis=0)[list(bands)]
    theory = TheoryBands.from_arrays(theory[list(bands)], k, k)
    measured = simulate_map(
        truth, ENERGIES, PROFILE, counts_per_edc=counts, background=0.1, seed=seed, kx=k, ky=k
    )
    return measured, theory, truth
