"""``ase-dos plot``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ase_dos.cli.arguments import add_repeated_argument
from ase_dos.cli.main import reports_user_errors
from ase_dos.cli.outputs import output_directory
from ase_dos.utils.files import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ase_dos.results.result import TrajectoryResult

DPI = 150


class CLICommand:
    """Draw the results of a trajectory, or the energy modes of a model.

    Writes ensemble.png, time_series.png, dos_image.png and, for more than one temperature,
    heat_capacity.png for a directory of results with a DOS, dipoles.png for one with dipole
    moments; modes.png for a model.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "source", metavar="RESULT_OR_MODEL", help="directory of results, model file or name"
        )
        parser.add_argument(
            "-o",
            "--output",
            default=".",
            metavar="DIRECTORY",
            help="directory to write to (default: the current one)",
        )
        add_repeated_argument(parser)

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Draw."""
        output_directory(args.output, "--output")
        if Path(args.source).is_dir():
            from ase_dos.results.result import TrajectoryResult

            figures = result_figures(TrajectoryResult.load(args.source), args.repeated)
        else:
            from ase_dos.model.dos_model import DOSModel
            from ase_dos.model_selection.plots import plot_modes
            from ase_dos.plot.style import figure_of

            figures = {"modes": figure_of(plot_modes(DOSModel.load(args.source)))}
        for path in save_figures(args.output, figures):
            print(f"wrote {path}")


def result_figures(result: TrajectoryResult, repeated: str) -> dict[str, Figure]:
    """Figures of a `TrajectoryResult` by name; ``repeated`` as for its averages."""
    from ase_dos.plot.style import figure_of
    from ase_dos.results.dipole_plots import plot_dipoles
    from ase_dos.results.plots import (
        plot_dos_image,
        plot_ensemble,
        plot_heat_capacity,
        plot_time_series,
    )

    averages = result.averages(repeated=repeated)
    axes, has_dos = {}, "dos" in averages.quantities
    if has_dos:
        axes["ensemble"] = plot_ensemble(averages)
    if len(averages.temperatures) > 1:
        axes["heat_capacity"] = plot_heat_capacity(averages)
    if has_dos and len(result) > 1:
        axes["time_series"] = plot_time_series(result, repeated=repeated)[0]
        axes["dos_image"] = plot_dos_image(result, repeated=repeated)
    if "dipole_size" in averages.quantities and len(result) > 1:
        axes["dipoles"] = plot_dipoles(result, repeated=repeated)
    return {name: figure_of(ax) for name, ax in axes.items()}


def save_figures(directory: str | Path, figures: Mapping[str, Figure]) -> list[Path]:
    """Write figures as PNG files into a directory, made if needed; return their paths."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        paths.append(directory / f"{name}.png")
        replace_file(paths[-1], partial(figure.savefig, format="png", dpi=DPI))
    return paths
