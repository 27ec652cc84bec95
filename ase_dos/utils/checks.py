"""Checks of what users pass in: shapes, types, finiteness, ranges."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "as_array",
    "as_candidates",
    "as_choice",
    "as_count",
    "as_group_labels",
    "as_integers",
    "as_positive",
    "as_temperature",
    "equal_to_rounding",
    "refuse_unknown_options",
    "require_same",
    "uniform_grid",
]

ROUNDING = 1e-9  # of the largest value: far above rounding, far below any difference that matters


def as_array(value: object, name: str, shape: Sequence[int | None] | None = None) -> NDArray:
    """Return ``value`` as a finite, C-contiguous array of floats of the expected shape.

    Parameters
    ----------
    value : array_like
        Value that the user gave.
    name : str
        Name of the value in messages.
    shape : sequence of int or None, optional
        Expected shape; None stands for any length. No check of the shape when absent.

    Raises
    ------
    ValueError
        If the value is not numeric, is complex, has another shape, or has NaN or infinity in it.
    """
    try:
        given = np.asarray(value)
        if given.dtype.kind == "c":
            raise ValueError("complex ones; take .real if their imaginary part is zero")
        array = np.asarray(given, dtype=float, order="C")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected numbers in a regular array, got {error}") from None
    if shape is not None and not _fits(array.shape, shape):
        expected = ", ".join("any" if want is None else str(want) for want in shape)
        raise ValueError(f"{name}: expected shape ({expected}), got {array.shape}")
    finite = np.isfinite(array)
    if np.count_nonzero(finite) < array.size:  # faster than all() for the short arrays of a frame
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"{name}: {int((~finite).sum())} of {array.size} values are NaN or infinite, "
            f"the first at index {where}"
        )
    return array


def as_integers(
    value: object, name: str, shape: Sequence[int | None] | None = None
) -> NDArray[np.intp]:
    """Return ``value`` as an array of integers of the expected shape, as `as_array` does of floats.

    Raises
    ------
    ValueError
        As by `as_array`, and if a number is not whole.
    """
    array = as_array(value, name, shape)
    if broken := array[array != np.rint(array)].tolist():
        raise ValueError(f"{name}: expected integers, got {broken[0]:g}")
    return array.astype(np.intp)


def _fits(shape: tuple[int, ...], expected: Sequence[int | None]) -> bool:
    """Whether a shape is the expected one, in which None stands for any length."""
    return shape == expected or (
        len(shape) == len(expected)
        and all(want in (None, got) for want, got in zip(expected, shape, strict=True))
    )


def as_positive(value: object, name: str, *, zero: bool = False) -> float:
    """Return one finite number above zero (or not below it, if ``zero`` is allowed)."""
    if not (isinstance(value, float) and math.isfinite(value)):
        value = float(as_array(value, name, ()))
    number = float(value)
    if number < 0 or (number == 0 and not zero):
        raise ValueError(f"{name}: expected a number {'>= 0' if zero else '> 0'}, got {number:g}")
    return number


def as_temperature(value: object, name: str = "temperature") -> NDArray:
    """Return temperatures (K), each zero or above, in the shape they came in."""
    array = as_array(value, name)
    if (array < 0).any():
        raise ValueError(f"{name}: expected kelvin >= 0, got {array.min():g}")
    return array


def require_same(
    where: str | os.PathLike, old: Mapping[str, Any], new: Mapping[str, Any], advice: str
) -> None:
    """Refuse to continue a run that was begun with other options, and name these."""
    different = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if different:
        changes = "; ".join(f"{key} was {old.get(key)}, is {new.get(key)}" for key in different)
        raise ValueError(f"{where}: has results of another run ({changes}); {advice}")


def equal_to_rounding(first: NDArray, second: NDArray) -> bool:
    """Whether arrays have one shape, and computed values that differ by rounding at most.

    Numbers that are computed twice, on two machines for example, differ in their last bits.
    """
    if np.shape(first) != np.shape(second):
        return False
    scale = np.abs(first).max(initial=0.0)
    return bool(np.abs(np.subtract(first, second)).max(initial=0.0) <= ROUNDING * scale)


def as_count(value: object, name: str, least: int) -> int:
    """Check a count.

    Raises
    ------
    ValueError
        If it is not an integer of at least ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name}: expected an integer >= {least}, got {value!r}")
    return int(value)


def as_group_labels(groups: object, n_atoms: int, n_groups: int) -> NDArray[np.intp]:
    """Group of every atom (atoms,), from 0 on; the first for all where ``groups`` is None.

    Raises
    ------
    ValueError
        If there is not one for every atom, or one is out of range.
    """
    if groups is None:
        return np.zeros(n_atoms, dtype=np.intp)
    labels = as_integers(groups, "groups", (n_atoms,))
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= n_groups:
        raise ValueError(
            f"groups: expected 0 to {n_groups - 1}, as many as there are weights, got "
            f"{labels.min()} to {labels.max()}"
        )
    return labels


def as_choice(value: object, name: str, choices: Sequence[str]) -> str:
    """Return a text that is one of ``choices``.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")
    return value


def as_candidates(values: Sequence[float], name: str, *, zero: bool = False) -> tuple[float, ...]:
    """Return one or more numbers above zero (or not below it, if ``zero`` is allowed).

    Raises
    ------
    ValueError
        If there is none, or one is below that.
    """
    numbers = as_array(values, name, (None,))
    if not numbers.size or not ((numbers >= 0) if zero else (numbers > 0)).all():
        raise ValueError(f"{name}: expected numbers {'>= 0' if zero else '> 0'}, got {values}")
    return tuple(numbers.tolist())


def uniform_grid(energies: ArrayLike) -> tuple[NDArray, float]:
    """Check a uniform, rising grid and return it with its spacing (eV)."""
    energies = as_array(energies, "energies", (None,))
    if energies.size < 2:
        raise ValueError(f"energies: expected at least 2 points, got {energies.size}")
    steps = energies[1:] - energies[:-1]
    if steps[0] <= 0 or steps.max() - steps.min() > 1e-6 * steps[0]:
        raise ValueError("energies: expected a rising, uniform grid")
    return energies, float((energies[-1] - energies[0]) / (energies.size - 1))


def refuse_unknown_options(values: Iterable[str], known: Sequence[str]) -> None:
    """Raise a ValueError that names the options of a model file which are not ``known``."""
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"model options: unknown to this release: {', '.join(unknown)}")
