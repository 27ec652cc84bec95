"""Curve of one density of states."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ase_dos.plot.style import BLUE, axes_or_new

__all__ = ["plot_dos"]


class Curve(Protocol):
    """Density of states to draw: `ase_dos.spectra.dos.DOS`, or anything with these attributes."""

    @property
    def energies(self) -> NDArray:
        """Energies (n,) in eV."""

    @property
    def values(self) -> NDArray:
        """States/eV (n,)."""

    @property
    def spin(self) -> NDArray | None:
        """Majority less minority (n,), where they are known."""

    @property
    def valid_to(self) -> float:
        """Energy (eV) up to which the values are complete."""


def plot_dos(dos: Curve, ax: Axes | None = None, **line: Any) -> Axes:
    """Draw one `DOS` (states/eV per cell) on its own energies.

    Where the spin channels are known, the majority is drawn upwards and the minority downwards.

    Parameters
    ----------
    dos : DOS
        The density of states.
    ax : Axes, optional
        Where to draw.
    **line
        Passed to `Axes.plot`.
    """
    ax = axes_or_new(ax)
    curves = [dos.values]
    if dos.spin is not None:
        curves = [0.5 * (dos.values + dos.spin), -0.5 * (dos.values - dos.spin)]
        ax.axhline(0.0, color="black", lw=0.6)
    style = {"color": BLUE, **line}
    for values in curves:
        ax.plot(dos.energies, values, **style)
        style["label"] = "_minority"  # once in a legend
    known = np.array(curves)[:, dos.energies <= dos.valid_to]
    ax.set(
        xlim=(dos.energies[0], dos.valid_to),
        ylim=(1.05 * known[1:].min(initial=0.0), 1.05 * known.max()),
        xlabel="Energy (eV)",
        ylabel=f"DOS{', minority below' if len(curves) > 1 else ''} (states/eV)",
    )
    return ax
