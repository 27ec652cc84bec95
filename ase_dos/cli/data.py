"""Structures with their states, as the commands take them from the command line."""

from __future__ import annotations

import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ase import Atoms

    from ase_dos.spectra.dos import DOS
    from ase_dos.spectra.states import ElectronicStates

FILES = (
    "data set (.npz), DFT output with eigenvalues, structures that carry a DOS (.extxyz), or "
    "folder with any of the last two"
)
_STRUCTURES = (".extxyz", ".xyz")


class Part(NamedTuple):
    """Structures, their states (or DOS), and their families where all have one."""

    frames: list[Atoms]
    states: Sequence[ElectronicStates | DOS]
    families: list[str] | None


class Data(NamedTuple):
    """What was read: parts of data sets by split, and other files whole, one part for each."""

    parts: dict[str, list[Part]]
    files: list[Part]

    def whole(self, split: str) -> Part:
        """One split of the data sets together with all that has none."""
        return joined([*self.parts.get(split, []), *self.files])


def add_grid_arguments(parser: ArgumentParser) -> None:
    """Declare where the DOS that structures carry has its energies."""
    for name, metavar, text in (("start", "E", "first energy"), ("step", "dE", "spacing")):
        parser.add_argument(
            f"--grid-{name}",
            type=float,
            metavar=metavar,
            help=f"{text} (eV) of the DOS that structures carry in info['DOS'] (and 'mask')",
        )


def read_data(paths: Sequence[str], args: Namespace, smearing: float, *splits: str) -> Data:
    """Read parts of data sets, and all of other files.

    Parameters
    ----------
    paths : sequence of str
        Files and folders to read.
    args : Namespace
        Holds what `add_grid_arguments` declares.
    smearing : float
        Broadening (eV) of the DOS that structures carry.
    *splits : str
        Parts of the data sets. Each must have the first; the rest are taken where they exist.

    Returns
    -------
    Data
        Without the splits that no data set has.
    """
    grid = (args.grid_start, args.grid_step)
    if (grid[0] is None) != (grid[1] is None):
        raise ValueError("--grid-start and --grid-step: expected both or neither")
    if grid[0] is not None and all(path.endswith(".npz") for path in paths):
        raise ValueError(
            "--grid-start and --grid-step: for structures that carry a DOS; data sets hold "
            "eigenvalues"
        )
    data = Data({}, [])
    for path in paths:
        if path.endswith(".npz"):
            for split, part in _read_dataset(path, *splits).items():
                data.parts.setdefault(split, []).append(part)
        elif Path(path).is_dir():
            data.files.extend(_read_folder(Path(path), *grid, smearing))
        else:
            data.files.append(_read_file(path, *grid, smearing))
    return data


def divided(data: Data, share: float, seed: int) -> tuple[Part, Part]:
    """Return structures for training and for validation: as data sets say, files by content."""
    from ase_dos.model_selection.split import validation_rows
    from ase_dos.utils.digests import structure_checksum

    files = joined(data.files)
    sources = [number for number, part in enumerate(data.files) for _ in part.frames]
    validates = validation_rows(files.frames, sources, share, seed)
    # The order of files has no part in anything that follows; that of the frames of a file tells
    # which are neighbours in time.
    hashes = [structure_checksum(atoms) for atoms in files.frames]
    first: dict[int, str] = {}
    for source, one in zip(sources, hashes, strict=True):
        first[source] = min(first.get(source, one), one)
    order = sorted(range(len(validates)), key=lambda i: (first[sources[i]], sources[i], i))
    training = chosen(files, [i for i in order if not validates[i]])
    validation = chosen(files, [i for i in order if validates[i]])
    return (
        joined([*data.parts.get("train", []), *([training] if training.frames else [])]),
        joined([*data.parts.get("validation", []), *([validation] if validation.frames else [])]),
    )


def joined(parts: Sequence[Part]) -> Part:
    """Several parts as one."""
    families: list[str] | None = []
    for part in parts:
        families = None if families is None or part.families is None else families + part.families
    return Part(
        [atoms for part in parts for atoms in part.frames],
        [states for part in parts for states in part.states],
        families,
    )


def chosen(part: Part, rows: Sequence[int]) -> Part:
    """Structures of a part by their index."""
    families = None if part.families is None else [part.families[i] for i in rows]
    return Part([part.frames[i] for i in rows], [part.states[i] for i in rows], families)


def _read_dataset(path: str, needed: str, *others: str) -> dict[str, Part]:
    from ase_dos.io.dataset import load_dataset

    data = load_dataset(path)
    parts = {}
    for split in (needed, *(name for name in others if name in data.split)):
        frames, states = data.select(split)
        parts[split] = Part(frames, states, [atoms.info["family"] for atoms in frames])
    return parts


def _read_folder(
    folder: Path, start: float | None, step: float | None, smearing: float
) -> list[Part]:
    """Read all that can be trained on below a folder, and say what was skipped."""
    from ase_dos.io.dft import is_output
    from ase_dos.model_selection.split import distinct

    parts, others = [], 0
    for path in _files_below(folder):
        carries = start is not None and path.suffix in _STRUCTURES and _carries_dos(str(path))
        if not carries and not is_output(path):
            others += 1
            continue
        try:
            grid = (start, step) if carries else (None, None)
            parts.append(_read_file(str(path), *grid, smearing))
        except ValueError as error:
            warnings.warn(f"skipped: {error}", UserWarning, stacklevel=2)
    if not parts:
        raise ValueError(
            f"{folder}: expected DFT outputs with eigenvalues (or structures that carry a DOS, "
            f"with --grid-start and --grid-step), found none that can be read, {others} other files"
        )
    everything = joined(parts)
    keep = set(distinct(everything.frames).tolist())
    repeats = len(everything.frames) - len(keep)
    print(
        f"{folder}: {len(everything.frames)} structures in {len(parts)} files, {others} other "
        f"files skipped" + (f", {repeats} repeated structures left out" if repeats else "")
    )
    first, unique = 0, []
    for part in parts:
        rows = [i for i in range(len(part.frames)) if first + i in keep]
        unique.append(chosen(part, rows))
        first += len(part.frames)
    return [part for part in unique if part.frames]


def _files_below(folder: Path) -> list[Path]:
    """Return files in a folder and its folders, but for hidden ones, in the order of names."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path
        for path in found
        if not any(name.startswith(".") for name in path.relative_to(folder).parts)
    )


def _read_file(path: str, start: float | None, step: float | None, smearing: float) -> Part:
    from ase_dos.io.dft import read_dos_frames, read_frames

    pairs: Sequence[tuple[Atoms, ElectronicStates | DOS]]
    if start is not None:
        try:
            pairs = read_dos_frames(path, start=start, step=step, smearing=smearing)
        except (ValueError, OSError):
            raise
        except Exception as error:  # ASE's readers fail on a bad file in every way
            raise ValueError(f"{path}: cannot be read as structures: {error!r}") from error
    elif _carries_dos(path):
        raise ValueError(
            f"{path}: its structures carry a DOS, but the file does not say at which energies: "
            "give --grid-start and --grid-step (eV)"
        )
    else:
        pairs = read_frames(path)
    for atoms, _ in pairs:
        atoms.info.setdefault("file", path)
    return Part([atoms for atoms, _ in pairs], [states for _, states in pairs], None)


def _carries_dos(path: str) -> bool:
    """Whether the first structure of a file has a DOS in its info."""
    from ase.io import read
    from ase.io.formats import filetype

    from ase_dos.io.dft import FORMATS

    # What ASE cannot read is left to the reader of eigenvalues, which says why.
    try:
        first = None if filetype(path) in FORMATS else read(path, index=0)
    except Exception:
        return False
    return "DOS" in getattr(first, "info", {})
