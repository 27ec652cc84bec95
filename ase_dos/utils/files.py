"""Files that are complete or absent if a run is killed, and a lock for one writing process."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np

__all__ = [
    "FileLock",
    "errors_name",
    "replace_arrays",
    "replace_bytes",
    "replace_file",
    "replaced_path",
]

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # full disk, quota, limit of a file
_FAR = 2**30  # a byte far beyond the end of the file, for systems on which a lock stops readers


@contextmanager
def errors_name(path: str | os.PathLike) -> Iterator[None]:
    """Name a file in what the system says against writing it: of a full disk it names none.

    Raises
    ------
    OSError
        Of the kind that the system gave, with the file's name.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # of libraries
            raise OSError(f"{os.fspath(path)}: cannot be written ({error})") from error
        raise OSError(error.errno, os.strerror(error.errno), os.fspath(path)) from error


@contextmanager
def replaced_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a path to write at, and put what is there in the place of a file at the end.

    A kill at any moment leaves the old file or the new one.

    Parameters
    ----------
    path : str or path
        The file.

    Raises
    ------
    OSError
        If the file cannot be written; it names the file.
    """
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with errors_name(path):
        try:
            yield partial
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def replace_file(path: str | os.PathLike, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file in binary mode by way of `replaced_path`.

    Parameters
    ----------
    path : str or path
        The file.
    write : callable
        Takes a binary file that is open for writing.

    Raises
    ------
    OSError
        If the file cannot be written; it names the file.
    """
    with replaced_path(path) as partial, open(partial, "wb") as file:
        write(file)


def replace_bytes(path: str | os.PathLike, data: bytes | memoryview) -> None:
    """Write a file of known content by way of `replaced_path`.

    Raises
    ------
    OSError
        If the file cannot be written; where there is no room, it says how much is needed.
    """
    try:
        replace_file(path, lambda file: file.write(data))
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        free = shutil.disk_usage(Path(path).parent).free
        needed = (
            f"{error.strerror} ({len(data) / 1e6:.3g} MB are needed, {free / 1e6:.3g} MB are free; "
            "what was there before is unchanged)"
        )
        raise OSError(error.errno, needed, os.fspath(path)) from error


def replace_arrays(
    path: str | os.PathLike, arrays: Mapping[str, Any], *, compressed: bool = False
) -> None:
    """Write an ``.npz`` file by way of `replaced_path`.

    It is packed in memory: of a full disk, the packer would try again when it is forgotten.

    Raises
    ------
    OSError
        If the file cannot be written; where there is no room, it says how much is needed.
    """
    packed = BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(packed, **arrays)
    with packed.getbuffer() as content:
        replace_bytes(path, content)


class FileLock:
    """Lock for one writing process; the system releases it when the process ends in any way.

    Parameters
    ----------
    path : str or path
        A file; made if there is none.

    Raises
    ------
    ValueError
        If another process, or another part of this one, holds the lock.
    OSError
        If the file system does not support locks.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self._file = open(path, "ab")  # noqa: SIM115
        try:
            _lock(self._file)
        except (BlockingIOError, PermissionError) as error:
            self._file.close()
            raise ValueError(f"{Path(path).parent}: another run is writing there") from error
        except OSError:
            self._file.close()
            raise

    def release(self) -> None:
        """Release the lock."""
        self._file.close()


def _lock(file: IO[bytes]) -> None:
    try:
        import fcntl
    except ImportError:
        import msvcrt

        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
