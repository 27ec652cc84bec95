"""Targets above a baseline that is known for every structure: what a regression has to add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ase_dos.spectra.target import DOSTarget, TargetStack

if TYPE_CHECKING:
    from typing import Self

__all__ = ["ResidualTargets"]


class ResidualTargets(TargetStack):
    """Targets less baselines; only the targets move with the shifts.

    Parameters
    ----------
    targets : sequence of DOSTarget
        ``n`` targets.
    baselines : sequence of DOSTarget
        One for each, on the energies of the model.
    """

    def __init__(self, targets: Sequence[DOSTarget], baselines: Sequence[DOSTarget]) -> None:
        super().__init__(targets)
        self._baselines = TargetStack(baselines)

    def part(self, rows: NDArray) -> Self:
        """Return some of the targets with their baselines, by their indices (k,)."""
        part = super().part(rows)
        part._baselines = self._baselines.part(rows)
        return part

    def baselines(self, energies: NDArray) -> NDArray:
        """Baselines (n, m) at energies (states/eV per cell)."""
        return self._baselines(energies, np.zeros(len(self)))[0]

    def evaluate(
        self,
        energies: NDArray,
        shifts: NDArray,
        lengths: NDArray,
        values: NDArray,
        derivatives: NDArray,
        rows: slice = slice(None),
    ) -> None:
        """Evaluate targets less baselines; derivatives are those of the targets."""
        super().evaluate(energies, shifts, lengths, values, derivatives, rows)
        below, unused = np.empty((2, *values.shape))
        self._baselines.evaluate(energies, np.zeros(len(self)), lengths, below, unused, rows)
        values -= below

    def closest_shifts(
        self, curves: NDArray, energies: NDArray, middles: NDArray, reach: float, spacings: NDArray
    ) -> tuple[NDArray, NDArray]:
        """Shifts that bring the targets closest to baselines and curves together."""
        whole = curves + self.baselines(energies)
        return super().closest_shifts(whole, energies, middles, reach, spacings)
