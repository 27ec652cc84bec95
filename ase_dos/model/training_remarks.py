"""Remarks on a training set: structures given twice or contradicting others, unlike validation."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence

from ase import Atoms

from ase_dos.model.evaluation import Evaluation
from ase_dos.model.repeats import RepeatedStructures, same_states
from ase_dos.model.training import Training
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.states import ElectronicStates
from ase_dos.spectra.target import DOSTarget

__all__ = [
    "TrainingSetWarning",
    "lacks_boundaries",
    "structure_label",
    "training_set_remarks",
    "validation_remarks",
    "warn_of_boundaries",
]

_MOST_NAMED = 8
# Ratio of validation to leave-one-out errors that chance does not explain, from so many validation
# structures on.
_FAR_ABOVE, _FEWEST = 2.0, 8


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


def training_set_remarks(
    frames: Sequence[Atoms],
    targets: Sequence[DOSTarget],
    training: Training,
    repeats: RepeatedStructures,
) -> list[str]:
    """Say what the user should know of the structures, one text for each kind."""

    def label(number: int) -> str:
        return structure_label(frames[number], int(number))

    remarks = []
    if len(merged := repeats.merged):
        remarks.append(
            f"training set: {len(merged)} structures are given again with the same levels, the "
            f"first {label(merged[0])} that of {label(repeats.first[merged[0]])}; each counts once"
        )
    alike = [tuple(pair) for pair in training.like.repeated.tolist()]
    others = {pair for pair in alike if not same_states(*(targets[i] for i in pair))}
    equivalent = [pair for pair in alike if pair not in others]
    if equivalent:
        first, second = equivalent[0]
        remarks.append(
            f"training set: {len({pair[1] for pair in equivalent})} structures repeat others, the "
            f"first {label(second)} that of {label(first)}; they are left out together, and count "
            "as often as they are given"
        )
    contradictions = sorted(others.union(repeats.contradictions))
    if contradictions:
        named = ", ".join(
            f"{label(second)} and {label(first)}" for first, second in contradictions[:_MOST_NAMED]
        )
        more = len(contradictions) - _MOST_NAMED
        remarks.append(
            f"training set: {len(contradictions)} pairs of the same structure have different "
            f"levels ({named}{f', and {more} more' if more > 0 else ''}): of another functional, "
            "spin-orbit coupling or k-points? No model can learn both; keep one kind of calculation"
        )
    kinds = Counter(target.states for target in targets if target.states)
    if len(kinds) > 1:
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        remarks.append(
            f"training set: states of different kinds ({counts}); those of a magnetic structure "
            "differ more than any model error, so keep one kind unless no structure is magnetic"
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


def validation_remarks(report: Evaluation, left_out: float) -> list[str]:
    """Say if errors of validation are far above those of leave-one-out (same unit)."""
    if len(report.prediction) < _FEWEST or report.rmse <= _FAR_ABOVE * left_out:
        return []
    return [
        f"validation RMSE {report.rmse:.4f} is {report.rmse / left_out:.1f} times the "
        f"leave-one-out RMSE {left_out:.4f}: the training structures are more like each "
        "other than like these. If they come in families, or from few runs, give fit() "
        "their groups (ase-dos train --groups), so that the regularisation fits others"
    ]
