"""Helpers of the tests of the command line."""

import numpy as np
import pytest

from ase_dos.cli.main import main
from ase_dos.spectra.states import ElectronicStates

SMALL = [
    "--regressor",
    "ridge",
    "--cutoff",
    "4",
    "--max-radial",
    "3",
    "--max-angular",
    "2",
    "--modes",
    "6",
]
TINY = [*SMALL, "--no-report"]
QUICK = [*TINY, "--reference", "fermi"]


def fails(capsys, *args):
    """Run a command that must fail with one line on stderr; return the line."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in args])
    assert stop.value.code not in (0, None)
    errors = capsys.readouterr().err
    lines = [s for s in errors.splitlines() if not s.startswith("ase-dos: warning")]
    assert len(lines) == 1, errors
    assert lines[0].startswith("ase-dos: error: ")
    return lines[0]


def is_png(path):
    return path.read_bytes()[:4] == b"\x89PNG" and path.stat().st_size > 5000


def states_of(atoms):
    """A solvable crystal: levels of a chain whose width follows the volume."""
    width = 4.0 * (40.0 / atoms.cell.volume * len(atoms) / 2) ** (2 / 3)
    k = (np.arange(60) + 0.5) / 60
    bands = -width * np.cos(np.pi * k)[:, None] + 5.0 * np.arange(5 * len(atoms)) / len(atoms)
    return ElectronicStates(bands, np.full(60, 1 / 60), 4.0 * len(atoms), 2)
