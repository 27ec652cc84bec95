"""Dipole moments of a trajectory, as runs of equal time steps, and the spectrum of these."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ase_dos.results.dataset import Results, results_dataset
from ase_dos.results.infrared import LIGHT, InfraredSpectrum, infrared_spectrum
from ase_dos.results.repeats import Repeats
from ase_dos.results.variables import FINISHED
from ase_dos.utils.checks import as_positive

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["DipoleRuns", "trajectory_spectrum"]

EQUAL = 0.25  # share by which time steps may differ, for times that are rounded
STRETCH = 4000.0  # 1/cm, above the stretches of hydrogen


@dataclass(frozen=True, eq=False)
class DipoleRuns:
    """Dipole moments between gaps in time.

    Attributes
    ----------
    timestep : float
        Time from one frame to the next (fs).
    dipoles : list of (n, 3) array
        Of every run (e Angstrom).
    members : list of (n, 3, members) array, optional
        By the members of the density model's ensemble.
    """

    timestep: float
    dipoles: list[NDArray]
    members: list[NDArray] | None

    @classmethod
    def of(cls, source: Results, timestep: float | None = None) -> DipoleRuns:
        """Take runs from results; missing frames, and frames that go back in time, end a run.

        Parameters
        ----------
        source : TrajectoryResult or xarray.Dataset
            Results with dipole moments.
        timestep : float, optional
            Time from one frame of the results to the next (fs), where they have none.

        Raises
        ------
        ValueError
            If there are no dipole moments, or the time step is not known.
        """
        dataset = results_dataset(source)
        if "dipole" not in dataset:
            raise ValueError(
                "dipole: not in these results; run the analysis with density_model=... "
                "(--density-model MODEL)"
            )
        times = _times(dataset, timestep)
        repeats = Repeats.of_dataset(dataset)
        left_out = repeats.frames[repeats.left_out]
        used = dataset["status"].values == FINISHED
        used &= ~np.isin(dataset["frame"].values, left_out)
        steps = np.diff(times[used])
        if not steps.size:
            raise ValueError("dipole: expected more than one frame, got one")
        step = np.median(steps)
        equal = np.abs(steps - step) <= EQUAL * step
        if step <= 0 or 2 * equal.sum() < len(steps):
            raise ValueError(
                "timestep: the times of the frames do not rise by equal steps; give the time from "
                "one frame to the next, in fs"
            )
        cuts = np.flatnonzero(~equal) + 1

        def runs(name: str) -> list[NDArray]:
            return np.split(dataset[name].values[used], cuts)

        members = runs("dipole_member") if "dipole_member" in dataset else None
        return cls(float(steps[equal].mean()), runs("dipole"), members)


def trajectory_spectrum(
    source: Results,
    temperature: float,
    timestep: float | None = None,
    resolution: float = 10.0,
) -> InfraredSpectrum:
    """Infrared spectrum of results with dipole moments.

    Parameters
    ----------
    source : TrajectoryResult or xarray.Dataset
        Results of a run with a density model.
    temperature : float
        Of the atoms (K).
    timestep : float, optional
        Time from one frame of the results to the next (fs); that of the results by default.
    resolution : float
        Width at half height of a sharp line (1/cm); see
        `ase_dos.results.infrared.infrared_spectrum`.

    Raises
    ------
    ValueError
        If there are no dipole moments, the time step is not known, or no run without a gap is
        long enough.

    Warns
    -----
    UserWarning
        If the frames are too far apart in time for the stretches of hydrogen.
    """
    runs = DipoleRuns.of(source, timestep)
    highest = 0.5 / (LIGHT * runs.timestep)
    if highest < STRETCH and (results_dataset(source)["numbers"].values == 1).any():
        warnings.warn(
            f"frames {runs.timestep:g} fs apart: stretches of hydrogen above {highest:.0f} 1/cm "
            "appear at lower wavenumbers; store frames every 4 fs or less",
            UserWarning,
            stacklevel=2,
        )
    return infrared_spectrum(
        runs.dipoles, runs.timestep, temperature, resolution=resolution, members=runs.members
    )


def _times(dataset: Dataset, timestep: float | None) -> NDArray:
    """Return times of all frames (fs)."""
    if timestep is not None:
        return as_positive(timestep, "timestep") * np.arange(dataset.sizes["frame"])
    times = dataset["time"].values
    known = np.isfinite(times[dataset["status"].values == FINISHED]).all()
    if not known or dataset["time"].attrs.get("units") != "fs":
        why = "the unit of their time is not known" if known else "the frames have no time"
        raise ValueError(f"timestep: {why}; give the time from one frame to the next, in fs")
    return times
