"""Complete state of a two-temperature run, and its restart file: arrays with a JSON header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io.jsonio import decode, encode
from numpy.typing import NDArray

from ase_dos.dynamics.cell_electrons import ElectronState
from ase_dos.utils.checks import require_same
from ase_dos.utils.files import replace_arrays

__all__ = ["RunState", "read_restart_file", "require_cell", "write_restart_file"]

FORMAT = 1
_ARRAYS = ("positions", "momenta", "cell", "pbc", "labels")
_NUMBERS = ("nsteps", "absorbed", "bath_heat", "refused", "novelty")
# What a file need not have, and what it then is.
_LATER: dict[str, Any] = {"drift": 0.0, "time_offset": 0.0, "piston": None}
# Arrays of the file that hold the electrons, by the fields of `ElectronState`.
_ELECTRONS = {
    "temperature": "temperature",
    "fermi_level": "fermi_level",
    "entropy": "entropy",
    "internal_energy": "energy",
    "heat_capacity": "heat_capacity",
}


@dataclass(frozen=True, eq=False)
class RunState:
    """All that a run of `ase_dos.dynamics.two_temperature.TwoTemperature` changes.

    Parameters
    ----------
    positions, momenta : (atoms, 3) array
        Of the ions, in ASE's units.
    cell, pbc : (3, 3) and (3,) array
        Cell vectors (Angstrom) and periodic directions.
    labels : (atoms,) int array
        Electron cell of every atom.
    electrons : ElectronState
        Electrons of the cells.
    nsteps : int
        Steps done.
    absorbed, bath_heat : float
        Energy (eV) from pulses and from the bath so far.
    refused : int
        Kicks of the thermostat that were refused so far.
    novelty : float
        Largest novelty of an atom.
    random : dict
        State of the random numbers.
    drift : float
        Change of the conserved energy so far (eV).
    time_offset : float
        Time of the run less steps times time step (ASE's unit): not zero if the step was changed.
    piston : dict, optional
        Rates and volume of `ase_dos.dynamics.barostat.Piston`.
    """

    positions: NDArray
    momenta: NDArray
    cell: NDArray
    pbc: NDArray
    labels: NDArray
    electrons: ElectronState
    nsteps: int
    absorbed: float
    bath_heat: float
    refused: int
    novelty: float
    random: dict[str, Any]
    drift: float = 0.0
    time_offset: float = 0.0
    piston: dict[str, Any] | None = None


def write_restart_file(
    path: str | Path, atoms: Atoms, state: RunState, options: Mapping[str, Any]
) -> None:
    """Write the state of a run of these atoms, and its options as plain values.

    Numbers in the header keep all their digits; arrays are written as they are.
    """
    header = {
        "format": FORMAT,
        "options": options,
        "random": state.random,
        **{name: getattr(state, name) for name in (*_NUMBERS, *_LATER)},
    }
    arrays = {
        "header": encode(header),
        "numbers": atoms.numbers,
        **{name: getattr(state, name) for name in _ARRAYS},
        **{stored: getattr(state.electrons, name) for name, stored in _ELECTRONS.items()},
    }
    replace_arrays(path, arrays)


def read_restart_file(
    path: str | Path, atoms: Atoms, options: Mapping[str, Any], same_options: bool = True
) -> RunState:
    """Read the state of a run of these atoms.

    Raises
    ------
    ValueError
        If the file is no restart file, is of a newer release, of other atoms or another grid, or,
        with ``same_options``, of a run with other options.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = decode(str(arrays["header"]), always_array=False)
        known = header["format"]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path}: expected a restart file of TwoTemperature, got {error}"
        ) from None
    if known != FORMAT:
        raise ValueError(f"{path}: restart format {known}; this release reads {FORMAT}")
    if not np.array_equal(arrays["numbers"], atoms.numbers):
        raise ValueError(
            f"{path}: holds {len(arrays['numbers'])} atoms that are not the {len(atoms)} of this "
            "run, or in another order"
        )
    # Through JSON both: a tuple is a list there.
    now = json.loads(encode(options))
    then = json.loads(encode(header["options"]))
    if not same_options:
        then, now = {"cells": then["cells"]}, {"cells": now["cells"]}
    require_same(path, then, now, "continue with the same options, or start anew")
    later = {name: header.get(name, absent) for name, absent in _LATER.items()}
    later["time_offset"] += header["nsteps"] * (header["options"]["timestep"] - options["timestep"])
    return RunState(
        **{name: arrays[name] for name in _ARRAYS},
        **{name: header[name] for name in (*_NUMBERS, "random")},
        **later,
        electrons=ElectronState(**{name: arrays[stored] for name, stored in _ELECTRONS.items()}),
    )


def require_cell(path: str | Path, cell: NDArray, atoms: Atoms) -> None:
    """Check that a restart file is of the cell of these atoms, which cannot change."""
    if not np.array_equal(cell, atoms.cell.array):
        raise ValueError(
            f"{path}: holds atoms in the cell {cell.round(6).tolist()}, but this run was "
            f"made with {atoms.cell.array.round(6).tolist()}; make it with the cell of the file"
        )
