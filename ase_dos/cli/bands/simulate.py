"""``ase-dos bands simulate``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ase_dos.cli.arguments import integer, number
from ase_dos.cli.bands.inputs import add_theory_arguments, read_theory_on
from ase_dos.cli.outputs import output_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_theory_arguments(parser)
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="MAP.nc", help="map to write")
    group = parser.add_argument_group("axes")
    for name, of in (("--kx", "kx"), ("--ky", "ky"), ("--k", "the only momentum")):
        group.add_argument(
            name,
            nargs=3,
            metavar=("FIRST", "LAST", "POINTS"),
            type=number(),
            help=f"axis of {of} (1/Angstrom)",
        )
    group.add_argument(
        "--energies",
        nargs=3,
        required=True,
        metavar=("FIRST", "LAST", "POINTS"),
        type=number(),
        help="axis of E - E_F (eV)",
    )
    group = parser.add_argument_group("lines and counts")
    add = group.add_argument
    positive, least = number(above=0), number(least=0)
    add(
        "--gaussian",
        type=least,
        default=0.05,
        metavar="eV",
        help="standard deviation of a line's Gaussian part (default: %(default)g)",
    )
    add(
        "--lorentzian",
        type=least,
        default=0.05,
        metavar="eV",
        help="half width of its Lorentzian part (default: %(default)g)",
    )
    add("--counts", type=positive, default=1000.0, help="electrons per EDC (default: 1000)")
    add(
        "--background",
        type=number(least=0, below=1),
        default=0.1,
        help="share of them that is constant (default: 0.1)",
    )
    add(
        "--step",
        type=least,
        default=0.0,
        help="electrons scattered to each eV below a line, per electron in it",
    )
    add(
        "--matrix-elements",
        type=least,
        default=0.0,
        metavar="STRENGTH",
        help="standard deviation of the logarithm of the bands' intensities",
    )
    add("--temperature", type=least, metavar="K", help="of the Fermi edge; none by default")
    add("--energy-resolution", type=least, default=0.0, metavar="eV", help="standard deviation")
    add(
        "--momentum-resolution",
        type=least,
        default=0.0,
        metavar="1/A",
        help="standard deviation",
    )
    add("--seed", type=integer(0), default=0, help="of the counts (default: 0)")
    add("--expected", action="store_true", help="write expected counts, without noise")


def run(args: Namespace) -> None:
    """Simulate the photoemission map of calculated bands.

    Writes NetCDF that any program with xarray reads, with all settings in it.
    """
    output = output_file(args.output, "--output", (".nc",), inputs=[args.theory])
    given = {name: getattr(args, name) for name in ("kx", "ky", "k")}
    axes: dict[str, Any] = {name: _axis(name, ends) for name, ends in given.items() if ends}
    if tuple(axes) not in (("kx", "ky"), ("k",)):
        raise ValueError("axes: give --kx and --ky, or --k for bands along a line")

    from ase_dos.bands.line_profile import LineProfile
    from ase_dos.bands.matrix_elements import MatrixElements
    from ase_dos.bands.simulation import simulate_map

    theory = read_theory_on(args, tuple(axes.values()))
    band_map = simulate_map(
        theory,
        _axis("energies", args.energies),
        LineProfile(args.gaussian, args.lorentzian),
        counts_per_edc=args.counts,
        amplitudes=MatrixElements(theory.n_bands, args.matrix_elements, seed=args.seed),
        background=args.background,
        step=args.step,
        temperature=args.temperature,
        energy_resolution=args.energy_resolution,
        momentum_resolution=args.momentum_resolution,
        seed=None if args.expected else args.seed,
        **axes,
    )
    band_map.to_netcdf(output)
    print(f"{band_map}\nwrote {output}")


def _axis(name: str, ends: Sequence[float]) -> NDArray:
    import numpy as np

    first, last, points = ends
    if points != int(points) or points < 2 or not last > first:
        raise ValueError(
            f"--{name}: expected FIRST < LAST and at least 2 points, got {first:g} {last:g} "
            f"{points:g}"
        )
    return np.linspace(first, last, int(points))
