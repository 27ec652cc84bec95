"""``ase-dos bands plot``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ase_dos.cli.arguments import integer, number
from ase_dos.cli.bands.inputs import add_map_arguments, read_map
from ase_dos.cli.outputs import StoredResult, output_directory
from ase_dos.cli.plot import save_figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.figure import Figure

    from ase_dos.bands.band_map import BandMap
    from ase_dos.bands.reconstructed import ReconstructedBands

__all__ = ["add_arguments", "run"]

_PANELS = 4  # of constant energy, by default


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("bands", metavar="BANDS.nc", help="reconstructed bands")
    add_map_arguments(parser, "the map that they come from", optional=True)
    add = parser.add_argument
    add(
        "-o",
        "--output",
        default=".",
        metavar="DIRECTORY",
        help="directory to write to (default: the current one)",
    )
    add(
        "--point",
        type=number(),
        nargs=2,
        action="append",
        metavar=("KX", "KY"),
        help="momentum that the cut runs through; repeated (default: along kx through the middle)",
    )
    add(
        "--energies",
        type=number(),
        nargs="+",
        metavar="eV",
        help="of maps of constant energy (default: four in the range of the bands)",
    )
    add("--stack", type=integer(0), metavar="BAND", help="band to stack spectra on, from 0")


def run(args: Namespace) -> None:
    """Draw reconstructed bands and the map that they come from.

    Writes corrections.png and surfaces.png for bands over kx and ky; with the map also cut.png and
    constant_energies.png; with --stack also spectrum.png.
    """
    output_directory(args.output, "--output")
    from ase_dos.bands.reconstructed import ReconstructedBands

    found = ReconstructedBands.load(args.bands)
    band_map = read_map(args) if args.map else None
    if band_map is None and (args.point or args.energies or args.stack is not None):
        raise ValueError("MAP: is needed for --point, --energies and --stack")
    drawn = StoredResult(f"other figures are in {args.output}")
    for name, draw in _figures(args, found, band_map):
        with drawn.step(name):
            for path in save_figures(args.output, {name: draw()}):
                print(f"wrote {path}")
    drawn.finish()


def _figures(
    args: Namespace, found: ReconstructedBands, band_map: BandMap | None
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Names of figures, and what draws them."""
    import numpy as np

    from ase_dos.bands.edc_stack import stacked_spectrum
    from ase_dos.bands.plane_plots import plot_constant_energies, plot_corrections, plot_surfaces
    from ase_dos.bands.plots import plot_cut, plot_stacked_spectrum
    from ase_dos.plot.style import figure_of

    plane = len(found.momenta) == 2
    if plane:
        yield "corrections", lambda: plot_corrections(found)
        yield "surfaces", lambda: plot_surfaces(found)
    if band_map is None:
        return
    points = None
    if plane:
        kx, ky = band_map.momenta
        middle = float(ky[ky.size // 2])
        points = args.point or [(float(kx[0]), middle), (float(kx[-1]), middle)]
        low, high = (float(np.nanpercentile(found.energies, share)) for share in (5, 95))
        energies = args.energies or np.linspace(low, high, _PANELS).round(2).tolist()
        yield "constant_energies", lambda: plot_constant_energies(band_map, energies, found)
    yield "cut", lambda: figure_of(plot_cut(band_map, found, points=points))
    if args.stack is not None:
        stack = args.stack
        yield (
            "spectrum",
            lambda: figure_of(plot_stacked_spectrum(stacked_spectrum(band_map, found, stack))),
        )
