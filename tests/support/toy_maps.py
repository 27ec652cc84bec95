"""Counts of photoemission with known bands."""

import numpy as np

from ase_dos.bands import BandMap
from ase_dos.bands.line_profile import LineProfile


def toy_map(bands, momenta, energies, counts, seed=0, line=(0.06, 0.04), background=0.1, **rough):
    """Poisson counts of bands (bands, *momenta), `counts` per spectrum on average.

    Strengths of the bands vary smoothly over the momenta, by some 50 %.
    """
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*momenta, indexing="ij"))
    profile = LineProfile(*line)
    rate = np.zeros((*grid.shape[1:], len(energies)))
    for band in bands:
        phase = sum(rng.uniform(1, 3) * k for k in grid) + rng.uniform(0, 6)
        strength = 1 + 0.5 * np.cos(phase)
        rate += strength[..., None] * profile.density(energies - band[..., None])
    rate /= rate.sum(axis=-1).mean()
    rate = counts * ((1 - background) * rate + background / len(energies))
    names = ("kx", "ky") if len(momenta) == 2 else ("k",)
    axes = dict(zip(names, momenta, strict=True))
    return BandMap.from_arrays(rng.poisson(rate), energies, counts=True, **axes)


def distortion(momenta, size):
    """Smooth local error of a theory (eV): two hills of opposite sign."""
    kx, ky = np.meshgrid(*momenta, indexing="ij")
    return size * (
        np.exp(-((kx - 0.4) ** 2 + (ky + 0.2) ** 2) / 0.1)
        - np.exp(-((kx + 0.5) ** 2 + (ky - 0.3) ** 2) / 0.15)
    )
