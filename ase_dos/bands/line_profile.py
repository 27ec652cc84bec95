"""Voigt profile of a photoemission line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import voigt_profile

from ase_dos.utils.checks import as_array, as_positive

__all__ = ["LineProfile"]


@dataclass(frozen=True)
class LineProfile:
    """Line that a band leaves in the spectrum of one momentum: a Voigt profile of area one.

    Parameters
    ----------
    gaussian : float
        Standard deviation of its Gaussian part (eV): resolution and disorder.
    lorentzian : float
        Half width at half maximum of its Lorentzian part (eV): lifetime.

    Raises
    ------
    ValueError
        If a width is negative or not finite, or both are zero.
    """

    gaussian: float
    lorentzian: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "gaussian", as_positive(self.gaussian, "gaussian", zero=True))
        object.__setattr__(
            self, "lorentzian", as_positive(self.lorentzian, "lorentzian", zero=True)
        )
        if self.gaussian == self.lorentzian == 0.0:
            raise ValueError("a line needs a width: gaussian and lorentzian are both 0")

    @property
    def fwhm(self) -> float:
        """Full width at half maximum (eV), to 0.02 %.

        Source: Olivero and Longbothum, J. Quant. Spectrosc. Radiat. Transfer 17, 233 (1977).
        """
        gauss = 2.0 * np.sqrt(2.0 * np.log(2.0)) * self.gaussian
        lorentz = 2.0 * self.lorentzian
        return float(0.5346 * lorentz + np.hypot(np.sqrt(0.2166) * lorentz, gauss))

    def density(self, offsets: ArrayLike) -> NDArray[np.float64]:
        """Value of the line (1/eV).

        Parameters
        ----------
        offsets : array_like
            Energies from the centre of the line (eV), of any shape.

        Returns
        -------
        ndarray
            Of the same shape.
        """
        return voigt_profile(as_array(offsets, "offsets"), self.gaussian, self.lorentzian)

    def widened(self, factor: float) -> LineProfile:
        """Return the line with both widths times ``factor``."""
        return LineProfile(self.gaussian * factor, self.lorentzian * factor)

    def binned(self, step: float) -> LineProfile:
        """Line as bins of width ``step`` (eV) see it: their variance added to the Gaussian's."""
        return LineProfile(float(np.sqrt(self.gaussian**2 + step**2 / 12.0)), self.lorentzian)
