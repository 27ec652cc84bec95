"""Metrics of the error of a density, and the electron number that it is to have.

The error of coefficients dc is ``dc^T M dc`` with one of

    overlap    M = S, so that it is the integral of (d rho)^2
    coulomb    M = J, so that it is twice the electrostatic energy of d rho
    identity   M = 1

The coefficients closest to given ones, in the metric, that hold N electrons are

    c + v (N - q^T c),   v = M^-1 q / (q^T M^-1 q),

and errors that the correction leaves are measured by ``M - q q^T / (q^T M^-1 q)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.integrals import coulomb, overlap

__all__ = ["METRICS", "ElectronNumber", "metric_matrix", "solve_metric"]

METRICS = ("coulomb", "overlap", "identity")


def metric_matrix(
    metric: str, basis: AuxiliaryBasis, numbers: ArrayLike, positions: ArrayLike
) -> NDArray:
    """Matrix M (size, size) of a metric, in atomic units.

    Parameters
    ----------
    metric : {"coulomb", "overlap", "identity"}
    basis : AuxiliaryBasis
    numbers : (n_atoms,) array_like of int
        Atomic numbers.
    positions : (n_atoms, 3) array_like
        Angstrom.

    Raises
    ------
    ValueError
        If there is no such metric, or the basis lacks an element.
    """
    if metric == "coulomb":
        return coulomb(basis, numbers, positions)
    if metric == "overlap":
        return overlap(basis, numbers, positions)
    if metric == "identity":
        return np.eye(basis.layout(numbers).size)
    raise ValueError(f"metric: expected one of {', '.join(METRICS)}, got {metric!r}")


def solve_metric(matrix: NDArray, right: NDArray, *, overwrite: bool = False) -> NDArray:
    """Solve ``M x = right``.

    Parameters
    ----------
    matrix : (size, size) array
        Symmetric.
    right : (size,) array
    overwrite : bool
        Whether the matrix, which no one needs any more, makes room for its factor.

    Raises
    ------
    ValueError
        If the functions of the basis are linearly dependent.
    """
    try:
        # Its transpose, which is the same, has the order of LAPACK and needs no copy.
        factor = cho_factor(matrix.T, overwrite_a=overwrite, check_finite=False)
        return cho_solve(factor, right, check_finite=False)
    except LinAlgError as error:
        raise ValueError(
            "basis: its functions are linearly dependent on this molecule, as the metric is not "
            "positive definite; are two atoms too close, or the functions too diffuse?"
        ) from error


@dataclass(frozen=True, eq=False)
class ElectronNumber:
    """Correction of coefficients of one molecule to a number of electrons.

    Parameters
    ----------
    charges : (size,) array
        ``q``, integrals of the functions.
    direction : (size,) array
        ``v``, which holds one electron.
    stiffness : float
        ``1 / (q^T M^-1 q)``.
    """

    charges: NDArray
    direction: NDArray
    stiffness: float

    @classmethod
    def of(cls, charges: NDArray, matrix: NDArray, *, overwrite: bool = False) -> ElectronNumber:
        """Correction that is the smallest in the metric of a matrix, as `solve_metric` takes it."""
        softest = solve_metric(matrix, charges, overwrite=overwrite)
        stiffness = 1.0 / float(charges @ softest)
        return cls(charges, softest * stiffness, stiffness)

    def corrected(self, coefficients: NDArray, n_electrons: float) -> NDArray:
        """Coefficients (..., size) that hold ``n_electrons``."""
        missing = n_electrons - coefficients @ self.charges
        return coefficients + missing[..., None] * self.direction

    def functionals(self, functionals: NDArray) -> NDArray:
        """Linear functionals (size, k) of errors, after their correction to no electrons."""
        return functionals - np.outer(self.charges, self.direction @ functionals)

    def projected(self, matrix: NDArray) -> NDArray:
        """Metric of the errors that the correction leaves."""
        return matrix - self.stiffness * np.outer(self.charges, self.charges)
