"""Real spherical harmonics of many unit vectors."""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.jit import kernel


def harmonic_coefficients(l_max):
    """Coefficients (3 (l_max + 1)^2) of the recursion in `real_harmonics`.

    For each l and 0 <= m <= l, at ``3 * (l * (l_max + 1) + m)``: the diagonal value N_mm and
    the two recursion factors a_lm, b_lm of the normalised associated Legendre functions
    (https://dlmf.nist.gov/14.10.E3 with the normalisation drawn in). Written so, the numbers
    stay near one and the recursion is stable for any l.
    """
    coefficients = np.zeros((l_max + 1, l_max + 1, 3))
    diagonal = 1.0 / np.sqrt(4.0 * np.pi)
    for m in range(l_max + 1):
        if m:
            diagonal *= np.sqrt((2 * m + 1) / (2 * m))
        # The real functions of m > 0 carry sqrt(2) for their cosine or sine.
        coefficients[m, m, 0] = diagonal * (np.sqrt(2.0) if m else 1.0)
        for ell in range(m + 1, l_max + 1):
            coefficients[ell, m, 1] = np.sqrt((4 * ell**2 - 1) / (ell**2 - m**2))
            coefficients[ell, m, 2] = np.sqrt(
                (2 * ell + 1) * ((ell - 1) ** 2 - m**2) / ((2 * ell - 3) * (ell**2 - m**2))
            )
    return coefficients.ravel()


@kernel
def real_harmonics(x, y, z, count, l_max, coefficients, stride, work, out):
    """Real spherical harmonics of ``count`` unit vectors, ``out[(l^2 + l + m) * stride + j]``.

    The azimuth enters as the real and imaginary part of (x + i y)^m, so that no angle and no
    division by sin(theta) appears. ``work`` holds 5 * stride numbers.
    """
    cosine = work
    sine = work[stride:]
    one = x.dtype.type(1)
    zero = x.dtype.type(0)
    for j in range(count):
        cosine[j] = one
        sine[j] = zero
    for m in range(l_max + 1):
        if m > 0:
            for j in range(count):
                c = cosine[j]
                cosine[j] = x[j] * c - y[j] * sine[j]
                sine[j] = x[j] * sine[j] + y[j] * c
        for ell in range(m, l_max + 1):
            # Slices, because an index that counts from zero needs no wrap-around check. The
            # Legendre functions of l, l - 1 and l - 2 take turns in three rows; what does not
            # exist meets a factor of zero.
            legendre = work[(2 + ell % 3) * stride :]
            below = work[(2 + (ell + 2) % 3) * stride :]
            below2 = work[(2 + (ell + 1) % 3) * stride :]
            plus = out[(ell * ell + ell + m) * stride :]
            at = 3 * (ell * (l_max + 1) + m)
            a = coefficients[at + 1]
            b = coefficients[at + 2]
            if ell == m:
                for j in range(count):
                    legendre[j] = coefficients[at]
                    below[j] = zero
            else:
                for j in range(count):
                    legendre[j] = a * z[j] * below[j] - b * below2[j]
            if m == 0:
                for j in range(count):
                    plus[j] = legendre[j]
            else:
                minus = out[(ell * ell + ell - m) * stride :]
                for j in range(count):
                    plus[j] = legendre[j] * cosine[j]
                    minus[j] = legendre[j] * sine[j]
