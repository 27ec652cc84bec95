"""Objects that take no new attributes."""

from __future__ import annotations

from typing import Any

__all__ = ["Sealed"]


class Sealed:
    """Object that refuses to set a public attribute that it does not have.

    So a wrong name, or an option that only the constructor takes, is an error and not ignored.
    A class calls `_seal` with itself at the end of its constructor; classes derived from it, which
    may have more to set then, stay open.
    """

    def _seal(self, owner: type) -> None:
        self.__dict__["_sealed"] = type(self) is owner

    def __setattr__(self, name: str, value: Any) -> None:
        known = name.startswith("_") or name in self.__dict__ or hasattr(type(self), name)
        if not known and self.__dict__.get("_sealed"):
            raise AttributeError(f"{type(self).__name__} has no {name!r} to set; {self._advice()}")
        super().__setattr__(name, value)

    def _advice(self) -> str:
        return "give it when you construct the object"
