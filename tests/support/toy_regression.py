"""Spectra linear in random features, each with an energy zero of its own that is known."""

from dataclasses import replace

import numpy as np

from ase_dos.fit.regression import Regression
from ase_dos.fit.ridge import Ridge
from ase_dos.spectra.target import DOSTarget

STEP = 0.05


ENERGIES = np.arange(-6, 8, 0.1)


def peaks(energies, centers, heights, width=0.6):
    x = (energies[:, None] - centers) / width
    g = heights * np.exp(-0.5 * x**2)
    return g.sum(axis=1), (-x / width * g).sum(axis=1)


def make_regression(n=24, seed=0, shifts=None, noise=0.0, valid_to=20.0, bound=3.0, contrast=0.35):
    """Spectra linear in random features, each with its own energy zero."""
    rng = np.random.default_rng(seed)
    centers = np.linspace(-4, 5, 6)
    base, mixing = np.full(6, 1.0), rng.normal(0, contrast, (3, 6))
    features = rng.normal(size=(n, 3))
    true = rng.normal(0, 0.4, n) if shifts is None else shifts
    nodes = np.arange(-14, 16, STEP)
    targets = []
    for x, shift in zip(features, true, strict=True):
        heights = base + x @ mixing + noise * rng.normal(size=6)
        value, slope = peaks(nodes - shift, centers, heights)
        targets.append(DOSTarget(-14.0, STEP, value, slope, valid_to, 4.0, 0.0, 0.6))
    ridge = Ridge.decompose(features, np.ones((n, 1)))
    regression = Regression(ridge, targets, np.ones(n), ENERGIES, np.zeros(n), bound)
    return regression, true


def masked(regression, ends):
    """Return the same regression with targets known up to ``ends`` (eV) only."""
    targets = [replace(t, valid_to=float(e)) for t, e in zip(regression.targets, ends, strict=True)]
    return replace(regression, targets=targets)
