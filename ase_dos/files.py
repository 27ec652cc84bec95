"""Files that are complete or absent, whenever a run is killed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["replace_file"]


def replace_file(path: str | os.PathLike, write: Callable[[Any], Any]) -> None:
    """Write a file so that a kill at any moment leaves the old one or the new one.

    Parameters
    ----------
    path : str or path
        The file.
    write : callable
        Takes a binary file that is open for writing.
    """
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            write(file)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
