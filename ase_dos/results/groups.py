"""Averages over groups of atoms: species, coordination, clusters, or anything that labels atoms.

Of a group whose size changes from frame to frame, every atom of every frame counts alike: the
average is a ratio of two sums over frames, and its error that of a weighted mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any, TypeAlias, cast

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from ase_dos.results.alignment import align_spectra
from ase_dos.results.atoms import AtomicFrame, as_atomic_frames, is_results
from ase_dos.results.dataset import Results, results_dataset
from ase_dos.results.repeats import Repeats
from ase_dos.utils.checks import as_array
from ase_dos.utils.short_repr import short_repr
from ase_dos.utils.statistics import Estimate, estimate_mean

__all__ = ["Group", "Groups", "group_atoms"]

# "species", one array for all frames, or one for each.
Labels: TypeAlias = "str | NDArray | Iterable[ArrayLike]"
MAX_GROUPS = 100


@dataclass(frozen=True, eq=False)
class Group:
    """Atoms of one label, over all frames.

    Attributes
    ----------
    n_atoms : float
        Atoms in a frame, on average.
    scalars : dict of str to Estimate
        Averages over atoms of the local quantities, with sampling errors; units as stored.
    atom_spread : dict of str to float
        Standard deviation of these over the atoms of all frames.
    dos : Estimate, optional
        Average local DOS (states/eV) on `Groups.energies`, where the frames have it.
    dos_spread : (k,) array, optional
        Its standard deviation over the atoms of all frames, at the energies of the model that
        lie so far from the average E_F.
    """

    n_atoms: float
    scalars: dict[str, Estimate]
    atom_spread: dict[str, float]
    dos: Estimate | None = None
    dos_spread: NDArray | None = None

    __repr__ = short_repr


@dataclass(frozen=True, eq=False)
class Groups:
    """Averages over groups of atoms.

    Attributes
    ----------
    by : str
        Meaning of the labels, for figures.
    groups : dict of str to Group
        By label, rising. ``groups[label]`` gives one.
    energies : (k,) array, optional
        Energies (eV) relative to E_F of each frame.
    n_frames : int
        Frames.
    """

    by: str
    groups: dict[str, Group]
    energies: NDArray | None
    n_frames: int

    __repr__ = short_repr

    def __getitem__(self, label: object) -> Group:
        return self.groups[str(label)]


def group_atoms(
    frames: Results | Iterable[AtomicFrame],
    labels: Labels = "species",
    weights: ArrayLike | None = None,
    by: str = "",
) -> Groups:
    """Average local quantities, and the local DOS where there is one, over groups of atoms.

    One pass over the frames, taken as equally spaced. Memory is that of one frame, and of sums over
    every group of every frame; no array over atoms and energies is made.

    Parameters
    ----------
    frames : xarray.Dataset, TrajectoryResult or iterable of AtomicFrame
        Results of a trajectory, whose copied frames do not count (see
        `ase_dos.results.averages.average`), or frames in memory.
    labels : "species", (atoms,) array or iterable of (atoms,) arrays
        Group of each atom: its species, the same label in all frames, or one array
        for each frame in turn (a generator will do), such as
        ``(coordination(atoms) for atoms in finished_structures(result, "md.extxyz"))`` or an
        array of the file, ``(atoms.arrays["region"] for atoms in ...)``.
    weights : (frames,) array_like, optional
        Relative weights of the frames; equal by default.
    by : str
        Meaning of the labels, for figures.

    Raises
    ------
    ValueError
        If labels do not match the atoms, there are fewer of them than frames, the frames have
        no local quantity, or there is no frame.
    """
    given = None if weights is None else as_array(weights, "weights", (None,))
    if is_results(frames):
        distinct = ~Repeats.of_dataset(results_dataset(cast(Results, frames))).left_out
        ones = np.ones(len(distinct)) if given is None else given
        given = ones * distinct if len(ones) == len(distinct) else ones
    sums: dict[Any, _Sums] = {}
    fermi_levels: list[float] = []
    of_frames = _labels(labels)
    frame = None
    for place, frame in enumerate(as_atomic_frames(frames)):
        if given is not None and place >= given.size:
            raise ValueError(f"weights: expected one for each frame, got {given.size}")
        weight = 1.0 if given is None else given[place]
        _add(sums, frame, _labels_of(frame, of_frames), place, weight)
        fermi_levels.append(frame.fermi_level)
        if len(sums) > MAX_GROUPS:
            raise ValueError(
                f"labels: more than {MAX_GROUPS} different ones; put a continuous quantity in bins "
                "(numpy.digitize)"
            )
    if frame is None:
        raise ValueError("group_atoms: expected at least one frame, got none")
    w = np.ones(len(fermi_levels)) if given is None else as_array(given, "weights", (place + 1,))
    groups, axis = {}, None
    counting = [label for label, found in sums.items() if w[found.places].any()]
    for label in sorted(counting):
        groups[str(label)], axis = sums[label].group(frame, np.array(fermi_levels), w)
    return Groups(by or (labels if isinstance(labels, str) else "group"), groups, axis, place + 1)


@dataclass
class _Sums:
    """Sums over the atoms of one group: columns are the scalars, then the mode coefficients."""

    columns: int
    places: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    sums: list[NDArray] = field(default_factory=list)  # (columns,) of each frame
    squares: NDArray | float = 0.0  # (columns,) of all frames, weighted
    products: NDArray | float = 0.0  # (modes, modes) of all frames, weighted, where there are modes

    def group(
        self, frame: AtomicFrame, fermi_levels: NDArray, w: NDArray
    ) -> tuple[Group, NDArray | None]:
        """Averages over the frames with weights w; ``frame`` is any of them."""
        counts, means = np.zeros(len(w)), np.zeros((len(w), self.columns))
        counts[self.places] = self.counts
        means[self.places] = np.array(self.sums) / np.array(self.counts)[:, None]
        average = (w * counts) @ means / (w @ counts)
        names = list(frame.scalars)
        scalars = {name: estimate_mean(means[:, i], w * counts) for i, name in enumerate(names)}
        variance = self.squares / (w @ counts) - average**2
        spread = np.sqrt(np.maximum(variance, 0.0))
        group = Group(
            float(w @ counts / w.sum()),
            scalars,
            {name: float(spread[i]) for i, name in enumerate(names)},
        )
        if frame.coefficients is None:
            return group, None
        energies, basis, _ = frame.modes()
        spectra, mean, variance = (
            means[:, len(names) :],
            average[len(names) :],
            variance[len(names) :],
        )
        if basis is not None:
            spectra = spectra @ basis
            covariance = self.products / (w @ counts) - np.outer(mean, mean)
            variance = np.einsum("ke,kl,le->e", basis, covariance, basis)
        axis, rows = align_spectra(energies, spectra, fermi_levels)
        at_average = energies - np.average(fermi_levels, weights=w)
        dos_spread = np.interp(axis, at_average, np.sqrt(np.maximum(variance, 0.0)))
        return replace(group, dos=estimate_mean(rows, w * counts), dos_spread=dos_spread), axis


def _add(
    sums: dict[Any, _Sums], frame: AtomicFrame, labels: NDArray, place: int, weight: float
) -> None:
    """Add the atoms of a frame to their groups."""
    columns = [np.asarray(values)[:, None] for values in frame.scalars.values()]
    if frame.coefficients is not None:
        columns.append(frame.modes()[2])
    if not columns:
        raise ValueError(f"frame {frame.index}: has no local quantity")
    table = np.concatenate(columns, axis=1)
    if labels.shape != (len(table),):
        raise ValueError(
            f"labels: frame {frame.index} has {len(table)} atoms, got labels of shape "
            f"{labels.shape}"
        )
    for label in np.unique(labels):
        rows = table[labels == label]
        group = sums.setdefault(label, _Sums(table.shape[1]))
        group.places.append(place)
        group.counts.append(len(rows))
        group.sums.append(rows.sum(axis=0))
        group.squares = group.squares + weight * np.einsum("ac,ac->c", rows, rows)
        if frame.basis is not None:
            on_modes = rows[:, len(frame.scalars) :]
            group.products = group.products + weight * on_modes.T @ on_modes


def _labels(labels: Labels) -> Iterator[str | ArrayLike]:
    if isinstance(labels, str) and labels != "species":
        raise ValueError(f"labels: expected 'species' or arrays, got {labels!r}")
    same = isinstance(labels, str) or (isinstance(labels, np.ndarray) and labels.ndim == 1)
    return repeat(cast("str | NDArray", labels)) if same else iter(labels)


def _labels_of(frame: AtomicFrame, labels: Iterator[str | ArrayLike]) -> NDArray:
    found = next(labels, None)
    if found is None:
        raise ValueError(f"labels: no array for frame {frame.index}; give one for each frame")
    if not isinstance(found, str):
        return np.asarray(found)
    if frame.numbers is None:
        raise ValueError(f"frame {frame.index}: has no atomic numbers; give labels")
    return np.array(chemical_symbols)[frame.numbers]
