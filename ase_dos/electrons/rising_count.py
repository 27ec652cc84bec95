"""Count of states that never falls: the non-negative DOS that electrons fill.

A predicted DOS may dip below zero. Its count of states N(E), the integral of the DOS up to E, then
falls, and may pass the number of electrons N_e more than once: there is no one Fermi level, and
entropy and heat capacity can be negative. With the two envelopes

    U(E) = max N(E') over E' <= E      (zero states below the grid, so U >= 0)
    L(E) = min N(E') over E' >= E

electrons fill states with the count

    M(E) = median of L(E), N_e, U(E)

of which the DOS is M'. That is N wherever the DOS is not negative; a dip takes away as many states
above it where U < N_e, and below it where L > N_e; where N passes N_e several times there is a gap
between the first and the last of these energies.

- M never falls and 0 <= M' <= max(g, 0).
- Of all counts that never fall, between L and U, M is the closest to N_e at every energy: it is
  the one with the least excited electrons.
- L, U and the median of three change by no more than N does. A true count never falls, so that
  M is its own M: the largest error of M is not above the largest error of N. M, and with it F(T),
  is continuous in the DOS.
- Each value of M is one value of N, or N_e. This gives the exact derivative, which changes by a
  step where another energy becomes the one of a maximum or minimum.

On a grid, N after a point is the sum of the integrals of the hat functions up to it, each times its
value of the DOS. Counts below are in units of the spacing (electrons over eV).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["change_of_count", "differentiate", "divide", "make_non_negative"]

_TOGETHER = 256  # structures: memory for the arrays of counts


def make_non_negative(values: NDArray, electrons: NDArray, last: NDArray) -> NDArray:
    """Return densities of states whose counts never fall.

    Parameters
    ----------
    values : (structures, n) array
        Densities of states (states/eV).
    electrons : (structures,) array
        Electrons of every structure, over the spacing of the grid (1/eV).
    last : (structures,) int array
        Last grid point at which the values are known. Those after it change nothing before it.

    Returns
    -------
    (structures, n) array
        ``values`` itself where nothing is negative, to the bit.
    """
    negative = np.flatnonzero(values.min(axis=1) < 0)
    if negative.size == 0:
        return values
    repaired = np.array(values)
    for start in range(0, negative.size, _TOGETHER):
        rows = negative[start : start + _TOGETHER]
        repaired[rows] = _repaired(values[rows], electrons[rows], last[rows])
    return repaired


def change_of_count(values: NDArray, electrons: NDArray, last: NDArray) -> NDArray:
    """M - N (structures, n) after every grid point (1/eV); arguments of `make_non_negative`."""
    counts = _counts(values)
    return _median(*_envelopes(_known(counts, last)), electrons) - counts


def differentiate(values: NDArray, electrons: NDArray, last: NDArray, weights: NDArray) -> NDArray:
    """Carry derivatives by the DOS that electrons fill back to the DOS as it was given.

    Parameters
    ----------
    values, electrons, last : arrays
        As in `make_non_negative`.
    weights : (structures, quantities, n) array
        Derivatives of quantities by the values of the non-negative DOS.

    Returns
    -------
    (structures, quantities, n) array
        Derivatives by ``values``, exact: one-sided where two energies have the same extreme count.
    """
    carried, kept, crossing = _carried(values, electrons, last, weights)
    # The count in the gap is N_e whatever the DOS.
    before = np.arange(values.shape[1]) <= crossing[:, None]
    return carried - np.where(before[:, None], _hats(values.shape[1]) * kept[..., None], 0.0)


def divide(values: NDArray, electrons: NDArray, last: NDArray, weights: NDArray) -> NDArray:
    """Carry weights of sums over the DOS that electrons fill to parts of the DOS as it was given.

    The sum of ``values`` with the new weights is that of the non-negative DOS with ``weights``, and
    the local DOS of each atom with them gives its part. They are those of `differentiate`, but the
    count N_e between several crossings is taken for that at the first.

    Parameters
    ----------
    values, electrons, last : arrays
        As in `make_non_negative`.
    weights : (structures, quantities, n) array
        Weights over the energies.
    """
    carried, kept, crossing = _carried(values, electrons, last, weights)
    place = np.arange(len(values)), crossing
    states = (_hats(values.shape[1]) * values)[place]
    below = _counts(values)[place] - states
    share = np.divide(electrons - below, states, out=np.zeros_like(below), where=states > 0)
    hats = _hats(values.shape[1])[crossing]
    carried[place[0], :, crossing] -= (hats * (1.0 - share))[:, None] * kept
    return carried


def _carried(
    values: NDArray, electrons: NDArray, last: NDArray, weights: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Weights by the counts that M takes its values from.

    The sum of ``weights`` with the non-negative DOS is one of ``p_j - p_j+1`` with M_j, p being the
    weights of a state. Where M_j = N_s, s never falls with j: a state at i counts in all from the
    first j with s >= i on, and has the weight p_j.

    Returns
    -------
    carried : (structures, quantities, n) array
        With the counts that are N_e taken for that at the point of the first crossing.
    kept : (structures, quantities) array
        Weight of these counts; zero without any.
    crossing : (structures,) int array
        That point.
    """
    rows, size = values.shape
    index = np.arange(size)
    given = _counts(values)
    counts = _known(given, last)
    low, high = _envelopes(counts)
    electrons = electrons[:, None]
    held = (low < high) & (low <= electrons) & (electrons <= high)
    crossing = held.argmax(axis=1)
    # The point whose count is taken, -1 where it is that below the grid.
    of_high = np.maximum.accumulate(np.where(counts == high, index, -1), axis=1)
    of_low = np.where(counts == low, index, size)[:, ::-1]
    of_low = np.minimum.accumulate(of_low, axis=1)[:, ::-1]
    source = np.where(high < electrons, of_high, np.where(held, crossing[:, None], of_low))
    row = np.arange(rows)[:, None]
    if counts is not given:
        known = np.maximum.accumulate(np.where(counts == given, index, 0), axis=1)
        source = np.where(source < 0, -1, known[row, source])
    # How many j have s < i.
    bins = (source + 1 + (size + 1) * row).ravel()
    first = np.bincount(bins, minlength=rows * (size + 1)).reshape(rows, -1).cumsum(axis=1)[:, :-1]
    by_state = np.zeros((*weights.shape[:-1], size + 1))
    by_state[..., :-1] = weights / _hats(size)
    quantity = np.arange(weights.shape[1])[:, None]
    carried = _hats(size) * by_state[row[..., None], quantity, first[:, None]]
    end = crossing + held.sum(axis=1)
    kept = by_state[row, quantity.T, crossing[:, None]] - by_state[row, quantity.T, end[:, None]]
    return carried, kept, crossing


def _repaired(values: NDArray, electrons: NDArray, last: NDArray) -> NDArray:
    states = _hats(values.shape[1]) * values
    counts = np.cumsum(states, axis=1)
    rising = _median(*_envelopes(_known(counts, last)), electrons)
    new = rising.copy()
    new[:, 1:] -= rising[:, :-1]
    share = np.divide(new, states, out=np.zeros_like(new), where=states > 0)
    untouched = rising == counts
    untouched[:, 1:] &= untouched[:, :-1].copy()
    return np.where(untouched, values, np.minimum(share, 1.0) * np.maximum(values, 0.0))


def _hats(size: int) -> NDArray:
    """Integral of the hat function of every grid point, in units of the spacing."""
    hats = np.ones(size)
    hats[0] = hats[-1] = 0.5
    return hats


def _counts(values: NDArray) -> NDArray:
    """States up to and with those of every grid point (structures, n), over the spacing."""
    return np.cumsum(_hats(values.shape[1]) * values, axis=1)


def _known(counts: NDArray, last: NDArray) -> NDArray:
    """Let counts (structures, n) after the last known point rise from it."""
    size = counts.shape[1]
    if (last == size - 1).all():
        return counts
    before = np.arange(size) < last[:, None]
    rest = np.maximum.accumulate(np.where(before, -np.inf, counts), axis=1)
    return np.where(before, counts, rest)


def _envelopes(counts: NDArray) -> tuple[NDArray, NDArray]:
    """L and U (structures, n) of counts."""
    low = np.minimum.accumulate(counts[:, ::-1], axis=1)[:, ::-1]
    return low, np.maximum(np.maximum.accumulate(counts, axis=1), 0.0)


def _median(low: NDArray, high: NDArray, electrons: NDArray) -> NDArray:
    """M (structures, n), between its envelopes."""
    return np.minimum(np.maximum(electrons[:, None], low), high)
