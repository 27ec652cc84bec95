"""Restart files of two-temperature runs: one ``.npz`` of arrays with a JSON header, no pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from ase.io.jsonio import decode, encode

from ase_dos.dynamics.cell_electrons import ElectronState
from ase_dos.utils.checks import require_same
from ase_dos.utils.files import replace_file

__all__ = ["read_state", "write_state"]

FORMAT = 1
_ATOMS = ("numbers", "positions", "momenta", "cell", "pbc")
_NUMBERS = ("nsteps", "absorbed", "bath_heat", "refused", "novelty")
_ELECTRONS = ("temperature", "fermi_level", "entropy", "energy", "heat_capacity")


def write_state(path: str | Path, dynamics: Any) -> None:
    """Write the complete state of a `TwoTemperature` run.

    Numbers in the header keep all their digits; arrays are written as they are.
    """
    atoms = dynamics.atoms
    header = {
        "format": FORMAT,
        "options": dynamics.todict(),
        "random": dynamics.rng.bit_generator.state,
        **{name: getattr(dynamics, name) for name in _NUMBERS},
    }
    arrays = {
        "numbers": atoms.numbers,
        "positions": atoms.positions,
        "momenta": atoms.get_momenta(),
        "cell": atoms.cell.array,
        "pbc": atoms.pbc,
        "labels": dynamics.labels,
        **{name: getattr(dynamics.state, name) for name in _ELECTRONS},
    }
    if dynamics.comm.rank == 0:
        replace_file(path, lambda file: np.savez(file, header=encode(header), **arrays))
    dynamics.comm.barrier()


def read_state(path: str | Path, dynamics: Any, same_options: bool = True) -> None:
    """Give the state in a file to a run of the same atoms.

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
    atoms = dynamics.atoms
    if not np.array_equal(arrays["numbers"], atoms.numbers):
        raise ValueError(
            f"{path}: holds {len(arrays['numbers'])} atoms that are not the {len(atoms)} of this "
            "run, or in another order"
        )
    # Through JSON both: a tuple is a list there.
    now = json.loads(encode(dynamics.todict()))
    then = json.loads(encode(header["options"]))
    if not same_options:
        then, now = {"cells": then["cells"]}, {"cells": now["cells"]}
    require_same(path, then, now, "continue with the same options, or start anew")
    atoms.set_cell(arrays["cell"])
    atoms.pbc = arrays["pbc"]
    atoms.set_positions(arrays["positions"], apply_constraint=False)
    atoms.set_momenta(arrays["momenta"], apply_constraint=False)
    dynamics.labels = arrays["labels"]
    dynamics.state = ElectronState(*(arrays[name] for name in _ELECTRONS))
    for name in _NUMBERS:
        setattr(dynamics, name, header[name])
    dynamics.rng.bit_generator.state = header["random"]
