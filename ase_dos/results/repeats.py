"""Frames of a run that repeat others: copies, and steps or times that do not rise.

A simulation that was restarted writes some frames again, and files of several runs start anew.
Copies are not independent frames, and others that go back in time need not be of one run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.results.dataset import named_frames
from ase_dos.results.variables import FINISHED

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["CLOCKS", "REPEATED", "Repeats"]

# What is left out: copies, all but the last frame of each step or time, nothing.
REPEATED = ("copies", "last", "keep")
CLOCKS = {"step": "md_step", "time": "time"}  # in words, and as variables of the results


@dataclass(frozen=True, eq=False)
class Repeats:
    """Frames that repeat others, and what is left out of them.

    Attributes
    ----------
    frames : (n,) array of int
        Indices in the trajectory of all frames.
    clock : str
        What counts the frames: "step" or "time"; "" where not all of them have one.
    counts : (n,) array
        Step or time of the frames; their place where they have none.
    repeated : str
        What is left out, one of `REPEATED`.
    left_out : (n,) array of bool
        Frames that are left out.
    """

    frames: NDArray
    clock: str
    counts: NDArray
    repeated: str
    left_out: NDArray

    @classmethod
    def of(
        cls,
        frames: ArrayLike,
        fingerprints: ArrayLike | None,
        clocks: Mapping[str, ArrayLike],
        repeated: str = "copies",
    ) -> Repeats:
        """Find the frames that repeat others.

        Parameters
        ----------
        frames : (n,) array_like of int
            Indices of the frames in the trajectory.
        fingerprints : (n,) array_like of int, optional
            Checksums of their structures.
        clocks : mapping of str to (n,) array_like
            Their "step" and "time", NaN where a frame has none. The one that rises is taken, or
            else the first that all frames have.
        repeated : {"copies", "last", "keep"}
            What is left out: copies of earlier frames (the same structure at the same step or
            time); all but the last frame of each step or time, with the frames that a restart at
            an earlier step outdates; nothing.

        Raises
        ------
        ValueError
            If ``repeated`` is another word, or the last frame of each step is asked for and the
            frames have neither step nor time.
        """
        if repeated not in REPEATED:
            raise ValueError(f"repeated: expected one of {', '.join(REPEATED)}, got {repeated!r}")
        indices = np.asarray(frames)
        clock, counts = _rising(clocks, len(indices))
        if repeated == "last" and not clock:
            raise ValueError(
                "repeated: 'last' needs frames that all have a step or a time; these have not"
            )
        left_out = np.zeros(len(indices), dtype=bool)
        if repeated == "last":
            left_out = _goes_back(-counts[::-1])[::-1]
        elif repeated == "copies" and fingerprints is not None:
            left_out = _copies(np.asarray(fingerprints), counts if clock else None)
        return cls(indices, clock, counts, repeated, left_out)

    @classmethod
    def of_dataset(cls, dataset: Dataset, repeated: str = "copies") -> Repeats:
        """Find them among the finished frames of results; other arguments as those of `of`."""
        found = dataset.isel(frame=dataset["status"].values == FINISHED)
        fingerprints = found["fingerprint"].values if "fingerprint" in found else None
        clocks = {name: found[variable].values for name, variable in CLOCKS.items()}
        return cls.of(found["frame"].values, fingerprints, clocks, repeated)

    @property
    def going_back(self) -> NDArray:
        """Indices of the frames that count and whose step or time does not rise."""
        counting = ~self.left_out
        return self.frames[counting][_goes_back(self.counts[counting])]

    def remarks(self) -> list[str]:
        """Sentences on frames that are left out, and on those that go back and count."""
        remarks = []
        if self.left_out.any():
            why = "copies of earlier frames (the same structure"
            why += f" at the same {self.clock})" if self.clock else ")"
            if self.repeated == "last":
                why = f"a later frame has their {self.clock} or an earlier one"
            remarks.append(f"Left out: {named_frames(self.frames[self.left_out])}, {why}.")
        if (back := self.going_back).size:
            remarks.append(
                f"The {self.clock} does not rise: {named_frames(back)} repeat one or go back, and "
                "count as independent frames. With repeated='last' (--repeated last) only the "
                f"last frame of each {self.clock} counts."
            )
        return remarks


def _rising(clocks: Mapping[str, ArrayLike], size: int) -> tuple[str, NDArray]:
    """Step or time of all frames, with its name: one that rises, or else the first."""
    known = {name: np.asarray(counts, dtype=float) for name, counts in clocks.items()}
    known = {name: counts for name, counts in known.items() if np.isfinite(counts).all()}
    for name, counts in known.items():
        if (np.diff(counts) > 0).all():
            return name, counts
    return next(iter(known.items()), ("", np.arange(float(size))))


def _goes_back(counts: NDArray) -> NDArray:
    """Which counts do not exceed all that stand before them."""
    highest = np.concatenate([[-np.inf], np.maximum.accumulate(counts)[:-1]])
    return counts <= highest


def _copies(fingerprints: NDArray, counts: NDArray | None) -> NDArray:
    """Which frames have the structure, and the count, of an earlier one."""
    keys = (
        fingerprints[:, None] if counts is None else np.stack([fingerprints, counts.view("u8")], 1)
    )
    _, first = np.unique(keys, axis=0, return_index=True)
    return ~np.isin(np.arange(len(keys)), first)
