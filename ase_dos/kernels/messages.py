"""Sums and minima over the labels of a node, a vector of labels at a time."""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.jit import inner_kernel
from ase_dos.kernels.vector import WIDTH, broadcast, fma, load, minimum, smallest, splat, store


@inner_kernel
def lift(belief, lowest, share, messages, begin, room, out):
    """Fill ``out`` with ``share (belief - lowest)`` less the message from ``begin`` on."""
    part, minus = splat(share, WIDTH), splat(-1.0, WIDTH)
    down = splat(-share * lowest, WIDTH)
    for k in range(0, room, WIDTH):
        above = fma(part, load(belief, k, WIDTH), down)
        store(out, k, fma(minus, load(messages, begin + k, WIDTH), above))


@inner_kernel
def add(values, begin, room, out):
    """Add numbers from ``begin`` on."""
    one = splat(1.0, WIDTH)
    for k in range(0, room, WIDTH):
        store(out, k, fma(one, load(values, begin + k, WIDTH), load(out, k, WIDTH)))


@inner_kernel
def add_pair(places, weight, away, room, out):
    """Add ``weight (place + away)^2``."""
    w, s = splat(weight, WIDTH), splat(away, WIDTH)
    one = splat(1.0, WIDTH)
    for k in range(0, room, WIDTH):
        step = fma(one, load(places, k, WIDTH), s)
        store(out, k, fma(fma(w, step, splat(0.0, WIDTH)), step, load(out, k, WIDTH)))


@inner_kernel
def least(values, room):
    """Smallest of the numbers."""
    found = load(values, 0, WIDTH)
    for k in range(WIDTH, room, WIDTH):
        found = minimum(found, load(values, k, WIDTH))
    return smallest(found)


@inner_kernel
def place_of_least(values, room):
    """Place of the smallest number, the first of equal ones."""
    wanted = least(values, room)
    for k in range(room):
        if values[k] == wanted:
            return k
    return 0


@inner_kernel
def decay(values, lowest, room, out):
    """Fill ``out`` with ``exp(lowest - values)``, to 1e-12 of it; none below exp(-300) = 5e-131.

    The Taylor series of the 1024th root, ten times squared.
    """
    one, down, zero = splat(1.0, WIDTH), splat(-lowest, WIDTH), splat(0.0, WIDTH)
    root = splat(-1.0 / 1024.0, WIDTH)
    for k in range(0, room, WIDTH):
        height = minimum(fma(one, load(values, k, WIDTH), down), splat(300.0, WIDTH))
        x = fma(root, height, zero)
        y = one
        for order in range(12, 0, -1):
            y = fma(fma(x, splat(1.0 / order, WIDTH), zero), y, one)
        for _ in range(10):
            y = fma(y, y, zero)
        store(out, k, y)


@inner_kernel
def send(values, places, room, weight, shift, slopes, messages, begin):
    """Write the message of a node over an edge, its minimum zero; return what was subtracted.

    It is ``min_l values[l] + weight (l - l' + shift)^2`` for each label l'. With the square
    expanded, a label l gives a straight line in l', which one instruction draws for a vector of l'.
    All labels against all take less time this way than the lower envelope of the parabolas (P.
    Felzenszwalb and D. Huttenlocher, https://doi.org/10.4086/toc.2012.v008a019), whose steps depend
    on each other, up to some hundreds of labels.

    Parameters
    ----------
    values : (room,) array
        Changed.
    slopes : (room,) array
        Room.
    """
    w, s = splat(weight, WIDTH), splat(shift, WIDTH)
    one, zero, twice = splat(1.0, WIDTH), splat(0.0, WIDTH), splat(-2.0 * weight, WIDTH)
    for k in range(0, room, WIDTH):
        step = fma(one, load(places, k, WIDTH), s)
        store(values, k, fma(fma(w, step, zero), step, load(values, k, WIDTH)))
        store(slopes, k, fma(twice, step, zero))
    lowest = splat(np.inf, WIDTH)
    for k in range(0, room, WIDTH):
        here = load(places, k, WIDTH)
        # Four minima, as each takes several cycles.
        a = b = c = d = splat(np.inf, WIDTH)
        for i in range(0, room, 4):
            a = minimum(a, _line(slopes, values, i, here))
            b = minimum(b, _line(slopes, values, i + 1, here))
            c = minimum(c, _line(slopes, values, i + 2, here))
            d = minimum(d, _line(slopes, values, i + 3, here))
        found = minimum(minimum(a, b), minimum(c, d))
        found = fma(fma(w, here, zero), here, found)
        lowest = minimum(lowest, found)
        store(messages, begin + k, found)
    below = smallest(lowest)
    down = splat(-below, WIDTH)
    for k in range(0, room, WIDTH):
        store(messages, begin + k, fma(one, down, load(messages, begin + k, WIDTH)))
    return below


@inner_kernel
def _line(slopes, values, label, places):
    """Straight line of one label at the places of others."""
    return fma(broadcast(slopes, label, WIDTH), places, broadcast(values, label, WIDTH))
