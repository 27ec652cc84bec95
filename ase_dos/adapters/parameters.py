"""Parameters of the calculator: plain values, checks of them, and what sets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
from ase.calculators.calculator import CalculatorSetupError
from numpy.typing import ArrayLike

from ase_dos.spectra.electron_groups import ElectronGroups
from ase_dos.utils.checks import as_array, as_temperature

__all__ = [
    "GROUPS",
    "Parameters",
    "as_groups",
    "as_one_temperature",
    "group_record",
    "groups_from_record",
]

GROUPS = "group_temperatures"  # among the plain values, where there are groups


def as_one_temperature(value: ArrayLike, name: str) -> float:
    """Return one temperature (K), zero or above.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    temperature = as_temperature(value, name)
    if temperature.ndim:
        raise ValueError(
            f"{name}: expected one number, got shape {temperature.shape}: "
            "use get_electron_gas(temperatures) for several"
        )
    return float(temperature)


def as_groups(temperatures: ArrayLike, groups: ArrayLike) -> ElectronGroups:
    """Divide atoms into groups, by temperatures (groups,) in K and the group of every atom.

    Raises
    ------
    ValueError
        If a temperature is not a number >= 0, or a group is not the index of one.
    """
    values = as_array(as_temperature(temperatures, "temperatures"), "temperatures", (None,))
    labels = np.asarray(groups)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not labels.size:
        raise ValueError(
            "groups: expected an integer for every atom, got "
            f"{labels.dtype} of shape {labels.shape}"
        )
    wrong = (labels < 0) | (labels >= values.size)
    if wrong.any():
        atom = int(np.argmax(wrong))
        raise ValueError(
            f"groups: expected numbers from 0 to {values.size - 1}, one for each of the "
            f"temperatures, got {labels[atom]} for atom {atom}"
        )
    return ElectronGroups(values, labels)


def groups_from_record(record: Mapping[str, Any] | None) -> ElectronGroups | None:
    """Divide atoms as the plain values of `group_record` say; None for no groups.

    Raises
    ------
    ValueError
        If the values are no such record, or as in `as_groups`.
    """
    if record is None:
        return None
    try:
        return as_groups(record["temperatures"], record["groups"])
    except (TypeError, KeyError):
        raise ValueError(
            f"{GROUPS}: expected 'temperatures' and 'groups' as todict() gives them, got {record}"
        ) from None


def group_record(groups: ElectronGroups) -> dict[str, list]:
    """Plain values of groups of atoms, for files."""
    return {"temperatures": groups.temperatures.tolist(), "groups": groups.labels.tolist()}


class Parameters(MutableMapping[str, Any]):
    """Parameters of a calculator; to set one is to call its ``set``."""

    __slots__ = ("_change", "_values")

    def __init__(self, values: Mapping[str, Any], change: Callable[..., Any]) -> None:
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_change", change)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._change(**{name: value})

    def __delitem__(self, name: str) -> None:
        raise CalculatorSetupError(f"{name}: parameters cannot be removed; set the default")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    # ASE's own can be read and written as attributes too.
    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self:
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value
