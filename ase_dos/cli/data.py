"""Structures with their targets, as the commands take them from the command line."""

from __future__ import annotations

import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ase_dos.cli.arguments import number
from ase_dos.utils.structure_errors import StructureError

if TYPE_CHECKING:
    from ase import Atoms

    from ase_dos.spectra.dos import DOS
    from ase_dos.spectra.states import ElectronicStates
    from ase_dos.spectra.target import DOSTarget

FILES = (
    "data set (.npz), DFT output with eigenvalues, structures that carry a DOS (.extxyz), or "
    "folder with any of the last two"
)
_STRUCTURES = (".extxyz", ".xyz")


class Part(NamedTuple):
    """Structures, their targets, their families where all have one, and their names in messages."""

    frames: list[Atoms]
    targets: list[DOSTarget]
    families: list[str] | None
    names: list[str]

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Name file and structure in errors of the block that know the index of a structure."""
        try:
            yield
        except StructureError as error:
            raise ValueError(error.naming(self.names)) from error


class Data(NamedTuple):
    """What was read: parts of data sets by split, and other files whole, one part for each."""

    parts: dict[str, list[Part]]
    files: list[Part]
    left_out: list[str]

    def whole(self, split: str) -> Part:
        """One split of the data sets together with all that has none."""
        return joined([*self.parts.get(split, []), *self.files])

    @property
    def remark(self) -> str:
        """Line on what was left out; empty where nothing was."""
        count = len(self.left_out)
        return f"{count} bad files or structures were skipped" if count else ""


def add_grid_arguments(parser: ArgumentParser) -> None:
    """Declare where the DOS that structures carry has its energies."""
    for name, metavar, kind, text in (
        ("start", "E", number(), "first energy"),
        ("step", "dE", number(above=0), "spacing"),
    ):
        parser.add_argument(
            f"--grid-{name}",
            type=kind,
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
        Broadening (eV) of the model.
    *splits : str
        Parts of the data sets. Each must have the first; the rest are taken where they exist.

    Returns
    -------
    Data
        Without the splits that no data set has, and without files and structures that cannot be
        used: a warning names each.

    Raises
    ------
    ValueError
        If a path does not exist, options do not fit the files, or nothing can be used.
    """
    grid = (args.grid_start, args.grid_step)
    if (grid[0] is None) != (grid[1] is None):
        raise ValueError("--grid-start and --grid-step: expected both or neither")
    if grid[0] is not None and all(path.endswith(".npz") for path in paths):
        raise ValueError(
            "--grid-start and --grid-step: for structures that carry a DOS; data sets hold "
            "eigenvalues"
        )
    missing = next((path for path in paths if not Path(path).exists()), None)
    if missing is not None:  # before hours of reading
        raise ValueError(f"{missing}: no such file or folder")
    data = Data({}, [], [])
    reader = _Reader(*grid, smearing, data.left_out)
    for path in paths:
        if path.endswith(".npz"):
            for split, part in reader.dataset(path, *splits).items():
                data.parts.setdefault(split, []).append(part)
        elif Path(path).is_dir():
            data.files.extend(reader.folder(Path(path)))
        elif (whole := reader.file(path)) is not None:
            data.files.append(whole)
    nothing = not data.files and not data.parts.get(splits[0])
    for reason in data.left_out[nothing:]:
        warnings.warn(f"skipped: {reason}", UserWarning, stacklevel=2)
    if nothing:
        more = len(data.left_out) - 1
        others = f" (and {more} more files or structures cannot be used)" if more else ""
        raise ValueError(data.left_out[0] + others)
    if grid[0] is not None and not reader.found_dos:
        raise ValueError("--grid-start and --grid-step: no structure carries a DOS; leave them out")
    if data.remark:
        print(data.remark)
    return data


def divided(data: Data, share: float, seed: int) -> tuple[Part, Part]:
    """Return structures for training and for validation: as data sets say, files by content."""
    from ase_dos.model_selection.split import validation_rows
    from ase_dos.utils.digests import structure_checksum

    files = joined(data.files)
    sources = [number for number, part in enumerate(data.files) for _ in part.frames]
    validates = validation_rows(files.frames, sources, share, seed)
    # The order of files has no part in anything that follows.
    order = sorted(range(len(validates)), key=lambda i: structure_checksum(files.frames[i]))
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
        [target for part in parts for target in part.targets],
        families,
        [name for part in parts for name in part.names],
    )


def chosen(part: Part, rows: Sequence[int]) -> Part:
    """Structures of a part by their index."""
    families = None if part.families is None else [part.families[i] for i in rows]
    return Part(
        [part.frames[i] for i in rows],
        [part.targets[i] for i in rows],
        families,
        [part.names[i] for i in rows],
    )


class _Reader:
    """Reader of files and folders, which leaves out what cannot be used and says why.

    Parameters
    ----------
    start, step : float or None
        First energy and spacing (eV) of the DOS that structures carry.
    smearing : float
        Broadening (eV) of the model.
    left_out : list of str
        Takes the files and structures that are left out, with the reasons.
    """

    def __init__(
        self, start: float | None, step: float | None, smearing: float, left_out: list[str]
    ) -> None:
        self.start, self.step = start, step
        self.smearing, self.left_out = smearing, left_out
        self.found_dos = False

    def dataset(self, path: str, needed: str, *others: str) -> dict[str, Part]:
        """Parts of a data set by split, without those of which nothing can be used."""
        from ase_dos.io.dataset import load_dataset

        data = load_dataset(path)
        parts = {}
        for split in (needed, *(name for name in others if name in data.split)):
            frames, states = data.select(split)
            rows = [i for i, name in enumerate(data.split) if name == split]
            names = [f"{path}, structure {i} ({data.frames[i].info['name']})" for i in rows]
            families = [atoms.info["family"] for atoms in frames]
            part = self._usable(zip(frames, states, strict=True), names, families)
            if part.frames:
                parts[split] = part
        return parts

    def folder(self, folder: Path) -> list[Part]:
        """All that can be trained on below a folder, without repeated structures."""
        from ase_dos.model_selection.split import distinct

        parts, others, bad = [], 0, len(self.left_out)
        for path in _files_below(folder):
            try:
                known = self._is_known(path)
            except OSError as error:
                self._leave_out(str(path), error)
                continue
            part = self.file(str(path)) if known else None
            others += not known
            parts += [part] if part is not None else []
        bad = len(self.left_out) - bad
        if not parts and not bad:
            raise ValueError(
                f"{folder}: expected DFT outputs with eigenvalues (or structures that carry a DOS, "
                f"with --grid-start and --grid-step), found none, {others} other files"
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

    def file(self, path: str) -> Part | None:
        """All structures of a file that can be used; None if there is none."""
        carries_dos = _carries_dos(path)
        if carries_dos and self.start is None:
            raise ValueError(
                f"{path}: its structures carry a DOS, but the file does not say at which energies: "
                "give --grid-start and --grid-step (eV)"
            )
        try:
            pairs = self._pairs(path, carries_dos)
        except Exception as error:  # readers of other libraries fail on a bad file in every way
            self._leave_out(path, error)
            return None
        several = len(pairs) > 1
        names = [f"{path}, structure {i}" if several else path for i in range(len(pairs))]
        part = self._usable(pairs, names, None)
        return part if part.frames else None

    def _is_known(self, path: Path) -> bool:
        """Whether a file in a folder is one to read."""
        from ase_dos.io.dft import is_output

        if self.start is not None and path.suffix in _STRUCTURES and _carries_dos(str(path)):
            return True
        return is_output(path)

    def _pairs(
        self, path: str, carries_dos: bool
    ) -> Sequence[tuple[Atoms, ElectronicStates | DOS]]:
        from ase_dos.io.dft import is_output, read_dos_frames, read_frames

        # Where energies of a DOS are given, a file of neither kind is one that lacks the DOS.
        if carries_dos or (self.start is not None and not is_output(path)):
            pairs = read_dos_frames(path, start=self.start, step=self.step, smearing=self.smearing)
            self.found_dos = True
            return pairs
        return read_frames(path)

    def _usable(
        self,
        pairs: Iterable[tuple[Atoms, ElectronicStates | DOS]],
        names: Sequence[str],
        families: Sequence[str] | None,
    ) -> Part:
        """Return the structures that have a target; leave out those that have none."""
        from ase_dos.model.training_set import make_target

        part = Part([], [], None if families is None else [], [])
        for index, (atoms, states) in enumerate(pairs):
            try:
                part.targets.append(make_target(states, self.smearing))
            except ValueError as error:
                self._leave_out(names[index], error)
                continue
            part.frames.append(atoms)
            part.names.append(names[index])
            if part.families is not None and families is not None:
                part.families.append(families[index])
        return part

    def _leave_out(self, name: str, error: Exception) -> None:
        expected = isinstance(error, (ValueError, OSError, ImportError))
        reason = str(error) if expected else f"cannot be read: {error!r}"
        self.left_out.append(reason if name in reason else f"{name}: {reason}")


def _files_below(folder: Path) -> list[Path]:
    """Return files in a folder and its folders, but for hidden ones, in the order of names."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path
        for path in found
        if not any(name.startswith(".") for name in path.relative_to(folder).parts)
    )


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
