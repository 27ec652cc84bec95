"""Averages over a trajectory, with what sampling and what the model leave unknown kept apart.

The sampling error falls with the length of the run. The model error does not: members of the
model's ensemble share their weights in all frames, so each member has its own trajectory average,
and the spread of these is what the model leaves unknown. Quantities are per atom.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.results.series import THERMAL, FrameSeries, Series, results_dataset
from ase_dos.results.store import MISSING
from ase_dos.utils.checks import as_array
from ase_dos.utils.statistics import Estimate, estimate_mean

__all__ = [
    "Average",
    "Averages",
    "average",
    "average_windows",
    "deviation",
]

FEW_SAMPLES = 10


@dataclass(frozen=True, eq=False)
class Average:
    """Trajectory average of one quantity, a number or an array (energies or temperatures).

    Attributes
    ----------
    label, unit : str
        What it is.
    estimate : Estimate
        Mean, spread over frames, drift and sampling errors; see `ase_dos.utils.statistics`.
    model_error : float or array
        Standard deviation about the mean of the averages that the members of the model's
        ensemble give; of the DOS an upper bound, see `average`. NaN where the results hold no
        members.
    members : (members, ...) array, optional
        Trajectory average of every member.
    """

    label: str
    unit: str
    estimate: Estimate
    model_error: Any
    members: NDArray | None = None

    @property
    def mean(self) -> Any:
        """The average."""
        return self.estimate.mean

    @property
    def sampling_error(self) -> Any:
        """Standard error of the mean, by the autocorrelation of the frames."""
        return self.estimate.error

    def row(self, index: Any = ...) -> list[float]:
        """Mean, spread, sampling, block and model error, drift, its error, n_eff of one number."""
        e = self.estimate
        columns = (
            e.mean,
            e.spread,
            e.error,
            e.block_error,
            self.model_error,
            e.drift,
            e.drift_error,
            e.n_effective,
        )
        return [float(np.asarray(column)[index]) for column in columns]


@dataclass(frozen=True, eq=False)
class Averages:
    """Trajectory averages by name.

    Attributes
    ----------
    quantities : dict of str to Average
        ``dos`` (on ``energies``), ``occupied_width`` (E_F - band bottom) and
        ``dos_at_fermi_level``; ``heat_capacity``, ``entropy`` and ``free_energy`` (at
        ``temperatures``). ``averages[name]`` gives one.
    energies : (k,) array
        Energies (eV), relative to ``reference``.
    temperatures : (m,) array
        Electronic temperatures (K).
    reference : str
        ``"fermi"`` where the frames have their E_F at zero energy, ``"common"`` where only its
        average is.
    band_bottom : float
        Lowest band bottom of all frames (eV) on ``energies``.
    window : (2,) array
        First and last time of the frames, in the unit that ``axis`` names.
    axis : str
        Label of the time axis, see `ase_dos.results.series.time_axis`.
    n_frames, n_missing : int
        Frames averaged over, and frames that have no result because they were bad.
    ensemble : tuple, optional
        What tells the members of the model's ensemble from those of another.
    """

    quantities: dict[str, Average]
    energies: NDArray
    temperatures: NDArray
    reference: str
    band_bottom: float
    window: NDArray
    axis: str
    n_frames: int
    n_missing: int
    ensemble: tuple[Any, ...] | None

    def __getitem__(self, name: str) -> Average:
        return self.quantities[name]

    def rows(self) -> list[tuple[str, str, Average, Any]]:
        """All but the DOS as scalars: label, unit, average, and index into its arrays."""
        rows: list[tuple[str, str, Average, Any]] = []
        for name, average in self.quantities.items():
            if name in THERMAL:
                rows += [
                    (_at(average.label, t), average.unit, average, i)
                    for i, t in enumerate(self.temperatures)
                ]
            elif name != "dos":
                rows.append((average.label, average.unit, average, ...))
        return rows

    def table(self) -> str:
        """Text with all averages but the DOS, their errors, and remarks on their reliability."""
        rows = self.rows()
        width = max(len(f"{label} ({unit})") for label, unit, *_ in rows)
        head = ("mean", "spread", "sampling", "blocks", "model", "drift", "+-", "n_eff")
        lines = [
            f"{self.n_frames} frames, {self.n_missing} missing",
            f"{'':{width}} " + "".join(f"{word:>11}" for word in head),
        ]
        for label, unit, average, i in rows:
            mean, *errors = average.row(i)
            cells = [f"{mean:>12.5g}"]
            cells += [f"{value:>11.3g}" if np.isfinite(value) else f"{'-':>11}" for value in errors]
            star = " *" if np.asarray(average.estimate.drifts)[i] else ""
            lines.append(f"{f'{label} ({unit})':{width}}" + "".join(cells) + star)
        return "\n".join(lines + self.remarks())

    def remarks(self) -> list[str]:
        """Sentences on averages that are none of an equilibrium, or whose errors are rough."""
        rows = [(average.estimate, i) for _, _, average, i in self.rows()]
        remarks = []
        if any(np.asarray(estimate.drifts)[i] for estimate, i in rows):
            remarks.append("* drifts by more than three errors: the mean is none of an equilibrium")
        if min(np.asarray(estimate.n_effective)[i] for estimate, i in rows) < FEW_SAMPLES:
            remarks.append(f"n_eff below {FEW_SAMPLES}: the errors are rough themselves")
        return remarks


def average(source: Any, weights: ArrayLike | None = None, reference: str = "fermi") -> Averages:
    """Average the DOS, and what the electrons make of it, over a trajectory.

    Frames without a result are left out and counted; the others keep their distances in time,
    which their autocorrelation depends on. The DOS of all frames is in memory: 8 bytes for each
    frame and energy.

    Parameters
    ----------
    source : xarray.Dataset or TrajectoryResult
        Results of a trajectory.
    weights : (frames,) array_like, optional
        Relative weights of the frames, of a biased simulation for example; equal by default.
    reference : {"fermi", "common"}
        Zero of the energies of the DOS: E_F of each frame, or the average E_F for all frames,
        which keeps their differences in the model's own energy.

    Returns
    -------
    Averages
        The model error of the DOS is the average over frames of the members' standard deviation
        at each energy: an upper bound, reached where the members err alike in all frames.

    Raises
    ------
    ValueError
        If no frame is finished, or an argument is bad.
    """
    missing = int((results_dataset(source)["status"].values == MISSING).sum())
    return replace(_averages(FrameSeries.of(source, weights, reference)), n_missing=missing)


def average_windows(
    source: Any,
    windows: int | ArrayLike,
    weights: ArrayLike | None = None,
    reference: str = "fermi",
) -> list[Averages]:
    """Average over windows in time, for runs that are not in equilibrium.

    Parameters
    ----------
    source, weights, reference
        As those of `average`; energies are the same in all windows.
    windows : int or (n + 1,) array_like
        Number of windows of equal length, or their rising edges on the axis of
        `ase_dos.results.series.time_axis`; a frame at an edge belongs to the later window, one at
        the last edge to the last.

    Raises
    ------
    ValueError
        As `average`; also if a window holds no frame.
    """
    series = FrameSeries.of(source, weights, reference)
    x = series.x
    if isinstance(windows, (int, np.integer)):
        if windows < 1:
            raise ValueError(f"windows: expected at least 1, got {windows}")
        edges = np.linspace(x[0], x[-1], windows + 1)
    else:
        edges = as_array(windows, "windows", (None,))
        if edges.size < 2 or not (np.diff(edges) > 0).all():
            raise ValueError(f"windows: expected rising edges, at least 2, got {edges}")
    starts = np.searchsorted(x, edges, side="left")
    starts[-1] = np.searchsorted(x, edges[-1], side="right")
    averages = []
    for first, last, low, high in zip(starts, starts[1:], edges, edges[1:], strict=False):
        if not series.weights[first:last].any():
            raise ValueError(f"windows: no frame from {low:g} to {high:g} ({series.axis})")
        averages.append(_averages(series, slice(first, last)))
    return averages


def _averages(series: FrameSeries, frames: slice = slice(None)) -> Averages:
    """Average over some of the frames."""
    w = series.weights[frames]
    used = w > 0
    quantities = {
        name: _average(quantity, frames, w) for name, quantity in series.quantities.items()
    }
    if series.dos_error is not None:
        bound = np.average(series.dos_error[frames][used], axis=0, weights=w[used])
        quantities["dos"] = replace(quantities["dos"], model_error=bound)
    return Averages(
        quantities,
        series.energies,
        series.temperatures,
        series.reference,
        series.band_bottom,
        series.x[frames][used][[0, -1]],
        series.axis,
        int(used.sum()),
        int((series.status[frames] == MISSING).sum()),
        series.ensemble,
    )


def _average(series: Series, frames: slice, w: NDArray) -> Average:
    estimate = estimate_mean(series.values[frames], w)
    if series.members is None:
        unknown = np.full(np.shape(estimate.mean), np.nan)[()]
        return Average(series.label, series.unit, estimate, unknown)
    used = w > 0
    members = np.average(series.members[frames][used], axis=0, weights=w[used])
    members = np.moveaxis(members, -1, 0)
    error = deviation(members, estimate.mean)
    return Average(series.label, series.unit, estimate, error, members)


def _at(label: str, temperature: float) -> str:
    """Label of a quantity at a temperature: C_el(300 K), F(300 K) - F(0)."""
    if "(T)" in label:
        return label.replace("(T)", f"({temperature:g} K)")
    return f"{label}({temperature:g} K)"


def deviation(members: NDArray, mean: Any) -> Any:
    """Root-mean-square deviation from the prediction; members that give no value do not count."""
    return np.sqrt(np.nanmean((members - mean) ** 2, axis=0))[()]
