"""Data set of stored results: its format, its finished frames, its time axis."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos._version import __version__
from ase_dos.results.variables import FINISHED, FORMAT
from ase_dos.results.zarr_rows import MARK

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = [
    "Results",
    "finished_indices",
    "named_frames",
    "require_format",
    "require_xarray",
    "results_dataset",
    "time_axis",
]


MOST_RANGES = 6  # of frames that a text names


class HasDataset(Protocol):
    """Results that carry their data set, as a `TrajectoryResult` does."""

    @property
    def dataset(self) -> Dataset:
        """The data set."""


Results: TypeAlias = "Dataset | HasDataset"


def require_xarray() -> ModuleType:
    """Import xarray, with zarr to read from.

    Raises
    ------
    ImportError
        If one is not installed.
    """
    try:
        import numcodecs  # noqa: F401
        import xarray
        import zarr  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"results of trajectories need xarray and zarr: pip install 'ase_dos[trajectory]' "
            f"({error})"
        ) from error
    return xarray


def require_format(path: str | os.PathLike, attributes: Mapping[str, Any]) -> None:
    """Refuse results that another release wrote in another way."""
    if attributes.get(MARK) != FORMAT:
        raise ValueError(
            f"{path}: format {attributes.get(MARK)} of ase_dos "
            f"{attributes.get('ase_dos_version')}, this release ({__version__}) "
            f"reads format {FORMAT}; run the analysis again"
        )


def results_dataset(source: Results) -> Dataset:
    """Return the data set of results, given as such or wrapped.

    Raises
    ------
    ValueError
        If there is none.
    """
    dataset = cast("Dataset", getattr(source, "dataset", source))
    if "status" not in getattr(dataset, "variables", ()):
        raise ValueError(
            f"expected the results of a trajectory (xarray.Dataset or TrajectoryResult), got "
            f"{type(source).__name__}"
        )
    return dataset


def finished_indices(source: Results) -> NDArray:
    """Return the indices in the trajectory of the frames that have a result."""
    dataset = results_dataset(source)
    return dataset["frame"].values[dataset["status"].values == FINISHED]


def named_frames(indices: ArrayLike) -> str:
    """Return indices of frames, rising, as text: "frames 3, 5-9 and 12 more"."""
    frames = np.asarray(indices)
    parts = np.split(frames, np.flatnonzero(np.diff(frames) != 1) + 1)
    ranges = [f"{part[0]}" if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts]
    more = f" and {sum(map(len, parts[MOST_RANGES:]))} more" if len(parts) > MOST_RANGES else ""
    return f"frame{'s' * (len(frames) > 1)} {', '.join(ranges[:MOST_RANGES])}{more}"


def time_axis(dataset: Dataset) -> tuple[NDArray, str]:
    """Time of the frames, else their MD step, else their index, with a label.

    The first of these that all finished frames have and that rises. The label says so where the
    frames have a time or a step, and it does not rise.
    """
    finished = dataset["status"].values == FINISHED
    unit = dataset["time"].attrs.get("units", "unit of the trajectory")
    frame = "Frame"
    for name, label in (("time", f"Time ({unit})"), ("md_step", "Step")):
        values = np.asarray(dataset[name].values, dtype=float)
        found = values[finished]
        if np.isfinite(found).all():
            if (np.diff(found) > 0).all():
                return values, label
            frame = f"Frame ({label.partition(' ')[0].lower()} does not rise)"
    return np.asarray(dataset["frame"].values, dtype=float), frame
