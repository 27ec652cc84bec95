"""Maps and calculated bands that the actions of ``ase-dos bands`` read."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase_dos.cli.arguments import integer, number

if TYPE_CHECKING:
    from ase_dos.bands.band_map import BandMap
    from ase_dos.bands.theory import TheoryBands
    from ase_dos.cli.bands.differences import AnyBands

__all__ = [
    "add_align_argument",
    "add_map_arguments",
    "add_theory_arguments",
    "aligned",
    "bands_like",
    "chosen_bands",
    "kind_of_file",
    "named_number",
    "named_range",
    "read_map",
    "read_theory_on",
    "read_whole_theory",
]

# Share by which bands of a k mesh reach beyond the map, so that align may scale its momenta.
_MARGIN = 0.08
_MARKS = {"reconstructed": "ase_dos_reconstructed_bands", "theory": "ase_dos_theory_bands"}


def named_number(text: str) -> tuple[str, float]:
    """Parse an argument such as ``kx=2``."""
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise ArgumentTypeError(f"expected NAME=NUMBER, got {text!r}")
    return name, number()(value)


def named_range(text: str) -> tuple[str, tuple[float, float]]:
    """Parse an argument such as ``eV=-5:0.2``."""
    name, sign, ends = text.partition("=")
    low, colon, high = ends.partition(":")
    if not (name and sign and colon):
        raise ArgumentTypeError(f"expected NAME=LOW:HIGH, got {text!r}")
    return name, (number()(low), number()(high))


def add_map_arguments(
    parser: ArgumentParser, what: str = "photoemission map", *, optional: bool = False
) -> None:
    """Declare the map, how to read it, and how to prepare it."""
    parser.add_argument("map", metavar="MAP", nargs="?" if optional else None, help=what)
    reading = parser.add_argument_group("reading the map")
    add = reading.add_argument
    add(
        "--energy",
        choices=["relative", "binding", "kinetic"],
        help="what the energies of the file are, if it does not say so: E - E_F, E_F - E, or "
        "kinetic",
    )
    add(
        "--fermi-level",
        type=number(),
        metavar="eV",
        help="Fermi level on the axis of the file; needed for kinetic energies",
    )
    add("--variable", metavar="NAME", help="variable of a file that has several")
    add(
        "--dims",
        metavar="NAME,NAME,NAME",
        help="names of the dimensions in their order, if the file leaves it open",
    )
    add(
        "--select",
        type=named_number,
        action="append",
        metavar="NAME=VALUE",
        help="value of a further axis (delay) to take; may be repeated",
    )
    counts = reading.add_mutually_exclusive_group()
    counts.add_argument(
        "--counts", action="store_true", default=None, help="values are raw numbers of electrons"
    )
    counts.add_argument(
        "--intensities", dest="counts", action="store_false", help="values are not raw counts"
    )
    preparing = parser.add_argument_group("preparing the map, in this order")
    add = preparing.add_argument
    add("--mask-empty", action="store_true", help="momenta with zeros only were not measured")
    add(
        "--crop",
        type=named_range,
        action="append",
        metavar="NAME=LOW:HIGH",
        help="part of an axis to keep, as eV=-5:0.2; may be repeated",
    )
    add(
        "--bin",
        type=named_number,
        action="append",
        metavar="NAME=NUMBER",
        help="points that become one, as kx=2; may be repeated",
    )
    add(
        "--symmetrize",
        type=integer(1),
        metavar="N",
        help="take the mean over an N-fold rotation; the result has no counts",
    )
    add(
        "--mirror",
        type=number(),
        metavar="DEGREES",
        help="take the mean over a mirror as well, whose line has this angle to kx",
    )
    add(
        "--center",
        type=number(),
        nargs="+",
        default=[0.0],
        metavar="1/A",
        help="momentum of the centre of rotation (default: 0)",
    )


def read_map(args: Namespace) -> BandMap:
    """Read the map of a command and prepare it as its options say."""
    from ase_dos.bands.band_map import BandMap

    band_map = BandMap.read(
        args.map,
        energy=args.energy,
        fermi_level=args.fermi_level,
        variable=args.variable,
        dims=args.dims.split(",") if args.dims else None,
        select=dict(args.select or ()),
        counts=args.counts,
    )
    if args.mask_empty:
        band_map = band_map.masked()
    if args.crop:
        band_map = band_map.cropped(**dict(args.crop))
    if args.bin:
        band_map = band_map.binned(**{name: _whole(name, n) for name, n in args.bin})
    if args.symmetrize or args.mirror is not None:
        center = args.center[0] if len(args.center) == 1 else args.center
        band_map = band_map.symmetrized(args.symmetrize or 1, args.mirror, center)
    return band_map


def _whole(name: str, value: float) -> int:
    if value != int(value):
        raise ValueError(f"--bin: {name}: expected an integer, got {value:g}")
    return int(value)


def add_theory_arguments(parser: ArgumentParser, *, several: bool = False) -> None:
    """Declare calculated bands, and how they become those of the map."""
    parser.add_argument(
        "theory",
        metavar="THEORY",
        nargs="+" if several else None,
        help="calculated bands (.npz, .json, .nc)",
    )
    group = parser.add_argument_group("calculated bands")
    add = group.add_argument
    add(
        "--shift",
        type=number(),
        default=0.0,
        metavar="eV",
        help="raise all bands by this energy, so that their zero becomes the Fermi level",
    )
    add(
        "--kz",
        type=number(),
        metavar="1/A",
        help="momentum along z that the map shows; needed for a mesh with several",
    )
    add(
        "--azimuth",
        type=number(),
        default=0.0,
        metavar="DEGREES",
        help="angle of the crystal of the map against the cell of a mesh",
    )
    add(
        "--bands",
        action="append" if several else "store",
        metavar="FIRST:LAST",
        help="bands to take, from 0 and from below, ends included"
        + ("; may be repeated" if several else ""),
    )


def add_align_argument(parser: ArgumentParser, what: str) -> None:
    """Declare how calculated bands are aligned to the map before anything else."""
    parser.add_argument(
        "--align",
        choices=["full", "shift", "no"],
        default="shift",
        help=f"align {what} to the map first: shift and scales, the rigid shift only, or nothing "
        "(default: %(default)s)",
    )


def read_theory_on(args: Namespace, axes: Any) -> TheoryBands:
    """Read calculated bands; those of a mesh reach a little beyond the axes of a map."""
    return chosen_bands(read_whole_theory(args.theory, args, axes), args.bands)


def read_whole_theory(path: str, args: Namespace, axes: Any) -> TheoryBands:
    """Read all bands of a file."""
    from ase_dos.bands.theory_file import read_theory

    momenta = tuple(map(_wider, axes)) if len(axes) == 2 else None
    theory = read_theory(path, momenta=momenta, kz=args.kz, azimuth=args.azimuth)
    return theory.shifted(args.shift)


def aligned(theory: TheoryBands, band_map: BandMap, how: str) -> TheoryBands:
    """Bands after --align."""
    if how == "no":
        return theory
    scales = how == "full"
    return theory.align(band_map, energy_scale=scales, momentum_scale=scales).theory


def bands_like(name: str, like: AnyBands | None = None, bands: str | None = None) -> AnyBands:
    """Read reconstructed or calculated bands, to compare them with others.

    Those of a k mesh go to the momenta of the others, and if they are more, some are chosen.
    """
    path = Path(name)
    if kind_of_file(path) == "reconstructed":
        from ase_dos.bands.reconstructed import ReconstructedBands

        return ReconstructedBands.load(path)
    from ase_dos.bands.theory_file import read_theory

    momenta = like.momenta if like is not None and len(like.momenta) == 2 else None
    theory = read_theory(path, momenta=momenta)
    as_many = like is not None and theory.n_bands == like.n_bands
    return theory if as_many else chosen_bands(theory, bands)


def chosen_bands(theory: TheoryBands, text: str | None) -> TheoryBands:
    """Bands of the option --bands FIRST:LAST; all without it."""
    if text is None:
        return theory
    first, _, last = text.partition(":")
    parse: Callable[[str], int] = integer(0)
    try:
        chosen = range(parse(first), parse(last or first) + 1)
    except ArgumentTypeError as error:
        raise ValueError(f"--bands: {error}") from None
    if not chosen or chosen[-1] >= theory.n_bands:
        raise ValueError(f"--bands: expected FIRST:LAST from 0 to {theory.n_bands - 1}, got {text}")
    return theory.select(list(chosen))


def _wider(axis: Any) -> Any:
    import numpy as np

    step = axis[1] - axis[0]
    more = int(np.ceil(_MARGIN * (axis[-1] - axis[0]) / 2 / step)) + 1
    return axis[0] + step * np.arange(-more, axis.size + more)


def kind_of_file(path: Path) -> str:
    """Tell whether a file holds "reconstructed" bands, "theory" or else a "map"."""
    if path.suffix in (".npz", ".json"):
        return "theory"
    if path.suffix == ".nc" and path.is_file():
        from ase_dos.bands.netcdf import marks_of

        found = marks_of(path)
        for kind, mark in _MARKS.items():
            if mark in found:
                return kind
    return "map"
