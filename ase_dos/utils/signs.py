"""Signs of eigenvectors, which are arbitrary and differ between libraries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["signs_of"]


def signs_of(vectors: NDArray, axis: int = -1) -> NDArray:
    """Return 1 or -1 for each vector along an axis: the sign of its largest component.

    Times these, eigenvectors and all that follows from them are the same on every machine.
    """
    largest = np.abs(vectors).argmax(axis=axis, keepdims=True)
    return np.sign(np.take_along_axis(vectors, largest, axis=axis))
