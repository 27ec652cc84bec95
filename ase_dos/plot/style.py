"""Style of all figures: colours, labels, and axes to draw in."""

from __future__ import annotations

import re
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = [
    "BLUE",
    "COLORS",
    "ENERGY",
    "GREEN",
    "ORANGE",
    "PURPLE",
    "axes_or_new",
    "energy_span",
    "figure_of",
    "markers",
    "math_label",
]

# Okabe and Ito: told apart with any kind of colour vision.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
COLORS = (BLUE, ORANGE, GREEN, PURPLE, "#E69F00", "#56B4E9", "#000000")
ENERGY = "Energy relative to $E_F$ (eV)"
_SYMBOLS = re.compile(r"g\(E_F\)|E_F|C_el|k_B|mu_B|\b[SM]\b")
_UPRIGHT, _MU = r"\mathrm{el}", r"\mu"
HEADROOM = 8.0  # eV above E_F that figures show: empty states far above are of no interest


def axes_or_new(ax: Axes | None, size: tuple[float, float] = (6.0, 4.0)) -> Axes:
    """Return axes as given, or those of a figure of their own."""
    return Figure(figsize=size, layout="constrained").subplots() if ax is None else ax


def figure_of(ax: Axes) -> Figure:
    """Return the figure that axes are drawn in."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def energy_span(band_bottom: float, energies: NDArray) -> tuple[float, float]:
    """Energies to show: from below the band bottom to some eV above zero."""
    return max(energies[0], band_bottom - 2.0), min(energies[-1], HEADROOM)


def markers(x: NDArray) -> dict[str, Any]:
    """Style of a line that shows its points while they are few."""
    return {"marker": "o", "ms": 3} if len(x) <= 60 else {"lw": 0.8}


def math_label(label: str) -> str:
    """Label with its symbols set as mathematics."""
    return _SYMBOLS.sub(
        lambda found: f"${found[0].replace('el', _UPRIGHT).replace('mu', _MU)}$", label
    )
