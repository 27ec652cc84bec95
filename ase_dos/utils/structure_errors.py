"""Errors that say which of many structures they are about, and what is done about them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TypeAlias

__all__ = [
    "MOST_NAMED",
    "OnError",
    "StructureError",
    "check_on_error",
    "error_taker",
    "of_structure",
]

OnError: TypeAlias = "str | Callable[[int, ValueError], object]"

MOST_NAMED = 5  # structures in one message


class StructureError(ValueError):
    """Error about some of many structures.

    Parameters
    ----------
    indices : sequence of int
        Which structures.
    reason : str
        What is wrong with them.
    """

    def __init__(self, indices: Sequence[int], reason: str) -> None:
        super().__init__(tuple(indices), reason)

    @property
    def indices(self) -> tuple[int, ...]:
        """Which structures."""
        return self.args[0]

    @property
    def reason(self) -> str:
        """What is wrong with them."""
        return self.args[1]

    def __str__(self) -> str:
        plural = "s" if len(self.indices) > 1 else ""
        return f"structure{plural} {self._listed(map(str, self.indices))}: {self.reason}"

    def naming(self, names: Sequence[str]) -> str:
        """Return the message with the names of the structures in place of their indices."""
        return f"{self._listed(names[i] for i in self.indices)}: {self.reason}"

    def _listed(self, names: Iterable[str]) -> str:
        more = len(self.indices) - MOST_NAMED
        return ", ".join(islice(names, MOST_NAMED)) + (f" and {more} more" if more > 0 else "")


@contextmanager
def of_structure(index: int) -> Iterator[None]:
    """Name the structure in the errors of a block about one structure.

    Raises
    ------
    StructureError
        In place of any other ValueError.
    """
    try:
        yield
    except StructureError:
        raise
    except ValueError as error:
        raise StructureError([index], str(error)) from error


def check_on_error(on_error: OnError) -> None:
    """Refuse what is neither "raise" nor "skip"."""
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error: expected 'raise' or 'skip', got {on_error!r}")


def error_taker(on_error: OnError) -> Callable[[int, ValueError], object]:
    """Return what takes index and error of a structure that cannot be used.

    Parameters
    ----------
    on_error : {"raise", "skip"} or callable
        Raise the error; warn of it, so that the structure is left out; or the function itself.
    """
    if callable(on_error):
        return on_error
    check_on_error(on_error)
    return _raise if on_error == "raise" else _warn


def _raise(index: int, error: ValueError) -> None:
    raise error


def _warn(index: int, error: ValueError) -> None:
    warnings.warn(f"left out: {error}", UserWarning, stacklevel=4)
