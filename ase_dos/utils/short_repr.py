"""Line of text on a value with arrays: numbers, and range and shape of each array."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import fields
from typing import Any

import numpy as np

__all__ = ["short_repr"]


def short_repr(value: Any) -> str:
    """Describe a dataclass in one line; assigned to its ``__repr__``.

    Fields that are None or empty texts, and those with ``repr=False``, are left out.

    Examples
    --------
    >>> from ase_dos import DOS
    >>> DOS([0.0, 1.0, 2.0], [0.0, 3.0, 0.0], n_electrons=2)
    <DOS energies 0 to 2 (3), values 0 to 3 (3), n_electrons 2, smearing 0, valid_to 2>
    """
    known = {field.name: getattr(value, field.name) for field in fields(value) if field.repr}
    parts = [
        f"{name} {_shown(content)}"
        for name, content in known.items()
        if not (content is None or (isinstance(content, str) and not content))
    ]
    return f"<{type(value).__name__} {', '.join(parts)}>"


def _shown(content: Any) -> str:
    if isinstance(content, np.ndarray) and content.ndim:
        shape = str(content.shape).replace(",)", ")")
        finite = content[np.isfinite(content)] if content.dtype.kind in "if" else content[:0]
        if not finite.size:
            return shape
        return f"{finite.min():.4g} to {finite.max():.4g} {shape}"
    if isinstance(content, (int, float, np.ndarray)):
        return f"{content:.6g}"
    if isinstance(content, Sized) and not isinstance(content, str):
        return f"({len(content)})"
    return repr(content)
