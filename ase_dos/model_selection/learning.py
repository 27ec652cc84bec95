"""Learning curve: errors of a model against the size of its training set."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.model.dos_model import DOSModel
from ase_dos.model.like_structures import LikeStructures, as_groups, like_structures
from ase_dos.model.training_remarks import TrainingSetWarning
from ase_dos.model.training_set import States, TrainingFeatures, make_targets
from ase_dos.spectra.target import DOSTarget
from ase_dos.utils.short_repr import short_repr

__all__ = ["LearningCurve", "learning_curve"]

Validation = tuple[Sequence[Atoms], States]

# Fewer structures make no model worth a point.
_FEWEST = 5
# Regularisations to try, by that of the whole training set.
_FACTORS = 10.0 ** np.array([-0.5, 0.0, 0.5, 1.0])


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Errors of models trained on parts of a training set, one entry for each model.

    Parameters
    ----------
    sizes : (n,) array of int
        Structures they were trained on, rising.
    leave_one_out, validation : (n,) array
        Their errors (states eV^-1/2 per atom); NaN without structures for validation.
    """

    sizes: NDArray
    leave_one_out: NDArray
    validation: NDArray

    __repr__ = short_repr

    def mean(self, errors: NDArray) -> tuple[NDArray, NDArray]:
        """Root of the mean square of errors (n,) for every size: sizes, means."""
        sizes = np.unique(self.sizes)
        return sizes, np.array([np.sqrt(np.mean(errors[self.sizes == n] ** 2)) for n in sizes])


def learning_curve(
    model: DOSModel,
    frames: Sequence[Atoms],
    states: States,
    validation: Validation | None = None,
    *,
    groups: Sequence[Any] | None = None,
    repeats: int = 3,
    halvings: int = 3,
    seed: int = 0,
) -> LearningCurve:
    """Train again on a half, a quarter, ... of the training set.

    The penalty on shifts is that of the model; the regularisation is chosen again, close to that
    of the model.

    Parameters
    ----------
    model : DOSModel
        Trained on all of ``frames``.
    frames, states
        Its training set.
    validation : frames and states, optional
        Structures outside the training set.
    groups : (n,) sequence, optional
        Labels of structures that are left out together, as in `DOSModel.fit`.
    repeats : int
        Random parts of every size.
    halvings : int
        Sizes below the whole set, as long as five structures are left.
    seed : int

    Returns
    -------
    LearningCurve
        Without the parts that no model can be trained on, for example because a species is missing,
        or whose model cannot be compared with the validation structures.
    """
    targets = make_targets(states, model.smearing)
    known = None
    if validation is not None:
        known = (validation[0], make_targets(validation[1], model.smearing))
    if groups is None:
        like = like_structures(TrainingFeatures(model.options.descriptor, frames))
    else:
        like = as_groups(groups, len(frames))
    rng = np.random.default_rng(seed)
    rows = []
    for power in range(halvings, 0, -1):
        size = len(frames) >> power
        for _ in range(repeats if size >= _FEWEST else 0):
            part = np.sort(rng.permutation(len(frames))[:size])
            some = [frames[i] for i in part], [targets[i] for i in part], like.part(part)
            errors = _errors(model, *some, known)
            rows += [(size, *errors)] if errors else []
    rows.append((len(frames), model.info["leave_one_out_rmse"], _validation_rmse(model, known)))
    sizes, leave_one_out, validated = np.array(rows).T
    return LearningCurve(sizes.astype(int), leave_one_out, validated)


def _errors(
    model: DOSModel,
    frames: Sequence[Atoms],
    targets: Sequence[DOSTarget],
    like: LikeStructures,
    validation: Validation | None,
) -> tuple[float, float] | None:
    """Errors of the model trained on other structures; None where that cannot be done."""
    options = replace(
        model.options,
        grid=model.grid,  # so that all errors count the same energies
        penalties=(model.info["shift_penalty"],),
        regularizations=tuple(model.info["regularization"] * _FACTORS),
        valence=dict(zip(model.info["species"], model.info["valence"], strict=True)),
    )
    try:
        with warnings.catch_warnings():  # the whole training set has said so
            warnings.simplefilter("ignore", TrainingSetWarning)
            part = DOSModel.from_options(options).fit(frames, targets, groups=like)
            return part.info["leave_one_out_rmse"], _validation_rmse(part, validation)
    except ValueError:
        return None


def _validation_rmse(model: DOSModel, validation: Validation | None) -> float:
    return np.nan if validation is None else model.evaluate(*validation).rmse
