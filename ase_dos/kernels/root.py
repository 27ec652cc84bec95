"""Newton's method with a bracket, one step at a time: the search for the Fermi level.

Two kernels search, each with its own way to evaluate the balance of electrons and holes.
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.jit import inner_kernel

MAX_ITERATIONS = 200
_CONVERGED = 1e-8  # kT: Newton's error after a step of this length is its square


@inner_kernel
def new_search(kt):
    """State of a search that knows nothing: bracket, reach, and the last two step lengths."""
    return -np.inf, np.inf, 4.0 * kt, 4.0 * kt, 4.0 * kt


@inner_kernel
def next_mu(mu, value, slope, kt, iteration, search):
    """One step to the zero of a rising function of mu, given its value and slope.

    Without a slope (0) only the sign of the value is meant. Returns the next mu (eV), whether it
    is the zero, and the state of the search.
    """
    low, high, reach, last, previous = search
    if value == 0.0:
        return mu, True, search
    newton = -value / slope if slope > 0.0 else np.inf
    if abs(newton) <= _CONVERGED * kt:
        return mu + newton, True, search
    if value < 0.0:
        low = mu
    else:
        high = mu
    if high - low <= 4e-16 * (abs(mu) + kt):
        return mu, True, search
    if high - low == np.inf:
        # No bracket yet: Newton steps of bounded length, the bound doubling; then the bound
        # itself, for Newton may creep on the rounding of the count.
        length = min(abs(newton), reach) if iteration < 20 else reach
        move = length if value < 0.0 else -length
        reach *= 2.0
    elif low < mu + newton < high and abs(newton) <= 0.5 * previous:
        move = newton
    else:
        # Newton leaves the bracket or does not halve what it did two steps ago.
        move = 0.5 * (low + high) - mu
    return mu + move, False, (low, high, reach, abs(move), last)
