"""Averages over a trajectory, with what sampling and what the model leave unknown kept apart.

The sampling error falls with the length of the run. The model error does not: members of the
model's ensemble share their weights in all frames, so each member has its own trajectory average,
and the spread of these is what the model leaves unknown. Quantities are per atom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.units import kB
from numpy.typing import ArrayLike, NDArray

from ase_dos.checks import as_array
from ase_dos.spectrum import align_spectra
from ase_dos.statistics import Estimate, estimate_mean

__all__ = [
    "AlignedDOS",
    "Average",
    "Averages",
    "aligned_dos",
    "average",
    "average_windows",
    "deviation",
    "results_dataset",
    "time_axis",
]

FINISHED, MISSING = 1, 2  # values of ``status`` in the results
FEW_SAMPLES = 10

# Quantities at the temperatures: label, unit, divisor next to the number of atoms.
THERMAL = {
    "heat_capacity": ("C_el", "k_B/atom", kB),
    "entropy": ("S", "k_B/atom", kB),
    "free_energy": ("F(T) - F(0)", "eV/atom", 1.0),
}


@dataclass(frozen=True, eq=False)
class Average:
    """Trajectory average of one quantity, a number or an array (energies or temperatures).

    Attributes
    ----------
    label, unit : str
        What it is.
    estimate : Estimate
        Mean, spread over frames, drift and sampling errors; see `ase_dos.statistics`.
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
            e.mean, e.spread, e.error, e.block_error, self.model_error,
            e.drift, e.drift_error, e.n_effective,
        )  # fmt: skip
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
        Label of the time axis, see `time_axis`.
    n_frames, n_missing : int
        Frames averaged over, and frames between them that have no result.
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
            f"{'':{width}}" + "".join(f"{word:>11}" for word in head),
        ]
        for label, unit, average, i in rows:
            mean, *errors = average.row(i)
            cells = [f"{mean:>11.5g}"]
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
    series = _Series(source, weights, reference)
    return series.average(slice(None))


@dataclass(frozen=True, eq=False)
class AlignedDOS:
    """DOS of the finished frames on one axis.

    Attributes
    ----------
    energies : (k,) array
        Energies (eV) relative to E_F of each frame.
    values : (n, k) array
        States/eV per atom.
    x, axis : (n,) array, str
        Time of the frames, and the label of that axis; see `time_axis`.
    rows : (n,) array of int
        Place of the frames in the results.
    band_bottom : float
        Lowest band bottom (eV).
    """

    energies: NDArray
    values: NDArray
    x: NDArray
    axis: str
    rows: NDArray
    band_bottom: float


def aligned_dos(source: Any) -> AlignedDOS:
    """Put the DOS of the finished frames of results on one axis with their E_F at zero."""
    series = _Series(source, None, "fermi")
    used = series.weights > 0
    return AlignedDOS(
        series.energies, series.spectra["dos"][used], series.x[used], series.axis,
        series.start + np.flatnonzero(used), series.band_bottom,
    )  # fmt: skip


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
        Number of windows of equal length, or their rising edges on the time axis (see
        `time_axis`); a frame at an edge belongs to the later window, one at the last edge to
        the last.

    Raises
    ------
    ValueError
        As `average`; also if a window holds no frame.
    """
    series = _Series(source, weights, reference)
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
        averages.append(series.average(slice(first, last)))
    return averages


def results_dataset(source: Any) -> Any:
    """Dataset of results, given as such or wrapped."""
    dataset = getattr(source, "dataset", source)
    if "status" not in getattr(dataset, "variables", ()):
        raise ValueError(
            f"expected the results of a trajectory (xarray.Dataset or TrajectoryResult), got "
            f"{type(source).__name__}"
        )
    return dataset


def time_axis(dataset: Any) -> tuple[NDArray, str]:
    """Return time, else MD step, else index of the frames, with a label.

    The first of these that all finished frames have and that rises.
    """
    finished = dataset["status"].values == FINISHED
    unit = dataset["time"].attrs.get("units", "unit of the trajectory")
    for name, label in (("time", f"Time ({unit})"), ("md_step", "Step")):
        values = np.asarray(dataset[name].values, dtype=float)
        found = values[finished]
        if np.isfinite(found).all() and (np.diff(found) > 0).all():
            return values, label
    return np.asarray(dataset["frame"].values, dtype=float), "Frame"


class _Series:
    """Intensive series over the frames between the first and the last that count."""

    def __init__(self, source: Any, weights: ArrayLike | None, reference: str) -> None:
        if reference not in ("fermi", "common"):
            raise ValueError(f"reference: expected 'fermi' or 'common', got {reference!r}")
        dataset = results_dataset(source)
        status = dataset["status"].values
        w = np.ones(len(status)) if weights is None else as_array(weights, "weights", status.shape)
        if (w < 0).any():
            raise ValueError(f"weights: expected numbers >= 0, got {w.min():g}")
        w = w * (status == FINISHED)
        counting = np.flatnonzero(w)
        if not counting.size:
            raise ValueError("results: no finished frame, or none with a weight above zero")
        self.start = counting[0]
        run = slice(self.start, counting[-1] + 1)
        x, self.axis = time_axis(dataset)
        dataset = dataset.isel(frame=run)
        self.weights, self.status = w[run], status[run]
        # A frame without a result has no time; it gets one between its neighbours.
        used = self.weights > 0
        places = np.arange(len(used))
        self.x = np.interp(places, places[used], x[run][used])
        self.reference, self.dataset = reference, dataset
        self.temperatures = np.asarray(dataset["temperature"].values, dtype=float)
        self.atoms = np.where(used, dataset["n_atoms"].values, 1)
        self.ensemble = _ensemble_identity(dataset)
        self._align(used)

    def _align(self, used: NDArray) -> None:
        """Put the DOS of the frames that count on one axis."""
        fermi = self.dataset["fermi_level"].values
        zero = np.average(fermi[used], weights=self.weights[used])
        references = fermi if self.reference == "fermi" else np.full(fermi.shape, zero)
        energies = self.dataset["energy"].values
        spectra = ["dos", "dos_error"] if "dos_error" in self.dataset else ["dos"]
        self.spectra = {}
        for name in spectra:
            values = self.dataset[name].values[used] / self.atoms[used, None]
            self.energies, rows = align_spectra(energies, values, references[used])
            self.spectra[name] = np.full((used.size, self.energies.size), np.nan)
            self.spectra[name][used] = rows
        bottoms = self.dataset["band_bottom"].values - references
        self.band_bottom = float(bottoms[used].min())

    def average(self, frames: slice) -> Averages:
        """Average over some of the frames."""
        quantities = {"dos": self._average_dos(frames)}
        data = self.dataset
        width = data["fermi_level"].values - data["band_bottom"].values
        quantities["occupied_width"] = self._average(
            frames, "E_F - band bottom", "eV", width, self._members("occupied_width")
        )
        quantities["dos_at_fermi_level"] = self._average(
            frames, "g(E_F)", "states/eV/atom", *self._per_atom("dos_at_fermi_level")
        )
        for name, (label, unit, divisor) in THERMAL.items():
            quantities[name] = self._average(frames, label, unit, *self._per_atom(name, divisor))
        x = self.x[frames][self.weights[frames] > 0]
        return Averages(
            quantities, self.energies, self.temperatures, self.reference, self.band_bottom,
            x[[0, -1]], self.axis, len(x), int((self.status[frames] == MISSING).sum()),
            self.ensemble,
        )  # fmt: skip

    def _average(
        self, frames: slice, label: str, unit: str, values: NDArray, members: NDArray | None
    ) -> Average:
        w = self.weights[frames]
        estimate = estimate_mean(values[frames], w)
        if members is None:
            return Average(label, unit, estimate, np.full(np.shape(estimate.mean), np.nan)[()])
        used = w > 0
        averaged = np.average(members[frames][used], axis=0, weights=w[used])
        averaged = np.moveaxis(averaged, -1, 0)
        return Average(label, unit, estimate, deviation(averaged, estimate.mean), averaged)

    def _average_dos(self, frames: slice) -> Average:
        w = self.weights[frames]
        estimate = estimate_mean(self.spectra["dos"][frames], w)
        error = np.full(self.energies.size, np.nan)
        if "dos_error" in self.spectra:
            error = np.average(self.spectra["dos_error"][frames][w > 0], axis=0, weights=w[w > 0])
        return Average("DOS", "states/eV/atom", estimate, error)

    def _per_atom(self, name: str, divisor: float = 1.0) -> tuple[NDArray, NDArray | None]:
        return tuple(
            None if values is None
            else values / (divisor * self.atoms.reshape((-1,) + (1,) * (values.ndim - 1)))
            for values in (self.dataset[name].values, self._members(name))
        )  # type: ignore[return-value]  # fmt: skip

    def _members(self, name: str) -> NDArray | None:
        name = f"{name}_member"
        return self.dataset[name].values if name in self.dataset else None


def _at(label: str, temperature: float) -> str:
    """Label of a quantity at a temperature: C_el(300 K), F(300 K) - F(0)."""
    if "(T)" in label:
        return label.replace("(T)", f"({temperature:g} K)")
    return f"{label}({temperature:g} K)"


def deviation(members: NDArray, mean: Any) -> Any:
    """Root-mean-square deviation from the prediction; members that give no value do not count."""
    return np.sqrt(np.nanmean((members - mean) ** 2, axis=0))[()]


def _ensemble_identity(dataset: Any) -> tuple[Any, ...] | None:
    """Return what tells whether two results hold the same members of the same model."""
    identity = (dataset.attrs.get("model_hash"), dataset.sizes.get("member"))
    return None if None in identity else identity
