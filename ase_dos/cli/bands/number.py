"""``ase-dos bands number``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ase_dos.cli.arguments import integer
from ase_dos.cli.bands.inputs import (
    add_align_argument,
    add_map_arguments,
    add_theory_arguments,
    aligned,
    chosen_bands,
    read_map,
    read_whole_theory,
)

if TYPE_CHECKING:
    from ase_dos.bands.band_map import BandMap
    from ase_dos.bands.theory import TheoryBands

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_map_arguments(parser)
    add_theory_arguments(parser, several=True)
    add_align_argument(parser, "each set of bands")
    parser.add_argument(
        "--seed", type=integer(0), default=0, help="of the counts set aside (default: 0)"
    )


def run(args: Namespace) -> None:
    """Find how many bands a map of counts shows.

    Sets of calculated bands are fitted to half of the counts, and the other half tells how well
    each predicts it. Give --bands several times, or several files: every file is taken with every
    choice of bands. The set to take has the fewest bands among those that lose less than 10 in
    log likelihood, all with a share of the signal.
    """
    from ase_dos.bands.band_number import compare_band_numbers

    band_map = read_map(args)
    names, theories = zip(*_candidates(args, band_map), strict=True)
    if len(theories) < 2:
        raise ValueError("--bands: expected several choices of bands, or several files to compare")
    width = max(len("bands of"), *map(len, names))
    rows = compare_band_numbers(band_map, theories, seed=args.seed)
    print(f"{'bands of':<{width}}  number   log likelihood lost   least share of signal")
    for name, row in zip(names, rows, strict=True):
        print(
            f"{name:<{width}} {row.n_bands:>7} {row.held_out:>21.1f} "
            f"{row.shares.min():>20.2%} (band {row.shares.argmin()})"
            + ("   <- take this" if row.best else "")
        )


def _candidates(args: Namespace, band_map: BandMap) -> Iterator[tuple[str, TheoryBands]]:
    """Names and bands of all that is to be compared."""
    for path in args.theory:
        whole = read_whole_theory(path, args, band_map.momenta)
        for choice in args.bands or [None]:
            name = path if choice is None else f"{path} {choice}"
            yield name, aligned(chosen_bands(whole, choice), band_map, args.align)
