"""Beginning of the next frame of an xyz file after one that is broken.

A killed run leaves a frame with too few lines, the last of them cut, and its continuation may have
been written right behind: the line ``Si 0.1 0.2`` and the number of atoms ``8`` become
``Si 0.1 0.28``.
"""

from __future__ import annotations

from ase_dos.io.frames.buffer import Buffer

__all__ = ["count_of", "find_next_frame", "is_row"]

_LONGEST = 12  # digits of a number of atoms


def count_of(line: bytes) -> int | None:
    """Return the number of atoms that a line has and nothing else, None if it has none."""
    word = line.removeprefix(b"\xef\xbb\xbf").strip()
    return int(word) if word.isdigit() and len(word) <= _LONGEST else None


def find_next_frame(buffer: Buffer, start: int) -> int:
    """Return where the frame after a broken one begins, or the end of the stream.

    Parameters
    ----------
    buffer : Buffer
        The stream.
    start : int
        Where the broken frame begins.
    """
    first = buffer.line(start)
    count = b"" if count_of(first) is None else first.strip()
    at = start + len(first)
    previous = b""
    while line := buffer.line(at):
        before_a_row = is_row(buffer.line(at + len(line)))
        if count_of(line) is not None and not before_a_row:  # else it is a comment
            return at
        if count and before_a_row and not is_row(line):
            end = previous.rstrip()
            if end.endswith(count) and end != count:  # the number stands behind a line that was cut
                return at - len(previous) + len(end) - len(count)
        previous = line
        at += len(line)
    return len(buffer.data)


def is_row(line: bytes) -> bool:
    """Whether a line is one of an atom: a symbol or type, and numbers."""
    words = line.split()
    if len(words) < 4 or b"=" in line or not all(map(_is_float, words[1:4])):
        return False
    return words[0].isdigit() or not _is_float(words[0])


def _is_float(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
