"""Errors that say which of many structures they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

__all__ = ["MOST_NAMED", "StructureError", "of_structure"]

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
