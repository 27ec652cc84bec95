"""``ase-dos plot``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from ase_dos.cli.main import reports_user_errors

DPI = 150


class CLICommand:
    """Draw the results of a trajectory, or the energy modes of a model.

    Writes ensemble.png, time_series.png, dos_image.png and, for more than one temperature,
    heat_capacity.png for a directory of results; modes.png for a model.
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
            help="where to write (default: here)",
        )

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Draw."""
        if Path(args.source).is_dir():
            from ase_dos.results.result import TrajectoryResult

            figures = result_figures(TrajectoryResult.load(args.source))
        else:
            from ase_dos.model.dos_model import DOSModel
            from ase_dos.model_selection.plots import plot_modes

            figures = {"modes": plot_modes(DOSModel.load(args.source)).figure}
        for path in save_figures(args.output, figures):
            print(f"wrote {path}")


def result_figures(result: Any) -> dict[str, Any]:
    """Figures of a `TrajectoryResult` by name."""
    from ase_dos.results.plots import (
        plot_dos_image,
        plot_ensemble,
        plot_heat_capacity,
        plot_time_series,
    )

    averages = result.averages()
    figures = {"ensemble": plot_ensemble(averages).figure}
    if len(averages.temperatures) > 1:
        figures["heat_capacity"] = plot_heat_capacity(averages).figure
    if len(result) > 1:
        figures["time_series"] = plot_time_series(result)[0].figure
        figures["dos_image"] = plot_dos_image(result).figure
    return figures


def save_figures(directory: str | Path, figures: dict[str, Any]) -> list[Path]:
    """Write figures as PNG files into a directory, made if needed; return their paths."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        paths.append(directory / f"{name}.png")
        figure.savefig(paths[-1], dpi=DPI)
    return paths
