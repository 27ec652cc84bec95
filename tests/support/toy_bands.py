"""Tight-binding bands in closed form."""

import numpy as np


def square_bands(kx, ky, a):
    """Two bands (2, ...) of a square lattice with constant a that touch nowhere."""
    c = np.cos(np.asarray(kx) * a), np.cos(np.asarray(ky) * a)
    return np.stack([-2.5 - 0.4 * (c[0] + c[1]), -0.8 + 0.3 * (c[0] + c[1]) - 0.1 * c[0] * c[1]])


def graphene_bands(kx, ky, a, hopping=2.7):
    """Bands (2, ...) of the honeycomb lattice with a1 along x, which touch at K."""
    x, y = np.asarray(kx) * a, np.asarray(ky) * a * np.sqrt(3)
    f = 1 + 4 * np.cos(x / 2) * np.cos(y / 2) + 4 * np.cos(x / 2) ** 2
    f = hopping * np.sqrt(np.maximum(f, 0))
    return np.stack([-f, f])


def hexagonal_bands(kx, ky, a):
    """One band (1, ...) of a hexagonal lattice with three-fold symmetry: E(k) is not E(-k)."""
    kx, ky = np.asarray(kx), np.asarray(ky)
    angles = np.deg2rad([0, 120, 240])
    phases = [a * (kx * np.cos(t) + ky * np.sin(t)) for t in angles]
    return (-1.5 - 0.3 * sum(np.cos(p) for p in phases) + 0.1 * sum(np.sin(p) for p in phases))[
        None
    ]
