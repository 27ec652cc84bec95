"""Levels of reference calculations at known k-points, which a Hamiltonian is fitted to."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.utils.checks import as_array
from ase_dos.utils.files import replace_arrays
from ase_dos.utils.short_repr import short_repr

__all__ = ["KnownLevels", "load_levels", "save_levels"]

_FORMAT = 1
_RESOLUTION = 1e-4  # eV, to which levels are stored
_DAMAGE = (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile)


@dataclass(frozen=True, eq=False)
class KnownLevels:
    """Levels of one structure at known k-points.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    kpoints : (kpoints, 3) array
        In units of the reciprocal lattice vectors.
    energies : (kpoints, bands) array
        The lowest levels (eV), stored rising; none is left out.
    fermi_level : float
        On the same axis (eV).

    Raises
    ------
    ValueError
        If shapes disagree, or values are not finite.
    """

    atoms: Atoms
    kpoints: NDArray
    energies: NDArray
    fermi_level: float

    __repr__ = short_repr

    def __post_init__(self) -> None:
        kpoints = as_array(self.kpoints, "kpoints", (None, 3))
        energies = np.sort(as_array(self.energies, "energies", (len(kpoints), None)), axis=1)
        fermi_level = float(as_array(self.fermi_level, "fermi_level", ()))
        object.__setattr__(self, "kpoints", kpoints)
        object.__setattr__(self, "energies", energies)
        object.__setattr__(self, "fermi_level", fermi_level)

    def weights(self, top: float, width: float) -> NDArray:
        """Weights (kpoints, bands) that sum to one and fall from ``top`` on.

        Parameters
        ----------
        top : float
            Energy above the Fermi level (eV) at which the weight has fallen to one half.
        width : float
            Over which it falls (eV).
        """
        above = (self.energies - self.fermi_level - top) / width
        weights = 1.0 / (1.0 + np.exp(np.clip(above, -50.0, 50.0)))
        return weights / weights.sum()


def save_levels(
    path: str | Path, known: Mapping[str, KnownLevels], provenance: Mapping[str, Any]
) -> None:
    """Write the levels of structures by their names, to 0.05 meV; ``provenance`` is for JSON."""
    arrays: dict[str, NDArray] = {}
    entries = []
    for index, (name, one) in enumerate(known.items()):
        arrays[f"{index}/energies"] = np.rint(one.energies / _RESOLUTION).astype(np.int32)
        arrays[f"{index}/kpoints"] = one.kpoints
        arrays[f"{index}/numbers"] = one.atoms.numbers
        arrays[f"{index}/positions"] = one.atoms.positions
        arrays[f"{index}/cell"] = one.atoms.cell.array
        periodic = one.atoms.pbc.tolist()
        entries.append({"name": name, "pbc": periodic, "fermi_level": one.fermi_level})
    header = {"format": _FORMAT, "provenance": dict(provenance), "entries": entries}
    arrays["header"] = np.array(json.dumps(header))
    replace_arrays(path, arrays, compressed=True)


def load_levels(path: str | Path) -> dict[str, KnownLevels]:
    """Read what `save_levels` wrote: levels by the names of the structures.

    Raises
    ------
    ValueError
        If the file is missing, damaged, not one of these, or of a newer release.
    """
    out = {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(str(stored["header"]))
            if header["format"] != _FORMAT:
                raise ValueError(f"format {header['format']}, this release reads {_FORMAT}")
            for index, entry in enumerate(header["entries"]):
                atoms = Atoms(
                    stored[f"{index}/numbers"],
                    stored[f"{index}/positions"],
                    cell=stored[f"{index}/cell"],
                    pbc=entry["pbc"],
                )
                energies = stored[f"{index}/energies"] * _RESOLUTION
                kpoints = stored[f"{index}/kpoints"]
                out[entry["name"]] = KnownLevels(atoms, kpoints, energies, entry["fermi_level"])
    except _DAMAGE as error:
        raise ValueError(f"{path}: not a readable file of levels ({error})") from error
    return out
