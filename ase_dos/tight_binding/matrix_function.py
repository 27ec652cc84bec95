"""Function of a sparse matrix, for products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import NDArray

from ase_dos.tight_binding.lanczos import SpectralBounds
from ase_dos.tight_binding.sparse_matrix import SparseMatrix

__all__ = ["MatrixFunction"]

_SAMPLES = 2000  # at which the error is looked at


class MatrixFunction:
    r"""Chebyshev series of a function of a matrix, :math:`\sum_n c_n T_n((M - b) / a)`.

    Parameters
    ----------
    matrix : SparseMatrix
        M.
    bounds : SpectralBounds
        :math:`b \pm a`, between which its eigenvalues are.
    function : callable
        Positive between the bounds.
    tolerance : float
        Relative error of the function that the series may have.

    Attributes
    ----------
    bounds : SpectralBounds
    series : numpy.polynomial.Chebyshev
        A product takes as many with the matrix as its degree.
    """

    def __init__(
        self,
        matrix: SparseMatrix,
        bounds: SpectralBounds,
        function: Callable[[NDArray], NDArray],
        tolerance: float,
    ) -> None:
        self._matrix, self.bounds = matrix, bounds
        ends = [bounds.middle - bounds.half_width, bounds.middle + bounds.half_width]
        between = np.linspace(ends[0], ends[1], _SAMPLES)
        expected = function(between)
        for degree in count(1):
            series = Chebyshev.interpolate(function, degree, ends)
            if np.all(np.abs(series(between) - expected) < tolerance * expected):
                break
        self.series = series

    def apply(self, phases: NDArray, vectors: NDArray, room: NDArray) -> NDArray:
        """Multiply VECTORS vectors by the function of the matrix at their k-points.

        By the recursion of C. W. Clenshaw, https://doi.org/10.1090/S0025-5718-1955-0071856-0.

        Parameters
        ----------
        phases, vectors
            As of `SparseMatrix.multiply`.
        room : (2, orbitals, LANES) array
            Overwritten; not the vectors themselves.

        Returns
        -------
        (orbitals, LANES) array
            One of the two arrays in the room.
        """
        *lower, highest = self.series.coef.tolist()
        now, other = room
        np.multiply(vectors, highest, out=now, casting="same_kind")
        other[:] = 0
        for n, coefficient in reversed(list(enumerate(lower))):
            scale = (2 if n else 1) / self.bounds.half_width
            factors = scale, -scale * self.bounds.middle, coefficient, -1.0
            self._matrix.multiply(phases, factors, now, vectors, other)
            now, other = other, now
        return now
