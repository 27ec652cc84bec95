"""Energy of laser pulses that a run does not absorb, and warnings of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

from ase.units import fs

from ase_dos.dynamics.laser_pulse import LaserPulse

__all__ = ["outside", "warn_at_start", "warn_before_steps", "warn_of_missing_light"]

_MUCH = 0.01  # of the energy of a pulse
_UNIT = "times are in ASE's unit, such as 200 * ase.units.fs"


def warn_at_start(pulses: Sequence[LaserPulse], timestep: float) -> None:
    """Warn of pulses that begin before the time 0, or are shorter than a step."""
    for pulse in pulses:
        before = pulse.share(-float("inf"), 0.0)
        if before > _MUCH and pulse.energy > 0:
            _warn(
                f"pulse {_of(pulse)}: {100 * before:.3g} % of its energy lies before the start of "
                f"the run and is not absorbed; {_UNIT}"
            )
        if pulse.duration < timestep:
            _warn(
                f"pulse {_of(pulse)}: its duration is less than the time step, "
                f"{timestep / fs:.6g} fs; {_UNIT}"
            )


def warn_before_steps(pulses: Iterable[LaserPulse], start: float, stop: float) -> None:
    """Warn of pulses that begin only after steps from start to stop."""
    for pulse in pulses:
        if stop > start and pulse.energy > 0 and pulse.share(stop, float("inf")) > 1.0 - _MUCH:
            _warn(
                f"pulse {_of(pulse)}: comes after these steps, which end at {stop / fs:.6g} fs; "
                f"{_UNIT}"
            )


def warn_of_missing_light(pulses: Iterable[LaserPulse], time: float, absorbed: float) -> None:
    """Warn if the part of pulses before a time is more than what a run absorbed (eV per atom)."""
    expected = sum(pulse.absorbed(0.0, time) for pulse in pulses)
    if expected - absorbed > _MUCH * sum(pulse.energy for pulse in pulses):
        _warn(
            f"pulses: {expected - absorbed:.6g} eV per atom lie before {time / fs:.6g} fs, where "
            "this run continues, and were not absorbed in the run before"
        )


def outside(pulses: Iterable[LaserPulse], time: float) -> str:
    """Text on the energy of pulses before the time 0 and after a time; empty if there is none."""
    before = sum(pulse.absorbed(-float("inf"), 0.0) for pulse in pulses)
    after = sum(pulse.absorbed(max(time, 0.0), float("inf")) for pulse in pulses)
    total = sum(pulse.energy for pulse in pulses)
    if before + after <= 1e-3 * total:
        return ""
    return (
        f"pulses: of {total:.6g} eV per atom, {before:.6g} lie before the start and {after:.6g} "
        f"after {time / fs:.6g} fs"
    )


def _of(pulse: LaserPulse) -> str:
    return f"at {pulse.center / fs:.6g} fs of {pulse.duration / fs:.6g} fs"


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=4)
