"""Remarks on a training set: structures given twice, and structures that contradict the others."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from ase import Atoms

from ase_dos.model.training import Training
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.states import ElectronicStates
from ase_dos.spectra.target import DOSTarget

__all__ = [
    "TrainingSetWarning",
    "lacks_boundaries",
    "structure_label",
    "training_set_remarks",
    "warn_of_boundaries",
]

_MOST_NAMED = 8


class TrainingSetWarning(UserWarning):
    """Structures of a training set repeat or contradict each other."""


def structure_label(atoms: Atoms, number: int) -> str:
    """Index of a structure, with its name or file where it has one."""
    name = atoms.info.get("name") or atoms.info.get("file")
    return f"{number} ({name})" if name else str(number)


def lacks_boundaries(atoms: Atoms, states: ElectronicStates | DOSTarget | DOS) -> bool:
    """Whether levels are those of a band structure, but the structure has no periodic boundary."""
    return isinstance(states, ElectronicStates) and states.n_kpoints > 1 and not atoms.pbc.any()


def warn_of_boundaries(names: Sequence[str], *, stacklevel: int = 2) -> None:
    """Warn of structures that lack their boundaries, by their names; of none there is no word."""
    if names:
        warnings.warn(
            f"training set: {len(names)} structures are not periodic, but have levels at several "
            f"k-points, the first {names[0]}; if they are crystals, set their cell and pbc: "
            "neighbours across the cell are missing from the features",
            TrainingSetWarning,
            stacklevel=stacklevel + 1,
        )


def training_set_remarks(frames: Sequence[Atoms], training: Training) -> list[str]:
    """Say what the user should know of the structures, one text for each kind."""
    remarks = []
    pairs = training.like.repeated
    if len(pairs):
        first, second = pairs[0]
        remarks.append(
            f"training set: {len(np.unique(pairs[:, 1]))} structures repeat others, the first "
            f"{structure_label(frames[second], int(second))} that of "
            f"{structure_label(frames[first], int(first))}; they are left out together, and count "
            "as often as they are given"
        )
    found = training.outliers
    if found:
        named = ", ".join(
            f"{structure_label(frames[one.structure], one.structure)}: z = {one.z_score:.1f}"
            for one in found[:_MOST_NAMED]
        )
        rest = f", and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        remarks.append(
            f"training set: {len(found)} structures contradict the others, which predict them with "
            f"errors far above what is expected ({named}{rest}); check whether their levels belong "
            "to their positions, their units, and their k-points"
        )
    return remarks
