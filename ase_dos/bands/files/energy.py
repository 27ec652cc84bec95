"""Energies of files as E - E_F: their sign and zero are read or asked for, never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ase_dos.bands.arrangement import ENERGY
from ase_dos.bands.units import energy_factor
from ase_dos.utils.checks import as_array

if TYPE_CHECKING:
    from xarray import DataArray

__all__ = ["KINDS", "relative_energies"]

KINDS = {
    "relative": "E - E_F, occupied states negative, as erlab and PyARPES have it",
    "binding": "E_F - E, occupied states positive, as peaks has it",
    "kinetic": "kinetic energy, with fermi_level= that of the Fermi level",
}


def relative_energies(data: DataArray, kind: str | None, fermi_level: float | None) -> DataArray:
    """Turn the axis of energies into E - E_F (eV).

    Parameters
    ----------
    data : xarray.DataArray
        Map with the dimension ``eV`` as a file has it; the attribute ``type`` of the axis says
        which kind of energy it is, where a file does.
    kind : {"relative", "binding", "kinetic"}, optional
        What it is, if the file does not say it, or says it wrongly.
    fermi_level : float, optional
        Where the Fermi level is on this axis (eV); needed for kinetic energies, else 0.

    Raises
    ------
    ValueError
        If nothing says which kind it is, the Fermi level is not known, or the map would lie above
        the Fermi level.
    """
    given = data[ENERGY]
    energies = as_array(given.values, "energies", (None,))
    energies = energies * energy_factor("of energies", given.attrs.get("units"))
    stated = str(given.attrs.get("type", "")).lower()
    kind = kind or stated
    span = f"energies from {energies.min():g} to {energies.max():g} eV"
    if kind not in KINDS:
        choices = "; ".join(f"energy={name!r} ({what})" for name, what in KINDS.items())
        said = (
            f"the file calls them {stated!r}" if stated else "the file does not say what they are"
        )
        raise ValueError(f"{span}: {said}, give one of {choices}")
    if fermi_level is None:
        if kind == "kinetic":
            raise ValueError(
                f"{span} are kinetic: give --fermi-level (in Python, fermi_level=), where the "
                f"Fermi level is on this axis; 0 if they are counted from it already"
            )
        fermi_level = 0.0
    relative = energies - float(as_array(fermi_level, "fermi_level", ()))
    if kind == "binding":
        relative = -relative
    if relative.min() >= 0:
        raise ValueError(
            f"{span} taken as {kind} with the Fermi level at {fermi_level:g} put the whole map "
            f"above the Fermi level; give another --energy ({', '.join(KINDS)}) or "
            f"--fermi-level (in Python, energy= and fermi_level=)"
        )
    found = data.assign_coords({ENERGY: np.asarray(relative)})
    found[ENERGY].attrs = {"units": "eV"}
    return found
