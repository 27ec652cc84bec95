"""Similarity of bands: of reconstructions to truth, to theories and to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.bands.zone import ZoneBasis
from ase_dos.utils.checks import as_array
from ase_dos.utils.short_repr import short_repr

__all__ = [
    "SimilarityMatrix",
    "band_rmse",
    "coefficient_distance",
    "cosine_similarity",
    "similarity_matrix",
]


def band_rmse(bands: ArrayLike, reference: ArrayLike, mask: ArrayLike | None = None) -> NDArray:
    """Root mean square difference (bands,) of bands, in eV.

    Parameters
    ----------
    bands, reference : (bands, *momenta) array
        Energies (eV). Momenta at which one of them is NaN do not count.
    mask : momenta-shaped or (bands, *momenta) array of bool, optional
        Momenta that count; all by default.

    Raises
    ------
    ValueError
        If shapes differ, or no momentum of a band counts.
    """
    first, second = np.asarray(bands, dtype=float), np.asarray(reference, dtype=float)
    if first.shape != second.shape or first.ndim < 2:
        raise ValueError(
            f"bands: expected two arrays (bands, *momenta) of one shape, got {first.shape} and "
            f"{second.shape}"
        )
    counts = np.isfinite(first) & np.isfinite(second)
    if mask is not None:
        given = np.asarray(mask)
        if given.dtype != bool or given.shape not in (first.shape, first.shape[1:]):
            raise ValueError(
                f"mask: expected booleans of shape {first.shape[1:]}, got {given.dtype} of shape "
                f"{given.shape}"
            )
        counts = counts & given
    axes = tuple(range(1, first.ndim))
    if not counts.any(axis=axes).all():
        empty = np.flatnonzero(~counts.any(axis=axes))
        raise ValueError(f"bands {', '.join(map(str, empty))} (from 0): no momentum counts")
    square = np.where(counts, first - second, 0.0) ** 2
    return np.sqrt(square.sum(axis=axes) / counts.sum(axis=axes))


def coefficient_distance(first: ArrayLike, second: ArrayLike) -> NDArray:
    """Distance (bands,) in eV of coefficients of a `ZoneBasis` (bands, functions), without means.

    It is the root mean square difference of the bands over the zone after a shift of each band
    to mean zero: a measure of shape, which leaves the position of every band out.
    """
    one, other = _same_shape(first, second)
    return np.linalg.norm(one[:, 1:] - other[:, 1:], axis=1)


def cosine_similarity(first: ArrayLike, second: ArrayLike) -> NDArray:
    """Cosine (bands,) of the angle between coefficients (bands, functions), without means.

    1 for bands of one shape, whatever their widths. NaN where a band is flat.
    """
    one, other = (values[:, 1:] for values in _same_shape(first, second))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    products = np.einsum("bf,bf->b", one, other)
    return np.divide(products, lengths, out=np.full(len(one), np.nan), where=lengths > 0)


@dataclass(frozen=True, eq=False)
class SimilarityMatrix:
    """Similarity of several band structures, each to each.

    Parameters
    ----------
    names : tuple of str
        Of the band structures.
    distance, distance_error : (n, n) array
        Mean of `coefficient_distance` over the bands (eV), and the standard error of that mean.
    cosine : (n, n) array
        Mean of `cosine_similarity` over the bands that are not flat; 1 on the diagonal.
    """

    names: tuple[str, ...]
    distance: NDArray
    distance_error: NDArray
    cosine: NDArray

    __repr__ = short_repr


def similarity_matrix(bands: Mapping[str, ArrayLike], basis: ZoneBasis) -> SimilarityMatrix:
    """Compare band structures on one grid, theories and reconstructions alike.

    Parameters
    ----------
    bands : mapping of str to (bands, nx, ny) array
        Energies (eV) by name, with the same number of bands.
    basis : ZoneBasis
        Functions on the zone.

    Raises
    ------
    ValueError
        If there are fewer than two, or their bands are not of one number and grid.
    """
    if len(bands) < 2:
        raise ValueError(f"bands: expected two band structures or more, got {len(bands)}")
    coefficients = []
    for name, energies in bands.items():
        try:
            coefficients.append(basis.compress(energies).coefficients)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    numbers = [len(one) for one in coefficients]
    if len(set(numbers)) > 1:
        counts = ", ".join(f"{name} {n}" for name, n in zip(bands, numbers, strict=True))
        raise ValueError(f"bands: expected the same number in all, got {counts}")
    n, n_bands = len(bands), numbers[0]
    distance, spreads, cosine = np.zeros((n, n)), np.zeros((n, n)), np.eye(n)
    for i in range(n):
        for j in range(i):
            apart = coefficient_distance(coefficients[i], coefficients[j])
            alike = cosine_similarity(coefficients[i], coefficients[j])
            known = np.isfinite(alike)
            distance[i, j] = distance[j, i] = apart.mean()
            spread = apart.std(ddof=1) / np.sqrt(n_bands) if n_bands > 1 else np.nan
            spreads[i, j] = spreads[j, i] = spread
            cosine[i, j] = cosine[j, i] = alike[known].mean() if known.any() else np.nan
    return SimilarityMatrix(tuple(bands), distance, spreads, cosine)


def _same_shape(first: ArrayLike, second: ArrayLike) -> tuple[NDArray, NDArray]:
    one = as_array(first, "coefficients", (None, None))
    other = as_array(second, "coefficients", (None, None))
    if one.shape != other.shape:
        raise ValueError(
            f"coefficients: expected two arrays of one shape, got {one.shape} and {other.shape}"
        )
    return one, other
