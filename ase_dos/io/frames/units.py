"""Units of files, and the time and step that a file gives its frames."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from ase.units import Bohr

__all__ = ["angstroms", "clock_of", "femtoseconds", "names_time_unit"]

_LENGTHS = {
    ("angstrom", "angstroms", "angstroem", "ang", "a", "å"): 1.0,
    ("nm", "nanometer", "nanometers", "nanometre", "nanometres"): 10.0,
    ("pm", "picometer", "picometre"): 0.01,
    ("um", "micrometer", "micrometre", "micron"): 1e4,
    ("cm", "centimeter", "centimetre"): 1e8,
    ("m", "meter", "metre"): 1e10,
    ("bohr", "bohrs", "a0", "au", "a.u.", "atomic_unit", "atomic_units"): Bohr,
}
_TIMES = {
    ("fs", "femtosecond", "femtoseconds"): 1.0,
    ("ps", "picosecond", "picoseconds"): 1e3,
    ("ns", "nanosecond", "nanoseconds"): 1e6,
    ("us", "microsecond", "microseconds"): 1e9,
    ("s", "sec", "second", "seconds"): 1e15,
    ("as", "attosecond", "attoseconds"): 1e-3,
    ("au", "a.u.", "atomic_unit", "atomic_units"): 0.024188843265864,  # hbar / Hartree
}
_ANGSTROMS = {name: value for names, value in _LENGTHS.items() for name in names}
_FEMTOSECONDS = {name: value for names, value in _TIMES.items() for name in names}

_STEPS = ("step", "timestep", "md_step")
# "12.5", "12.5 ps", "12.5 [ps]"
_VALUE = re.compile(r"\s*([-+\d.eE]+)\s*[\[(]?\s*([A-Za-z_.]*)\s*[\])]?\s*$")
# "time", "time_fs", "time(fs)", "time[fs]"
_TIME = re.compile(r"time(?:_([a-z_]+)|[\[(]([a-z_.]+)[\])])?$", re.IGNORECASE)


def angstroms(unit: str) -> float | None:
    """Return a unit of length in Angstrom, None if it is not known."""
    return _ANGSTROMS.get(unit.strip().lower())


def femtoseconds(unit: str) -> float | None:
    """Return a unit of time in fs, None if it is not known."""
    return _FEMTOSECONDS.get(unit.strip().lower())


def clock_of(info: Mapping[str, Any]) -> dict[str, float]:
    """Time and step in what a file says of a frame; NaN where it does not say them.

    ``time`` is taken as it is, unless its name (``time_ps``, ``time(ps)``) or its value ("2.5 ps")
    has a unit. A unit that is not known makes no time, nor does the time that LAMMPS writes into
    extended xyz, beside ``Timestep``, in units that it does not name.

    Returns
    -------
    dict of str to float
        ``time``, in fs where its unit is known, and ``step``.
    """
    values = {str(name): value for name, value in info.items()}
    lowered = {name.lower(): value for name, value in values.items()}
    step = next((_number(lowered[name])[0] for name in _STEPS if name in lowered), math.nan)
    return {"time": next(_times(values), (math.nan, False))[0], "step": step}


def names_time_unit(info: Mapping[str, Any]) -> bool:
    """Return whether `clock_of` knows the unit of the time, which is then in fs."""
    return next(_times({str(name): value for name, value in info.items()}), (math.nan, False))[1]


def _times(info: Mapping[str, Any]) -> Iterator[tuple[float, bool]]:
    """Yield times, and whether their unit is known and they are in fs."""
    for name, value in info.items():
        if not (title := _TIME.match(name)):
            continue
        number, unit = _number(value)
        unit = title[1] or title[2] or unit
        scale = femtoseconds(unit) if unit else None if "Timestep" in info else 1.0
        if scale is not None and math.isfinite(number):
            yield number * scale, bool(unit)


def _number(value: Any) -> tuple[float, str]:
    """Return number and unit of a value; NaN if it is neither a number nor one with a unit."""
    if isinstance(value, str):
        match = _VALUE.match(value)
        try:
            return (float(match[1]), match[2]) if match else (math.nan, "")
        except ValueError:
            return math.nan, ""
    if value is None or isinstance(value, (bool, np.bool_)) or not np.isscalar(value):
        return math.nan, ""
    try:
        return float(value), ""  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan, ""
