"""Parts of the data of a command: structures with their targets, families and names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ase_dos.utils.structure_errors import StructureError

if TYPE_CHECKING:
    from ase import Atoms

    from ase_dos.spectra.target import DOSTarget

__all__ = ["Part", "chosen", "joined"]


class Part(NamedTuple):
    """Structures, their targets, their families where all have one, and their names in messages."""

    frames: list[Atoms]
    targets: list[DOSTarget]
    families: list[str] | None
    names: list[str]

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Name file and structure in errors of the block that know the index of a structure."""
        try:
            yield
        except StructureError as error:
            raise ValueError(error.naming(self.names)) from error


def joined(parts: Sequence[Part]) -> Part:
    """Several parts as one."""
    families: list[str] | None = []
    for part in parts:
        families = None if families is None or part.families is None else families + part.families
    return Part(
        [atoms for part in parts for atoms in part.frames],
        [target for part in parts for target in part.targets],
        families,
        [name for part in parts for name in part.names],
    )


def chosen(part: Part, rows: Sequence[int]) -> Part:
    """Structures of a part by their index."""
    families = None if part.families is None else [part.families[i] for i in rows]
    return Part(
        [part.frames[i] for i in rows],
        [part.targets[i] for i in rows],
        families,
        [part.names[i] for i in rows],
    )
