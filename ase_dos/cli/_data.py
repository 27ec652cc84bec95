"""Structures with their states, as the commands take them from the command line."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ase import Atoms

FILES = "data set (.npz), DFT output with eigenvalues, or structures that carry a DOS (.extxyz)"


class Part(NamedTuple):
    """Structures, their states (or DOS), and their families where all have one."""

    frames: list[Atoms]
    states: list[Any]
    families: list[str] | None


def add_grid_arguments(parser: ArgumentParser) -> None:
    """Declare where the DOS that structures carry has its energies."""
    for name, metavar, text in (("start", "E", "first energy"), ("step", "dE", "spacing")):
        parser.add_argument(
            f"--grid-{name}", type=float, metavar=metavar,
            help=f"{text} (eV) of the DOS that structures carry in info['DOS'] (and 'mask')",
        )  # fmt: skip


def read_data(
    paths: Sequence[str], args: Namespace, smearing: float, *splits: str
) -> dict[str, Part]:
    """Read parts of data sets, and all of other files.

    Parameters
    ----------
    paths : sequence of str
        Files to read.
    args : Namespace
        Holds what `add_grid_arguments` declares.
    smearing : float
        Broadening (eV) of the DOS that structures carry.
    *splits : str
        Parts of the data sets. Each must have the first, which all of any other file counts
        as; the rest are taken where they exist.

    Returns
    -------
    dict of str to Part
        By split, of all files together; without the splits that no file has.
    """
    grid = (args.grid_start, args.grid_step)
    if (grid[0] is None) != (grid[1] is None):
        raise ValueError("--grid-start and --grid-step: expected both or neither")
    if grid[0] is not None and all(path.endswith(".npz") for path in paths):
        raise ValueError(
            "--grid-start and --grid-step: they belong to structures that carry a DOS, but data "
            "sets hold eigenvalues"
        )
    parts: dict[str, list[Part]] = {}
    for path in paths:
        if path.endswith(".npz"):
            for split, part in _read_dataset(path, *splits).items():
                parts.setdefault(split, []).append(part)
        else:
            parts.setdefault(splits[0], []).append(_read_file(path, *grid, smearing))
    return {split: _joined(some) for split, some in parts.items()}


def _joined(parts: list[Part]) -> Part:
    families: list[str] | None = []
    for part in parts:
        families = None if families is None or part.families is None else families + part.families
    return Part(
        [atoms for part in parts for atoms in part.frames],
        [states for part in parts for states in part.states],
        families,
    )


def _read_dataset(path: str, needed: str, *others: str) -> dict[str, Part]:
    from ase_dos.dataset import load_dataset

    data = load_dataset(path)
    parts = {}
    for split in (needed, *(name for name in others if name in data.split)):
        frames, states = data.select(split)
        parts[split] = Part(frames, states, [atoms.info["family"] for atoms in frames])
    return parts


def _read_file(path: str, start: float | None, step: float | None, smearing: float) -> Part:
    from ase_dos.readers import read_dos_frames, read_frames

    pairs: list[Any]
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
    return Part([atoms for atoms, _ in pairs], [states for _, states in pairs], None)


def _carries_dos(path: str) -> bool:
    """Whether the first structure of a file has a DOS in its info."""
    from ase.io import read
    from ase.io.formats import filetype

    from ase_dos.readers import FORMATS

    # What ASE cannot read is left to the reader of eigenvalues, which says why.
    try:
        first: Any = None if filetype(path) in FORMATS else read(path, index=0)
    except Exception:
        return False
    return first is not None and "DOS" in first.info
