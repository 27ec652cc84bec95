"""Differences of trajectory averages, and their significance."""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from ase_dos.results.averages import Average, Averages, deviation
from ase_dos.results.series import SPECTRA
from ase_dos.utils.quantities import THERMAL, Quantity
from ase_dos.utils.short_repr import short_repr
from ase_dos.utils.statistics import FEWEST, FloatOrArray

__all__ = ["Difference", "compare"]

Places: TypeAlias = NDArray | EllipsisType  # in the arrays of an average


@dataclass(frozen=True, eq=False)
class Difference:
    """Difference of two averages (the first less the second), and its significance.

    Attributes
    ----------
    quantity : Quantity
        Name, symbol and unit of the values.
    value : float or array
        Difference.
    sampling_error : float or array
        Its standard error from the finite length of both runs.
    model_error : float or array
        Its standard error from the model; NaN where the results of a run have no members.
    degrees_of_freedom : float or array
        Of ``sampling_error``, from those of both (Welch and Satterthwaite).
    shared_members : bool
        Whether ``model_error`` is the spread of differences taken member by member: an error
        that both runs have in common cancels.
    """

    quantity: Quantity
    value: FloatOrArray
    sampling_error: FloatOrArray
    model_error: FloatOrArray
    degrees_of_freedom: FloatOrArray
    shared_members: bool

    __repr__ = short_repr

    @property
    def label(self) -> str:
        """Symbol of the quantity."""
        return self.quantity.symbol

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return self.quantity.unit

    @property
    def error(self) -> FloatOrArray:
        """Both errors together; that of sampling alone where the model's is not known."""
        return np.hypot(self.sampling_error, np.nan_to_num(self.model_error))

    @property
    def z(self) -> FloatOrArray:
        """Difference in units of its error."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.divide(self.value, self.error)

    @property
    def p(self) -> FloatOrArray:
        """Chance of a difference at least as large, of either sign, were there none.

        By Student's t distribution, whose width the errors have in them.
        """
        freedom = np.maximum(self.degrees_of_freedom, FEWEST)
        return 2.0 * stdtr(freedom, -np.abs(self.z) * np.sqrt(freedom / (freedom - 2.0)))


def compare(first: Averages, second: Averages) -> dict[str, Difference]:
    """Differences of what two runs have in common and their significance, by name.

    Where both have the same members of the same model, model errors are those of the
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
        If they have no quantity or no temperature in common, or different references or steps of
        energy.
    """
    if first.reference != second.reference:
        raise ValueError(
            f"compare: expected one reference, got {first.reference} and {second.reference}"
        )
    common = {name: one for name, one in first.quantities.items() if name in second.quantities}
    if not common:
        raise ValueError(
            f"compare: no quantity in common, got {', '.join(first.quantities)} and "
            f"{', '.join(second.quantities)}"
        )
    everywhere: tuple[Places, Places] = (..., ...)
    energies = temperatures = everywhere
    if "dos" in common:
        energies, temperatures = _common_axes(first, second)
    shared = first.ensemble is not None and first.ensemble == second.ensemble
    differences = {}
    for name, one in common.items():
        places = everywhere
        if name in SPECTRA:
            places = energies
        elif name in THERMAL:
            places = temperatures
        differences[name] = _difference(one, second[name], places, shared)
    return differences


def _common_axes(
    first: Averages, second: Averages
) -> tuple[tuple[Places, Places], tuple[Places, Places]]:
    """Places of common energies, and of common temperatures, in both."""
    steps = [a.energies[1] - a.energies[0] for a in (first, second)]
    if not np.isclose(steps[0], steps[1], rtol=1e-6):
        raise ValueError(f"compare: expected one step of energy, got {steps[0]:g} and {steps[1]:g}")
    # Aligned energies are multiples of the step.
    keys = [np.rint(a.energies / steps[0]).astype(int) for a in (first, second)]
    energies = np.intersect1d(*keys, return_indices=True)[1:]
    temperatures = np.intersect1d(first.temperatures, second.temperatures, return_indices=True)[1:]
    if not temperatures[0].size:
        raise ValueError(
            "compare: no temperature in common, got "
            f"{first.temperatures.tolist()} and {second.temperatures.tolist()} K"
        )
    return energies, temperatures


def _difference(
    one: Average, other: Average, places: tuple[Places, Places], shared: bool
) -> Difference:
    i, j = places
    a, b = one.estimate, other.estimate
    value = np.asarray(a.mean)[i] - np.asarray(b.mean)[j]
    errors = np.array([np.asarray(a.error)[i], np.asarray(b.error)[j]])
    freedom = [np.asarray(a.degrees_of_freedom)[i], np.asarray(b.degrees_of_freedom)[j]]
    sampling = np.hypot(*errors)
    if shared and one.members is not None and other.members is not None:
        model = deviation(one.members[:, i] - other.members[:, j], value)
    else:
        shared = False
        model = np.hypot(np.asarray(one.model_error)[i], np.asarray(other.model_error)[j])
    common = _common_freedom(errors, np.array(freedom))
    return Difference(one.quantity, value[()], sampling[()], model, common[()], shared)


def _common_freedom(errors: NDArray, freedom: NDArray) -> NDArray:
    """Degrees of freedom of the sum of two quantities with errors (2, ...)."""
    freedom = np.maximum(freedom, FEWEST)
    parts = np.sum(errors**4 / freedom, axis=0)
    total = np.sum(errors**2, axis=0) ** 2
    together = np.asarray(freedom.sum(axis=0))  # of two constants
    return np.divide(total, parts, out=together, where=parts > 0)
