"""Search of hyperparameters: the smallest leave-one-out error of models trained in a cheap way.

The order of trials depends on the data, the options and the seed only; a limit just ends it sooner.
Structures outside the training set are never used.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ase import Atoms

from ase_dos._version import __version__
from ase_dos.model.like_structures import as_groups, like_structures
from ase_dos.model.training_set import States, TrainingFeatures, make_targets, training_set_hash
from ase_dos.model_selection.hyperparameters import DEFAULTS, OF_KERNELS, describe, make_options
from ase_dos.model_selection.trials import Trial, TrialRecord, TrialRunner, choice_name
from ase_dos.model_selection.walk import free_axes, improves, walk_axes

__all__ = ["Search", "search_hyperparameters"]


@dataclass(frozen=True)
class Search:
    """Trials in the order of the walk.

    Parameters
    ----------
    trials : list of Trial
    ended : bool
        Whether there was nothing left to try; false where a limit was reached.
    """

    trials: list[Trial]
    ended: bool

    @property
    def best(self) -> Trial:
        """Trial with the smallest error; gains too small to matter do not count."""
        best = self.trials[0]
        for trial in self.trials[1:]:
            if improves(trial.rmse, best.rmse):
                best = trial
        return best

    def summary(self) -> str:
        """One line on what was tried and found."""
        best, first = self.best, self.trials[0]
        changed = describe(best.choice, first.choice) or "the defaults"
        return (
            f"{len(self.trials)} trials, {sum(t.seconds for t in self.trials):.0f} s: leave-one-out"
            f" RMSE {first.rmse:.4f} -> {best.rmse:.4f} with {changed}"
        )


def search_hyperparameters(
    frames: Sequence[Atoms],
    states: States,
    *,
    trials: int | None = None,
    budget: float | None = None,
    seed: int = 0,
    fixed: Mapping[str, Any] | None = None,
    groups: Sequence[Any] | None = None,
    record: str | Path | None = None,
    about: Mapping[str, Any] | None = None,
    progress: bool = True,
    **options: Any,
) -> Search:
    """Search for the hyperparameters with the smallest leave-one-out error.

    Parameters
    ----------
    frames : sequence of Atoms
        Training set.
    states : sequence of ElectronicStates, DOS or DOSTarget
    trials : int, optional
        Largest number of trials.
    budget : float, optional
        No trial begins once all before it took this many seconds, those of an earlier run of the
        same search included.
    seed : int
        Decides in which order pairs of changes are tried.
    fixed : mapping, optional
        Values of `DEFAULTS` that are not searched.
    groups : (n,) sequence, optional
        Labels of structures that are left out together, as in `DOSModel.fit`. By default those
        that the descriptor of the defaults finds, the same in all trials.
    record : str or path, optional
        JSON file that every finished trial is written to, and read from when the search is run
        again.
    about : mapping, optional
        Written to the record unchanged.
    progress : bool
        Show a bar on stderr, if that is a terminal.
    **options
        ``regressor`` and further arguments of `DOSModel`, all that JSON can hold.

    Raises
    ------
    ValueError
        If there is no limit, or the record belongs to another search.
    """
    if trials is None and budget is None:
        raise ValueError("search: expected a number of trials or a budget, got neither")
    if trials is not None and trials < 1:
        raise ValueError(f"search: expected at least one trial, got {trials}")
    if budget is not None and not budget > 0:
        raise ValueError(f"search: expected a budget above 0, got {budget:g}")
    fixed = dict(fixed or {})
    targets = make_targets(states, options.get("smearing", 0.3))
    key = {
        "ase_dos": __version__,
        "data": training_set_hash(frames, targets),
        "seed": seed,
        "fixed": fixed,
        "options": dict(options),
    }
    start = {**DEFAULTS, **fixed}
    if groups is None:
        species = sorted({int(z) for atoms in frames for z in atoms.numbers})
        first = make_options(start, species, **options).descriptor
        like = like_structures(TrainingFeatures(first, frames))
    else:
        like = as_groups(groups, len(frames))
        key["groups"] = like.groups.tolist()
    finished = TrialRecord(record, key, dict(about or {}))
    runner = TrialRunner(frames, targets, options, like)
    unused = set() if options.get("regressor", "kernel") == "kernel" else OF_KERNELS
    axes = free_axes(start, {*fixed, *unused}, runner.is_possible)
    walk = walk_axes(start, axes, runner.is_possible, seed)
    with _ProgressBar(trials, budget, progress) as bar:
        done: dict[str, Trial] = {}
        choice, ended = next(walk), False
        while not ended:
            name = choice_name(choice)
            if name not in done:
                if _is_spent(done, trials, budget):
                    break
                done[name] = finished.get(name) or finished.add(name, runner.run(choice))
                bar.show(list(done.values()))
            try:
                choice = walk.send(done[name].rmse)
            except StopIteration:
                ended = True
    return Search(list(done.values()), ended)


def _is_spent(done: Mapping[str, Trial], trials: int | None, budget: float | None) -> bool:
    if trials is not None and len(done) >= trials:
        return True
    spent = sum(trial.seconds for trial in done.values())
    return budget is not None and bool(done) and spent >= budget


class _ProgressBar:
    """What is left of the limit, and the smallest error so far."""

    def __init__(self, trials: int | None, budget: float | None, progress: bool) -> None:
        from tqdm import tqdm

        self.by_time = trials is None
        total = budget if self.by_time else trials
        # Shown on a terminal only: batch systems collect stderr in files.
        self.bar = tqdm(
            total=total,
            unit=" s" if self.by_time else " trials",
            desc="search",
            disable=not (progress and sys.stderr.isatty()),
            bar_format="{l_bar}{bar}| {n:.0f}/{total:.0f}{unit} [{elapsed}{postfix}]",
        )

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()

    def show(self, trials: list[Trial]) -> None:
        best = Search(trials, False).best
        self.bar.set_postfix_str(f"leave-one-out RMSE {best.rmse:.4f}", refresh=False)
        spent = sum(trial.seconds for trial in trials) if self.by_time else len(trials)
        self.bar.update(min(spent, self.bar.total or spent) - self.bar.n)
