"""``ase-dos bands compare``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ase_dos.cli.arguments import number
from ase_dos.cli.bands.inputs import chosen_bands, kind_of_file

if TYPE_CHECKING:
    from ase_dos.bands.reconstructed import ReconstructedBands
    from ase_dos.bands.theory import TheoryBands

__all__ = ["add_arguments", "run"]

AnyBands: TypeAlias = "ReconstructedBands | TheoryBands"


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
    first = _load(args.first)
    for name in args.others:
        print(f"{args.first} against {name}")
        other = _load(name, first, args.bands)
        for line in _differences(first, other, args.shift):
            print(line)


def _load(name: str, like: AnyBands | None = None, bands: str | None = None) -> AnyBands:
    """Read bands; those of a k mesh are taken to the momenta of others."""
    path = Path(name)
    if kind_of_file(path) == "reconstructed":
        from ase_dos.bands.reconstructed import ReconstructedBands

        return ReconstructedBands.load(path)
    from ase_dos.bands.theory_file import read_theory

    momenta = like.momenta if like is not None and len(like.momenta) == 2 else None
    return chosen_bands(read_theory(path, momenta=momenta), bands)


def _differences(first: AnyBands, other: AnyBands, shift: float) -> Iterator[str]:
    if first.energies.shape[0] != other.energies.shape[0]:
        raise ValueError(
            f"--bands: the first has {len(first.energies)} bands, the other "
            f"{len(other.energies)}: choose as many"
        )
    grid = np.stack(np.meshgrid(*first.momenta, indexing="ij"), axis=-1)
    change = first.energies - other.at(grid) - shift
    known = np.isfinite(change) & getattr(first, "mask", np.True_)
    if not known.any():
        raise ValueError("there is no momentum at which both are known")
    rigid = float(change[known].mean())
    std: NDArray | None = getattr(first, "std", None)
    yield "band    mean    RMS   RMS without shift (meV)   momenta" + (
        "   within 1, 2 std" if std is not None else ""
    )
    rows = []
    for band, one in enumerate(change):
        here = known[band]
        if not here.any():
            yield f"{band:>4}   not known"
            continue
        values = 1000 * one[here]
        rms, rest = (float(np.sqrt((v**2).mean())) for v in (values, values - 1000 * rigid))
        rows.append((rms, rest))
        inside = ""
        if std is not None:
            pulls = np.abs(one[here]) / std[band][here]
            inside = f"   {(pulls <= 1).mean():>6.2f} {(pulls <= 2).mean():>5.2f}"
        yield (
            f"{band:>4} {values.mean():>7.1f} {rms:>6.1f} {rest:>8.1f}              "
            f"{here.sum():>10}{inside}"
        )
    means, worst = np.mean(rows, axis=0), np.max(rows, axis=0)
    yield (
        f"RMS of the bands: mean {means[0]:.1f}, worst {worst[0]:.1f} meV; without the rigid shift "
        f"of {1000 * rigid:+.1f} meV: {means[1]:.1f}, {worst[1]:.1f} meV"
    )
