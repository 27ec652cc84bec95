"""Helpers that the parsers of several programs share."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from ase import Atoms

from ase_dos.utils.compression import open_plain

# What a format's parser returns for one structure: it gives the arguments of ElectronicStates.
Loader = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """Loader of a structure whose atoms come from the same place as its eigenvalues."""

    states: Callable[[], dict[str, Any]]
    atoms: Callable[[], Atoms]

    def __call__(self) -> dict[str, Any]:
        """Return the arguments of ElectronicStates."""
        return self.states()


def checked_path(path: str | PathLike) -> Path:
    """Return the path of a file that exists and is not empty."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty; did the calculation start?")
    return path


def last_number(pattern: str, text: str) -> float | None:
    """Return the number that the last match of ``pattern`` in ``text`` captures."""
    found = re.findall(pattern, text)
    return float(found[-1]) if found else None


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
