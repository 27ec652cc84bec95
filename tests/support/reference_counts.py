"""Plain twin of the count of states that never falls: loops, as the formulas stand."""

import numpy as np


def hats(size):
    return np.array([0.5, *[1.0] * (size - 2), 0.5])


def counts(values):
    """States up to and with every grid point, in units of the spacing."""
    return np.array([(hats(values.size) * values)[: j + 1].sum() for j in range(values.size)])


def rising(values, electrons, last=None):
    """M after every grid point: the median of L, N_e and U."""
    last = values.size - 1 if last is None else last
    known = counts(values)
    for j in range(last + 1, values.size):
        known[j] = max(known[last : j + 1])
    out = np.empty(values.size)
    for j in range(values.size):
        out[j] = np.median([min(known[j:]), electrons, max([0.0, *known[: j + 1]])])
    return out


def non_negative(values, electrons, last=None):
    return np.diff(rising(values, electrons, last), prepend=0.0) / hats(values.size)
