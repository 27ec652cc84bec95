"""``ase-dos bands compare``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ase_dos.cli.arguments import number
from ase_dos.cli.bands.inputs import chosen_bands, kind_of_file

if TYPE_CHECKING:
    from ase_dos.cli.bands.differences import AnyBands

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("first", metavar="BANDS", help="reconstructed or calculated bands")
    add("others", nargs="+", metavar="OTHER", help="bands to compare them with")
    add("--bands", metavar="FIRST:LAST", help="calculated bands of OTHER to take")
    add(
        "--shift",
        type=number(),
        default=0.0,
        metavar="eV",
        help="raise the bands of OTHER by this energy",
    )


def run(args: Namespace) -> None:
    """Compare reconstructed bands with others, reconstructed or calculated.

    Prints the differences of each band where both are known, with and without the rigid shift
    between all of them, and how many are within the error bars.
    """
    from ase_dos.cli.bands.differences import difference_lines

    first = _load(args.first)
    for name in args.others:
        lines = list(difference_lines(first, _load(name, first, args.bands), args.shift))
        print(f"{args.first} - {name}", *lines, sep="\n")


def _load(name: str, like: AnyBands | None = None, bands: str | None = None) -> AnyBands:
    """Read bands; those of a k mesh are taken to the momenta of others."""
    path = Path(name)
    if kind_of_file(path) == "reconstructed":
        from ase_dos.bands.reconstructed import ReconstructedBands

        return ReconstructedBands.load(path)
    from ase_dos.bands.theory_file import read_theory

    momenta = like.momenta if like is not None and len(like.momenta) == 2 else None
    return chosen_bands(read_theory(path, momenta=momenta), bands)
