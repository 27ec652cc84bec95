"""Integrals of three real spherical harmonics, and products of two as sums of single ones."""

from __future__ import annotations

from functools import cache

import numpy as np

from ase_dos.kernels.harmonics import harmonics_of

# Integrals below this are rounding errors of the quadrature; the others are above 1e-4.
_SMALLEST = 1e-10


@cache
def gaunt_coefficients(l1, l2, l3):
    """Integrals (2 l1 + 1, 2 l2 + 1, 2 l3 + 1) over the sphere of three real harmonics.

    By a product of Gauss-Legendre and trapezoidal rules that is exact for them.
    """
    values, weights = _sphere(l1 + l2 + l3)
    one, two, three = (values[ell**2 : (ell + 1) ** 2] for ell in (l1, l2, l3))
    integrals = np.einsum("ap,bp,cp,p->abc", one, two, three, weights, optimize=True)
    integrals[np.abs(integrals) < _SMALLEST] = 0.0
    integrals.flags.writeable = False
    return integrals


@cache
def product_terms(l_max):
    """Terms of Y_(l1 m1) Y_(l2 m2) = sum_(L M) g Y_LM for l1, l2 <= l_max that are not zero.

    Returns
    -------
    first : ((l_max + 1)^2 + 1,) array
        Place of the first term of the pair (l1, l2) at ``l1 * (l_max + 1) + l2``.
    places : (terms, 3) array
        m1 and m2 as ``(l1 + m1) * (2 l2 + 1) + l2 + m2``; n = (l1 + l2 - L) / 2; and
        ``L^2 + L + M``.
    values : (terms,) array
        The g.
    """
    first, places, values = [0], [], []
    for l1 in range(l_max + 1):
        for l2 in range(l_max + 1):
            for n in range(min(l1, l2) + 1):
                total = l1 + l2 - 2 * n
                integrals = gaunt_coefficients(l1, l2, total)
                for i, j, k in np.argwhere(integrals):
                    places.append((i * (2 * l2 + 1) + j, n, total * total + k))
                    values.append(integrals[i, j, k])
            first.append(len(places))
    return np.array(first), np.array(places), np.array(values)


@cache
def _sphere(degree):
    """Harmonics (harmonics, points) and weights that integrate up to a degree exactly."""
    cosines, heights = np.polynomial.legendre.leggauss(degree // 2 + 1)
    angles = 2 * np.pi * np.arange(degree + 1) / (degree + 1)
    sines = np.sqrt(1 - cosines**2)[:, None]
    points = np.stack(
        [
            (sines * np.cos(angles)).ravel(),
            (sines * np.sin(angles)).ravel(),
            np.repeat(cosines, angles.size),
        ],
        axis=1,
    )
    # No factor has a higher degree than the sum of the two others, where the integral is not zero.
    values = harmonics_of(points, degree // 2).T
    return values, np.repeat(heights * 2 * np.pi / (degree + 1), angles.size)
