"""``ase-dos bands info``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from ase_dos.cli.bands.inputs import add_map_arguments, kind_of_file, read_map

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_map_arguments(parser, "map, calculated bands or reconstructed bands")


def run(args: Namespace) -> None:
    """Print what a map, calculated bands or reconstructed bands contain."""
    for line in _lines(args):
        print(line)


def _lines(args: Namespace) -> Iterator[str]:
    from ase_dos.cli.bands.summary import map_lines, reconstruction_lines, theory_lines

    path = Path(args.map)
    kind = kind_of_file(path)
    if kind == "reconstructed":
        from ase_dos.bands.reconstructed import ReconstructedBands

        return reconstruction_lines(ReconstructedBands.load(path))
    if kind == "theory":
        from ase_dos.bands.theory_file import read_theory

        return theory_lines(read_theory(path))
    return map_lines(read_map(args))
