"""Warnings of a long run: collected block by block, counted by kind, each kind given once.

Whatever a run repeats at every step, with other numbers, warns by `warn`. It asks the outermost of
those who count: a collection, which takes all, or `WarningCounter.once`, which lets the first of a
kind pass.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import NamedTuple

__all__ = ["CollectedWarning", "WarningCounter", "collect_warnings", "kind_of", "warn"]

_REST_IS_COUNTED = "(further warnings of this kind are only counted)"
_NUMBER = re.compile(r"[-+]?\d[\d.]*(e[-+]?\d+)?")


def kind_of(text: str) -> str:
    """Text with ``#`` for every number: equal for messages that differ in numbers only."""
    return _NUMBER.sub("#", text)


class CollectedWarning(NamedTuple):
    """Text and category of a warning, as a value that other processes can send."""

    text: str
    category: type[Warning]

    @property
    def kind(self) -> str:
        """`kind_of` the text."""
        return kind_of(self.text)


# What is given of a warning: the text, or nothing.
_Decision = Callable[[CollectedWarning], str]
_decision: ContextVar[_Decision | None] = ContextVar("decision", default=None)


class _Decided:
    """Let this decide on `warn`, unless it is decided on already."""

    def __init__(self, decision: _Decision) -> None:
        self._decision = decision

    def __enter__(self) -> None:
        free = _decision.get() is None
        self._token = _decision.set(self._decision) if free else None

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _decision.reset(self._token)


def warn(text: str, category: type[Warning], *, stacklevel: int = 1) -> None:
    """Warn, if whoever counts the warnings of a run lets it pass."""
    decision = _decision.get()
    given = text if decision is None else decision(CollectedWarning(text, category))
    if given:
        warnings.warn(given, category, stacklevel=stacklevel + 1)


@contextmanager
def collect_warnings() -> Iterator[list[CollectedWarning]]:
    """Collect the warnings of a block in place of showing them; the list is filled at its end.

    What a library calls deprecated is no news of the run: it is given as anywhere else.
    """
    found: list[CollectedWarning] = []
    all_of_them = _Decided(lambda warning: warning.text)
    with all_of_them, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield found
        finally:
            found += [CollectedWarning(str(w.message), w.category) for w in caught if _of_run(w)]
    for w in caught:
        if not _of_run(w):
            warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)


def _of_run(warning: warnings.WarningMessage) -> bool:
    return not issubclass(warning.category, (DeprecationWarning, PendingDeprecationWarning))


class WarningCounter:
    """Kinds of warnings of a run, with the number of its blocks that gave each.

    A block is a step of a simulation or a frame of a trajectory.

    Attributes
    ----------
    counts : dict
        Number of blocks, by `CollectedWarning.kind`.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._first: dict[str, tuple[str, CollectedWarning]] = {}

    def add(self, block: str, found: Iterable[CollectedWarning]) -> list[CollectedWarning]:
        """Count the warnings of a block ("frame 12"); return those of a kind that is new."""
        kinds: dict[str, CollectedWarning] = {}
        for warning in found:
            kinds.setdefault(warning.kind, warning)
        new = []
        for kind, warning in kinds.items():
            self.counts[kind] = self.counts.get(kind, 0) + 1
            if kind not in self._first:
                self._first[kind] = block, warning
                new.append(warning)
        return new

    @contextmanager
    def give_first(self, block: str) -> Iterator[None]:
        """Collect the warnings of a block; give those of a kind that is new, count the others."""
        with collect_warnings() as found:
            yield
        for text, category in self.add(block, found):
            warnings.warn(
                f"{block}: {text} {_REST_IS_COUNTED}",
                category,
                stacklevel=4,
            )

    def once(self, block: str = "") -> AbstractContextManager[None]:
        """Let `warn` give the first of every kind alone, and count the others.

        Cheaper than `give_first`, and without an effect on other warnings: those go their way.
        """

        def first(warning: CollectedWarning) -> str:
            return f"{warning.text} {_REST_IS_COUNTED}" if self.add(block, [warning]) else ""

        return _Decided(first)

    def give_summary(self, total: int, blocks: str, *, stacklevel: int = 1) -> None:
        """Give every kind once, with the number of the ``total`` blocks ("frames") it came from."""
        for kind, (first, (text, category)) in self._first.items():
            warnings.warn(
                f"{self.counts[kind]} of {total} {blocks}, the first is {first}: {text}",
                category,
                stacklevel=stacklevel + 1,
            )
