"""Function space of a regularised regression: outputs of the kernel that it does not suppress.

With the outputs turned onto their principal directions, a weight of shell n and output r has on the
diagonal of the normal equations

    d = v_r M_nn

with v_r the sum of squares of the output over the training set, and M_nn the metric of the shell
with itself. Regularisation of strength s leaves of such a weight the share d / (d + s) at most:
outputs whose d is far below s cost time and memory, and change nothing. So each regularisation has
a function space of its own, and leave-one-out chooses both at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.metric import metric_matrix

__all__ = ["FunctionSpace"]

# Diagonal element, in the strength of the regularisation, below which an output is left out.
_NEGLIGIBLE = 0.3


@dataclass(frozen=True, eq=False)
class FunctionSpace:
    """Diagonal elements of the normal equations.

    Parameters
    ----------
    diagonals : dict of (outputs,) arrays
        By species and l: of the shell with the largest ones, falling.
    n_shells : dict of int
        Shells that have weights for each output, by species and l.
    scale : float
        Mean of all over the coefficients of the training set, unit of the regularisation.
    """

    diagonals: Mapping[tuple[int, int], NDArray]
    n_shells: Mapping[tuple[int, int], int]
    scale: float

    @classmethod
    def of(
        cls,
        variances: Mapping[tuple[int, int], NDArray],
        basis: AuxiliaryBasis,
        metric: str,
        n_coefficients: int,
    ) -> FunctionSpace:
        """Compute the diagonal elements from the outputs of a kernel.

        Parameters
        ----------
        variances : mapping of (outputs,) arrays
            By species and l, as `ase_dos.density.covariant_kernel.CovariantKernel.fit` gives them.
        basis : AuxiliaryBasis
        metric : {"coulomb", "overlap", "identity"}
        n_coefficients : int
            Of all molecules of the training set.
        """
        diagonals, n_shells, total = {}, {}, 0.0
        for (species, ell), values in variances.items():
            layout = basis.layout([species])
            itself = metric_matrix(metric, basis, [species], np.zeros((1, 3))).diagonal()
            of_shells = itself[layout.start[layout.l == ell]]
            diagonals[species, ell] = values * of_shells.max()
            n_shells[species, ell] = len(of_shells)
            total += values.sum() * of_shells.sum()
        return cls(diagonals, n_shells, total / n_coefficients)

    def n_outputs(self, regularization: float, max_weights: int) -> dict[tuple[int, int], int]:
        """Count the outputs that matter, by species and l.

        Parameters
        ----------
        regularization : float
            In units of `scale`.
        max_weights : int
            Largest number of weights: where there are more, outputs of smaller diagonal elements
            are left out.
        """
        diagonals = np.concatenate(list(self.diagonals.values()))
        weights = np.concatenate(
            [np.full(len(one), self.n_shells[key]) for key, one in self.diagonals.items()]
        )
        falling = np.argsort(-diagonals, kind="stable")
        fit = np.cumsum(weights[falling]) <= max_weights
        matter = diagonals[falling] > _NEGLIGIBLE * regularization * self.scale
        kept = np.zeros(len(diagonals), dtype=bool)
        kept[falling[fit & matter]] = True
        kept[falling[0]] = True
        parts = np.split(kept, np.cumsum([len(one) for one in self.diagonals.values()])[:-1])
        return {key: int(part.sum()) for key, part in zip(self.diagonals, parts, strict=True)}
