"""Structures with their targets, as the commands take them from the command line."""

from __future__ import annotations

import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ase_dos.cli.arguments import number
from ase_dos.cli.parts import Part, chosen, joined
from ase_dos.cli.reading import LeftOut, Reader

FILES = (
    "data set (.npz), DFT output with eigenvalues, structures that carry a DOS (.extxyz), or "
    "folder with any of the last two"
)


class Data(NamedTuple):
    """What was read: parts of data sets by split, and other files whole, one part for each."""

    parts: dict[str, list[Part]]
    files: list[Part]
    left_out: list[LeftOut]

    def whole(self, split: str) -> Part:
        """One split of the data sets together with all that has none."""
        return joined([*self.parts.get(split, []), *self.files])

    @property
    def remark(self) -> str:
        """Line on what was left out; empty where nothing was."""
        count = sum(one.count for one in self.left_out)
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
    reader = Reader(*grid, smearing, data.left_out)
    for path in paths:
        if path.endswith(".npz"):
            for split, part in reader.dataset(path, *splits).items():
                data.parts.setdefault(split, []).append(part)
        elif Path(path).is_dir():
            data.files.extend(reader.folder(Path(path)))
        elif (whole := reader.file(path)) is not None:
            data.files.append(whole)
    nothing = not data.files and not data.parts.get(splits[0])
    reasons = [reason.summary() for reason in data.left_out]
    for reason in reasons[nothing:]:
        warnings.warn(f"skipped: {reason}", UserWarning, stacklevel=2)
    if nothing:
        more = f" (nor can {len(reasons) - 1} others be used)" if len(reasons) > 1 else ""
        raise ValueError(reasons[0] + more)
    if grid[0] is not None and not reader.found_dos:
        raise ValueError("--grid-start and --grid-step: no structure carries a DOS; leave them out")
    if data.remark:
        print(data.remark)
    if reader.without_boundaries:
        from ase_dos.model.training_remarks import warn_of_boundaries

        warn_of_boundaries(reader.without_boundaries)
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
