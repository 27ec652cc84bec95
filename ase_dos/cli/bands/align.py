"""``ase-dos bands align``."""

from __future__ import annotations

import warnings
from argparse import ArgumentParser, Namespace

from ase_dos.cli.arguments import number
from ase_dos.cli.bands.inputs import (
    add_map_arguments,
    add_theory_arguments,
    read_map,
    read_theory_on,
)
from ase_dos.cli.outputs import output_file

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_map_arguments(parser)
    add_theory_arguments(parser)
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="ALIGNED.nc", help="aligned bands to write")
    add(
        "--max-shift",
        type=number(above=0),
        default=1.0,
        metavar="eV",
        help="largest shift of the energies (default: %(default)g)",
    )
    add("--no-energy-scale", action="store_true", help="keep the widths of the bands")
    add("--no-momentum-scale", action="store_true", help="keep the momenta of the theory")


def run(args: Namespace) -> None:
    """Shift and scale calculated bands so that they explain a map best.

    Prints what was found, with standard deviations, and writes the aligned bands.
    """
    output = output_file(args.output, "--output", (".nc",), inputs=[args.map, args.theory])
    from ase_dos.bands.alignment import AlignmentWarning
    from ase_dos.bands.theory_file import write_theory

    band_map = read_map(args)
    theory = read_theory_on(args, band_map.momenta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AlignmentWarning)  # the remarks are printed
        found = theory.align(
            band_map,
            max_shift=args.max_shift,
            energy_scale=not args.no_energy_scale,
            momentum_scale=not args.no_momentum_scale,
        )
    write_theory(found.theory, output)
    print(f"{found}\nwrote {output}")
