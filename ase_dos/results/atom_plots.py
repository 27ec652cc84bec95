"""Figures of atoms: their local density of states, by group and on a map."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm, Normalize
from numpy.typing import ArrayLike, NDArray

from ase_dos.plot.style import COLORS, ENERGY, axes_or_new, energy_span
from ase_dos.results.groups import Groups
from ase_dos.results.local_map import LocalMap
from ase_dos.utils.checks import as_array

__all__ = ["plot_atoms", "plot_components", "plot_groups", "plot_local_map"]

CLASSES = 12  # different whole numbers that are drawn as classes and not as a scale
ATOM_SIZE = 0.6  # covalent radii
PERCENTILES = (1, 99)  # that the colours of a scale span: single atoms must not decide
EMPTY = 0.01  # of the largest local DOS: smaller values are no band


def plot_groups(
    groups: Groups, ax: Axes | None = None, spread: bool = False, min_share: float = 0.01
) -> Axes:
    """Draw the local DOS of `Groups` of atoms, with the sampling error of each average.

    Parameters
    ----------
    groups : Groups
        Averages over groups.
    ax : Axes, optional
        Where to draw.
    spread : bool
        Draw the standard deviation over the atoms instead of the error.
    min_share : float
        Groups with a smaller share of the atoms are not drawn; the legend says so.

    Raises
    ------
    ValueError
        If the groups have no local DOS.
    """
    if groups.energies is None:
        raise ValueError(
            "plot_groups: the results have no local DOS; analyse with local=True (--local)"
        )
    ax = axes_or_new(ax)
    energies = groups.energies
    total = sum(group.n_atoms for group in groups.groups.values())
    drawn = {
        label: group for label, group in groups.groups.items() if group.n_atoms >= min_share * total
    }
    colors = _class_colors(len(drawn)) if _are_numbers(drawn) else COLORS * (1 + len(drawn))
    means = []
    for color, (label, group) in zip(colors, drawn.items(), strict=False):
        assert group.dos is not None  # as the energies are there
        mean = np.asarray(group.dos.mean)
        width = np.asarray(group.dos_spread if spread else group.dos.error)
        share = f"{label} ({100 * group.n_atoms / total:.3g} %)"
        ax.fill_between(energies, mean - width, mean + width, color=color, alpha=0.25, lw=0)
        ax.plot(energies, mean, color=color, lw=1.2, label=share)
        means.append(mean)
    occupied = (means > EMPTY * np.max(means)).any(axis=0)
    low, high = energy_span(energies[occupied.argmax()], energies)
    shown = (energies >= low) & (energies <= high)
    top = np.array(means)[:, shown].max()
    ax.axvline(0.0, color="black", lw=0.8, ls="--")
    ax.set(xlim=(low, high), ylim=(0, 1.12 * top), xlabel=ENERGY, ylabel="Local DOS (states/eV)")
    rest = 1.0 - sum(group.n_atoms for group in drawn.values()) / total
    title = (
        f"{groups.by} (others: {100 * rest:.2g} %)"
        if len(drawn) < len(groups.groups)
        else groups.by
    )
    ax.legend(frameon=False, title=title, fontsize="small", title_fontsize="small")
    return ax


def plot_components(local_map: LocalMap, ax: Axes | None = None) -> Axes:
    """Draw the change of the local DOS along the components of a `LocalMap`.

    The mean, and the mean with two standard deviations of each component added.
    """
    ax = axes_or_new(ax)
    ax.plot(local_map.energies, local_map.mean, color="black", lw=1.2, label="mean")
    rows = zip(local_map.components, local_map.variances, local_map.explained, strict=True)
    for i, (component, variance, explained) in enumerate(rows):
        moved = local_map.mean + 2.0 * np.sqrt(variance) * component
        ax.plot(
            local_map.energies,
            moved,
            color=COLORS[i % len(COLORS)],
            lw=1.2,
            label=rf"mean + 2$\sigma$ of component {i + 1} ({100 * explained:.0f} %)",
        )
    bottom = local_map.energies[np.argmax(local_map.mean > EMPTY * local_map.mean.max())]
    ax.axhline(0.0, color="black", lw=0.6)
    ax.set(
        xlim=(max(bottom - 2.0, local_map.energies[0]), local_map.energies[-1]),
        xlabel="Energy of the model (eV)",
        ylabel="Local DOS (states/eV)",
    )
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_local_map(
    scores: ArrayLike,
    values: ArrayLike | None = None,
    ax: Axes | None = None,
    label: str = "",
    explained: ArrayLike | None = None,
) -> Axes:
    """Draw atoms at their coordinates in a `LocalMap`.

    Parameters
    ----------
    scores : (atoms, 2 or more) array_like
        Coordinates; the first two are drawn.
    values : (atoms,) array_like, optional
        Coordination, cluster (whole numbers, drawn as classes) or another quantity to colour
        the atoms by. Without it, colours say how many atoms there are.
    ax : Axes, optional
        Where to draw.
    label : str
        Name and unit of the values.
    explained : (2 or more,) array_like, optional
        Shares of the variance, for the axes.
    """
    ax = axes_or_new(ax, (5.6, 4.6))
    points = as_array(scores, "scores", (None, None))
    if values is None:
        drawn = ax.hexbin(*points[:, :2].T, gridsize=60, mincnt=1, norm=LogNorm(), cmap="viridis")
        ax.figure.colorbar(drawn, ax=ax, label="Atoms")
    else:
        values = as_array(values, "values", (len(points),))
        # In random order, so that the last class does not hide the others.
        order = np.random.default_rng(0).permutation(len(points))
        size = np.clip(4e4 / len(points), 1.0, 20.0)
        colors = _color_scale(values)
        x, y = points[order, :2].T
        shades = colors.to_rgba(values[order])
        ax.scatter(x, y, size, shades, lw=0, alpha=0.8, rasterized=True)
        _color_bar(ax, colors, values, label)
    shares = [""] * 2 if explained is None else [f", {100 * x:.0f} %" for x in np.ravel(explained)]
    unit = r"(states eV$^{-1/2}$)"
    ax.set(xlabel=f"Component 1{shares[0]} {unit}", ylabel=f"Component 2{shares[1]} {unit}")
    return ax


def plot_atoms(
    atoms: Atoms, values: ArrayLike, ax: Axes | None = None, label: str = "", axis: int = 2
) -> Axes:
    """Draw the atoms of a frame, coloured by a local quantity, seen along an axis.

    Parameters
    ----------
    atoms : Atoms
        The frame.
    values : (atoms,) array_like
        The quantity; whole numbers are drawn as classes.
    ax : Axes, optional
        Where to draw.
    label : str
        Name and unit of the quantity.
    axis : int
        Cartesian axis to look along, from its positive end.
    """
    ax = axes_or_new(ax, (5.6, 4.6))
    values = as_array(values, "values", (len(atoms),))
    across, up = (axis + 1) % 3, (axis + 2) % 3
    order = np.argsort(atoms.positions[:, axis], kind="stable")
    places = atoms.positions[order][:, [across, up]]
    diameters = 2 * ATOM_SIZE * covalent_radii[atoms.numbers[order]]
    colors = _color_scale(values)
    ax.add_collection(
        EllipseCollection(
            diameters,
            diameters,
            np.zeros(len(atoms)),
            units="x",
            offsets=places,
            offset_transform=ax.transData,
            facecolors=colors.to_rgba(values[order]),
            edgecolors="black",
            linewidths=0.3 if len(atoms) <= 2000 else 0.0,
            rasterized=True,
        )
    )
    margin = diameters.max()
    low, high = places.min(axis=0) - margin, places.max(axis=0) + margin
    names = "xyz"
    ax.set(
        xlim=(low[0], high[0]),
        ylim=(low[1], high[1]),
        aspect="equal",
        xlabel=f"${names[across]}$ (Å)",
        ylabel=f"${names[up]}$ (Å)",
    )
    _color_bar(ax, colors, values, label)
    return ax


def _class_colors(count: int) -> list[NDArray]:
    """Colours of classes in their order, none too light for a line."""
    return list(colormaps["viridis"](np.linspace(0.0, 0.88, count)))


def _are_numbers(labels: Iterable[str]) -> bool:
    return all(label.lstrip("-").replace(".", "", 1).isdigit() for label in labels)


def _classes(values: NDArray) -> NDArray | None:
    """Rising whole numbers that the values are, if they are few."""
    found = np.unique(values)
    return found if found.size <= CLASSES and (found == np.rint(found)).all() else None


def _color_scale(values: NDArray) -> ScalarMappable:
    classes = _classes(values)
    if classes is None:
        low, high = np.percentile(values, PERCENTILES)
        return ScalarMappable(Normalize(low, high), "viridis")
    colors = ListedColormap(_class_colors(classes.size))
    return ScalarMappable(BoundaryNorm(_borders(classes), classes.size), colors)


def _borders(classes: NDArray) -> NDArray:
    middle = (classes[1:] + classes[:-1]) / 2
    return np.concatenate([[classes[0] - 0.5], middle, [classes[-1] + 0.5]])


def _color_bar(ax: Axes, colors: ScalarMappable, values: NDArray, label: str) -> None:
    classes = _classes(values)
    if classes is None:
        ax.figure.colorbar(colors, ax=ax, label=label, extend="both")
        return
    bar = ax.figure.colorbar(colors, ax=ax, label=label, spacing="uniform")
    edges = _borders(classes)
    bar.set_ticks((edges[1:] + edges[:-1]) / 2, labels=[f"{value:g}" for value in classes])
    bar.minorticks_off()
