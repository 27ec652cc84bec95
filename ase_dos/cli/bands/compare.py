"""``ase-dos bands compare``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ase_dos.cli.arguments import number
from ase_dos.cli.bands.inputs import bands_like

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("first", metavar="BANDS", help="reconstructed or calculated bands")
    add("others", nargs="+", metavar="OTHER", help="bands to compare them with")
    add(
        "--bands",
        metavar="FIRST:LAST",
        help="bands to take of calculations that have more than BANDS, ends included",
    )
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

    first = bands_like(args.first)
    for name in args.others:
        lines = list(difference_lines(first, bands_like(name, first, args.bands), args.shift))
        print(f"{args.first} - {name}", *lines, sep="\n")
