"""``ase-dos bands reconstruct``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ase_dos.cli.arguments import integer, number
from ase_dos.cli.bands.inputs import (
    add_align_argument,
    add_map_arguments,
    add_theory_arguments,
    read_map,
    read_theory_on,
)
from ase_dos.cli.outputs import output_file

if TYPE_CHECKING:
    from ase_dos.bands.reconstructed import ReconstructedBands

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_map_arguments(parser)
    add_theory_arguments(parser)
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="BANDS.nc", help="reconstructed bands to write")
    add_align_argument(parser, "the calculated bands")
    group = parser.add_argument_group("model")
    add = group.add_argument
    add(
        "--likelihood",
        choices=["poisson", "log-intensity"],
        help="of raw counts, or the published one (default: poisson for counts)",
    )
    add(
        "--prior",
        choices=["correction", "dispersion"],
        help="what is smooth: the difference from theory or, as published, the band itself "
        "(default: counts set aside choose)",
    )
    add(
        "--optimizer",
        choices=["trw-s", "icm"],
        default="trw-s",
        help="of the log intensity: with a certificate, or as published (default: %(default)s)",
    )
    add(
        "--eta",
        type=number(above=0),
        metavar="ETA",
        help="typical slope of what is smooth (eV Angstrom; default: counts set aside choose)",
    )
    add(
        "--window",
        type=number(above=0),
        default=0.3,
        metavar="eV",
        help="largest distance from theory, for the log intensity (default: %(default)g)",
    )
    add("--seed", type=integer(0), default=0, help="of all random numbers (default: 0)")


def run(args: Namespace) -> None:
    """Find the energies of all calculated bands in a map, with error bars.

    Writes NetCDF with energies, standard deviations, amplitudes and all settings. A run that is
    killed leaves OUTPUT.checkpoint; the same command goes on from there.
    """
    output = output_file(args.output, "--output", (".nc",), inputs=[args.map, args.theory])
    from ase_dos.bands.reconstruction import reconstruct_bands
    from ase_dos.cli.bands.summary import reconstruction_lines

    band_map = read_map(args)
    theory = read_theory_on(args, band_map.momenta)
    if args.align == "full":
        alignment = theory.align(band_map)
        print(alignment)
        theory = alignment.theory
    found: ReconstructedBands = reconstruct_bands(
        band_map,
        theory,
        likelihood=args.likelihood,
        prior=args.prior,
        optimizer=args.optimizer,
        eta=args.eta,
        align=args.align == "shift",
        window=args.window,
        seed=args.seed,
        checkpoint=output.with_name(f"{output.name}.checkpoint"),
    )
    found.to_netcdf(output)
    for line in reconstruction_lines(found):
        print(line)
    print(f"wrote {output}")
