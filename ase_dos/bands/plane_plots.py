"""Figures of band structures over a plane of momenta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from numpy.typing import NDArray

from ase_dos.bands.axes import grid_points
from ase_dos.bands.band_map import BandMap
from ase_dos.bands.plot_parts import BRIGHTEST, INTENSITY, axis_label, hidden_spline, where_known
from ase_dos.bands.reconstructed import ReconstructedBands
from ase_dos.bands.zone import BrillouinZone
from ase_dos.plot.style import BLUE, COLORS, ENERGY, ORANGE

__all__ = ["plot_constant_energies", "plot_corrections", "plot_surfaces"]

_MOST = 120  # points of a surface along each axis


def plot_constant_energies(
    band_map: BandMap,
    energies: Sequence[float],
    found: ReconstructedBands | None = None,
    *,
    width: float = 0.05,
    zone: BrillouinZone | None = None,
) -> Figure:
    """Draw the intensity over kx and ky at some energies, one panel for each.

    Parameters
    ----------
    band_map : BandMap
        Over two momenta.
    energies : sequence of float
        In eV.
    found : ReconstructedBands, optional
        Contours at which its bands have this energy.
    width : float
        Interval of energy (eV) that is put together.
    zone : BrillouinZone, optional
        Its outline.
    """
    if len(band_map.momenta) != 2:
        raise ValueError("constant energies: expected a map over two momenta")
    figure, panels = _panels(len(energies), band_map.momenta)
    for ax, energy in zip(panels, energies, strict=True):
        image = band_map.constant_energy(energy, width).values
        _image(ax, band_map.momenta, image, cmap=INTENSITY, vmin=0.0,
               vmax=np.nanpercentile(image, BRIGHTEST))  # fmt: skip
        if found is not None:
            for band, known in zip(found.energies, where_known(found), strict=True):
                values = np.where(known, band, np.nan)
                if np.nanmin(values, initial=np.inf) < energy < np.nanmax(values, initial=-np.inf):
                    ax.contour(
                        *found.momenta,
                        values.T,
                        levels=[energy],
                        colors=BLUE,
                        linewidths=0.8,
                        linestyles="solid",
                    )
        _outline(ax, zone)
        ax.set_title(f"${energy:+.2f}$ eV", fontsize="medium")
    _name_axes(panels, band_map.momentum_names)
    return figure


def plot_corrections(
    found: ReconstructedBands,
    bands: Sequence[int] | None = None,
    *,
    zone: BrillouinZone | None = None,
) -> Figure:
    """Draw by how much bands differ from theory, over kx and ky, without the rigid shift.

    Parameters
    ----------
    found : ReconstructedBands
        Over two momenta; grey where the data do not speak.
    bands : sequence of int, optional
        Bands to show, counted from 0 and from below; all by default.
    zone : BrillouinZone, optional
        Its outline.
    """
    if len(found.momenta) != 2:
        raise ValueError("corrections: expected bands over two momenta")
    chosen = list(range(found.n_bands)) if bands is None else list(bands)
    figure, panels = _panels(len(chosen), found.momenta)
    values = 1e3 * np.where(where_known(found), found.correction - found.shift, np.nan)[chosen]
    reach = max(float(np.nanpercentile(np.abs(values), 99)), 1e-3)
    norm = TwoSlopeNorm(0.0, -reach, reach)
    for ax, band, correction in zip(panels, chosen, values, strict=True):
        ax.set_facecolor("0.85")
        shown = _image(ax, found.momenta, correction, cmap="RdBu_r", norm=norm)
        _outline(ax, zone)
        ax.set_title(f"band {band}", fontsize="medium")
    _name_axes(panels, found.momentum_names)
    label = f"correction to theory (meV)\nbeyond its shift of {1e3 * found.shift:+.0f} meV"
    figure.colorbar(shown, ax=panels, label=label, shrink=0.9, pad=0.02, extend="both")
    return figure


def plot_surfaces(
    found: ReconstructedBands,
    bands: Sequence[int] | None = None,
    *,
    zone: BrillouinZone | None = None,
) -> Figure:
    """Draw bands as surfaces over kx and ky, where the data speak.

    Parameters
    ----------
    found : ReconstructedBands
        Over two momenta.
    bands : sequence of int, optional
        Bands to show, counted from 0 and from below; all by default.
    zone : BrillouinZone, optional
        Surfaces end at its edge.
    """
    if len(found.momenta) != 2:
        raise ValueError("surfaces: expected bands over two momenta")
    chosen = range(found.n_bands) if bands is None else bands
    points = _grid_of(found.momenta) if zone is None else _rays(zone)
    energies = found.at(points) + hidden_spline(found).at(points)
    figure = Figure(figsize=(5.6, 6.2))
    ax = figure.add_axes((-0.02, 0.02, 0.92, 1.0), projection="3d")
    assert isinstance(ax, Axes3D)
    for band in chosen:
        ax.plot_surface(
            points[..., 0],
            points[..., 1],
            energies[band],
            color=COLORS[band % (len(COLORS) - 1)],
            rstride=1,
            cstride=1,
            linewidth=0,
            antialiased=False,
        )
    names = [axis_label(name) for name in found.momentum_names]
    ax.set(xlabel=names[0], ylabel=names[1], zlabel=ENERGY, box_aspect=(1, 1, 1.5))
    ax.locator_params(axis="x", nbins=4)
    ax.locator_params(axis="y", nbins=4)
    ax.view_init(elev=16, azim=-65)
    return figure


def _grid_of(momenta: tuple[NDArray, ...]) -> NDArray:
    """Return the points (nx, ny, 2) of a grid, finer where it is coarse."""
    axes = [np.linspace(axis[0], axis[-1], _MOST) for axis in momenta]
    return grid_points(axes)


def _rays(zone: BrillouinZone) -> NDArray:
    """Return points (rays, n, 2) on rays from the centre of a zone to its edge."""
    angles = np.linspace(0, 2 * np.pi, _MOST + 1)
    corners = np.arctan2(*zone.corners.T[::-1]) % (2 * np.pi)
    angles = np.unique(np.concatenate([angles, corners]))
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    edge = zone.reach(directions)
    return directions[:, None] * (edge[:, None] * np.linspace(0, 1, _MOST // 2))[..., None]


def _panels(n: int, momenta: tuple[NDArray, ...]) -> tuple[Figure, list[Axes]]:
    """Return panels of equal shape, in rows of four at most, that share their axes."""
    if n < 1:
        raise ValueError("figure: nothing to show")
    rows = -(-n // 4)
    columns = -(-n // rows)
    ratio = np.ptp(momenta[1]) / np.ptp(momenta[0])
    figure = Figure(
        figsize=(2.1 * columns + 0.9, 2.1 * np.clip(ratio, 0.4, 2.5) * rows + 0.9),
        layout="constrained",
    )
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    panels = list(grid.flat)
    for ax in panels[n:]:
        ax.remove()
    return figure, panels[:n]


def _image(ax: Axes, momenta: tuple[NDArray, ...], values: NDArray, **style: Any) -> Any:
    """Draw values (nx, ny) over two momenta of one scale."""
    shown = ax.pcolormesh(*momenta, values.T, rasterized=True, **style)
    ax.set_aspect("equal")
    return shown


def _outline(ax: Axes, zone: BrillouinZone | None) -> None:
    if zone is not None:
        corners = zone.corners
        ax.fill(*corners.T, fill=False, ec=ORANGE, lw=1.0, ls="--")


def _name_axes(panels: Sequence[Axes], names: tuple[str, ...]) -> None:
    for ax in panels:
        spec = ax.get_subplotspec()
        assert spec is not None
        if spec.is_first_col():
            ax.set_ylabel(axis_label(names[1]))
    columns = {ax.get_subplotspec().colspan.start: ax for ax in panels}  # type: ignore[union-attr]
    for ax in columns.values():
        ax.set_xlabel(axis_label(names[0]))
        ax.tick_params(labelbottom=True)
