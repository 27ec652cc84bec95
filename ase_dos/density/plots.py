"""Figures of electron densities: parity of dipole moments, and differences in a plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols
from ase.units import Debye
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ase_dos.density.density import Density, DensityDifference
from ase_dos.density.evaluation import DensityEvaluation
from ase_dos.plot.style import COLORS, axes_or_new

__all__ = ["plot_density_difference", "plot_dipole_parity"]

POINTS = 241  # of a side of a map
LEVELS = 8  # contours of either sign
CORE = 0.35  # Angstrom, around a nucleus
SYMBOL = 0.2  # Angstrom, below the symbol of an element


def plot_dipole_parity(
    evaluation: DensityEvaluation, truths: Sequence[Density], figure: Figure | None = None
) -> NDArray:
    """Draw predicted against true components of dipole moments; below, their errors.

    Parameters
    ----------
    evaluation : DensityEvaluation
        Of a model.
    truths : sequence of Density
        The densities that it was evaluated with.
    figure : Figure, optional
        Where to draw.

    Returns
    -------
    (2,) array of Axes
        With predictions, and with their errors beside the error bars that were predicted.
    """
    figure = figure or Figure(figsize=(4.8, 5.6), layout="constrained")
    parity, residuals = axes = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    exact = np.array([density.dipole() for density in truths]) / Debye
    with np.errstate(divide="ignore", invalid="ignore"):
        bars = np.abs(evaluation.dipoles / evaluation.dipole_scores)
    ends = np.array([exact.min(), exact.max()])
    parity.plot(ends, ends, color="black", lw=0.8)
    residuals.axhline(0.0, color="black", lw=0.8)
    for i, (axis, color) in enumerate(zip("xyz", COLORS, strict=False)):
        style = {"color": color, "fmt": "o", "ms": 3, "lw": 0.8, "alpha": 0.7}
        x, error = exact[:, i], evaluation.dipoles[:, i]
        parity.errorbar(x, x + error, label=axis, **style)
        residuals.errorbar(x, 1e3 * error, yerr=1e3 * np.nan_to_num(bars[:, i]), **style)
    parity.set_ylabel("Dipole moment, predicted (D)")
    parity.legend(frameon=False)
    parity.set_title(f"mean |error| {evaluation.dipole_error:.3g} D", fontsize="medium")
    residuals.set(xlabel="Dipole moment, reference (D)", ylabel="error (mD)")
    return axes


def plot_density_difference(
    difference: DensityDifference,
    ax: Axes | None = None,
    *,
    padding: float = 1.5,
    largest: float | None = None,
) -> Axes:
    """Draw a difference of two densities in the plane that fits the atoms best.

    Parameters
    ----------
    difference : DensityDifference
        As `Density.difference` makes it.
    ax : Axes, optional
        Where to draw.
    padding : float
        Room on all sides of the atoms (Angstrom).
    largest : float, optional
        Value (electrons/Angstrom^3) at the end of the colours; the largest of the map by default,
        cores left out.
    """
    ax = axes_or_new(ax, (5.4, 4.4))
    center, plane = _plane(difference.positions)
    flat = (difference.positions - center) @ plane.T
    low, high = flat.min(axis=0) - padding, flat.max(axis=0) + padding
    x, y = (np.linspace(a, b, POINTS) for a, b in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    points = center + grid.reshape(-1, 2) @ plane
    values = difference.evaluate(points).reshape(POINTS, POINTS)
    distances = cdist(points, difference.positions).min(axis=1).reshape(values.shape)
    top = float(np.abs(values[distances > CORE]).max()) if largest is None else largest
    image = ax.pcolormesh(x, y, values, cmap="RdBu_r", vmin=-top, vmax=top, rasterized=True)
    steps = top * np.linspace(1 / LEVELS, 1, LEVELS)
    beside_symbols = np.where(distances > SYMBOL, values, np.nan)
    ax.contour(x, y, beside_symbols, [*-steps[::-1], *steps], colors="black", linewidths=0.4)
    for number, place in zip(difference.numbers, flat, strict=True):
        text = ax.annotate(chemical_symbols[number], place, ha="center", va="center")
        text.set_fontweight("bold")
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    bar = ax.inset_axes((1.04, 0.0, 0.05, 1.0))
    ax.figure.colorbar(image, cax=bar, label=r"density difference (e/$\mathrm{\AA}^3$)")
    ax.set(xlabel=r"$\mathrm{\AA}$", ylabel=r"$\mathrm{\AA}$", aspect="equal")
    return ax


def _plane(positions: NDArray) -> tuple[NDArray, NDArray]:
    """Centre of atoms, and two directions of the plane that lies closest to them."""
    center = positions.mean(axis=0)
    _, _, axes = np.linalg.svd(np.vstack([positions - center, np.zeros((3, 3))]))
    return center, axes[:2]
