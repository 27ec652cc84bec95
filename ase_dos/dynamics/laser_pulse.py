"""Laser pulses: how much energy the electrons absorb, when and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.units import fs
from numpy.typing import NDArray
from scipy.special import erf

from ase_dos.utils.checks import as_array, as_positive

__all__ = ["LaserPulse"]

_FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))  # of a Gaussian, over its standard deviation


@dataclass(frozen=True)
class LaserPulse:
    """Light that is Gaussian in time and absorbed by the electrons.

    Parameters
    ----------
    energy : float
        Absorbed by the whole pulse: mean over the atoms (eV per atom).
    center : float
        Time of the maximum, in ASE's unit of time (``200 * ase.units.fs``).
    duration : float
        Full width at half maximum, in ASE's unit of time.
    depth : float, optional
        Length (Angstrom) over which the intensity falls to 1/e in the sample; None heats all of
        it evenly.
    direction : {"+x", "-x", "+y", "-y", "+z", "-z"}
        Direction of the light, along the first, second or third cell vector: "-z" comes from above.

    Raises
    ------
    ValueError
        If a number is not finite or not positive (the centre may be anything), or the direction
        is unknown.
    """

    energy: float
    center: float
    duration: float
    depth: float | None = None
    direction: str = "-z"

    def __post_init__(self) -> None:
        as_positive(self.energy, "pulse energy", zero=True)
        as_array(self.center, "pulse center", ())
        as_positive(self.duration, "pulse duration")
        if self.depth is not None:
            as_positive(self.depth, "pulse depth")
        if len(self.direction) != 2 or self.direction[0] not in "+-" or self.axis < 0:
            raise ValueError(
                f"pulse direction: expected a sign and an axis such as '-z', got {self.direction!r}"
            )

    @property
    def axis(self) -> int:
        """Cell vector along which the light goes."""
        return "xyz".find(self.direction[1:])

    def absorbed(self, start: float, stop: float) -> float:
        """Energy (eV per atom) absorbed between two times; consecutive intervals add up."""
        return self.energy * self.share(start, stop)

    def share(self, start: float, stop: float) -> float:
        """Part of the energy that comes between two times, which may be infinite."""
        sigma = np.sqrt(2.0) * self.duration / _FWHM
        ends = erf((np.array([start, stop]) - self.center) / sigma)
        return float(0.5 * (ends[1] - ends[0]))

    def shares(self, counts: NDArray, thickness: float) -> NDArray:
        """Part of the energy that goes to every cell, sum 1.

        Parameters
        ----------
        counts : (nx, ny, nz) int array
            Atoms in every cell of a grid.
        thickness : float
            Of its layers along the axis of the light (Angstrom).

        Notes
        -----
        The depth counts from the outer face of the first layer that holds atoms; each layer has
        its mean of exp(-d/depth), shared evenly by its atoms.
        """
        weights = np.array(counts, dtype=float)
        if self.depth is not None:
            others = tuple({0, 1, 2} - {self.axis})
            filled = np.flatnonzero(weights.sum(axis=others))
            layer = np.arange(weights.shape[self.axis])
            below = layer - filled[0] if self.direction[0] == "+" else filled[-1] - layer
            fall = np.exp(-thickness * below.clip(min=0) / self.depth)
            weights *= np.expand_dims(fall, others)
        return weights / weights.sum()

    def todict(self) -> dict:
        """Parameters as plain values, times in fs."""
        return {
            "energy": float(self.energy),
            "center_fs": float(self.center / fs),
            "duration_fs": float(self.duration / fs),
            "depth": None if self.depth is None else float(self.depth),
            "direction": self.direction,
        }
