"""Curve of one density of states."""

from __future__ import annotations

from typing import Any, Protocol

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
    def valid_to(self) -> float:
        """Energy (eV) up to which the values are complete."""


def plot_dos(dos: Curve, ax: Axes | None = None, **line: Any) -> Axes:
    """Draw one `DOS` (states/eV per cell) on its own energies.

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
    ax.plot(dos.energies, dos.values, **{"color": BLUE, **line})
    known = dos.energies <= dos.valid_to
    ax.set(
        xlim=(dos.energies[0], dos.valid_to),
        ylim=(0, 1.05 * dos.values[known].max()),
        xlabel="Energy (eV)",
        ylabel="DOS (states/eV)",
    )
    return ax
