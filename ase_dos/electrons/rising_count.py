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

from ase_dos.kernels import rising_count as kernels

__all__ = ["change_of_count", "differentiate", "divide", "make_non_negative"]


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
        The values to the bit, where nothing is negative.
    """
    repaired = np.empty_like(values)
    kernels.make_non_negative(values, electrons, last, repaired)
    return repaired


def change_of_count(values: NDArray, electrons: NDArray, last: NDArray) -> NDArray:
    """M - N (structures, n) after every grid point (1/eV); arguments of `make_non_negative`."""
    change = make_non_negative(values, electrons, last) - values
    change[:, [0, -1]] *= 0.5
    return change.cumsum(axis=1)


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
    return _carried(values, electrons, last, weights, exact=True)


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
    return _carried(values, electrons, last, weights, exact=False)


def _carried(
    values: NDArray, electrons: NDArray, last: NDArray, weights: NDArray, *, exact: bool
) -> NDArray:
    carried = np.array(weights, dtype=float, order="C")
    kernels.carry(values, electrons, last, exact, carried)
    return carried
