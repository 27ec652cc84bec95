"""Boys functions F_m(x) = integral of t^(2m) exp(-x t^2) over t from 0 to 1."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy.special import gamma, gammainc

from ase_dos.kernels.jit import inner_kernel

# Distance of the nodes, and terms of the Taylor series about the nearest: for the rest,
# (_STEP / 2)^_TERMS / _TERMS! = 4e-17 of the value, as F_(m+k) is below F_m.
_STEP, _TERMS = 0.125, 9
# Largest order, and where F_m is what it tends to, (2m - 1)!!/(2x)^m (pi / 4x)^(1/2), to 1e-15.
MAX_ORDER, _FAR = 12, 80.0


@cache
def boys_table():
    """Tables of `boys`: values at nodes, and limits far away.

    Returns
    -------
    nodes : (nodes, MAX_ORDER + _TERMS) array
        F_m at x = 0, 1/8, 2/8 and so on.
    limits : (MAX_ORDER + 1,) array
        F_m x^(m + 1/2) at large x.
    """
    orders = np.arange(MAX_ORDER + _TERMS)
    x = _STEP * np.arange(round(_FAR / _STEP) + 2)[:, None]
    half = orders + 0.5
    nodes = np.empty((x.size, orders.size))
    nodes[0] = 1 / (2 * half)
    nodes[1:] = gamma(half) * gammainc(half, x[1:]) / (2 * x[1:] ** half)
    limits = gamma(half[: MAX_ORDER + 1]) / 2
    for array in (nodes, limits):
        array.flags.writeable = False
    return nodes, limits


@inner_kernel
def boys(order, x, nodes, limits):
    """F_m(x) of one order up to MAX_ORDER, to 1e-14 of its value; see `boys_table`."""
    if x >= _FAR:
        value = limits[order] / math.sqrt(x)
        for _ in range(order):
            value /= x
        return value
    node = int(x / _STEP + 0.5)
    back = _STEP * node - x  # F_m' = -F_(m+1)
    value = 0.0
    for k in range(_TERMS - 1, -1, -1):
        value = nodes[node, order + k] + value * back / (k + 1)
    return value
