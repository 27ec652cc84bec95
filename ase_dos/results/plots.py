"""Figures of a density of states, of its averages, and of its way through a trajectory."""

from __future__ import annotations

import numpy as np
from ase.units import kB
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ase_dos.plot.style import (
    BLUE,
    COLORS,
    ENERGY,
    GREEN,
    ORANGE,
    PURPLE,
    axes_or_new,
    energy_span,
    markers,
    math_label,
)
from ase_dos.results.averages import Averages, average
from ase_dos.results.dataset import Results, results_dataset
from ase_dos.results.series import FrameSeries
from ase_dos.utils.checks import as_array

__all__ = ["plot_dos_image", "plot_ensemble", "plot_heat_capacity", "plot_time_series"]

_IN_TIME = ("occupied_width", "dos_at_fermi_level", "magnetic_moment", "heat_capacity", "entropy")
MOST_POINTS = 2000  # of a line in vector graphics; longer ones become an image
BINS = 60  # of a quantity that the DOS is drawn against, at most


def plot_ensemble(result: Averages | Results, ax: Axes | None = None) -> Axes:
    """Draw the average DOS of a trajectory with its spread and its errors.

    Bands and dashed lines are one standard deviation: over the frames, of the average by sampling,
    and of the average by the model where the results have members of its ensemble. Where the spin
    channels are known, the majority is drawn upwards and the minority downwards.

    Parameters
    ----------
    result : Averages, TrajectoryResult or xarray.Dataset
        Averages, or results to average.
    ax : Axes, optional
        Where to draw.
    """
    ax = axes_or_new(ax)
    averages = result if isinstance(result, Averages) else average(result)
    energies, dos = averages.energies, averages["dos"]
    mean, spread, error = dos.mean, dos.estimate.spread, dos.sampling_error
    low, high = energy_span(averages.band_bottom, energies)
    shown = (energies >= low) & (energies <= high)
    bands = [(spread, ORANGE, 0.3, "spread over frames"), (error, BLUE, 0.45, "sampling error")]
    # An error that is known at few energies only shows nothing but where these are.
    bands = [band for band in bands if np.isfinite(band[0][shown]).mean() > 0.5]
    for width, color, alpha, label in bands:
        ax.fill_between(
            energies, mean - width, mean + width, color=color, alpha=alpha, lw=0, label=label
        )
    if np.isfinite(dos.model_error).any():
        for sign, label in ((1, "model error (upper bound)"), (-1, "_lower")):
            ax.plot(
                energies, mean + sign * dos.model_error, color=PURPLE, ls="--", lw=0.9, label=label
            )
    ax.plot(energies, mean, color=BLUE, lw=1.2, label=f"mean of {averages.n_frames} frames")
    ax.axvline(0.0, color="black", lw=0.8, ls="--")
    top = (mean + np.fmax(spread, dos.model_error))[shown].max()
    bottom = 0.0
    if "spin_dos" in averages.quantities:
        spin = averages["spin_dos"].mean
        majority, minority = (mean + spin) / 2, (spin - mean) / 2
        ax.plot(energies, majority, color=GREEN, lw=1.0, label="majority")
        ax.plot(energies, minority, color=GREEN, lw=1.0, ls="-.", label="minority (below)")
        ax.axhline(0.0, color="black", lw=0.6)
        bottom = min(minority[shown].min(), 0.0)
    limits = (1.1 * bottom, 1.1 * top)
    ax.set(xlim=(low, high), ylim=limits, xlabel=ENERGY, ylabel=dos.quantity.label)
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[::-1], labels[::-1], frameon=False, loc="upper left", fontsize="small")
    return ax


def plot_heat_capacity(result: Averages | Results, ax: Axes | None = None) -> Axes:
    """Draw C_el(T) with its sampling and its model error, and its limit at low temperature.

    Parameters
    ----------
    result : Averages, TrajectoryResult or xarray.Dataset
        Averages, or results to average.
    ax : Axes, optional
        Where to draw.
    """
    ax = axes_or_new(ax, (5.0, 4.0))
    averages = result if isinstance(result, Averages) else average(result)
    temperatures, capacity = averages.temperatures, averages["heat_capacity"]
    mean = capacity.mean
    if np.isfinite(capacity.model_error).any():
        ax.fill_between(
            temperatures,
            mean - capacity.model_error,
            mean + capacity.model_error,
            color=PURPLE,
            alpha=0.35,
            lw=0,
            label="model error",
        )
    ax.errorbar(
        temperatures,
        mean,
        yerr=np.nan_to_num(capacity.sampling_error),
        color=BLUE,
        marker="o",
        ms=3.5,
        lw=1.2,
        capsize=3,
        label="mean, sampling error" if np.isfinite(capacity.sampling_error).any() else "mean",
    )
    gamma = np.pi**2 / 3 * kB * averages["dos_at_fermi_level"].mean
    line = np.array([0.0, temperatures.max()])
    ax.plot(line, gamma * line, color="black", ls=":", lw=1.0, label=r"$\gamma T$ of mean $g(E_F)$")
    ax.set(xlabel="Electronic temperature (K)", ylabel=math_label(capacity.quantity.label))
    ax.set_xlim(0, 1.04 * temperatures.max())
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, loc="upper left", fontsize="small")
    return ax


def plot_time_series(
    result: Results, figure: Figure | None = None, repeated: str = "copies"
) -> NDArray:
    """Draw Fermi level, g(E_F), heat capacity and entropy against time, one above the other.

    With spin channels there is also the magnetic moment.

    Parameters
    ----------
    result : TrajectoryResult or xarray.Dataset
        Results.
    figure : Figure, optional
        Where to draw.
    repeated : {"copies", "last", "keep"}
        What is left out of repeated frames, see `ase_dos.results.averages.average`.

    Returns
    -------
    (4,) or (5,) array of Axes
    """
    series = FrameSeries.of(result, repeated=repeated)
    names = [name for name in _IN_TIME if name in series.quantities]
    figure = figure or Figure(figsize=(6.4, 1.8 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), 1, sharex=True)
    x = series.x[series.used]
    style = {**markers(x), "rasterized": len(x) > MOST_POINTS}
    for ax, name in zip(axes, names, strict=True):
        values = series[name].values[series.used]
        quantity = series[name].quantity
        ax.set_ylabel(math_label(f"{quantity.symbol}\n({quantity.unit})"))
        if values.ndim == 1:
            ax.plot(x, values, color=BLUE, **style)
            continue
        for i, (column, temperature) in enumerate(zip(values.T, series.temperatures, strict=True)):
            color = COLORS[i % len(COLORS)]
            ax.plot(x, column, color=color, label=f"{temperature:g} K", **style)
        if (values > 0).all() and values.max() > 10**1.5 * values.min():
            ax.set_yscale("log")
    above = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2}
    axes[-2].legend(frameon=False, ncols=6, fontsize="small", **above)
    axes[-1].set_xlabel(series.axis)
    for ax in axes:
        ax.margins(x=0.02)
    figure.align_ylabels(axes)
    return axes


def plot_dos_image(
    result: Results,
    ax: Axes | None = None,
    against: ArrayLike | None = None,
    label: str = "",
    repeated: str = "copies",
) -> Axes:
    """Draw the DOS of a trajectory as an image against energy, and time or another quantity.

    Parameters
    ----------
    result : TrajectoryResult or xarray.Dataset
        Results.
    ax : Axes, optional
        Where to draw.
    against : (frames,) array_like, optional
        Quantity of each frame of the results, a pressure for example; frames are averaged in
        intervals of it. Time by default, frame by frame.
    label : str
        Its name and unit.
    repeated : {"copies", "last", "keep"}
        What is left out of repeated frames, see `ase_dos.results.averages.average`.

    Raises
    ------
    ValueError
        If ``against`` has another length.
    """
    ax = axes_or_new(ax, (7.0, 4.4))
    series = FrameSeries.of(result, repeated=repeated)
    used, energies = series.used, series.energies
    values = series["dos"].values[used]
    edges, label = _edges(series.x[used]), label or series.axis
    if against is not None:
        given = np.asarray(against, dtype=float)
        if given.shape != (count := results_dataset(result).sizes["frame"],):
            raise ValueError(f"against: expected shape ({count},), got {given.shape}")
        edges, values = _binned(as_array(given[series.rows][used], "against"), values)
    low, high = energy_span(series.band_bottom, energies)
    shown = (energies >= low) & (energies <= high)
    mesh = ax.pcolormesh(
        edges,
        _edges(energies[shown]),
        np.ma.masked_invalid(values[:, shown].T),
        cmap="viridis",
        vmin=0.0,
        rasterized=True,
    )
    ax.axhline(0.0, color="white", lw=0.8, ls="--")
    ax.set(xlabel=label, ylabel=ENERGY)
    ax.figure.colorbar(mesh, ax=ax, label=series["dos"].quantity.label)
    return ax


def _edges(centers: NDArray) -> NDArray:
    """Borders halfway between rising centres."""
    if len(centers) == 1:
        return centers[0] + np.array([-0.5, 0.5])
    middle = (centers[1:] + centers[:-1]) / 2
    return np.concatenate([[2 * centers[0] - middle[0]], middle, [2 * centers[-1] - middle[-1]]])


def _binned(quantity: NDArray, rows: NDArray) -> tuple[NDArray, NDArray]:
    """Edges of equal intervals of a quantity, and the average row in each; NaN where none is."""
    edges = np.histogram_bin_edges(quantity, min(BINS, max(len(rows) // 2, 1)))
    places = np.clip(np.digitize(quantity, edges) - 1, 0, len(edges) - 2)
    averages = np.full((len(edges) - 1, rows.shape[1]), np.nan)
    for place in np.unique(places):
        averages[place] = rows[places == place].mean(axis=0)
    return edges, averages
