"""Figures of dipole moments along a trajectory, and of their infrared spectrum."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from ase_dos.plot.style import BLUE, COLORS, ORANGE, PURPLE, axes_or_new, markers
from ase_dos.results.dataset import Results
from ase_dos.results.infrared import InfraredSpectrum
from ase_dos.results.series import FrameSeries
from ase_dos.utils.quantities import with_spread

__all__ = ["plot_dipoles", "plot_infrared"]

NAMED = 0.03  # of the highest value, from which on a band has its wavenumber in the figure
BEYOND = 1.25  # wavenumbers shown, in units of the highest that is named


def plot_infrared(spectrum: InfraredSpectrum, ax: Axes | None = None) -> Axes:
    """Draw an infrared spectrum with one standard error, and name its bands.

    Parameters
    ----------
    spectrum : InfraredSpectrum
        The spectrum.
    ax : Axes, optional
        Where to draw.
    """
    ax = axes_or_new(ax, (7.0, 4.0))
    x, values = spectrum.wavenumbers, spectrum.values
    if np.isfinite(spectrum.model_error).all():
        edges = values + np.outer([-1, 1], spectrum.model_error)
        ax.fill_between(x, *edges, color=PURPLE, alpha=0.35, lw=0, label="model error")
    if np.isfinite(spectrum.error).all():
        edges = values + np.outer([-1, 1], spectrum.error)
        label = f"standard error ({len(spectrum.blocks)} blocks)"
        ax.fill_between(x, *edges, color=ORANGE, alpha=0.4, lw=0, label=label)
    ax.plot(x, values, color=BLUE, lw=1.2, label=f"{spectrum.temperature:g} K")
    tops = {band: np.interp(band.wavenumber, x, values) for band in spectrum.bands()}
    named = {band: top for band, top in tops.items() if top > NAMED * values.max()}
    for band, top in named.items():
        intensity = with_spread(band.intensity, band.intensity_error)
        ax.annotate(
            f"{band.wavenumber:.0f} 1/cm\n{intensity} km/mol",
            (band.wavenumber, top),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize="small",
            annotation_clip=True,
            in_layout=False,  # one that is clipped would shrink the axes
        )
    last = max((BEYOND * band.wavenumber for band in named), default=x[-1])
    ax.set(
        xlim=(0, min(last, x[-1])),
        ylim=(0, 1.2 * values.max()),
        xlabel="Wavenumber (1/cm)",
        ylabel="Intensity (km/mol per 1/cm)",
    )
    ax.legend(
        frameon=False,
        ncols=4,
        fontsize="small",
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.2,
    )
    return ax


def plot_dipoles(result: Results, ax: Axes | None = None, repeated: str = "copies") -> Axes:
    """Draw the size of the dipole moment against time.

    Parameters
    ----------
    result : TrajectoryResult or xarray.Dataset
        Results with dipole moments.
    ax : Axes, optional
        Where to draw.
    repeated : {"copies", "last", "keep"}
        What is left out of repeated frames, see `ase_dos.results.averages.average`.
    """
    ax = axes_or_new(ax)
    series = FrameSeries.of(result, repeated=repeated)
    dipole, x = series["dipole_size"], series.x[series.used]
    ax.plot(x, dipole.values[series.used], color=COLORS[0], **markers(x))
    ax.set(xlabel=series.axis, ylabel=dipole.quantity.label)
    ax.margins(x=0.02)
    return ax
