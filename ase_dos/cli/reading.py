"""Reader of the files and folders that a command takes its structures from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ase_dos.cli.parts import Part, chosen, joined
from ase_dos.utils.warnings import kind_of

if TYPE_CHECKING:
    from ase import Atoms

    from ase_dos.spectra.dos import DOS
    from ase_dos.spectra.states import ElectronicStates

__all__ = ["LeftOut", "Reader"]

_STRUCTURES = (".extxyz", ".xyz")
_TOUCHING = 0.5  # Angstrom: closer atoms are at one place


@dataclass
class LeftOut:
    """File, or structures of it, that cannot be used for one kind of reason.

    Parameters
    ----------
    path : str
        Of the file.
    reason : str
        Name of the file or of the first structure, and why it cannot be used.
    count : int
        Structures, or 1 for the whole file.
    """

    path: str
    reason: str
    count: int = 1

    def summary(self) -> str:
        """Text for a message."""
        more = f" (and {self.count - 1} more structures of this file likewise)"
        return self.reason + (more if self.count > 1 else "")


class Reader:
    """Reader of files and folders, which leaves out what cannot be used and says why.

    Parameters
    ----------
    start, step : float or None
        First energy and spacing (eV) of the DOS that structures carry.
    smearing : float
        Broadening (eV) of the model.
    left_out : list of LeftOut
        Takes the files and structures that are left out, with the reasons.
    """

    def __init__(
        self, start: float | None, step: float | None, smearing: float, left_out: list[LeftOut]
    ) -> None:
        self.start, self.step = start, step
        self.smearing, self.left_out = smearing, left_out
        self.found_dos = False
        self.without_boundaries: list[str] = []  # names of structures that seem to lack them

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
            part = self._usable(path, zip(frames, states, strict=True), names, families)
            if part.frames:
                parts[split] = part
        return parts

    def folder(self, folder: Path) -> list[Part]:
        """All that can be trained on below a folder, without structures that are there again.

        One calculation often leaves its structure and levels in several files. The same structure
        with other levels stays.
        """
        from ase_dos.model.repeats import RepeatedStructures

        parts, others, bad = [], 0, len(self.left_out)
        for path in _files_below(folder):
            try:
                known = self._is_known(path)
            except OSError as error:
                self._leave_out(str(path), str(path), error)
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
        keep = set(RepeatedStructures.of(everything.frames, everything.targets).kept.tolist())
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
        bad: set[int] = set()

        def leave_out(index: int, error: ValueError) -> None:
            bad.add(index)
            self._leave_out(path, path, error)

        try:
            pairs = self._pairs(path, carries_dos, leave_out)
        except Exception as error:  # readers of other libraries fail on a bad file in every way
            self._leave_out(path, path, error)
            return None
        count = len(pairs) + len(bad)
        names = [f"{path}, structure {i}" if count > 1 else path for i in range(count)]
        names = [name for i, name in enumerate(names) if i not in bad]
        part = self._usable(path, pairs, names, None)
        for atoms in part.frames:
            atoms.info.setdefault("file", path)
        return part if part.frames else None

    def _is_known(self, path: Path) -> bool:
        """Whether a file in a folder is one to read."""
        from ase_dos.io.dft import is_output

        if self.start is not None and path.suffix in _STRUCTURES and _carries_dos(str(path)):
            return True
        return is_output(path)

    def _pairs(
        self, path: str, carries_dos: bool, on_error: Callable[[int, ValueError], None]
    ) -> Sequence[tuple[Atoms, ElectronicStates | DOS]]:
        from ase_dos.io.dft import is_output, read_dos_frames, read_frames

        # Where energies of a DOS are given, a file of neither kind is one that lacks the DOS.
        if carries_dos or (self.start is not None and not is_output(path)):
            pairs = read_dos_frames(
                path,
                start=self.start,
                step=self.step,
                smearing=self.smearing,
                on_error=on_error,
            )
            self.found_dos = True
            return pairs
        return read_frames(path, on_error=on_error)

    def _usable(
        self,
        path: str,
        pairs: Iterable[tuple[Atoms, ElectronicStates | DOS]],
        names: Sequence[str],
        families: Sequence[str] | None,
    ) -> Part:
        """Return the structures that are sound and have a target; leave out the others."""
        from ase_dos.descriptors.neighbors import find_pairs
        from ase_dos.model.training_remarks import lacks_boundaries
        from ase_dos.model.training_set import make_target

        part = Part([], [], None if families is None else [], [])
        for index, (atoms, states) in enumerate(pairs):
            try:
                find_pairs(atoms, _TOUCHING)  # refuses what has no surroundings
                part.targets.append(make_target(states, self.smearing))
                if lacks_boundaries(atoms, states):
                    self.without_boundaries.append(names[index])
            except ValueError as error:
                self._leave_out(path, names[index], error)
                continue
            part.frames.append(atoms)
            part.names.append(names[index])
            if part.families is not None and families is not None:
                part.families.append(families[index])
        return part

    def _leave_out(self, path: str, name: str, error: Exception) -> None:
        expected = isinstance(error, (ValueError, OSError, ImportError))
        reason = str(error) if expected else f"cannot be read: {error!r}"
        one = LeftOut(path, reason if name in reason else f"{name}: {reason}")
        kind = kind_of(one.reason)
        for other in self.left_out:
            if other.path == path and kind_of(other.reason) == kind:
                other.count += 1
                return
        self.left_out.append(one)


def _files_below(folder: Path) -> list[Path]:
    """Return files in a folder and its folders, but for hidden ones, in the order of names."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path
        for path in found
        if not any(name.startswith(".") for name in path.relative_to(folder).parts)
    )


def _carries_dos(path: str) -> bool:
    """Whether the first structure of a file that can be read has a DOS in its info."""
    from ase.io.formats import filetype

    from ase_dos.io.dft import FORMATS, is_output
    from ase_dos.io.frames.sources import open_frames, readers_to_the_end

    # What cannot be read is left to the reader of eigenvalues, which says why.
    try:
        if is_output(path) or filetype(path) in FORMATS:
            return False
        for _, read in readers_to_the_end(open_frames(path)):
            with suppress(ValueError):
                return "DOS" in read().info
    except Exception:
        return False
    return False
