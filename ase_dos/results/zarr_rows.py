"""Rows of arrays in a zarr directory, added frame by frame and whole at every moment.

Format 2 of zarr keeps each chunk of an array in a file of its own, and describes all arrays in one
more file, ``.zmetadata``. A commit writes chunks, each replaced in one step and those of one array
last, and then replaces ``.zmetadata``, which says how many rows there are. Whoever opens the
directory after a kill sees the rows of the last commit and no other; a run that goes on writes the
rest anew. Of the committed chunks only the one with the last row is ever written again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.utils.files import FileLock, errors_name, replace_file

if TYPE_CHECKING:
    from numcodecs.abc import Codec

__all__ = ["MARK", "Column", "ZarrRows", "pad"]

MARK = "ase_dos_format"  # attribute of a directory of ours
ROWS = "frame"  # the dimension that grows
RAGGED = "atom"  # the dimension in which rows differ
_CODEC: dict[str, Any] = {"id": "zstd", "level": 1, "checksum": True}
_GROUP = {"zarr_format": 2}


@dataclass(frozen=True)
class Column:
    """Dimensions, type and chunks of an array.

    Parameters
    ----------
    dims : tuple of str
        Names of the dimensions; "frame" comes first, one may be "atom".
    dtype : str
        As numpy writes it.
    chunks : tuple of int
        Shape of a chunk. It spans all dimensions but "frame" and "atom".
    attributes : dict
        Unit and meaning.
    """

    dims: tuple[str, ...]
    dtype: str
    chunks: tuple[int, ...]
    attributes: Mapping[str, Any]

    @property
    def ragged(self) -> int | None:
        """Axis along which rows differ in length."""
        return self.dims.index(RAGGED) if RAGGED in self.dims else None

    @property
    def fill(self) -> np.generic:
        """Value where there is nothing: NaN, or the integer zero."""
        return np.dtype(self.dtype).type(np.nan if np.dtype(self.dtype).kind == "f" else 0)

    def pieces(self, width: int) -> int:
        """Count the chunks side by side for rows of this many atoms."""
        return 1 if self.ragged is None else -(-max(width, 1) // self.chunks[self.ragged])

    def shape(self, size: int, width: int) -> tuple[int, ...]:
        """Shape of the array with this many rows and atoms."""
        shape = [size, *self.chunks[1:]]
        if self.ragged is not None:
            shape[self.ragged] = width
        return tuple(shape)


def pad(rows: Mapping[int, NDArray], shape: tuple[int, ...], column: Column) -> NDArray:
    """Array of this shape with each given row in the corner of its place."""
    array = np.full(shape, column.fill, column.dtype)
    for place, row in rows.items():
        corner: tuple[int | slice, ...] = (place, *(slice(0, n) for n in np.shape(row)))
        array[corner] = row
    return array


class ZarrRows:
    """A zarr directory that one process appends rows to.

    Parameters
    ----------
    path : path
        The directory.
    last : str
        Name of the array whose chunk a commit writes after all others.

    Attributes
    ----------
    size : int
        Rows.
    width : int
        Atoms of the largest row.
    attributes : dict
        Of the whole directory.
    """

    def __init__(self, path: Path, last: str) -> None:
        self.path, self.last = path, last
        self.size = self.width = 0
        self.attributes: dict[str, Any] = {}
        self._arrays: dict[str, _Array] = {}
        self._files: dict[str, Any] = {}  # all that describes the arrays, by file
        self._lock: FileLock | None = None

    def open(self) -> None:
        """Lock the directory for this process, and read the number of its rows.

        Raises
        ------
        ValueError
            If the path is of something else, or another process writes to it.
        """
        begun = (self.path / ".zmetadata").exists()
        if begun:
            self._read_metadata()
        elif self.path.exists() and not _is_empty(self.path):
            raise ValueError(f"{self.path}: exists, but has no results of a trajectory in it")
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.path / ".zgroup")  # the one file that is never replaced
        try:
            if begun:
                self._read_metadata()  # another process may have written until now
            group = self.path / ".zgroup"
            if group.read_text() != json.dumps(_GROUP):  # a kill while it is written empties it
                with errors_name(group):
                    group.write_text(json.dumps(_GROUP))
            self._sweep()
        except BaseException:
            self.close()
            raise

    def begin(self, attributes: Mapping[str, Any]) -> None:
        """Remove all arrays and rows."""
        self.size = self.width = 0
        self.attributes = dict(attributes)
        self._arrays, self._files = {}, {}
        self._publish()  # from here on the directory is known as one of ours
        for folder in self.path.iterdir():
            if (folder / ".zarray").exists():
                shutil.rmtree(folder)
        self.commit()

    def create(
        self, columns: Mapping[str, Column], constants: Mapping[str, tuple[Column, NDArray]]
    ) -> None:
        """Add arrays: over frames, and constant ones with their values."""
        for name, column in columns.items():
            self._arrays[name] = _Array(self.path / name, column)
            self._describe(name, column, column.shape(0, 0))
        for name, (column, values) in constants.items():
            self._describe(name, column, values.shape)
            _write_chunk(self.path / name / ".".join("0" * values.ndim), values)

    def put(self, row: int, values: Mapping[str, ArrayLike]) -> None:
        """Set a row: one that there is, or the next. Arrays without a value get none there."""
        self.size = max(self.size, row + 1)
        for name, array in self._arrays.items():
            value = np.asarray(values[name]) if name in values else None
            if value is not None and array.column.ragged is not None:
                self.width = max(self.width, value.shape[array.column.ragged - 1])
            array.put(row, value, self.size, self.width)

    def __contains__(self, name: str) -> bool:
        return f"{name}/.zarray" in self._files

    def chunk_rows(self, name: str) -> int:
        """Rows in one chunk of an array."""
        return self._arrays[name].column.chunks[0]

    def read(self, name: str) -> NDArray:
        """All of an array that is not ragged."""
        if name in self._arrays:
            array = self._arrays[name]
            chunks = range(-(-self.size // array.column.chunks[0]))
            return np.concatenate([array.read(chunk, 1) for chunk in chunks])[: self.size]
        column = _column(self._files, name)
        return _read_chunk(self.path / name / ".".join("0" * len(column.dims)), column)

    def commit(self) -> None:
        """Write the rows set since the last commit to disk, in one step."""
        for name in sorted(self._arrays, key=lambda name: name == self.last):
            self._arrays[name].flush(self.width)
        for name, array in self._arrays.items():
            shape = list(array.column.shape(self.size, self.width))
            self._files[f"{name}/.zarray"]["shape"] = shape
        _write_json(self.path / ".zattrs", self.attributes)
        self._publish()

    def copy_metadata(self) -> None:
        """Copy the metadata of the last commit beside each array, for programs that look there."""
        for name in self._arrays:
            _write_json(self.path / name / ".zarray", self._files[f"{name}/.zarray"])

    def close(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _publish(self) -> None:
        metadata = {".zgroup": _GROUP, **self._files, ".zattrs": self.attributes}
        content = {"zarr_consolidated_format": 1, "metadata": metadata}
        _write_json(self.path / ".zmetadata", content)

    def _describe(self, name: str, column: Column, shape: tuple[int, ...]) -> None:
        (self.path / name).mkdir(exist_ok=True)
        # xarray takes the fill value of an integer for a mask. Chunks of integers all exist.
        self._files[f"{name}/.zarray"] = {
            "zarr_format": 2,
            "shape": list(shape),
            "chunks": list(column.chunks),
            "dtype": column.dtype,
            "compressor": _CODEC,
            "order": "C",
            "filters": None,
            "fill_value": "NaN" if np.dtype(column.dtype).kind == "f" else None,
        }
        dims = {"_ARRAY_DIMENSIONS": list(column.dims)}
        self._files[f"{name}/.zattrs"] = {**dims, **column.attributes}
        for file in (".zarray", ".zattrs"):
            _write_json(self.path / name / file, self._files[f"{name}/{file}"])

    def _read_metadata(self) -> None:
        try:
            files = json.loads((self.path / ".zmetadata").read_text())["metadata"]
            self.attributes = files[".zattrs"]
            if MARK not in self.attributes:
                raise ValueError("written by another program")
            self._files = {file: files[file] for file in files if file != ".zgroup"}
            for name in (f.removesuffix("/.zarray") for f in files if f.endswith("/.zarray")):
                column, shape = _column(files, name), files[f"{name}/.zarray"]["shape"]
                if column.dims[0] != ROWS:
                    continue
                self.size = shape[0]
                if column.ragged is not None:
                    self.width = shape[column.ragged]
                self._arrays[name] = _Array(self.path / name, column)
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise ValueError(
                f"{self.path}: has no results of a trajectory in it ({error})"
            ) from error
        for array in self._arrays.values():
            array.pieces = array.column.pieces(self.width)

    def _sweep(self) -> None:
        """Remove files of a killed run that lie outside of the committed rows."""
        for name, array in self._arrays.items():
            column = array.column
            rows, pieces = -(-self.size // column.chunks[0]), column.pieces(self.width)
            for file in (self.path / name).iterdir():
                place = [int(part) for part in file.name.split(".") if part.isdigit()]
                beyond = len(place) == len(column.dims) and (
                    place[0] >= rows or (column.ragged and place[column.ragged] >= pieces)
                )
                if beyond or file.suffix == ".partial":
                    file.unlink()
        for file in self.path.glob("*.partial"):
            file.unlink()


@dataclass
class _Array:
    """The chunk of an array that is being filled; chunks before it are on disk."""

    folder: Path
    column: Column
    chunk: int = -1
    rows: dict[int, NDArray] = field(default_factory=dict)
    changed: bool = False
    pieces: int = 1

    def put(self, row: int, value: NDArray | None, size: int, width: int) -> None:
        """Set a row of an array of ``size`` rows."""
        chunk, place = divmod(row, self.column.chunks[0])
        if chunk != self.chunk:
            self.flush(width)
            self.chunk, self.rows = chunk, {}
            known = range(min(size - chunk * self.column.chunks[0], self.column.chunks[0]))
            if any(other != place for other in known):
                values = self.read(chunk, self.pieces)
                self.rows = {other: values[other] for other in known}
        self.rows.pop(place, None)
        if value is not None:
            self.rows[place] = value
        self.changed = True

    def flush(self, width: int) -> None:
        """Write the chunk if it changed."""
        if not self.changed:
            return
        column, integer = self.column, np.dtype(self.column.dtype).kind != "f"
        pieces = column.pieces(width)
        for piece in range(pieces):
            parts = {place: self._part(row, piece) for place, row in self.rows.items()}
            if integer or piece == 0 or any(part.size for part in parts.values()):
                _write_chunk(self._file(self.chunk, piece), pad(parts, column.chunks, column))
        if integer:  # floats that are not there are NaN without a chunk
            for piece in range(self.pieces, pieces):
                for chunk in range(self.chunk):
                    _write_chunk(self._file(chunk, piece), pad({}, column.chunks, column))
        self.pieces, self.changed = pieces, False

    def read(self, chunk: int, pieces: int) -> NDArray:
        """Rows of a chunk, all its pieces side by side."""
        parts = [_read_chunk(self._file(chunk, piece), self.column) for piece in range(pieces)]
        return parts[0] if pieces == 1 else np.concatenate(parts, axis=self.column.ragged)

    def _part(self, row: NDArray, piece: int) -> NDArray:
        """Return the stretch of a row that lies in one piece."""
        axis = self.column.ragged
        if axis is None:
            return row
        count = self.column.chunks[axis]
        return row[(slice(None),) * (axis - 1) + (slice(piece * count, (piece + 1) * count),)]

    def _file(self, chunk: int, piece: int) -> Path:
        place = [chunk] + [0] * (len(self.column.dims) - 1)
        if self.column.ragged is not None:
            place[self.column.ragged] = piece
        return self.folder / ".".join(map(str, place))


def _column(files: Mapping[str, Any], name: str) -> Column:
    array, attributes = files[f"{name}/.zarray"], dict(files[f"{name}/.zattrs"])
    dims = tuple(attributes.pop("_ARRAY_DIMENSIONS"))
    return Column(dims, array["dtype"], tuple(array["chunks"]), attributes)


def _is_empty(path: Path) -> bool:
    """Whether a directory is empty, or was left by a run that was killed at once."""
    return path.is_dir() and all(
        file.name == ".zgroup" or file.suffix == ".partial" for file in path.iterdir()
    )


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    replace_file(path, lambda file: file.write(json.dumps(content).encode()))


def _write_chunk(path: Path, values: NDArray) -> None:
    data = _codec().encode(np.ascontiguousarray(values))
    replace_file(path, lambda file: file.write(data))


def _read_chunk(path: Path, column: Column) -> NDArray:
    if not path.exists():
        return pad({}, column.chunks, column)
    try:
        data = _codec().decode(path.read_bytes())
        return np.frombuffer(data, column.dtype).reshape(column.chunks)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"{path}: the file is damaged ({error}); run the analysis again"
        ) from error


def _codec() -> Codec:
    from numcodecs import get_codec

    return get_codec(_CODEC)
