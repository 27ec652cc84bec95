"""Plain-numpy twins of couplings and equivariant features, and how harmonics turn."""

from __future__ import annotations

import numpy as np
import reference_soap as reference


def coupling(ell, l1, l2):
    """Couple real harmonics by integrals over a fine grid of the sphere."""
    heights, weights = np.polynomial.legendre.leggauss(30)
    angles = np.arange(64) * 2 * np.pi / 64
    z, angle = (grid.ravel() for grid in np.meshgrid(heights, angles, indexing="ij"))
    across = np.sqrt(1 - z * z)
    directions = np.stack([across * np.cos(angle), across * np.sin(angle), z], axis=1)
    values = reference.harmonics(directions, max(ell, l1, l2))
    first, second, third = (values[:, k * k : (k + 1) ** 2] for k in (l1, l2, ell))
    third = third * np.repeat(weights, 64)[:, None] * 2 * np.pi / 64
    gaunt = np.einsum("pc,pa,pb->cab", third, first, second, optimize=True)
    sign = (-1) ** ((l1 + l2 + ell) // 2)
    return sign * gaunt / np.linalg.norm(gaunt[0])


def features(soap, atoms, ell):
    """Features (atoms, 2 ell + 1, n_features) of one lambda, channel by channel."""
    c, _ = reference.coefficients(soap, atoms)
    c = c.reshape(len(atoms), -1, c.shape[-1])  # atoms, channels, harmonics
    columns = []
    for l1 in range(soap.max_angular + 1):
        for l2 in range(l1, soap.max_angular + 1):
            if not abs(l1 - l2) <= ell <= l1 + l2 or (l1 + l2 + ell) % 2:
                continue
            first, second = (c[:, :, k * k : (k + 1) ** 2] for k in (l1, l2))
            whole = np.einsum("cab,ipa,iqb->icqp", coupling(ell, l1, l2), first, second)
            for q in range(c.shape[1]):
                for p in range(q + 1 if l1 == l2 else c.shape[1]):
                    fold = np.sqrt(2) if l1 == l2 and p != q else 1.0
                    columns.append(fold * whole[:, :, q, p])
    return np.stack(columns, axis=-1)


def turn(matrix, ell):
    """Matrix D with Y(R r) = D Y(r) for the real harmonics of one l."""
    directions = np.random.default_rng(0).normal(size=(200, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    before, after = (
        reference.harmonics(points, ell)[:, ell * ell :]
        for points in (directions, directions @ matrix.T)
    )
    return np.linalg.lstsq(before, after, rcond=None)[0].T
