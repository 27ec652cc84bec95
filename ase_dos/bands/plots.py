"""Figures of cuts through band maps, of stacked spectra, and of similarities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from ase_dos.bands.band_map import BandMap
from ase_dos.bands.edc_stack import StackedSpectrum
from ase_dos.bands.momentum_spline import MomentumSpline
from ase_dos.bands.plot_parts import BRIGHTEST, INTENSITY, axis_label, hidden_spline
from ase_dos.bands.reconstructed import ReconstructedBands
from ase_dos.bands.similarity import SimilarityMatrix
from ase_dos.bands.theory import TheoryBands
from ase_dos.plot.style import BLUE, ENERGY, ORANGE, axes_or_new, figure_of

__all__ = ["plot_cut", "plot_similarity", "plot_stacked_spectrum"]


def plot_cut(
    band_map: BandMap,
    found: ReconstructedBands | None = None,
    theory: TheoryBands | None = None,
    *,
    points: ArrayLike | None = None,
    labels: Sequence[str] = (),
    n: int = 300,
    ax: Axes | None = None,
) -> Axes:
    """Draw intensity along a path, with theory and reconstruction and its uncertainty.

    Parameters
    ----------
    band_map : BandMap
        The map.
    found : ReconstructedBands, optional
        Drawn where the data speak; shaded are two standard deviations, if there are any.
    theory : TheoryBands, optional
        By default the theory that the reconstruction started from, as it was given.
    points : (corners, 2) array, optional
        Momenta (1/Angstrom) that the path runs through. Needed for a map over kx and ky; a map
        over one axis is drawn whole.
    labels : sequence of str
        Names of the corners, "Γ" for example.
    n : int
        Points along the path.
    ax : Axes, optional
        Where to draw.

    Raises
    ------
    ValueError
        If points are missing or too many, or labels do not fit them.
    """
    ax = axes_or_new(ax, (6.0, 4.5))
    flat = len(band_map.momenta) == 2
    if flat != (points is not None):
        raise ValueError(
            "points: expected the corners of a path for a map over two momenta, and none for one"
        )
    cut = band_map if points is None else band_map.path(points, n)
    x = cut.momenta[0]
    ends = cut.data.attrs["corners"] if flat else []
    if labels and len(labels) != len(ends):
        raise ValueError(f"labels: expected {len(ends)}, one for each corner, got {len(labels)}")
    shown = ax.pcolormesh(
        x,
        cut.energies,
        cut.values.T,
        cmap=INTENSITY,
        vmin=0.0,
        vmax=np.nanpercentile(cut.values, BRIGHTEST),
        rasterized=True,
    )
    names = band_map.momentum_names
    at = np.stack([cut.data[name].values for name in names], axis=-1)
    if theory is not None:
        _lines(ax, x, theory.on(cut), "theory", color=ORANGE, ls="--", lw=0.9)
    elif found is not None:
        lines = MomentumSpline(found.momenta, found.theory).at(at)
        _lines(ax, x, lines, "theory", color=ORANGE, ls="--", lw=0.9)
    if found is not None:
        _draw_found(ax, x, at, found)
    for end in ends[1:-1]:
        ax.axvline(end, color="black", lw=0.6)
    if labels:
        ax.set_xticks(ends, labels)
    ax.set(
        xlabel="" if labels else axis_label("k" if flat else names[0]),
        ylabel=ENERGY,
        xlim=(x[0], x[-1]),
        ylim=(cut.energies[0], cut.energies[-1]),
    )
    figure_of(ax).colorbar(shown, ax=ax, label="counts" if cut.counts else "intensity", pad=0.02)
    if found is not None or theory is not None:
        ax.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize="small", frameon=False
        )
    return ax


def plot_stacked_spectrum(stacked: StackedSpectrum, ax: Axes | None = None) -> Axes:
    """Draw spectra stacked on a band, with what the fit expects.

    Parameters
    ----------
    stacked : StackedSpectrum
        From `ase_dos.bands.stacked_spectrum`.
    ax : Axes, optional
        Where to draw.
    """
    ax = axes_or_new(ax, (5.0, 3.8))
    x = stacked.offsets
    ax.fill_between(x, stacked.line, color=ORANGE, alpha=0.25, lw=0, label="line of the band")
    ax.plot(x, stacked.expected, color=BLUE, lw=1.2, label="fit, all bands and background")
    ax.errorbar(
        x, stacked.counts, stacked.errors, color="black", fmt="o", ms=2.5, lw=0.8, label="counts"
    )
    known = np.isfinite(stacked.counts)
    ax.axvline(0.0, color="black", lw=0.6, ls=":")
    ax.set(
        xlim=(x[known][0], x[known][-1]),
        ylim=(0, 1.35 * np.nanmax(stacked.counts)),
        xlabel="Energy relative to the band (eV)",
        ylabel="Counts per spectrum and bin",
        title=f"mean of {stacked.n_spectra} spectra",
    )
    ax.legend(frameon=False, fontsize="small", loc="upper left")
    return ax


def plot_similarity(matrix: SimilarityMatrix, ax: Axes | None = None) -> Axes:
    """Draw distances (below the diagonal) and cosines (above it) of band structures.

    Parameters
    ----------
    matrix : SimilarityMatrix
        From `ase_dos.bands.similarity_matrix`.
    ax : Axes, optional
        Where to draw.
    """
    n = len(matrix.names)
    ax = axes_or_new(ax, (1.6 + 0.95 * n, 0.9 + 0.85 * n))
    distance = 1e3 * matrix.distance
    shown = ax.imshow(np.where(np.tri(n, k=-1, dtype=bool), distance, np.nan), cmap="Blues", vmin=0)
    middle = 0.6 * distance.max()
    for i in range(n):
        for j in range(i):
            error = 1e3 * matrix.distance_error[i, j]
            spread = f"\n± {_short(error)}" if np.isfinite(error) else ""
            color = "white" if distance[i, j] > middle else "black"
            ax.text(
                j, i, f"{_short(distance[i, j])}{spread}", ha="center", va="center", color=color
            )
            ax.text(i, j, f"{matrix.cosine[i, j]:.3f}", ha="center", va="center", color="0.35")
    ax.set_xticks(range(n), matrix.names, rotation=30, ha="right")
    ax.set_yticks(range(n), matrix.names)
    ax.tick_params(length=0)
    ax.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="0.85", lw=0.8)
    ax.tick_params(which="minor", length=0)
    ax.set_title("above the diagonal: cosine", fontsize="small", color="0.35")
    figure_of(ax).colorbar(shown, ax=ax, label="distance of shapes (meV)", shrink=0.85)
    return ax


def _lines(ax: Axes, x: NDArray, bands: NDArray, label: str, **style: Any) -> None:
    lines = ax.plot(x, bands.T, **style)
    lines[0].set_label(label)


def _draw_found(ax: Axes, x: NDArray, at: NDArray, found: ReconstructedBands) -> None:
    """Draw bands at momenta (n, axes) where the data speak, two standard deviations shaded."""
    energies = found.at(at) + hidden_spline(found).at(at)
    _lines(ax, x, energies, "reconstruction", color=BLUE, lw=1.0)
    if found.std is None:
        return
    std = MomentumSpline(found.momenta, found.std).at(at)
    for i, (band, width) in enumerate(zip(energies, std, strict=True)):
        label = "2 standard deviations" if i == 0 else None
        low, high = band - 2 * width, band + 2 * width
        ax.fill_between(x, low, high, color=BLUE, alpha=0.3, lw=0, label=label)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"
