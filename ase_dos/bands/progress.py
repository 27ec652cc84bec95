"""Progress of a fit: a bar over stages, each of at most so many parts."""

from __future__ import annotations

import sys
from collections.abc import Mapping

__all__ = ["StageProgress"]


class StageProgress:
    """Bar on a terminal that names the part finished last.

    How many parts a fit takes is known when it is done; how many at most, before. Where a stage
    ends early, the bar goes on to its end, and it is full at the end of the last.

    Parameters
    ----------
    shown : bool
        Whether to show it, if this is a terminal.
    stages : mapping of str to int
        Stages in their order, and the most parts that each has.
    what : str
        Name of the bar.
    """

    def __init__(self, shown: bool, stages: Mapping[str, int], what: str) -> None:
        from tqdm import tqdm

        self._ends, end = {}, 0
        for stage, most in stages.items():
            end += most
            self._ends[stage] = end
        self._bar = tqdm(
            total=end,
            desc=what,
            disable=not (shown and sys.stderr.isatty()),
            bar_format="{l_bar}{bar}| [{elapsed}{postfix}]",
        )
        self._limit = end

    def __enter__(self) -> StageProgress:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def begin(self, stage: str) -> None:
        """Go to the beginning of a stage."""
        names = list(self._ends)
        place = names.index(stage)
        self._limit = self._ends[stage]
        self._move(self._ends[names[place - 1]] if place else 0, stage)

    def done(self, part: str) -> None:
        """Count a finished part of the stage."""
        self._move(min(self._bar.n + 1, self._limit), part)

    def finish(self) -> None:
        """Go to the end of the last stage."""
        self._move(self._bar.total, "")

    def _move(self, place: int, text: str) -> None:
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(place - self._bar.n)
