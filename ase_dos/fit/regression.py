"""Linear regression of targets that energy shifts move: its data, and the shifts found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ase_dos.fit.left_out import alone
from ase_dos.fit.metric import Metric
from ase_dos.fit.ridge import Ridge
from ase_dos.spectra.target import DOSTarget, TargetStack

__all__ = ["Alignment", "Regression"]


@dataclass(frozen=True, eq=False)
class Regression:
    """Features and targets of a linear regression: what stays fixed while shifts are sought.

    Parameters
    ----------
    ridge : Ridge
        The decomposed regression.
    targets : sequence of DOSTarget
        One per structure.
    n_atoms : (n,) array
        Atoms per structure.
    energies : (m,) array
        Energies of the model (eV).
    origin : (n,) array
        Reference shifts ``D_0`` (eV): penalty and bounds refer to them.
    bound : float
        Bound (eV) on ``|D - D_0|`` before the gauge takes their mean away.
    metric_name : {"dos", "cumulative", "mix"}
        What counts as an error.
    of_groups : (n,) array of int, optional
        Label of the group that a structure is left out with; alone by default.
    spin_targets : sequence of DOSTarget, optional
        Spin DOS of every structure, to be learned with the same shifts and regularisation.
    """

    ridge: Ridge
    targets: Sequence[DOSTarget]
    n_atoms: NDArray
    energies: NDArray
    origin: NDArray
    bound: float = 3.0
    metric_name: str = "dos"
    of_groups: NDArray | None = None
    spin_targets: Sequence[DOSTarget] | None = None

    @property
    def groups(self) -> NDArray:
        """Labels (n,) of the groups that are left out together."""
        return alone(len(self.targets)) if self.of_groups is None else self.of_groups

    @cached_property
    def spectra(self) -> list[Regression]:
        """Regression of the DOS and, where there are spin channels, that of the spin DOS.

        The squared error of the majority plus that of the minority is half of the sum of these two.
        """
        if self.spin_targets is None:
            return [self]
        return [self, replace(self, targets=self.spin_targets, spin_targets=None)]

    @cached_property
    def stack(self) -> TargetStack:
        """Targets of whole cells, all at once."""
        return TargetStack.of(self.targets)

    @property
    def metric(self) -> Metric:
        """What counts as an error."""
        return Metric(self.metric_name, float(self.energies[1] - self.energies[0]))

    @property
    def blocks(self) -> NDArray:
        """`Composition.blocks` of the structures."""
        return self.ridge.composition.blocks

    @cached_property
    def averages(self) -> NDArray:
        """Matrix (blocks, n) that averages over the structures of each block."""
        inside = np.arange(self.blocks.max() + 1)[:, None] == self.blocks
        return inside / inside.sum(axis=1, keepdims=True)

    def part(self, rows: NDArray) -> Regression:
        """Return the regression on some of the structures, by their rising indices."""
        return replace(
            self,
            ridge=Ridge.decompose(
                self.ridge.features[rows], self.ridge.composition.fractions[rows]
            ),
            targets=self.stack.part(rows),
            n_atoms=self.n_atoms[rows],
            origin=self.origin[rows],
            of_groups=self.groups[rows],
            spin_targets=self.spin_targets and [self.spin_targets[i] for i in rows],
        )

    def centre(self, free: NDArray) -> NDArray:
        """Take the mean of each block from shifts or their derivatives (n, ...): the gauge."""
        return free - (self.averages @ free)[self.blocks]

    def per_atom(self, shifts: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Targets per atom, their derivatives and where they are known, each (n, m)."""
        values, slopes, known = self.stack(self.energies, shifts)
        return values / self.n_atoms[:, None], slopes / self.n_atoms[:, None], known


@dataclass(frozen=True, eq=False)
class Alignment:
    """Energy shifts of the structures, and the hyperparameters they were found with.

    Parameters
    ----------
    shifts : (n,) array
        Energy (eV) of each structure that the zero of the model corresponds to.
    loss : float
        Projected loss there (states^2/eV per atom^2); NaN where it was not computed.
    regularization : float
        Relative to the mean eigenvalue of the Gram matrix.
    penalty : float
        Weight of the squared shifts in the loss (states^2/eV^3 per atom^2).
    """

    shifts: NDArray
    loss: float
    regularization: float
    penalty: float
