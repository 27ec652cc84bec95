"""Structures with their states, as the commands take them from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase import Atoms

    from ase_dos.states import ElectronicStates


def read_data(
    path: str, split: str
) -> tuple[list[Atoms], list[ElectronicStates], list[str] | None]:
    """Read one part of a data set, or all of a DFT output.

    Returns
    -------
    frames : list of Atoms
    states : list of ElectronicStates
    families : list of str or None
        Family of each structure; None for a DFT output.
    """
    if path.endswith(".npz"):
        from ase_dos.dataset import load_dataset

        frames, states = load_dataset(path).select(split)
        return frames, states, [atoms.info["family"] for atoms in frames]
    from ase_dos.readers import read_frames

    pairs = read_frames(path)
    return [atoms for atoms, _ in pairs], [states for _, states in pairs], None
