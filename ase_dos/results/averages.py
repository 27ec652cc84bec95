"""Averages over a trajectory, with a sampling error and a model error.

The sampling error falls with the length of the run. The model error does not: members of the
model's ensemble share their weights in all frames, so each member has its own trajectory average,
and the spread of these is the error of the model. Quantities are per atom.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.results.dataset import Results, results_dataset
from ase_dos.results.repeats import Repeats
from ase_dos.results.series import SPECTRA, FrameSeries, Series, named
from ase_dos.results.variables import MISSING
from ase_dos.utils.checks import as_array
from ase_dos.utils.quantities import THERMAL, Quantity
from ase_dos.utils.short_repr import short_repr
from ase_dos.utils.statistics import ENOUGH, Estimate, FloatOrArray, estimate_mean

__all__ = [
    "Average",
    "Averages",
    "average",
    "average_windows",
    "deviation",
]

UNKNOWN = "-"  # in place of a number in a table


@dataclass(frozen=True, eq=False)
class Average:
    """Average of one quantity, a number or an array (energies or temperatures), with its errors.

    Attributes
    ----------
    quantity : Quantity
        Name, symbol and unit of the values.
    estimate : Estimate
        Mean, spread over frames, drift and sampling errors; see `ase_dos.utils.statistics`.
    model_error : float or array
        Standard deviation about the mean of the averages that the members of the model's
        ensemble give; of the DOS an upper bound, see `average`. NaN where the results have no
        members.
    members : (members, ...) array, optional
        Average of every member.
    """

    quantity: Quantity
    estimate: Estimate
    model_error: FloatOrArray
    members: NDArray | None = None

    __repr__ = short_repr

    @classmethod
    def of(
        cls,
        quantity: Quantity,
        values: NDArray,
        members: NDArray | None = None,
        weights: NDArray | None = None,
    ) -> Average:
        """Average a series.

        Parameters
        ----------
        quantity : Quantity
            Name, symbol and unit of the values.
        values : (n, ...) array
            Of every frame.
        members : (members, ...) array, optional
            Average of every member of the model's ensemble.
        weights : (n,) array, optional
            Weights of the frames; equal by default.
        """
        estimate = estimate_mean(values, weights)
        if members is None:
            return cls(quantity, estimate, np.full(np.shape(estimate.mean), np.nan)[()])
        return cls(quantity, estimate, deviation(members, estimate.mean), members)

    @property
    def label(self) -> str:
        """Symbol of the quantity."""
        return self.quantity.symbol

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return self.quantity.unit

    @property
    def mean(self) -> Any:
        """The average."""
        return self.estimate.mean

    @property
    def sampling_error(self) -> Any:
        """Standard error of the mean, correlations of the frames counted; NaN if unknown."""
        return self.estimate.error

    def at(self, place: int, temperature: float) -> Average:
        """Return the average at one of its temperatures (K), given with its place among them."""
        members = None if self.members is None else self.members[:, place]
        error = float(np.asarray(self.model_error)[place])
        return Average(self.quantity.at(temperature), self.estimate.at(place), error, members)

    def columns(self) -> dict[str, float]:
        """Mean and errors of one number by the headings of tables; NaN where one is not known."""
        e = self.estimate
        values = {
            "mean": e.mean,
            "spread": e.spread,
            "sampling": e.error,
            "blocks": e.block_error,
            "model": self.model_error,
            "drift": e.drift,
            "+-": e.drift_error,
            "n_eff": e.n_effective,
        }
        return {heading: float(value) for heading, value in values.items()}


@dataclass(frozen=True, eq=False)
class Averages:
    """Trajectory averages by name.

    Attributes
    ----------
    quantities : dict of str to Average
        Of a DOS model ``dos`` (on ``energies``), ``occupied_width`` (E_F - band bottom) and
        ``dos_at_fermi_level``; ``heat_capacity``, ``entropy`` and ``free_energy`` (at
        ``temperatures``); with spin channels ``spin_dos`` and ``magnetic_moment``. Of a density
        model ``dipole_size``, and for every element the average charge of its atoms, such as
        ``charge_O``. ``averages[name]`` gives one.
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
        Label of the time axis, see `ase_dos.results.dataset.time_axis`.
    n_frames, n_missing : int
        Frames averaged over, and frames that have no result because they were bad.
    ensemble : tuple, optional
        Identity of the model's ensemble: hash of the model, number of members.
    repeats : Repeats
        Frames that repeat others: those left out, and those that count.
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
    ensemble: tuple[str, int] | None
    repeats: Repeats

    __repr__ = short_repr

    def __getitem__(self, name: str) -> Average:
        return named(self.quantities, name)

    def numbers(self) -> list[Average]:
        """All but spectra as single numbers: a quantity at each of its temperatures."""
        found = []
        for name, average in self.quantities.items():
            if name in THERMAL:
                found += [average.at(i, t) for i, t in enumerate(self.temperatures)]
            elif name not in SPECTRA:
                found.append(average)
        return found

    def table(self) -> str:
        """Text with all averages but the DOS, their errors, and remarks on their reliability."""
        numbers = self.numbers()
        width = max(len(number.quantity.label) for number in numbers)
        head = "".join(f"{word:>11}" for word in numbers[0].columns())
        lines = [f"{self.n_frames} frames, {self.n_missing} missing", f"{'':{width}} {head}"]
        for number in numbers:
            mean, *errors = number.columns().values()
            cells = [f"{number.quantity.format(mean):>12}"]
            cells += [
                f"{error:>11.3g}" if np.isfinite(error) else f"{UNKNOWN:>11}" for error in errors
            ]
            star = " *" if number.estimate.drifts else ""
            lines.append(f"{number.quantity.label:{width}}" + "".join(cells) + star)
        return "\n".join(lines + self.remarks())

    def remarks(self) -> list[str]:
        """Sentences on runs that repeat frames, are not stationary, or too short for an error."""
        estimates = [number.estimate for number in self.numbers()]
        remarks = self.repeats.remarks()
        if any(estimate.drifts for estimate in estimates):
            remarks.append("* Drifts by more than three standard errors: not stationary.")
        if any(np.isnan(estimate.error) for estimate in estimates):
            remarks.append(
                "No sampling error where the run is too short to know it (fewer than some "
                f"{ENOUGH} independent frames, or slow changes); n_eff is rough there. Run longer."
            )
        return remarks


def average(
    source: Results,
    weights: ArrayLike | None = None,
    reference: str = "fermi",
    repeated: str = "copies",
) -> Averages:
    """Average the DOS and electronic quantities over a trajectory.

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
        Zero of the energies of the DOS: E_F of each frame, or the average E_F for all frames. The
        second leaves the shifts of E_F from frame to frame in the DOS.
    repeated : {"copies", "last", "keep"}
        What is left out where a restart wrote frames again: copies of earlier frames (the same
        structure at the same step or time); all but the last frame of each step or time; nothing.

    Returns
    -------
    Averages
        The model error of the DOS is the average over frames of the members' standard deviation
        at each energy: an upper bound, reached where the members err alike in all frames.

    Raises
    ------
    ValueError
        If no frame is finished, or an argument is bad.

    Warns
    -----
    UserWarning
        If frames count whose step or time does not rise; the message names them.
    """
    missing = int((results_dataset(source)["status"].values == MISSING).sum())
    series = _series(source, weights, reference, repeated)
    return replace(_average_frames(series), n_missing=missing)


def average_windows(
    source: Results,
    windows: int | ArrayLike,
    weights: ArrayLike | None = None,
    reference: str = "fermi",
    repeated: str = "copies",
) -> list[Averages]:
    """Average over windows in time, for runs that are not in equilibrium.

    Parameters
    ----------
    source, weights, reference, repeated
        As those of `average`; energies are the same in all windows.
    windows : int or (n + 1,) array_like
        Number of windows of equal length, or their rising edges on the axis of
        `ase_dos.results.dataset.time_axis`; a frame at an edge belongs to the later window, one at
        the last edge to the last.

    Raises
    ------
    ValueError
        As `average`; also if there is no frame in a window.
    """
    series = _series(source, weights, reference, repeated)
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
        averages.append(_average_frames(series, slice(first, last)))
    return averages


def _series(
    source: Results, weights: ArrayLike | None, reference: str, repeated: str
) -> FrameSeries:
    """Series to average, with a warning of frames that need not be independent."""
    series = FrameSeries.of(source, weights, reference, repeated)
    if series.repeats.going_back.size:
        warnings.warn(series.repeats.remarks()[-1], UserWarning, stacklevel=3)
    return series


def _average_frames(series: FrameSeries, frames: slice = slice(None)) -> Averages:
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
        series.repeats,
    )


def _average(series: Series, frames: slice, w: NDArray) -> Average:
    """Average a quantity; members have their own averages over the same frames."""
    members = None
    if series.members is not None:
        used = w > 0
        members = np.average(series.members[frames][used], axis=0, weights=w[used])
        members = np.moveaxis(members, -1, 0)
    return Average.of(series.quantity, series.values[frames], members, w)


def deviation(members: NDArray, mean: FloatOrArray) -> FloatOrArray:
    """Root-mean-square deviation from the prediction; members that give no value do not count."""
    return np.sqrt(np.nanmean((members - mean) ** 2, axis=0))[()]
