"""Units of axes: momenta in 1/Angstrom, energies in eV."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["MOMENTUM_NAMES", "axis_factor", "energy_factor", "refuse_angle", "refuse_raw"]

MOMENTUM_NAMES = ("kx", "ky", "k", "kp", "kpar", "k_par", "k_parallel", "kz")
_ANGLES = {"deg", "degree", "degrees", "°", "rad", "radian", "radians", "mrad"}
_PIXELS = {"px", "pixel", "pixels", "step", "steps"}
_LENGTHS = {"angstrom": 1.0, "a": 1.0, "nm": 10.0, "nanometer": 10.0}  # in Angstrom
_ENERGIES = {"ev": 1.0, "electronvolt": 1.0, "electron_volt": 1.0, "mev": 1e-3, "kev": 1e3}
_INVERSE = re.compile(r"1\s*/\s*([a-z]+)|([a-z]+)\s*(?:\*\*|\^)?\s*[({]?\s*-\s*1(?:\.0)?\s*[)}]?")


def axis_factor(name: str, unit: str | None) -> float:
    """Return the number by which an axis of momenta becomes one in 1/Angstrom.

    Parameters
    ----------
    name : str
        Name of the axis. One of a name that is none of a momentum (temperature, delay) keeps its
        unit.
    unit : str or None
        Unit as files state it: "1/angstrom", "Å^-1", "1 / nanometer"; none is 1/Angstrom.

    Raises
    ------
    ValueError
        If the axis is an angle or counts pixels, or the unit of a momentum is unknown.
    """
    # Å is one sign or two, and its superscripts are digits to this form.
    text = unicodedata.normalize("NFKC", unit or "").replace("\u2212", "-").strip()
    if text.lower() in _ANGLES:
        refuse_angle(name, text)
    if text.lower() in _PIXELS:
        refuse_raw(name)
    if not text or name not in MOMENTUM_NAMES:
        return 1.0
    found = _INVERSE.fullmatch(re.sub("Å(ngstr[öo]m)?", "angstrom", text).lower())
    length = found and _LENGTHS.get(found[1] or found[2])
    if not length:
        raise ValueError(f"axis {name}: expected a unit such as 1/angstrom, got {unit!r}")
    return 1.0 / length


def energy_factor(name: str, unit: str | None) -> float:
    """Return the number by which an axis of energies becomes one in eV; no unit is eV.

    Raises
    ------
    ValueError
        If the unit is none of energy.
    """
    factor = _ENERGIES.get((unit or "eV").strip().lower())
    if factor is None:
        raise ValueError(f"axis {name}: expected energies in eV or meV, got {unit!r}")
    return factor


def refuse_angle(name: str, unit: str = "") -> None:
    """Say how angles become momenta.

    Raises
    ------
    ValueError
        Always.
    """
    raise ValueError(
        f"axis {name}: is an angle{unit and f' ({unit})'}, not a momentum; convert the map with "
        f"the program that it comes from (erlab: data.kspace.convert(); PyARPES: "
        f"convert_to_kspace; peaks: data.k_convert()), or give it an axis of momenta, "
        f"k = 0.5123 sqrt(kinetic energy in eV) sin(angle) in 1/Angstrom"
    )


def refuse_raw(name: str) -> None:
    """Say that coordinates of a detector must be calibrated.

    Raises
    ------
    ValueError
        Always.
    """
    raise ValueError(
        f"axis {name}: is a raw coordinate of the detector; calibrate the map to momenta "
        f"(1/Angstrom) and energies (eV) first, with the program that it comes from"
    )
