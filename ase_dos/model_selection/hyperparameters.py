"""Hyperparameters by trial: the smallest leave-one-out error of models trained in a cheap way.

From good defaults the search goes along one axis at a time and keeps what lowers the error. Where
no single step does, it tries two steps at once, in an order that the seed decides. The walk
depends on nothing but the data, the options and the seed; a limit only cuts it. Structures
outside the training set are never looked at.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations, product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos._version import __version__
from ase_dos.descriptors.soap import SOAP
from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.options import ModelOptions
from ase_dos.model.training_set import make_targets, training_set_hash
from ase_dos.spectra.target import DOSTarget
from ase_dos.utils.checks import require_same
from ase_dos.utils.files import replace_file

__all__ = ["AXES", "DEFAULTS", "Search", "Trial", "make_options", "search"]

Choice = dict[str, Any]
_Possible = Callable[[Choice], bool]

DEFAULTS: Choice = {
    "cutoff": 6.0,
    "cutoff_smoothing": 0.5,
    "max_radial": 8,
    "max_angular": 6,
    "width": 0.4,
    "radial_scaling": None,
    "radial_basis": None,
    "degree": 6,
    "sparse_points": 500,
}
_OF_SOAP = ("cutoff", "cutoff_smoothing", "max_radial", "max_angular", "width", "radial_scaling")
_OF_KERNELS = {"degree", "sparse_points"}
# Each axis is a ladder of values; the search goes up first, one rung at a time.
AXES: tuple[tuple[Choice, ...], ...] = (
    tuple({"cutoff": value} for value in (8.0, 7.0, 6.0, 5.0, 4.0, 3.5)),
    tuple({"width": value} for value in (0.2, 0.3, 0.4, 0.5, 0.6, 0.8)),
    tuple(
        {"radial_scaling": value}
        for value in (None, [1.0, 4.0, 4], [1.0, 3.0, 4], [1.0, 2.5, 4], [1.0, 2.0, 4])
    ),
    tuple({"degree": value} for value in (1, 2, 4, 6, 8, 10)),
    tuple({"max_radial": n, "max_angular": l} for n, l in ((6, 4), (8, 6), (10, 8))),  # noqa: E741
    tuple({"sparse_points": value} for value in (250, 500, 1000, 2000)),
    tuple({"radial_basis": value} for value in (None, 6, 5, 4)),
)
# Share by which a change has to lower the error: less is noise, and may cost time.
GAIN = 0.003
# Features of the training set are kept in memory up to this many numbers.
_MOST_FEATURES = 100_000_000


@dataclass(frozen=True)
class Trial:
    """One choice of hyperparameters and what it led to.

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


@dataclass(frozen=True)
class Search:
    """Trials in the order of the walk.

    Parameters
    ----------
    trials : list of Trial
    ended : bool
        Whether nothing was left to try, rather than a limit reached.
    """

    trials: list[Trial]
    ended: bool

    @property
    def best(self) -> Trial:
        """The smallest error, but for gains too small to matter."""
        best = self.trials[0]
        for trial in self.trials[1:]:
            if _improves(trial.rmse, best.rmse):
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


def describe(choice: Choice, other: Choice) -> str:
    """Text of what one choice has different from another."""
    return ", ".join(f"{k} {v}" for k, v in choice.items() if other.get(k) != v)


def make_options(
    choice: Mapping[str, Any],
    species: Sequence[Any],
    *,
    regressor: str = "kernel",
    **options: Any,
) -> ModelOptions:
    """Options of a model with chosen hyperparameters.

    Parameters
    ----------
    choice : mapping
        Values by name, as in `DEFAULTS`; missing ones are the default.
    species : sequence of int or str
    regressor : {"kernel", "ridge", "network"}
    **options
        Further `ModelOptions`.

    Raises
    ------
    ValueError
        If a name is unknown or a value out of range.
    """
    unknown = sorted(set(choice) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"hyperparameters: expected {', '.join(DEFAULTS)}, got {unknown}")
    full = {**DEFAULTS, **choice}
    descriptor = SOAP(species=tuple(species), **{name: full[name] for name in _OF_SOAP})
    how: str | SparseKernel = regressor
    if regressor == "kernel":
        how = SparseKernel(full["sparse_points"], full["degree"])
    return ModelOptions(descriptor, regressor=how, radial_basis=full["radial_basis"], **options)


def search(
    frames: Sequence[Atoms],
    states: Sequence,
    *,
    trials: int | None = None,
    budget: float | None = None,
    seed: int = 0,
    fixed: Mapping[str, Any] | None = None,
    record: str | Path | None = None,
    about: Mapping[str, Any] | None = None,
    progress: bool = True,
    **options: Any,
) -> Search:
    """Look for the hyperparameters with the smallest leave-one-out error.

    Parameters
    ----------
    frames : sequence of Atoms
        Training set.
    states : sequence of ElectronicStates, DOS or DOSTarget
    trials : int, optional
        Most trials.
    budget : float, optional
        No trial begins once all before it took this many seconds, those of an earlier run of the
        same search included.
    seed : int
        Decides in which order pairs of changes are tried.
    fixed : mapping, optional
        Values of `DEFAULTS` that are not searched.
    record : str or path, optional
        JSON file that every finished trial is written to, and read from when the search is run
        again.
    about : mapping, optional
        Written to the record as it is.
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
    finished = _Record(record, key, dict(about or {}))
    runner = _Runner(frames, targets, options)
    start = {**DEFAULTS, **fixed}
    idle = set(fixed) | (set() if options.get("regressor", "kernel") == "kernel" else _OF_KERNELS)
    axes = _free_axes(start, idle, runner.is_possible)
    walk = _walk(start, axes, runner.is_possible, seed)
    with _Bar(trials, budget, progress) as bar:
        done: dict[str, Trial] = {}
        choice, ended = next(walk), False
        while not ended:
            name = _name(choice)
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


def _improves(rmse: float, lowest: float) -> bool:
    return rmse < lowest * (1 - GAIN)


def _name(choice: Choice) -> str:
    return json.dumps(choice, sort_keys=True)


# The walk


def _free_axes(start: Choice, idle: set[str], is_possible: _Possible) -> list[list[Choice]]:
    """Axes without names that are not searched and rungs that the start cannot take."""
    axes = []
    for axis in AXES:
        rungs: list[Choice] = []
        for rung in axis:
            free = {name: value for name, value in rung.items() if name not in idle}
            same = {**start, **free} == start
            if free and free not in rungs and (same or is_possible({**start, **free})):
                rungs.append(free)
        if len(rungs) > 1:
            axes.append(rungs)
    return axes


def _moved(choice: Choice, axis: list[Choice], direction: int) -> Choice | None:
    """One step along an axis; None at its end."""
    here = next(i for i, rung in enumerate(axis) if {**choice, **rung} == choice)
    there = here + direction
    return {**choice, **axis[there]} if 0 <= there < len(axis) else None


def _walk(
    start: Choice, axes: list[list[Choice]], is_possible: _Possible, seed: int
) -> Generator[Choice, float, None]:
    """Yield choices, maybe some again, and take their errors."""
    rng = np.random.default_rng(seed)
    best, lowest = start, (yield start)
    moved = True
    while moved:
        moved = False
        for axis, direction in product(axes, (1, -1)):
            while (step := _moved(best, axis, direction)) is not None and is_possible(step):
                rmse = yield step
                if not _improves(rmse, lowest):
                    break
                best, lowest, moved = step, rmse, True
        if moved:
            continue
        for step in _double_steps(best, axes, rng):
            if is_possible(step):
                rmse = yield step
                if _improves(rmse, lowest):
                    best, lowest, moved = step, rmse, True
                    break


def _double_steps(
    choice: Choice, axes: list[list[Choice]], rng: np.random.Generator
) -> list[Choice]:
    """Return steps along two axes at once, in random order."""
    steps = []
    for (first, second), (one, other) in product(combinations(axes, 2), product((1, -1), repeat=2)):
        half = _moved(choice, first, one)
        whole = half and _moved(half, second, other)
        if whole:
            steps.append(whole)
    return [steps[i] for i in rng.permutation(len(steps))]


# The trials


class _Runner:
    """Trains models in a cheap way; the features of the last descriptor are kept."""

    def __init__(
        self, frames: Sequence[Atoms], targets: Sequence[DOSTarget], options: Mapping[str, Any]
    ) -> None:
        self.frames, self.targets, self.options = frames, targets, options
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
        began = perf_counter()
        options = make_options(choice, self.species, **self.options)
        # One penalty: a trial compares hyperparameters, and is to be cheap.
        model = DOSModel.from_options(replace(options, penalties=options.penalties[:1]))
        model.fit(self.frames, self.targets, features=self._features(model))
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
            if sum(map(len, self.frames)) * descriptor.n_features <= _MOST_FEATURES:
                self.features = model.compute_features(self.frames)
        return self.features


class _Record:
    """Finished trials by name, in a file or, without one, nowhere."""

    def __init__(self, path: str | Path | None, key: Choice, about: Choice) -> None:
        self.path = None if path is None else Path(path)
        self.content: dict[str, Any] = {"search": key, "about": about, "trials": []}
        if self.path is not None and self.path.exists():
            self.content = self._read(self.path, json.loads(json.dumps(key)))
        self.trials = {_name(one["choice"]): Trial(**one) for one in self.content["trials"]}

    @staticmethod
    def _read(path: Path, key: Choice) -> dict[str, Any]:
        try:
            content = json.loads(path.read_text())
            old, _ = content["search"], content["trials"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: not the record of a search ({error!r})") from error
        require_same(path, old, key, "choose another output, or remove the file to search anew")
        return content

    def get(self, name: str) -> Trial | None:
        return self.trials.get(name)

    def add(self, name: str, trial: Trial) -> Trial:
        self.trials[name] = trial
        self.content["trials"].append(asdict(trial))
        if self.path is not None:
            text = json.dumps(self.content, indent=1)
            replace_file(self.path, lambda file: file.write(text.encode()))
        return trial


class _Bar:
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

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: Any) -> None:
        self.bar.close()

    def show(self, trials: list[Trial]) -> None:
        best = Search(trials, False).best
        self.bar.set_postfix_str(f"leave-one-out RMSE {best.rmse:.4f}", refresh=False)
        spent = sum(trial.seconds for trial in trials) if self.by_time else len(trials)
        self.bar.update(min(spent, self.bar.total or spent) - self.bar.n)
