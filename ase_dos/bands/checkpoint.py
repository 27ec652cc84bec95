"""Checkpoint of a fit of bands: what is there when it is killed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ase_dos.bands.line_profile import LineProfile
from ase_dos.bands.spectra_model import Lines, SpectralLine
from ase_dos.utils.files import replace_arrays

__all__ = ["Checkpoint"]


class Checkpoint:
    """File with the lines of the last finished part of a fit.

    Parameters
    ----------
    path : str or path, optional
        The file; nothing is kept without.
    task : str
        Checksum of the data and options: a file of another task is not taken.

    Raises
    ------
    ValueError
        If the file is that of another task, or none of ours.
    """

    def __init__(self, path: str | os.PathLike | None, task: str) -> None:
        self.path = None if path is None else Path(path)
        self.task = task
        self.found: tuple[Lines, dict[str, Any]] | None = None
        if self.path is not None and self.path.exists():
            self.found = self._load(self.path)

    def _load(self, path: Path) -> tuple[Lines, dict[str, Any]]:
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                header = json.loads(str(arrays["header"]))
                line = header["line"]
                lines = Lines(
                    arrays["positions"],
                    arrays["amplitudes"],
                    arrays["background"],
                    SpectralLine(LineProfile(**line.pop("profile")), **line),
                )
        except Exception as error:  # numpy and zipfile raise many kinds for damaged files
            raise ValueError(
                f"{path}: no checkpoint of a reconstruction, or damaged ({error}); remove it to "
                "start anew"
            ) from error
        if header["task"] != self.task:
            raise ValueError(
                f"{path}: checkpoint of another map, theory or options; remove it or name another"
            )
        return lines, header["state"]

    def save(self, lines: Lines, **state: Any) -> None:
        """Keep lines and a state that JSON can write, in place of what was kept before."""
        if self.path is None:
            return
        header = json.dumps({"task": self.task, "line": asdict(lines.line), "state": state})
        arrays = {
            "header": header,
            "positions": lines.positions,
            "amplitudes": lines.amplitudes,
            "background": lines.background,
        }
        replace_arrays(self.path, arrays)

    def remove(self) -> None:
        """Remove the file: the task is finished."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
