"""Calibration of predicted errors: observed errors against the distributions predicted for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from ase_dos.utils.checks import as_array

__all__ = ["decile_table", "miscalibration_area"]


def miscalibration_area(scores: ArrayLike) -> float:
    """Area between the observed and the nominal coverage of central intervals.

    0 if errors follow the normal distributions that were predicted for them, 1/2 at worst
    (Tran et al., https://doi.org/10.1088/2632-2153/ab7e1a).

    Parameters
    ----------
    scores : array_like
        Errors divided by their predicted standard deviations.
    """
    inside = np.sort(2.0 * ndtr(np.abs(np.ravel(scores))) - 1.0)
    nominal = np.linspace(0.0, 1.0, 1001)
    observed = np.searchsorted(inside, nominal, side="right") / inside.size
    return float(np.trapezoid(np.abs(observed - nominal), nominal))


def decile_table(expected: ArrayLike, observed: ArrayLike, n_bins: int = 10) -> NDArray:
    """Root-mean-square of observed errors, by size of the expected error.

    Parameters
    ----------
    expected, observed : (n,) array_like
        Errors of every structure.
    n_bins : int
        Groups of equal size; fewer where there are fewer structures.

    Returns
    -------
    (bins, 3) array
        Structures, expected and observed root-mean-square error of each group.
    """
    expected = as_array(expected, "expected", (None,))
    observed = as_array(observed, "observed", expected.shape)
    groups = np.array_split(np.argsort(expected, kind="stable"), min(n_bins, expected.size))
    return np.array(
        [
            (len(g), np.sqrt(np.mean(expected[g] ** 2)), np.sqrt(np.mean(observed[g] ** 2)))
            for g in groups
        ]
    )
