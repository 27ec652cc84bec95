"""Smoothing, equalisation, binning and thinning of maps: arrays in, arrays out.

NaN marks what was not measured. It is left out of every sum and stays where it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

__all__ = ["binned", "equalized", "smoothed", "thinned"]

_REACH = 6.0  # standard deviations; what lies beyond is 2e-9 of a Gaussian


def smoothed(values: NDArray, widths: Sequence[float]) -> NDArray:
    """Convolve with a Gaussian, of what is there only.

    Parameters
    ----------
    values : array
        Values; NaN where there are none.
    widths : sequence of float
        Standard deviation along each axis, in points; 0 for none.

    Returns
    -------
    array
        Sum of weights times values over sum of weights, so that a constant stays a constant at
        edges and beside gaps.
    """
    valid = ~np.isnan(values)
    settings = {"sigma": widths, "mode": "constant", "truncate": _REACH}
    share = gaussian_filter(valid.astype(float), **settings)
    found = gaussian_filter(np.where(valid, values, 0.0), **settings)
    found /= np.where(valid, share, 1.0)
    found[~valid] = np.nan
    return found


def equalized(
    values: NDArray, clip_limit: float, kernel_size: int | Sequence[int] | None
) -> NDArray:
    """Equalise contrast locally (CLAHE), with scikit-image's ``equalize_adapthist``.

    Returns
    -------
    array
        Values from 0 to 1.

    Raises
    ------
    ImportError
        If scikit-image is not installed.
    """
    try:
        from skimage.exposure import equalize_adapthist
    except ImportError as error:
        raise ImportError(
            "equalised maps need scikit-image: pip install 'ase_dos[bands]'"
        ) from error
    valid = ~np.isnan(values)
    low, high = values[valid].min(), values[valid].max()
    if not high > low:
        raise ValueError(f"the map has the same value {low:g} everywhere: nothing to equalise")
    scaled = np.where(valid, (values - low) / (high - low), 0.0)
    found = equalize_adapthist(scaled, kernel_size=kernel_size, clip_limit=clip_limit)
    found[~valid] = np.nan
    return found


def binned(values: NDArray, factors: Sequence[int], *, add: bool) -> NDArray:
    """Put neighbouring points together; those that fill no bin at the end are left out.

    Parameters
    ----------
    values : array
        Values; NaN where there are none.
    factors : sequence of int
        Points that become one, along each axis.
    add : bool
        Sum, as counts need it: a bin with a gap in it is a gap, for its sum is not known. Else
        the mean of what is there.
    """
    sizes = [size // factor for size, factor in zip(values.shape, factors, strict=True)]
    kept = values[tuple(slice(n * f) for n, f in zip(sizes, factors, strict=True))]
    blocks = kept.reshape([m for pair in zip(sizes, factors, strict=True) for m in pair])
    inner = tuple(range(1, 2 * len(sizes), 2))
    if add:
        return blocks.sum(axis=inner)
    valid = ~np.isnan(blocks)
    number = valid.sum(axis=inner)
    return np.where(valid, blocks, 0.0).sum(axis=inner) / np.where(number, number, np.nan)


def thinned(counts: NDArray, fraction: float, seed: int) -> tuple[NDArray, NDArray]:
    """Deal every electron to the first of two maps with a probability, else to the second.

    Both have Poisson statistics again, and are independent.
    """
    valid = ~np.isnan(counts)
    whole = np.where(valid, counts, 0.0)
    first = np.random.default_rng(seed).binomial(whole.astype(np.int64), fraction).astype(float)
    second = whole - first
    first[~valid] = second[~valid] = np.nan
    return first, second
