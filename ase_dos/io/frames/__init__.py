"""Frames of a trajectory one by one, by index, from any file or program.

`open_frames` chooses the reader of a source; each format has a module of its own.
"""

from ase_dos.io.frames.base import Frames, Images, Reader
from ase_dos.io.frames.sources import (
    FrameSource,
    count_frames,
    frame_range,
    frame_readers,
    numbered_frames,
    open_frames,
    progress_bar,
    source_name,
    times_in_fs,
)

__all__ = [
    "FrameSource",
    "Frames",
    "Images",
    "Reader",
    "count_frames",
    "frame_range",
    "frame_readers",
    "numbered_frames",
    "open_frames",
    "progress_bar",
    "source_name",
    "times_in_fs",
]
