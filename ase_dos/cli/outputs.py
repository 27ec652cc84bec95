"""Outputs of commands: refused before any work, and kept whatever happens after it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "StoredResult",
    "figure_suffixes",
    "output_directory",
    "output_file",
    "save_or_elsewhere",
]


def output_file(
    name: str, option: str, suffixes: Collection[str] = (), inputs: Collection[str] = ()
) -> Path:
    """Return the path of a file that can be written.

    Parameters
    ----------
    name : str
        Path that the user gave.
    option : str
        Of the command line, for messages.
    suffixes : collection of str
        Endings of the name that are allowed; any by default.
    inputs : collection of str
        Files that the command reads, which it must not replace.

    Raises
    ------
    ValueError
        If the file cannot be written there.
    """
    path = Path(name)
    if suffixes and path.suffix not in suffixes:
        raise ValueError(
            f"{option}: expected a name that ends with {', '.join(suffixes)}, got {path}"
        )
    if path.is_dir():
        raise ValueError(f"{option}: {path} is a directory, expected the name of a file")
    if any(path.exists() and Path(one).exists() and path.samefile(one) for one in inputs):
        raise ValueError(f"{option}: {path} is an input of this command; choose another name")
    _check_folder(path.parent, option)
    return path


def figure_suffixes() -> list[str]:
    """Return the endings of the names of files that a figure can be drawn into."""
    from matplotlib.backend_bases import FigureCanvasBase

    return [f".{kind}" for kind in sorted(FigureCanvasBase.get_supported_filetypes())]


def output_directory(name: str | os.PathLike, option: str) -> Path:
    """Return the path of a directory that is there or can be made.

    Raises
    ------
    ValueError
        If there can be no such directory.
    """
    path = Path(name)
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    _check_folder(nearest, option)
    return path


def _check_folder(folder: Path, option: str) -> None:
    if not folder.is_dir():
        what = f"{folder} is no directory" if folder.exists() else f"there is no directory {folder}"
        raise ValueError(f"{option}: {what}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{option}: no permission to write to the directory {folder}")


def save_or_elsewhere(save: Callable[[str], object], output: str) -> tuple[str, OSError | None]:
    """Save what took long to compute: where it was asked for, or else where there is room.

    Parameters
    ----------
    save : callable
        Writes to a path.
    output : str
        The path asked for.

    Returns
    -------
    path : str
        Where it is. Elsewhere it is in the working directory, that of the user or that for
        temporary files, under a name that no file had.
    error : OSError or None
        Why it is elsewhere.

    Raises
    ------
    OSError
        If it could be written nowhere; it names all places.
    """
    try:
        save(output)
        return output, None
    except OSError as error:
        tried = [str(error)]
        for folder in (Path.cwd(), Path.home(), Path(tempfile.gettempdir())):
            other = _unused(folder / Path(output).name)
            try:
                save(str(other))
            except OSError as another:
                tried.append(str(another))
            else:
                return str(other), error
        raise OSError(
            f"it could be saved nowhere: {'; '.join(tried)}. Make room, and run the command again"
        ) from error


def _unused(path: Path) -> Path:
    """Return a path beside another one at which there is no file."""
    other, number = path, 1
    while other.exists():
        number += 1
        other = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return other


class StoredResult:
    """Steps that follow once a result is stored: an error of one loses neither it nor the others.

    Parameters
    ----------
    where : str
        What is stored, for the message: "m.npz holds the trained model".
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.errors: list[tuple[str, Exception]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note an error of the block, whatever it is."""
        try:
            yield
        except Exception as error:
            self.errors.append((name, error))

    def has_failed(self, name: str) -> bool:
        """Whether a step failed."""
        return any(name == failed for failed, _ in self.errors)

    def finish(self) -> None:
        """Raise what was noted.

        Raises
        ------
        ValueError
            If a step failed.
        """
        if self.errors:
            what = "; ".join(f"{name}: {_reason(error)}" for name, error in self.errors)
            raise ValueError(f"{what}; {self.where}") from self.errors[0][1]


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, (ValueError, OSError, ImportError)) else repr(error)
