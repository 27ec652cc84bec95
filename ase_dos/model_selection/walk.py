"""Walk along the axes of hyperparameters, one step at a time or two at once.

From good defaults it goes along one axis at a time and keeps what lowers the error. Where no single
step does, it tries two steps at once, in an order that the seed decides. It depends on nothing but
the errors and the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import combinations, product

import numpy as np

from ase_dos.model_selection.hyperparameters import AXES, Choice

__all__ = ["free_axes", "improves", "walk_axes"]

Possible = Callable[[Choice], bool]


# Share by which a change has to lower the error: less is noise, and may cost time.
GAIN = 0.003


def improves(rmse: float, lowest: float) -> bool:
    """Whether an error is lower by more than noise."""
    return rmse < lowest * (1 - GAIN)


def free_axes(start: Choice, fixed: set[str], is_possible: Possible) -> list[list[Choice]]:
    """Axes without names that are not searched and rungs that the start cannot take."""
    axes = []
    for axis in AXES:
        rungs: list[Choice] = []
        for rung in axis:
            free = {name: value for name, value in rung.items() if name not in fixed}
            same = {**start, **free} == start
            if free and free not in rungs and (same or is_possible({**start, **free})):
                rungs.append(free)
        if len(rungs) > 1:
            axes.append(rungs)
    return axes


def _moved(choice: Choice, axis: list[Choice], direction: int) -> Choice | None:
    """One step along an axis; None at its end."""
    place = next(i for i, rung in enumerate(axis) if {**choice, **rung} == choice)
    other = place + direction
    return {**choice, **axis[other]} if 0 <= other < len(axis) else None


def walk_axes(
    start: Choice, axes: list[list[Choice]], is_possible: Possible, seed: int
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
                if not improves(rmse, lowest):
                    break
                best, lowest, moved = step, rmse, True
        if moved:
            continue
        for step in _double_steps(best, axes, rng):
            if is_possible(step):
                rmse = yield step
                if improves(rmse, lowest):
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
