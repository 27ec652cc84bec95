"""Molecules with their densities, as the actions take them from the command line."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ase_dos.utils.structure_errors import StructureError

if TYPE_CHECKING:
    from ase import Atoms

    from ase_dos.density.density import Density

__all__ = ["Molecules", "add_data_arguments", "divided", "read_molecules"]


class Molecules(NamedTuple):
    """Molecules, their densities, the file each comes from, and their names in messages."""

    frames: list[Atoms]
    densities: list[Density]
    sources: list[int]
    names: list[str]

    def take(self, rows: Sequence[int]) -> Molecules:
        """Molecules by their index."""
        return Molecules(
            [self.frames[i] for i in rows],
            [self.densities[i] for i in rows],
            [self.sources[i] for i in rows],
            [self.names[i] for i in rows],
        )

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Name file and molecule in errors of the block that know the index of a molecule."""
        try:
            yield
        except StructureError as error:
            raise ValueError(error.naming(self.names)) from error

    @property
    def families(self) -> list[str]:
        """Families, or formulas where a molecule has none."""
        return [a.info.get("family") or a.get_chemical_formula() for a in self.frames]


def add_data_arguments(parser: ArgumentParser) -> None:
    """Declare the molecules to take."""
    add = parser.add_argument
    add("data", nargs="+", metavar="DATA", help="file of densities (.npz)")
    add(
        "--families",
        nargs="+",
        metavar="NAME",
        help="take molecules of these families only; those without one have their formula for it",
    )


def read_molecules(args: Namespace) -> Molecules:
    """Read the files that the user named, and take the families that were asked for.

    Raises
    ------
    ValueError
        If one is no file of densities, or a family has no molecule.
    """
    from ase_dos.density.files import read_densities

    found = Molecules([], [], [], [])
    for source, path in enumerate(args.data):
        frames, densities = read_densities(path)
        found.frames.extend(frames)
        found.densities.extend(densities)
        found.sources.extend([source] * len(frames))
        for i, atoms in enumerate(frames):
            name = atoms.info.get("name")
            found.names.append(f"{path}, molecule {i}" + (f" ({name})" if name else ""))
    if args.families is None:
        return found
    missing = sorted(set(args.families) - set(found.families))
    if missing:
        known = ", ".join(sorted(set(found.families)))
        raise ValueError(f"--families: no molecule of {', '.join(missing)}; there are {known}")
    rows = [i for i, family in enumerate(found.families) if family in args.families]
    return found.take(rows)


def divided(data: Molecules, share: float, seed: int) -> tuple[Molecules, Molecules]:
    """Return molecules for training and for validation, chosen by their content."""
    import numpy as np

    from ase_dos.model_selection.split import validation_rows

    validates = validation_rows(data.frames, data.sources, share, seed)
    training, validation = (np.flatnonzero(rows).tolist() for rows in (~validates, validates))
    return data.take(training), data.take(validation)
