"""Plain twins of the electron gas: fine quadrature and explicit sums, as the formulas stand."""

import numpy as np
from ase.units import kB
from numpy.polynomial.legendre import leggauss
from scipy.optimize import brentq
from scipy.special import expit


def nodes_on(energies, mu, kt):
    """Gauss points of every piece between grid points and mu + kT * (-80, -79.5 ... 80)."""
    edges = np.concatenate([energies, mu + kt * np.arange(-80, 80.25, 0.5)])
    edges = np.unique(edges[(edges >= energies[0]) & (edges <= energies[-1])])
    x, w = leggauss(16)
    half = 0.5 * np.diff(edges)
    points = (edges[:-1] + half)[:, None] + half[:, None] * x
    return points.ravel(), (half[:, None] * w).ravel()


def integrals(points, states, mu, kt):
    """Integrals n, e, s, k0, k1, k2 of ``states`` held at ``points``."""
    x = (points - mu) / kt
    f = expit(-x)
    a = np.abs(x)
    s = np.log1p(np.exp(-a)) + a * expit(-a)
    k = f * expit(x) / kt
    d = points - mu
    return [float(np.sum(states * h)) for h in (f, points * f, s, k, d * k, d * d * k)]


def quantities(mu, kt, sums):
    """Same six numbers as `gas`, from the integrals at mu."""
    _, energy, s, k0, k1, k2 = sums
    temperature = kt / kB
    return {
        "fermi_level": mu,
        "internal_energy": energy,
        "entropy": kB * s,
        "free_energy": energy - kt * s,
        "heat_capacity": (k2 - k1**2 / k0) / temperature,
        "thermal_dos": k0,
        "fermi_slope": -k1 / (temperature * k0),
    }


def gas_of_dos(energies, values, n_electrons, temperature):
    """Fine quadrature of the piecewise-linear DOS."""
    kt = kB * temperature

    def sums(mu):
        points, weights = nodes_on(energies, mu, kt)
        return integrals(points, weights * np.interp(points, energies, values), mu, kt)

    low, high = energies[0] - 50 * kt, energies[-1] + 50 * kt
    mu = brentq(lambda m: sums(m)[0] - n_electrons, low, high, xtol=1e-14, rtol=1e-15)
    return quantities(mu, kt, sums(mu))


def gas_of_levels(eigenvalues, weights, n_electrons, degeneracy, temperature):
    """Triple loop over spins, k-points and bands."""
    kt = kB * temperature
    levels, states = [], []
    for spin in eigenvalues:
        for k, bands in enumerate(spin):
            for band in bands:
                levels.append(band)
                states.append(degeneracy * weights[k])
    levels, states = np.array(levels), np.array(states)

    def sums(mu):
        return integrals(levels, states, mu, kt)

    low, high = levels.min() - 50 * kt, levels.max() + 50 * kt
    mu = brentq(lambda m: sums(m)[0] - n_electrons, low, high, xtol=1e-14, rtol=1e-15)
    return quantities(mu, kt, sums(mu))


def curvature(energies, values, mu, width):
    """Averages of g'' over averages of g, with the weight f(1 - f) of a thermal width."""
    step = energies[1] - energies[0]
    x = (energies - mu) / width
    around = expit(x) * expit(-x)
    padded = np.pad(values, 1, mode="edge")
    bend = (padded[2:] - 2 * padded[1:-1] + padded[:-2]) / step
    return float(around @ bend / (step * around @ values))
