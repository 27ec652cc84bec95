"""Data sets of structures with their eigenvalues in one small file.

A density of states is a sum over k-points, so which k-point a level belongs to does not matter
as long as its weight stays with it. Within each group of equal weights every band is therefore
sorted; the steps between neighbouring levels are then small integers (in units of the stored
resolution) that compress by an order of magnitude. Broadened DOS, electron count, Fermi level,
entropy, band edges and completeness are those of the original levels to half the resolution.
"""

from __future__ import annotations

import json
import lzma
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.dft.common import named_errors
from ase_dos.spectra.states import ElectronicStates
from ase_dos.utils.files import replace_file
from ase_dos.utils.short_repr import short_repr

__all__ = [
    "Dataset",
    "load_dataset",
    "pack_levels",
    "save_dataset",
    "seeded_split",
    "unpack_levels",
]

SHARE = 0.15  # of every family, for validation, and again for the test
_FORMAT = 1
# Names of what is stored of a structure: its atoms, its levels, what the program printed of them.
_GEOMETRY = ("positions", "cell", "numbers")
_LEVELS = ("steps", "first", "weights")
_PRINTED = ("fermi_level", "smearing_width", "entropy_term")
_DAMAGE = (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, lzma.LZMAError)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Structures, their eigenvalues, and how they are split.

    Parameters
    ----------
    frames : list of Atoms
        Structures; ``info["name"]`` and ``info["family"]`` are set.
    states : list of ElectronicStates
        Eigenvalues on the dense k-point mesh.
    printed : list of ElectronicStates
        Eigenvalues of the self-consistent runs with the Fermi level, smearing width and entropy
        term that the program printed for them.
    split : (n,) array of str
        "train", "validation", "test" or "heldout".
    """

    frames: list[Atoms]
    states: list[ElectronicStates]
    printed: list[ElectronicStates]
    split: NDArray

    __repr__ = short_repr

    @property
    def families(self) -> NDArray:
        """Family of each structure."""
        return np.array([atoms.info["family"] for atoms in self.frames])

    def select(self, split: str) -> tuple[list[Atoms], list[ElectronicStates]]:
        """Structures and eigenvalues of one split.

        Raises
        ------
        ValueError
            If no structure belongs to it.
        """
        rows = np.flatnonzero(self.split == split)
        if not rows.size:
            known = ", ".join(sorted(set(self.split.tolist())))
            raise ValueError(f"split: expected one of {known}, got {split!r}")
        return [self.frames[i] for i in rows], [self.states[i] for i in rows]


def pack_levels(
    eigenvalues: NDArray, weights: NDArray, resolution: float
) -> tuple[NDArray, NDArray, NDArray]:
    """Return steps (uint16) between sorted levels, first levels, and sorted weights."""
    order = np.argsort(weights, kind="stable")
    weights = weights[order]
    groups = np.flatnonzero(np.diff(weights, prepend=np.nan) != 0)
    levels = np.rint(eigenvalues[order] / resolution).astype(np.int64)
    steps = np.zeros_like(levels)
    first = []
    for start, stop in zip(groups, [*groups[1:], len(weights)], strict=True):
        levels[start:stop].sort(axis=0)
        steps[start + 1 : stop] = np.diff(levels[start:stop], axis=0)
        first.append(levels[start])
    if steps.max(initial=0) > np.iinfo(np.uint16).max:
        raise ValueError(f"resolution: {resolution:g} eV is too fine for gaps of this size")
    return steps.T.astype(np.uint16), np.array(first, dtype=np.int32), weights


def unpack_levels(steps: NDArray, first: NDArray, weights: NDArray, resolution: float) -> NDArray:
    """Eigenvalues (kpoints, bands) in eV from what `pack_levels` returned."""
    groups = np.flatnonzero(np.diff(weights, prepend=np.nan) != 0)
    levels = steps.T.astype(np.int64)
    for start, stop, row in zip(groups, [*groups[1:], len(weights)], first, strict=True):
        levels[start] = row
        levels[start:stop] = np.cumsum(levels[start:stop], axis=0)
    return levels * resolution


def save_dataset(
    path: str | Path, data: Dataset, *, provenance: dict[str, Any], resolution: float = 0.0005
) -> None:
    """Write a data set; eigenvalues keep ``resolution`` (eV).

    The levels of two spin channels are stored as bands of one, those of the first channel before
    those of the second.
    """
    arrays: dict[str, NDArray] = {}
    entries = []
    rows = zip(data.frames, data.states, data.printed, data.split, strict=True)
    for index, (atoms, states, printed, split) in enumerate(rows):
        for kind, one in (("states", states), ("printed", printed)):
            if one.n_spins != states.n_spins:
                raise ValueError(
                    f"structure {index}: {states.n_spins} spin channels on the dense mesh and "
                    f"{one.n_spins} in the self-consistent run; expected as many"
                )
            packed = pack_levels(np.hstack(list(one.eigenvalues)), one.weights, resolution)
            for name, array in zip(_LEVELS, packed, strict=True):
                arrays[f"{index}/{kind}/{name}"] = array
        for name in _GEOMETRY:
            arrays[f"{index}/{name}"] = np.asarray(getattr(atoms, name))
        entries.append(
            {
                "name": atoms.info["name"],
                "family": atoms.info["family"],
                "split": str(split),
                "pbc": atoms.pbc.tolist(),
                "n_electrons": states.n_electrons,
                "spin_degeneracy": states.spin_degeneracy,
                "n_spins": states.n_spins,
                **{name: getattr(printed, name) for name in _PRINTED},
            }
        )
    header = {
        "format": _FORMAT,
        "resolution": resolution,
        "provenance": provenance,
        "entries": entries,
    }

    def write(stream: IO[bytes]) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr(_stamp("header.json"), json.dumps(header))
            for name, array in arrays.items():
                with archive.open(_stamp(f"{name}.npy"), "w") as file:
                    np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)

    replace_file(path, write)


def _stamp(name: str) -> zipfile.ZipInfo:
    """Archive member with a fixed date, so that equal data give equal files."""
    member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    member.compress_type = zipfile.ZIP_LZMA
    return member


def load_dataset(path: str | Path) -> Dataset:
    """Read a data set written by `save_dataset`.

    Raises
    ------
    ValueError
        If the file is not such a data set, is damaged, or was written by a newer release.
    """
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such data set")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: not a readable data set: no .npz file, or its end is missing")
    try:
        with zipfile.ZipFile(path) as archive:
            if "header.json" not in archive.namelist():
                raise ValueError("an .npz file without the header of a data set; is it a model?")
            header = json.loads(archive.read("header.json"))
            arrays = {}
            for name in archive.namelist():
                if name.endswith(".npy"):
                    with archive.open(name) as file:
                        arrays[name[:-4]] = np.lib.format.read_array(file, allow_pickle=False)
        form = header["format"]
    except _DAMAGE as error:
        raise ValueError(f"{path}: not a readable data set ({error})") from error
    if form != _FORMAT:
        raise ValueError(f"{path}: data set format {form}, this release reads {_FORMAT}")
    with named_errors(path):
        return _assemble(header, arrays)


def _assemble(header: dict[str, Any], arrays: dict[str, NDArray]) -> Dataset:
    """Build the data set from the header and the arrays of its file."""
    entries, resolution = list(enumerate(header["entries"])), header["resolution"]
    return Dataset(
        frames=[_frame(arrays, index, entry) for index, entry in entries],
        states=[_states(arrays, f"{index}/states", entry, resolution) for index, entry in entries],
        printed=[
            _states(arrays, f"{index}/printed", entry, resolution, _PRINTED)
            for index, entry in entries
        ],
        split=np.array([entry["split"] for _, entry in entries]),
    )


def _frame(arrays: dict[str, NDArray], index: int, entry: dict[str, Any]) -> Atoms:
    positions, cell, numbers = (arrays[f"{index}/{name}"] for name in _GEOMETRY)
    atoms = Atoms(numbers, positions, cell=cell, pbc=entry["pbc"])
    atoms.info = {"name": entry["name"], "family": entry["family"]}
    return atoms


def _states(
    arrays: dict[str, NDArray],
    place: str,
    entry: dict[str, Any],
    resolution: float,
    names: Sequence[str] = (),
) -> ElectronicStates:
    steps, first, weights = (arrays[f"{place}/{name}"] for name in _LEVELS)
    bands = unpack_levels(steps, first, weights, resolution)
    levels = np.array(np.hsplit(bands, entry.get("n_spins", 1)))  # not in the first files
    printed = {name: entry[name] for name in names}
    return ElectronicStates(
        levels, weights, entry["n_electrons"], entry["spin_degeneracy"], **printed
    )


def seeded_split(families: Sequence[str], heldout: str, seed: int) -> NDArray:
    """Split every family into train, validation and test; one family is held out whole.

    Of the others, `SHARE` goes to validation and as many structures to test.

    Parameters
    ----------
    families : sequence of str
        Family of each structure.
    heldout : str
        Family that goes to "heldout".
    seed : int
        Seed of the permutation.
    """
    labels = np.asarray(families)
    split = np.full(len(labels), "train", dtype="U10")
    rng = np.random.default_rng(seed)
    for family in sorted(set(labels.tolist())):
        rows = rng.permutation(np.flatnonzero(labels == family))
        count = max(1, round(SHARE * len(rows)))
        split[rows[:count]] = "validation"
        split[rows[count : 2 * count]] = "test"
        if family == heldout:
            split[rows] = "heldout"
    return split
