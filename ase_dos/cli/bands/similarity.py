"""``ase-dos bands similarity``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ase_dos.cli.arguments import integer, number
from ase_dos.cli.bands.inputs import bands_like
from ase_dos.cli.outputs import output_file
from ase_dos.cli.plot import save_figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ase_dos.bands.similarity import SimilarityMatrix

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("first", metavar="BANDS", help="reconstructed or calculated bands, whose momenta are used")
    add("others", nargs="+", metavar="OTHER", help="bands to compare with them and each other")
    add(
        "--bands",
        metavar="FIRST:LAST",
        help="bands to take of calculations that have more than BANDS, ends included",
    )
    add("-o", "--output", metavar="FIGURE.png", help="figure to write")
    zone = parser.add_argument_group("Brillouin zone (default: all momenta that are known)")
    shape = zone.add_mutually_exclusive_group()
    for name in ("hexagonal", "square"):
        shape.add_argument(
            f"--{name}",
            type=number(above=0),
            metavar="A",
            help=f"zone of a {name} lattice with this constant (Angstrom)",
        )
    zone.add_argument(
        "--azimuth",
        type=number(),
        default=0.0,
        metavar="DEGREES",
        help="angle of the first lattice vector against kx",
    )
    zone.add_argument(
        "--functions",
        type=integer(2),
        default=400,
        metavar="N",
        help="functions that a band is compressed to, fewer where momenta are few (default: 400)",
    )


def run(args: Namespace) -> None:
    """Compare the shapes of bands, each theory and reconstruction with each other.

    Prints the distance of shapes (meV) with its standard error over the bands, and the cosine
    similarity; the mean energy of every band is left out. With --output also draws them.
    """
    inputs = [args.first, *args.others]
    figure = args.output and output_file(args.output, "--output", (".png",), inputs=inputs)
    for line in _lines(matrix := _matrix(args)):
        print(line)
    if figure:
        from ase_dos.bands.plots import plot_similarity
        from ase_dos.plot.style import figure_of

        drawn = {figure.stem: figure_of(plot_similarity(matrix))}
        for path in save_figures(figure.parent, drawn):
            print(f"wrote {path}")


def _matrix(args: Namespace) -> SimilarityMatrix:
    import numpy as np

    from ase_dos.bands.axes import grid_points
    from ase_dos.bands.similarity import similarity_matrix
    from ase_dos.bands.zone import ZoneBasis

    first = bands_like(args.first)
    if len(first.momenta) != 2:
        raise ValueError(f"{args.first}: expected bands over kx and ky, these have one momentum")
    points = grid_points(first.momenta)
    bands = {args.first: first.energies}
    for name in args.others:
        bands[name] = bands_like(name, first, args.bands).at(points)
    bands = _short_names(bands)
    known = np.all([np.isfinite(one).all(axis=0) for one in bands.values()], axis=0)
    mask = known & _zone(args, first.momenta)
    if mask.sum() < 2:
        raise ValueError("no momentum is left at which all bands are known")
    # As many functions as momenta would copy every error of a band.
    size = min(args.functions, max(1, int(mask.sum()) // 2))
    return similarity_matrix(bands, ZoneBasis(first.momenta, mask, size))


def _zone(args: Namespace, momenta: tuple[NDArray, ...]) -> NDArray | bool:
    from ase_dos.bands.zone import BrillouinZone

    if args.hexagonal:
        return BrillouinZone.hexagonal(args.hexagonal, args.azimuth).mask(momenta)
    if args.square:
        return BrillouinZone.square(args.square, args.azimuth).mask(momenta)
    return True


def _short_names(bands: dict[str, NDArray]) -> dict[str, NDArray]:
    """Name bands by the file alone, where that is enough."""
    short = [Path(name).stem for name in bands]
    return dict(zip(short, bands.values(), strict=True)) if len(set(short)) == len(short) else bands


def _lines(matrix: SimilarityMatrix) -> Iterator[str]:
    """Lines of the table: each to those before it."""
    width = max(map(len, matrix.names))
    yield f"{'':<{width}}   {'':<{width}}   distance (meV)   cosine"
    for i, one in enumerate(matrix.names):
        for j, other in enumerate(matrix.names[:i]):
            yield (
                f"{other:<{width}} - {one:<{width}} {1e3 * matrix.distance[i, j]:>9.1f} +- "
                f"{1e3 * matrix.distance_error[i, j]:<6.1f} {matrix.cosine[i, j]:.4f}"
            )
