"""Helpers that the parsers of several programs share."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.utils.compression import SUFFIXES, open_plain


@dataclass(frozen=True)
class Step:
    """One structure of an output; its parts are parsed when they are asked for."""

    states: Callable[[], dict[str, Any]]  # the arguments of ElectronicStates
    atoms: Callable[[], Atoms]


def checked_path(path: str | PathLike) -> Path:
    """Return the path of a file that exists and is not empty."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: is a directory, expected a file")
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty; did the calculation start?")
    return path


@contextmanager
def named_errors(name: str | PathLike) -> Iterator[None]:
    """Make every error a ValueError that begins with the name of a file, or of a part of it.

    Damaged files lead parsers anywhere: to missing keys, huge arrays, attributes of None.
    """
    try:
        yield
    except (ValueError, ET.ParseError, OSError) as error:
        raise ValueError(f"{name}: {_explain(error)}") from error
    except Exception as error:
        raise _damaged(name, error) from error


@contextmanager
def library_errors(name: str | PathLike) -> Iterator[None]:
    """Make every error of a reader that is not ours a ValueError that begins with a name."""
    try:
        yield
    except Exception as error:
        raise _damaged(name, error) from error


def _damaged(name: str | PathLike, error: Exception) -> ValueError:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return ValueError(f"{name}: it is damaged, or of a form that is not known ({what})")


def _explain(error: Exception) -> str:
    if isinstance(error, ET.ParseError):
        return f"broken XML ({error}); the file is cut off, or the run is not finished"
    if isinstance(error, OSError):
        return f"it cannot be read ({error.strerror or error})"
    return str(error)


def beside(path: Path, *names: str) -> Path | None:
    """Return the first of some files that lies beside another one, compressed or not."""
    for name in names:
        for suffix in ("", *SUFFIXES):
            other = path.with_name(name + suffix)
            if other.is_file() and other.stat().st_size > 0:
                return other
    return None


def begins_with(path: Path, text: bytes) -> bool:
    """Whether a text stands in the first part of a file, False if that cannot be read."""
    try:
        with open_plain(path) as file:
            return text in file.read(65_536)
    except (ValueError, OSError):
        return False


def last_number(pattern: str, text: str) -> float | None:
    """Return the number that the last match of ``pattern`` in ``text`` captures.

    None without a match, or if a program printed stars because it did not fit.
    """
    found = re.findall(pattern, text)
    try:
        return float(found[-1]) if found else None
    except ValueError:
        return None


def positions_of(pattern: str | re.Pattern, text: str) -> list[int]:
    """Return where the matches of ``pattern`` begin, in rising order."""
    return [match.start() for match in re.finditer(pattern, text)]


def last_before(positions: list[int], position: int) -> int:
    """Return the last position before ``position``, or 0."""
    before = bisect_left(positions, position)
    return positions[before - 1] if before else 0


def first_from(positions: list[int], position: int) -> int:
    """Return the first position from ``position`` on; there is one."""
    return positions[bisect_left(positions, position)]


def xml_root(path: Path) -> ET.Element:
    """Return the root of an XML file, compressed or not."""
    with open_plain(path) as file:
        return ET.parse(file).getroot()


def element(parent: ET.Element, path: str) -> ET.Element:
    """Return the element at ``path``."""
    found = parent.find(path)
    if found is None:
        raise ValueError(f"no <{path}> in <{parent.tag}>; the run did not finish")
    return found


def numbers_in(text: str, name: str) -> list[float]:
    """Return the numbers in a text; say so if one did not fit its column."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        if "**" in text:
            raise ValueError(f"{name}: a number did not fit its column (****)") from None
        raise ValueError(f"{name}: expected numbers, got {text.strip()[:60]!r}") from None


def symbol_of(label: str) -> str:
    """Return the element of a species label: Si, SI, si1, Si_a and Si-1 are silicon.

    Raises
    ------
    ValueError
        If the label begins with no element.
    """
    from ase.io.espresso import label_to_symbol

    try:
        symbol = label_to_symbol(label.strip())
    except (KeyError, IndexError):
        symbol = "X"
    if symbol == "X":  # ASE's name for no element
        raise ValueError(f"species {label!r}: expected a label that begins with an element")
    return symbol


def states_below(eigenvalues: NDArray, weights: NDArray, level: float) -> float:
    """Return how many states of one spin channel (kpoints weighted) lie below an energy."""
    below = (eigenvalues <= level + 1e-6).sum(axis=(0, 2))
    return float(below @ weights / np.sum(weights))
