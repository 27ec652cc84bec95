"""Count of states that never falls, of a DOS with negative values.

`ase_dos.electrons.rising_count` says which count it is, and why. Counts are in units of the spacing
of the grid, and N_e the number of electrons in the same units.
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.arrays import copy
from ase_dos.kernels.jit import inner_kernel, kernel


@inner_kernel
def _count(g, last, counts, known, source, lowest):
    """Fill the counts of a DOS after every point, and what follows from them.

    ``known`` are the counts that rise from the last known point on, each that of the point
    ``source``; ``lowest`` is the smallest of these at any point from here on.
    """
    # The hat functions at both ends have half of the integral that the others have.
    count = -0.5 * g[0]
    for i in range(g.size):
        count += g[i]
        counts[i] = count
    counts[-1] -= 0.5 * g[-1]
    top, at = -np.inf, 0
    for i in range(g.size):
        if i < last:
            known[i], source[i] = counts[i], i
            continue
        if counts[i] >= top:
            top, at = counts[i], i
        known[i], source[i] = top, at
    low = np.inf
    for i in range(g.size - 1, -1, -1):
        low = min(low, known[i])
        lowest[i] = low


@kernel
def make_non_negative(values, electrons, last, out):
    """Fill out (structures, n) with densities of states whose counts never fall.

    Parameters
    ----------
    values : (structures, n) array
        Densities of states (states/eV).
    electrons : (structures,) array
        N_e.
    last : (structures,) int array
        Last grid point at which the values are known.
    out : (structures, n) array
        The values to the bit, where nothing is negative.
    """
    size = values.shape[1]
    counts, known, lowest = np.empty(size), np.empty(size), np.empty(size)
    source = np.empty(size, np.int64)
    for a in range(values.shape[0]):
        g, new = values[a], out[a]
        _count(g, last[a], counts, known, source, lowest)
        highest = before = 0.0
        unchanged = True
        for i in range(size):
            highest = max(highest, known[i])
            count = min(max(electrons[a], lowest[i]), highest)
            still = count == counts[i]
            states = 0.5 * g[i] if i == 0 or i == size - 1 else g[i]
            if unchanged and still:
                new[i] = g[i]
            elif states > 0.0:
                new[i] = min((count - before) / states, 1.0) * g[i]
            else:
                new[i] = 0.0
            unchanged, before = still, count


@kernel
def carry(values, electrons, last, exact, weights):
    """Carry weights over the DOS that never falls to the DOS as it was given, in their place.

    Linear functions of the DOS are sums over states of M_j - M_(j-1) times a weight p_j of a state.
    Where M_j = N_s, s never falls with j: a state at i counts in all from the first j with s >= i
    on, and has the weight p_j.

    Parameters
    ----------
    values, electrons, last
        As in `make_non_negative`.
    exact : bool
        Whether counts that are N_e do not depend on the DOS, as in a derivative. If not they are
        taken for that at the first crossing.
    weights : (structures, quantities, n) array
        Weights over the energies.
    """
    size = values.shape[1]
    counts, known, lowest = np.empty(size), np.empty(size), np.empty(size)
    source, state = np.empty(size, np.int64), np.empty(size, np.int64)
    old = np.empty(size + 1)
    for a in range(values.shape[0]):
        _count(values[a], last[a], counts, known, source, lowest)
        crossing, end = _states_of_counts(electrons[a], known, source, lowest, state)
        # Part of the state at the crossing that lies above N_e.
        states = counts[crossing] - (counts[crossing - 1] if crossing else 0.0)
        # Next to nothing, without a crossing, may be divided by: it must not make an infinity.
        share = (counts[crossing] - electrons[a]) / states if states > 0.0 else 1.0
        above = min(max(share, 0.0), 1.0)
        for q in range(weights.shape[1]):
            new = weights[a, q]
            copy(new, size, old)
            old[0], old[size - 1], old[size] = 2.0 * old[0], 2.0 * old[size - 1], 0.0
            kept = old[crossing] - old[end]
            j = 0
            for i in range(size):
                while j < size and state[j] < i:
                    j += 1
                new[i] = old[j]
                if exact and i <= crossing:
                    new[i] -= kept
                elif i == crossing:
                    new[i] -= above * kept
            new[0] *= 0.5
            new[size - 1] *= 0.5


@inner_kernel
def _states_of_counts(electrons, known, source, lowest, state):
    """Fill the point s of every count M_j = N_s, -1 for no states.

    Returns the first point whose count is N_e between several crossings, and the one after the
    last; twice zero without any.
    """
    size = known.size
    at = size - 1
    for j in range(size - 1, -1, -1):
        if known[j] == lowest[j]:
            at = j
        state[j] = source[at]
    crossing = end = 0
    highest, at = 0.0, -1
    for j in range(size):
        if known[j] >= highest:
            highest, at = known[j], source[j]
        if highest < electrons:
            state[j] = at
        elif lowest[j] < highest and lowest[j] <= electrons:
            if end == 0:
                crossing = j
            end = j + 1
            state[j] = source[crossing]
    return crossing, end
