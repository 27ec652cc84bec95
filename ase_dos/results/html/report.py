"""Report on the results of a trajectory, as one page."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ase_dos._version import __version__
from ase_dos.io.frames import FrameSource
from ase_dos.results.averages import Averages, average
from ase_dos.results.dataset import Results, named_frames, results_dataset
from ase_dos.results.html.atoms import AtomsReport
from ase_dos.results.html.page import figures_html, full_page, note, section, table
from ase_dos.results.plots import (
    plot_dos_image,
    plot_ensemble,
    plot_heat_capacity,
    plot_time_series,
)
from ase_dos.utils.files import replace_file

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["report_page", "write_report"]

N_FRAMES, N_ATOMS = 6, 2000
UNKNOWN = "–"
LONGEST = 300  # characters of one entry of the provenance
MOST_REASONS = 50  # of missing frames, that the page lists
EXPLANATION = (
    "Spread is the standard deviation over frames. Two sampling errors of the mean cover 95 %, "
    "with correlations in time and their own uncertainty counted; blocks is the same error from "
    "averages over blocks, and should agree with it. The model error does not fall with longer "
    "runs: it is the deviation among the averages that members of the model's ensemble give. Drift "
    "is the change along a straight line over the run, with its error, and n_eff the number of "
    f"independent frames. {UNKNOWN} stands for an unknown value: an error of a run that is too "
    "short to know it, a model error where the results have no members."
)


def write_report(source: Results, path: str | os.PathLike, **options: Any) -> None:
    """Write `report_page` to a file, wholly or not at all."""
    page = report_page(source, **options).encode()
    replace_file(path, lambda file: file.write(page))


def report_page(
    source: Results,
    structures: FrameSource | None = None,
    *,
    n_frames: int = N_FRAMES,
    n_atoms: int = N_ATOMS,
    viewer: bool = True,
    title: str = "",
    repeated: str = "copies",
) -> str:
    """Make one self-contained page on the results of a trajectory.

    Parameters
    ----------
    source : TrajectoryResult or xarray.Dataset
        Results.
    structures : str, path or iterable of Atoms, optional
        The trajectory that was analysed; by default the file that the results name, if it still
        exists.
    n_frames : int
        Frames, evenly spaced, whose atoms are shown and grouped.
    n_atoms : int
        Largest number of atoms shown of each frame: those in a cube in the middle.
    viewer : bool
        Put the interactive view of structures into the page (some 3 MB).
    title : str
        Of the page.
    repeated : {"copies", "last", "keep"}
        What is left out of repeated frames, see `ase_dos.results.averages.average`.

    Raises
    ------
    ValueError
        If no frame is finished, or ``structures`` are not those of the results.
    ImportError
        If the view is asked for, there are structures, and chemiscope is not installed.
    """
    if n_frames < 1 or n_atoms < 1:
        raise ValueError(f"report: expected n_frames, n_atoms >= 1, got {n_frames}, {n_atoms}")
    dataset = results_dataset(source)
    averages = average(dataset, repeated=repeated)
    atoms = AtomsReport.of(dataset, structures, n_frames)
    sections = [
        section("Averages", note(EXPLANATION), _table(averages)),
        *_missing(dataset),
        section("Density of states", _figures(dataset, averages)),
        *atoms.sections(n_atoms if viewer else 0),
        section("Provenance", _provenance(dataset)),
    ]
    lead = f"{averages.n_frames} frames, {averages.n_missing} missing; ase_dos {__version__}"
    name = Path(str(dataset.attrs.get("source", "a trajectory"))).name
    return full_page(title or f"Electronic structure along {name}", lead, sections)


def _table(averages: Averages) -> str:
    numbers = averages.numbers()
    rows = []
    for number in numbers:
        mean, *errors = number.columns().values()
        cells = [f"{error:.3g}" if np.isfinite(error) else UNKNOWN for error in errors]
        star = " *" if number.estimate.drifts else ""
        rows.append([f"{number.quantity.label}{star}", number.quantity.format(mean), *cells])
    head = ["", *numbers[0].columns()]
    return table(head, rows) + "".join(map(note, averages.remarks()))


def _figures(dataset: Dataset, averages: Averages) -> str:
    figures = [(plot_ensemble(averages), "Average DOS, with E_F of each frame at zero.")]
    repeated = averages.repeats.repeated
    if averages.n_frames > 1:
        series = plot_time_series(dataset, repeated=repeated)[0]
        figures += [
            (plot_dos_image(dataset, repeated=repeated), "DOS along the trajectory."),
            (series, "E_F, g(E_F), C_el and S along the trajectory, per atom."),
        ]
    if len(averages.temperatures) > 1:
        figures.append(
            (plot_heat_capacity(averages), "Electronic heat capacity at fixed electron number.")
        )
    return figures_html(figures)


def _missing(dataset: Dataset) -> list[str]:
    """Section on frames that have no result, by the reason."""
    source = dataset.attrs.get("source", "")
    frames: dict[str, list[int]] = {}
    for index, why in json.loads(dataset.attrs.get("errors", "{}")).items():
        frames.setdefault(why.removeprefix(f"frame {index} of {source}: "), []).append(int(index))
    if not frames:
        return []
    rows = [[named_frames(indices), _shortened(why)] for why, indices in frames.items()]
    if (more := len(rows) - MOST_REASONS) > 0:
        rows[MOST_REASONS:] = [["", f"{more} more reasons, in the attributes of the results"]]
    return [section("Missing frames", table(["", "reason"], rows, "provenance"))]


def _provenance(dataset: Dataset) -> str:
    rows = []
    for name, value in dataset.attrs.items():
        if name == "errors":
            continue  # of the missing frames
        if isinstance(value, str) and value.startswith("{"):
            rows += [[f"{name}: {key}", str(part)] for key, part in json.loads(value).items()]
        else:
            rows.append([str(name), str(value)])
    return table((), [[name, _shortened(value)] for name, value in rows], "provenance")


def _shortened(text: str) -> str:
    """Text without the long arrays of a model's header."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]} … ({len(text)} characters, in the attributes of the results)"
