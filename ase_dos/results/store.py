"""Store of a trajectory: records of frames become rows on disk."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_dos.results.dataset import require_format, require_xarray
from ase_dos.results.variables import CONSTANTS, COORDINATES, FINISHED, FORMAT, MISSING, VARIABLES
from ase_dos.results.zarr_rows import MARK, Column, ZarrRows
from ase_dos.utils.checks import equal_to_rounding, require_same

__all__ = ["Store"]

COMMIT_SECONDS = 10.0  # between commits where frames take long
BLOCK_ATOMS = 2**17  # atoms, in all frames of it, between commits
BLOCK_FRAMES = 1024
CHUNK_BYTES = 2**20


class Store:
    """Results of the frames of one run, row by row, in a zarr directory.

    Records are dictionaries with names of `VARIABLES`. Rows are committed when their atoms are
    many or `COMMIT_SECONDS` have passed; `close` commits the rest.

    Parameters
    ----------
    path : str or path
        The directory.
    time_unit : str
        Unit of the time that records come with; see the attribute.

    Attributes
    ----------
    time_unit : str
        May be set until the first record comes.
    status, fingerprints : list of int
        Of every row.
    missing : dict of int to str
        Indices of the frames that could not be done, and why.
    """

    def __init__(self, path: str | os.PathLike, time_unit: str = "unit of the trajectory") -> None:
        require_xarray()
        self.path = Path(path)
        self.time_unit = time_unit
        self.status: list[int] = []
        self.fingerprints: list[int] = []
        self.missing: dict[int, str] = {}
        self._arrays = ZarrRows(self.path, last="status")
        self._constants: dict[str, NDArray] = {}  # known from the first record on
        self._waiting: dict[int, dict[str, Any]] = {}  # rows before it
        self._begun = False
        self._block = 1
        self._committed = time.monotonic()
        self._changed = self._has_committed = self._failed = False

    def open(self, options: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Begin results with these options, or go on with those that have the same.

        Raises
        ------
        ValueError
            If the directory has something else in it, or results of other options, or another
            process writes to it.
        """
        self._arrays.open()
        try:
            if self._arrays.size:
                self._resume(options)
            else:
                about = {"coordinates": " ".join(COORDINATES), **about}
                self._arrays.begin(
                    {MARK: FORMAT, **about, "options": json.dumps(options), "errors": "{}"}
                )
        except BaseException:
            self._arrays.close()
            raise

    def put(self, row: int, index: int, record: Mapping[str, Any]) -> None:
        """Set the result of the frame with this index.

        Raises
        ------
        ValueError
            If its energies differ from those of the frames before it.
        """
        if not self._begun:
            self._begin(record)
        for name, values in self._constants.items():
            if not equal_to_rounding(values, record[name]):
                raise ValueError(f"{name}: differs from that of the frames before")
        self.missing.pop(index, None)
        self._set(row, {**record, "frame": index, "status": FINISHED})

    def put_missing(self, row: int | None, index: int, why: str) -> None:
        """Record that a frame has no result; it has no row if it was not asked for."""
        self.missing[index] = why
        self._changed = True
        if row is not None:
            self._set(row, {"frame": index, "status": MISSING})

    def read(self, name: str) -> NDArray:
        """Read the committed rows of a variable that is not one over atoms."""
        return self._arrays.read(name)

    def commit(self) -> None:
        """Write what was put to disk, so that it survives the process."""
        if self._changed and self._begun:
            errors = {str(index): why for index, why in sorted(self.missing.items())}
            self._arrays.attributes["errors"] = json.dumps(errors)
            self._arrays.commit()
            self._has_committed = True
        self._changed = False
        self._committed = time.monotonic()

    def close(self) -> None:
        """Commit, unless rows are half written, and let others write."""
        try:
            if not self._failed:
                self.commit()
            if self._has_committed:
                self._arrays.copy_metadata()
        finally:
            self._arrays.close()

    def _resume(self, options: Mapping[str, Any]) -> None:
        attributes = self._arrays.attributes
        require_format(self.path, attributes)
        require_same(
            self.path, json.loads(attributes["options"]), options, "choose another output directory"
        )
        self.status = self._arrays.read("status").tolist()
        self.fingerprints = self._arrays.read("fingerprint").tolist()
        errors = json.loads(attributes["errors"])
        indices = self._arrays.read("frame")[np.array(self.status) == MISSING]
        # Whether there are frames after the last result is an open question again.
        size = 1 + max(row for row, status in enumerate(self.status) if status == FINISHED)
        self._arrays.size = size
        del self.status[size:], self.fingerprints[size:]
        indices = indices[: self.status.count(MISSING)]
        self.missing = {int(index): errors[str(index)] for index in indices}
        self._constants = {
            name: self._arrays.read(name) for name in CONSTANTS if name in self._arrays
        }
        self._block = self._arrays.chunk_rows("numbers")
        self._begun = True

    def _begin(self, record: Mapping[str, Any]) -> None:
        """Make the arrays, in the sizes of the first record."""
        atoms = len(record["numbers"])
        self._block = _power_of_two(BLOCK_ATOMS // atoms)
        self._constants = {name: record[name] for name in CONSTANTS if name in record}
        columns = {
            name: self._column(name, np.shape(record.get(name, 0)))
            for name in (*record, "frame", "status")
            if name not in CONSTANTS
        }
        constants = {
            name: (
                Column(
                    VARIABLES[name].dims, values.dtype.str, values.shape, self._attributes(name)
                ),
                values,
            )
            for name, values in self._constants.items()
        }
        self._arrays.create(columns, constants)
        self._begun = True
        for row, values in self._waiting.items():
            self._arrays.put(row, values)

    def _column(self, name: str, shape: tuple[int, ...]) -> Column:
        """Choose chunks of about a megabyte, of whole blocks if the array is over atoms."""
        dims, dtype = VARIABLES[name].dims, VARIABLES[name].dtype
        inner = [
            min(size, BLOCK_ATOMS) if dim == "atom" else size
            for dim, size in zip(dims[1:], shape, strict=True)
        ]
        rows = _power_of_two(CHUNK_BYTES // (math.prod(inner) * np.dtype(dtype).itemsize))
        if "atom" in dims:
            rows = min(rows, self._block)
        return Column(dims, dtype, (rows, *inner), self._attributes(name))

    def _attributes(self, name: str) -> dict[str, str]:
        unit = self.time_unit if name == "time" else VARIABLES[name].unit
        return {"units": unit, "long_name": VARIABLES[name].meaning}

    def _set(self, row: int, values: dict[str, Any]) -> None:
        fingerprint = int(values.get("fingerprint", 0))
        if row == len(self.status):
            self.status.append(0)
            self.fingerprints.append(0)
        self.status[row], self.fingerprints[row] = values["status"], fingerprint
        self._changed = True
        if not self._begun:
            self._waiting[row] = values
            return
        self._failed = True
        self._arrays.put(row, values)
        if (row + 1) % self._block == 0 or time.monotonic() > self._committed + COMMIT_SECONDS:
            self.commit()
        self._failed = False


def _power_of_two(number: int) -> int:
    """Largest power of two up to a number, between 1 and `BLOCK_FRAMES`."""
    return 1 << min(max(number, 1), BLOCK_FRAMES).bit_length() - 1
