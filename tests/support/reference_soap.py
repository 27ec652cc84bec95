"""Plain-numpy twins of the pair, harmonic, radial and SOAP kernels: the naive formulas."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.special import factorial, gamma, hyp1f1, lpmv


def pairs(atoms, cutoff):
    """All pairs (i, j, vector) by looking at every image within reach."""
    positions, cell = atoms.positions, atoms.cell.array
    reach = [0, 0, 0]
    if atoms.pbc.any():
        complete = atoms.cell.complete().array
        heights = 1.0 / np.linalg.norm(np.linalg.inv(complete), axis=0)
        scaled = positions @ np.linalg.inv(complete)
        extent = np.ceil(np.ptp(scaled, axis=0))
        reach = [
            int(np.ceil(cutoff / h) + e) if p else 0
            for h, e, p in zip(heights, extent, atoms.pbc, strict=True)
        ]
    out = []
    for shift in product(*(range(-r, r + 1) for r in reach)):
        vectors = positions[None, :] + np.array(shift) @ cell - positions[:, None]
        near = np.linalg.norm(vectors, axis=2) < cutoff
        if shift == (0, 0, 0):
            np.fill_diagonal(near, False)
        out += [(i, j, vectors[i, j]) for i, j in np.argwhere(near)]
    return out


def harmonics(directions, l_max):
    """Real spherical harmonics (vectors, (l_max + 1)^2) from associated Legendre functions."""
    x, y, z = directions.T
    azimuth = np.arctan2(y, x)
    columns = []
    for ell in range(l_max + 1):
        for m in range(-ell, ell + 1):
            k = abs(m)
            norm = (2 * ell + 1) / (4 * np.pi) * factorial(ell - k) / factorial(ell + k)
            norm = (-1) ** k * np.sqrt(norm * (2.0 if m else 1.0))
            angle = np.sin(k * azimuth) if m < 0 else np.cos(k * azimuth)
            columns.append(norm * lpmv(k, ell, z) * angle)
    return np.array(columns).T


def radial(distance, cutoff, n_max, l_max, width):
    """Radial integrals (l_max + 1, n_max), closed form (https://doi.org/10.1063/5.0044689)."""
    n = np.arange(n_max)
    sigma = cutoff * np.maximum(np.sqrt(n), 1) / n_max
    norm = np.sqrt(2 / (sigma ** (2 * n + 3) * gamma(n + 1.5)))
    d = 0.5 / sigma**2
    p = 0.5 * (n[:, None] + n + 3)
    overlap = np.outer(norm, norm) * 0.5 * gamma(p) * (d[:, None] + d) ** -p
    values, vectors = np.linalg.eigh(overlap)
    lowdin = vectors @ np.diag(values**-0.5) @ vectors.T
    c = 0.5 / width**2
    out = np.empty((l_max + 1, n_max))
    for ell in range(l_max + 1):
        a, b = 0.5 * (n + ell + 3), ell + 1.5
        primitive = (
            (np.pi / width**2) ** 0.75
            * np.exp(-c * distance**2)
            * (c * distance) ** ell
            * gamma(a)
            / gamma(b)
            * hyp1f1(a, b, (c * distance) ** 2 / (c + d))
            * (c + d) ** -a
        )
        out[ell] = lowdin @ (norm * primitive)
    return out


def weight(distance, soap):
    """Shifted cosine times density scaling."""
    inner = soap.cutoff - soap.cutoff_smoothing
    value = 1.0
    if distance > inner:
        # (1 + cos(pi x)) / 2, written so that no digits are lost where it is small.
        value = np.sin(0.5 * np.pi * (soap.cutoff - distance) / soap.cutoff_smoothing) ** 2
    if soap.radial_scaling:
        rate, scale, exponent = soap.radial_scaling
        value *= rate / (rate + (distance / scale) ** exponent)
    return value


def coefficients(soap, atoms):
    """Density coefficients (atoms, species, n, (l_max + 1)^2) of the radial functions in use."""
    n, l_max = soap.max_radial, soap.max_angular
    basis = (soap.cutoff, n, l_max, soap.width)
    c = np.zeros((len(atoms), len(soap.species), n, (l_max + 1) ** 2))
    degree = np.repeat(np.arange(l_max + 1), 2 * np.arange(l_max + 1) + 1)
    for i, j, vector in pairs(atoms, soap.cutoff):
        r = np.linalg.norm(vector)
        y = harmonics(vector[None] / r, l_max)[0]
        species = soap.species.index(atoms.numbers[j])
        c[i, species] += weight(r, soap) * radial(r, *basis)[degree].T * y
    for i, z in enumerate(atoms.numbers):
        center = soap.center_weight * radial(0.0, *basis)[0] / np.sqrt(4 * np.pi)
        c[i, soap.species.index(z), :, 0] += center
    if soap.contraction is not None:
        c = np.einsum("shqn,isnh->isqh", np.array(soap.contraction)[:, degree], c)
    return c, degree


def power_spectrum(soap, atoms):
    """Complete power spectrum (atoms, species pairs, l_max + 1, n, n)."""
    c, degree = coefficients(soap, atoms)
    l_max = soap.max_angular
    spectra = []
    for za, zb in soap.basis.species_pairs:
        a, b = soap.species.index(za), soap.species.index(zb)
        by_l = []
        for ell in range(l_max + 1):
            of_l = degree == ell
            product_ = np.einsum("inm,ikm->ink", c[:, a][..., of_l], c[:, b][..., of_l])
            by_l.append((-1) ** ell / np.sqrt(2 * ell + 1) * product_)
        spectra.append(np.array(by_l) * (1 if a == b else np.sqrt(2)))
    return np.array(spectra).transpose(2, 0, 1, 3, 4)
