"""Frozen values made of others that were checked."""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = ["changed"]

T = TypeVar("T")


def changed(value: T, **attributes: Any) -> T:
    """Return a copy of a frozen value with other attributes, which are not checked again.

    `dataclasses.replace` checks all of them, which takes longer than a small calculation.
    """
    other = object.__new__(type(value))
    other.__dict__.update(value.__dict__, **attributes)
    return other
