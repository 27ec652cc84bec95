"""Exceptions of broken files of frames, each as a ValueError that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

__all__ = ["library_errors", "plain_errors"]

_NO_FAULTS_OF_FILES = (KeyboardInterrupt, SystemExit, GeneratorExit, ImportError)


def plain_errors(*passes: type[Exception]) -> _AsValueErrors:
    """Turn whatever a broken file makes Python raise into a ValueError that says so.

    Those of ``passes`` are left as they are.
    """
    return _AsValueErrors((ValueError, *passes), _plain_text)


def library_errors(
    library: str, *passes: type[Exception], reason: str = "the frame is damaged"
) -> _AsValueErrors:
    """Turn whatever a library raises at a broken file into a ValueError that says who could not.

    Its own exceptions need not be those of Python: that of chemfiles is no Exception. Those of
    ``passes`` are left as they are.
    """
    return _AsValueErrors(passes, partial(_library_text, library, reason))


class _AsValueErrors:
    """Context whose exceptions become ValueErrors, but for those of some types.

    As a generator it would keep each exception with the files that are open where it came from,
    until Python collects its garbage.
    """

    def __init__(
        self, passes: tuple[type[Exception], ...], text: Callable[[BaseException], str]
    ) -> None:
        self._passes: tuple[type[BaseException], ...] = (*_NO_FAULTS_OF_FILES, *passes)
        self._text = text

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None and not isinstance(error, self._passes):
            raise ValueError(self._text(error)) from error


def _plain_text(error: BaseException) -> str:
    if isinstance(error, OSError):
        return str(error)
    return f"the file is damaged, or not of this format ({type(error).__name__}: {error})"


def _library_text(library: str, reason: str, error: BaseException) -> str:
    text = " ".join(str(error).split())
    if not isinstance(error, ValueError) or not text:
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"{reason}, {library} cannot read it ({text[:200]})"
