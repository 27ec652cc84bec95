"""Trials of hyperparameters: models trained in a cheap way, and the record of their errors."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from ase import Atoms
from numpy.typing import NDArray

from ase_dos.descriptors.soap import SOAP
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.like_structures import LikeStructures
from ase_dos.model.training_remarks import TrainingSetWarning
from ase_dos.model_selection.hyperparameters import Choice, make_options
from ase_dos.spectra.target import DOSTarget
from ase_dos.utils.checks import require_same
from ase_dos.utils.files import replace_file

__all__ = ["Trial", "TrialRecord", "TrialRunner", "choice_name"]

# Features of the training set are kept in memory up to this many numbers.
MOST_FEATURES = 100_000_000


@dataclass(frozen=True)
class Trial:
    """One choice of hyperparameters and the error of its model.

    Parameters
    ----------
    choice : dict
        As `DEFAULTS` lists them.
    rmse : float
        Leave-one-out error (states eV^-1/2 per atom).
    regularization : float
        The best one, relative to the mean eigenvalue of the Gram matrix.
    n_features : int
    seconds : float
        Time that the trial took.
    """

    choice: Choice
    rmse: float
    regularization: float
    n_features: int
    seconds: float


def choice_name(choice: Choice) -> str:
    """Text that is the same for equal choices."""
    return json.dumps(choice, sort_keys=True)


class TrialRunner:
    """Trains models in a cheap way; the features of the last descriptor stay in memory."""

    def __init__(
        self,
        frames: Sequence[Atoms],
        targets: Sequence[DOSTarget],
        options: Mapping[str, Any],
        like: LikeStructures,
        most_features: int = MOST_FEATURES,
    ) -> None:
        self.frames, self.targets, self.options = frames, targets, options
        self.like, self.most_features = like, most_features
        self.species = sorted({int(z) for atoms in frames for z in atoms.numbers})
        self.descriptor: SOAP | None = None
        self.features: list[NDArray] | None = None

    def is_possible(self, choice: Choice) -> bool:
        """Whether there is such a model."""
        try:
            make_options(choice, self.species, **self.options)
        except ValueError:
            return False
        return True

    def run(self, choice: Choice) -> Trial:
        """Train a model, with one penalty only, and return its leave-one-out error."""
        began = perf_counter()
        options = make_options(choice, self.species, **self.options)
        # One penalty: a trial compares hyperparameters, and is to be cheap.
        model = DOSModel.from_options(replace(options, penalties=options.penalties[:1]))
        with warnings.catch_warnings():  # the model of the best one will say so once
            warnings.simplefilter("ignore", TrainingSetWarning)
            model.fit(
                self.frames,
                self.targets,
                features=self._features(model),
                groups=self.like,
            )
        return Trial(
            choice,
            model.info["leave_one_out_rmse"],
            model.info["regularization"],
            model.descriptor.n_features,
            round(perf_counter() - began, 3),
        )

    def _features(self, model: DOSModel) -> list[NDArray] | None:
        descriptor = model.options.descriptor
        if descriptor != self.descriptor:
            self.descriptor, self.features = descriptor, None
            if sum(map(len, self.frames)) * descriptor.n_features <= self.most_features:
                self.features = model.compute_features(self.frames)
        return self.features


class TrialRecord:
    """Finished trials by name, stored in a file if there is a path."""

    def __init__(self, path: str | Path | None, key: Choice, about: Choice) -> None:
        self.path = None if path is None else Path(path)
        self.content: dict[str, Any] = {"search": key, "about": about, "trials": []}
        if self.path is not None and self.path.exists():
            self.content = self._read(self.path, json.loads(json.dumps(key)))
        self.trials = {choice_name(one["choice"]): Trial(**one) for one in self.content["trials"]}

    @staticmethod
    def _read(path: Path, key: Choice) -> dict[str, Any]:
        try:
            content = json.loads(path.read_text())
            old, _ = content["search"], content["trials"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: not the record of a search ({error!r})") from error
        require_same(path, old, key, "choose another output, or remove the file to search again")
        return content

    def get(self, name: str) -> Trial | None:
        """Return a finished trial."""
        return self.trials.get(name)

    def add(self, name: str, trial: Trial) -> Trial:
        """Add a finished trial to the record, and return it."""
        self.trials[name] = trial
        self.content["trials"].append(asdict(trial))
        if self.path is not None:
            text = json.dumps(self.content, indent=1)
            replace_file(self.path, lambda file: file.write(text.encode()))
        return trial
