"""Positions and widths of one band along a line of momenta, in the form that xARPES reads.

xARPES (https://github.com/xARPES/xARPES) extracts self-energies and Eliashberg functions from fits
of momentum distribution curves. Its class SelfEnergy takes, at kinetic energies, angles of peaks
and half widths of their Lorentzians in units of the sine of the angle. A reconstruction has the
energy of a band at each momentum instead; here the half width in energy is fitted there, and both
are turned into what xARPES reads. No bare band is chosen and no self-energy is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import units
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from ase_dos.bands.band_map import BandMap
from ase_dos.bands.line_profile import LineProfile
from ase_dos.bands.reconstructed import ReconstructedBands
from ase_dos.bands.spectra_model import SpectralLine
from ase_dos.utils.checks import as_array, as_positive

__all__ = ["BandLine", "band_line"]

# Kinetic energy (eV) of an electron with a momentum of 1/Angstrom: hbar^2 / 2 m.
KINETIC = units.Hartree * units.Bohr**2 / 2
_NARROWEST, _WIDEST = 0.05, 20.0  # of the Lorentzian of the reconstruction
_WINDOW = 6.0  # widths of the line around the band
_SWEEPS = 60
_TINY = 1e-12
_STEP = 0.1  # of the logarithm of a width, for the curvature


@dataclass(frozen=True, eq=False)
class BandLine:
    """One branch of a band along a line of momenta, with the widths of its lines.

    Energies rise along the arrays.

    Parameters
    ----------
    momenta, energies : (n,) array
        In 1/Angstrom, and in eV relative to the Fermi level.
    energy_std : (n,) array
        Standard deviations (eV); NaN where the reconstruction has none.
    widths, width_std : (n,) array
        Half widths at half maximum of the Lorentzian (eV), and their standard deviations. The
        positions are taken as known.
    amplitudes : (n,) array
        Counts in the lines.
    slopes : (n,) array
        dE/dk (eV Angstrom).
    gaussian : float
        Standard deviation (eV) of the Gaussian part of all lines, which was kept.
    """

    momenta: NDArray
    energies: NDArray
    energy_std: NDArray
    widths: NDArray
    width_std: NDArray
    amplitudes: NDArray
    slopes: NDArray
    gaussian: float

    def to_xarpes(
        self,
        hnu_minus_phi: float,
        temperature: float,
        *,
        fermi_velocity: float | None = None,
        fermi_wavevector: float | None = None,
        label: str = "band",
    ) -> dict[str, Any]:
        """Arguments of ``xarpes.SelfEnergy``: ``SelfEnergy(**line.to_xarpes(...))``.

        Parameters
        ----------
        hnu_minus_phi : float
            Photon energy less the work function of the analyser (eV): kinetic energy at the Fermi
            level.
        temperature : float
            Of the sample (K).
        fermi_velocity : float, optional
            Slope of the bare band (eV Angstrom), which xARPES takes as linear. May be set later.
        fermi_wavevector : float, optional
            Momentum (1/Angstrom) at which the bare band is at the Fermi level.
        label : str
            Name of the branch.

        Returns
        -------
        dict
            A width in energy becomes one in momentum through the slope of the band.

        Raises
        ------
        ValueError
            If a momentum is too large for its kinetic energy.
        """
        kinetic = self.energies + as_positive(hnu_minus_phi, "hnu_minus_phi")
        if (kinetic <= 0).any():
            raise ValueError(
                f"hnu_minus_phi: {hnu_minus_phi:g} eV is less than the band lies below the Fermi "
                f"level, {-self.energies.min():.2f} eV"
            )
        length = np.sqrt(kinetic / KINETIC)
        sine = self.momenta / length
        if (np.abs(sine) >= 1).any():
            raise ValueError(
                f"hnu_minus_phi: electrons of {kinetic.min():.2f} eV cannot have momenta up to "
                f"{np.abs(self.momenta).max():.2f} 1/Angstrom"
            )
        per_energy = 1.0 / (np.abs(self.slopes) * length)
        cosine = np.sqrt(1 - sine**2)
        properties = {
            "label": label,
            "_class": "SpectralLinear",
            "amplitude": self.amplitudes * per_energy,
            "amplitude_sigma": None,
            "peak": np.rad2deg(np.arcsin(sine)),
            "peak_sigma": np.rad2deg(self.energy_std * per_energy / cosine),
            "broadening": self.widths * per_energy,
            "broadening_sigma": self.width_std * per_energy,
        }
        parameters = {"fermi_velocity": fermi_velocity, "fermi_wavevector": fermi_wavevector}
        return {
            "ekin_range": kinetic,
            "hnuminPhi": float(hnu_minus_phi),
            "energy_resolution": self.gaussian,
            "temperature": as_positive(temperature, "temperature", zero=True),
            "label": label,
            "properties": properties,
            "parameters": {k: v for k, v in parameters.items() if v is not None},
        }


def band_line(
    band_map: BandMap,
    found: ReconstructedBands,
    band: int,
    *,
    between: tuple[float, float],
    at: float | None = None,
) -> BandLine:
    """Fit the width of the lines of one band along a line of momenta.

    The likelihood is Poisson's. In the spectrum of each momentum the Lorentzian width and the
    strength of the band and a constant background are fitted; the positions of all bands, the
    other bands and the Gaussian width stay as the reconstruction found them.

    Parameters
    ----------
    band_map : BandMap
        Counts that the bands were found in.
    found : ReconstructedBands
        With a fitted line.
    band : int
        Counted from 0 and from below.
    between : (float, float)
        Momenta (1/Angstrom) along the first axis between which the band rises or falls all the
        way: one branch.
    at : float, optional
        Momentum along the second axis, the nearest of the grid; needed for maps over two.

    Raises
    ------
    ValueError
        If there is no fitted line or no counts, data are missing on the line, or the band does
        not rise or fall all the way.
    """
    if found.profile is None or not band_map.counts:
        raise ValueError("band line: needs counts, and bands with a fitted line")
    if band not in range(found.n_bands):
        raise ValueError(f"band: expected 0 to {found.n_bands - 1}, got {band!r}")
    pick = _line(found, between, at)
    along = (slice(None), *pick)
    k = found.momenta[0][pick[0]]
    energies, strengths = found.energies[along], found.amplitudes[along]
    counts = band_map.values[pick]
    if np.isnan(energies).any() or np.isnan(counts).all(axis=-1).any():
        raise ValueError("band line: bands or counts are not known on all of the line")
    steps = np.diff(energies[band])
    if not ((steps > 0).all() or (steps < 0).all()):
        raise ValueError(
            f"between: band {band} does not rise or fall all the way from {k[0]:.3f} to "
            f"{k[-1]:.3f} 1/Angstrom, with a step of {steps[np.abs(steps).argmin()]:+.4f} eV; "
            "choose one branch, or a smoother reconstruction"
        )
    shape = SpectralLine(
        found.profile,
        float(found.settings.get("inelastic", 0.0)),
        float(found.settings.get("edge", 0.0)),
    )
    fits = [
        _fit(band_map.energies, row, energies[:, i], strengths[:, i], band, shape)
        for i, row in enumerate(counts)
    ]
    widths, width_std, amplitudes = np.array(fits).T
    std = np.full(k.size, np.nan) if found.std is None else found.std[along][band]
    order = np.argsort(energies[band])
    slopes = np.gradient(energies[band], k)
    return BandLine(
        momenta=k[order],
        energies=energies[band][order],
        energy_std=std[order],
        widths=widths[order],
        width_std=width_std[order],
        amplitudes=amplitudes[order],
        slopes=slopes[order],
        gaussian=found.profile.gaussian,
    )


def _line(
    found: ReconstructedBands, between: tuple[float, float], at: float | None
) -> tuple[Any, ...]:
    """Return the index of the momenta on a line."""
    low, high = as_array(between, "between", (2,))
    first = found.momenta[0]
    inside = np.flatnonzero((first >= min(low, high)) & (first <= max(low, high)))
    if inside.size < 3:
        raise ValueError(
            f"between: {inside.size} momenta from {low:g} to {high:g} 1/Angstrom, expected 3 or "
            f"more; the axis runs from {first[0]:g} to {first[-1]:g}"
        )
    if (len(found.momenta) == 2) != (at is not None):
        raise ValueError("at: expected a momentum for bands over two axes, and none for one")
    if at is None:
        return (inside,)
    second = found.momenta[1]
    if not second[0] <= at <= second[-1]:
        raise ValueError(f"at: {at:g} is outside the axis, {second[0]:g} to {second[-1]:g}")
    return inside, int(np.abs(second - at).argmin())


def _fit(
    energies: NDArray,
    counts: NDArray,
    positions: NDArray,
    strengths: NDArray,
    band: int,
    shape: SpectralLine,
) -> tuple[float, float, float]:
    """Fit one spectrum; return the width, its standard deviation, and the counts of the line."""
    profile, step = shape.profile, energies[1] - energies[0]
    here = np.isfinite(counts) & (np.abs(energies - positions[band]) < _WINDOW * profile.fwhm)
    x, n = energies[here], counts[here]
    occupation = shape.model(energies)[-1][here]
    others, binned = np.zeros(x.size), profile.binned(step)
    for i, (position, strength) in enumerate(zip(positions, strengths, strict=True)):
        if i != band:
            others += strength * step * binned.density(x - position) * occupation
        below = np.arctan2(positions[i] - x, profile.fwhm / 2) / np.pi + 0.5
        others += shape.inelastic * strength * below
    first = max(profile.lorentzian, 0.1 * profile.fwhm)

    def loss(log_width: float) -> tuple[float, float]:
        line = LineProfile(profile.gaussian, first * float(np.exp(log_width))).binned(step)
        parts = np.stack([step * line.density(x - positions[band]) * occupation, np.ones(x.size)])
        sums = parts.sum(axis=1) + _TINY
        heights = np.array([max(strengths[band], 1.0), 0.1 * n.mean() + _TINY])
        for _ in range(_SWEEPS):
            rate = heights @ parts + others + _TINY
            heights = heights * (parts @ (n / rate)) / sums
        rate = heights @ parts + others + _TINY
        return float(rate.sum() - n @ np.log(rate)), float(heights[0])

    limits = np.log([_NARROWEST * profile.fwhm / first, _WIDEST * profile.fwhm / first])
    best = float(minimize_scalar(lambda w: loss(w)[0], bounds=limits, method="bounded").x)
    near = [loss(best + d)[0] for d in (-_STEP, 0.0, _STEP)]
    curvature = (near[0] - 2 * near[1] + near[2]) / _STEP**2
    width = first * np.exp(best)
    at_limit = best - limits[0] < _STEP or limits[1] - best < _STEP or curvature <= 0
    return width, np.nan if at_limit else width / np.sqrt(curvature), loss(best)[1]
