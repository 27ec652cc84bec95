"""Frozen values made of what was checked, without checking it again.

The checks of a small frame can take longer than its calculation.
"""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = ["changed", "unchecked"]

T = TypeVar("T")


def unchecked(kind: type[T], **attributes: Any) -> T:
    """Return a value of a frozen dataclass with all of its attributes, none of them checked."""
    value = object.__new__(kind)
    value.__dict__.update(attributes)
    return value


def changed(value: T, **attributes: Any) -> T:
    """Return a copy with other attributes; as `dataclasses.replace`, but unchecked."""
    return unchecked(type(value), **value.__dict__ | attributes)
