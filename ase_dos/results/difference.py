"""Differences of trajectory averages, and whether they mean anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from ase_dos.results.averages import Average, Averages, deviation
from ase_dos.results.series import THERMAL

__all__ = ["Difference", "compare"]


@dataclass(frozen=True, eq=False)
class Difference:
    """Difference of two averages (the first less the second), and its significance.

    Attributes
    ----------
    label, unit : str
        What it is.
    value : float or array
        Difference.
    sampling_error : float or array
        Its standard error from the finite length of both runs.
    model_error : float or array
        Its standard error from the model; NaN where the results of a run hold no members.
    shared_members : bool
        Whether ``model_error`` is the spread of differences taken member by member: an error
        that both runs have in common cancels.
    """

    label: str
    unit: str
    value: Any
    sampling_error: Any
    model_error: Any
    shared_members: bool

    @property
    def error(self) -> Any:
        """Both errors together; that of sampling alone where the model's is not known."""
        return np.hypot(self.sampling_error, np.nan_to_num(self.model_error))

    @property
    def z(self) -> Any:
        """Difference in units of its error."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.divide(self.value, self.error)

    @property
    def p(self) -> Any:
        """Chance of a difference at least as large, of either sign, were there none."""
        return 2.0 * ndtr(-np.abs(self.z))


def compare(first: Averages, second: Averages) -> dict[str, Difference]:
    """Differences of two runs and their significance, by the names of `Averages`.

    Where both hold the same members of the same model, model errors are those of the
    differences member by member. Others add up in quadrature: for the DOS of one model too,
    where this is an upper bound.

    Parameters
    ----------
    first, second : Averages
        Of two independent runs, or of windows of one run that are far apart in time. Only
        temperatures and energies that both have are compared.

    Raises
    ------
    ValueError
        If they have no temperature in common, or different references or steps of energy.
    """
    if first.reference != second.reference:
        raise ValueError(
            f"compare: expected one reference, got {first.reference} and {second.reference}"
        )
    steps = [a.energies[1] - a.energies[0] for a in (first, second)]
    if not np.isclose(steps[0], steps[1], rtol=1e-6):
        raise ValueError(f"compare: expected one step of energy, got {steps[0]:g} and {steps[1]:g}")
    # Aligned energies are multiples of the step.
    keys = [np.rint(a.energies / steps[0]).astype(int) for a in (first, second)]
    _, *shared_energies = np.intersect1d(*keys, return_indices=True)
    temperatures = np.intersect1d(first.temperatures, second.temperatures, return_indices=True)
    if not temperatures[0].size:
        raise ValueError(
            "compare: no temperature in common, got "
            f"{first.temperatures.tolist()} and {second.temperatures.tolist()} K"
        )
    shared = first.ensemble is not None and first.ensemble == second.ensemble
    differences = {}
    for name, one in first.quantities.items():
        picked: Sequence[Any] = (..., ...)
        if name == "dos":
            picked = shared_energies
        elif name in THERMAL:
            picked = temperatures[1:]
        differences[name] = _difference(one, second[name], picked, shared)
    return differences


def _difference(one: Average, other: Average, picked: Sequence[Any], shared: bool) -> Difference:
    i, j = picked
    a, b = one.estimate, other.estimate
    value = np.asarray(a.mean)[i] - np.asarray(b.mean)[j]
    sampling = np.hypot(np.asarray(a.error)[i], np.asarray(b.error)[j])
    by_member = shared and one.members is not None and other.members is not None
    if by_member:
        assert one.members is not None
        assert other.members is not None
        model = deviation(one.members[:, i] - other.members[:, j], value)
    else:
        model = np.hypot(np.asarray(one.model_error)[i], np.asarray(other.model_error)[j])
    return Difference(one.label, one.unit, value[()], sampling[()], model[()], by_member)
