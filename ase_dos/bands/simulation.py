"""Simulated band maps: expected counts of bands that are known, and Poisson counts of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ase.units import kB
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from ase_dos.bands.axes import checked_axes, grid_points, uniform_axis
from ase_dos.bands.band_map import BandMap
from ase_dos.bands.line_profile import LineProfile
from ase_dos.bands.line_spectra import (
    REACH,
    Levels,
    refined,
    resolved_spectra,
)
from ase_dos.bands.momentum_spline import MomentumSpline
from ase_dos.bands.theory import TheoryBands
from ase_dos.utils.checks import as_array, as_positive

__all__ = ["simulate_map"]

_TAIL = 10.0  # widths of a line above a band, from which electrons are scattered to below


def simulate_map(
    bands: TheoryBands | ArrayLike,
    energies: ArrayLike,
    profile: LineProfile,
    *,
    counts_per_edc: float = 1000.0,
    amplitudes: ArrayLike | Callable[[NDArray], NDArray] | None = None,
    background: float = 0.1,
    step: float = 0.0,
    temperature: float | None = None,
    energy_resolution: float = 0.0,
    momentum_resolution: float = 0.0,
    seed: int | None = 0,
    **axes: ArrayLike,
) -> BandMap:
    r"""Simulate the photoemission map of bands.

    The spectrum at a momentum, before the instrument, is

    .. math::

        S(k, E) = f(E) \sum_b A_b(k) V(E - E_b(k)), \qquad
        I(k, E) = S(k, E) + s \int_E^\infty S(k, E') dE'

    with the line :math:`V`, the Fermi function :math:`f` and the step :math:`s` of scattered
    electrons (after D. A. Shirley, Phys. Rev. B 5, 4709 (1972)). It is convolved with the Gaussian
    resolutions in momentum and in energy, scaled, and a constant is added.

    Parameters
    ----------
    bands : TheoryBands or (bands, \*momenta) array_like
        Energies (eV) of the true bands. Arrays are taken on the axes that are given.
    energies : (energies,) array_like
        E - E_F of the map (eV), uniform.
    profile : LineProfile
        Line of a band, without the resolutions below.
    counts_per_edc : float
        Expected electrons of one energy distribution curve in the window, background included, on
        average over the momenta.
    amplitudes : (bands,) or (bands, \*momenta) array_like, or callable, optional
        Relative intensities, above zero; one for all bands by default. A callable, as
        `MatrixElements`, takes momenta (\*points, axes) and returns (bands, \*points).
    background : float
        Share (0 to below 1) of the counts that is the constant.
    step : float
        Scattered electrons per electron and eV below it (1/eV).
    temperature : float, optional
        Of the Fermi edge (K). Without it all states are occupied.
    energy_resolution : float
        Standard deviation (eV).
    momentum_resolution : float
        Standard deviation (1/Angstrom). The spectrum is computed on a grid that is fine enough
        for it and for the slope of the bands; beyond the end of the bands nothing is known, and
        the mean is over what is there.
    seed : int, optional
        Of the Poisson counts. None gives the expected counts without noise.
    **axes : (n,) array_like
        Axes of the map by name; by default those of the theory.

    Returns
    -------
    BandMap
        Counts, or with ``seed=None`` expected counts (no integers: ``counts`` is false). NaN where
        the bands are not known. The attribute ``simulation`` has all settings as JSON.

    Raises
    ------
    ValueError
        If the bands miss the window, amplitudes do not fit them, or a number is out of range.
    """
    setup = _Setup(
        profile,
        as_positive(counts_per_edc, "counts_per_edc"),
        as_positive(background, "background", zero=True),
        as_positive(step, "step", zero=True),
        temperature if temperature is None else as_positive(temperature, "temperature", zero=True),
        as_positive(energy_resolution, "energy_resolution", zero=True),
        as_positive(momentum_resolution, "momentum_resolution", zero=True),
    )
    energies, _ = uniform_axis(energies, "eV")
    names, momenta, known = _bands_on(bands, axes)
    grid = grid_points(momenta)
    here = known(grid)
    brightness = _brightness(amplitudes, len(here), momenta)
    if not ((here > energies[0]) & (here < energies[-1])).any():
        raise ValueError(
            f"no band is inside the window of {energies[0]:g} to {energies[-1]:g} eV: they span "
            f"{np.nanmin(here):g} to {np.nanmax(here):g} eV"
        )

    fine_energies, kept = setup.energies(energies, float(np.nanmax(here)))
    resolution = setup.momentum_resolution
    spectrum = resolved_spectra(
        profile,
        fine_energies,
        momenta,
        known,
        brightness,
        resolution,
        setup.momentum_step(momenta, here),
    )
    spectrum = setup.measured(spectrum, fine_energies)[..., kept]
    seen = spectrum.sum(axis=-1)
    expected = setup.counts_per_edc * (1 - setup.background) * spectrum / np.nanmean(seen)
    expected += setup.counts_per_edc * setup.background / energies.size

    settings = {**asdict(setup), "bands": len(here), "seed": seed}
    settings["amplitudes"] = "equal" if amplitudes is None else _described(amplitudes)
    attrs = {"simulation": json.dumps(settings), "history": "simulated"}
    values = expected if seed is None else _poisson(expected, seed)
    return BandMap.from_arrays(
        values,
        energies,
        counts=seed is not None,
        attrs=attrs,
        **dict(zip(names, momenta, strict=True)),
    )


@dataclass(frozen=True)
class _Setup:
    """What lies between bands and counts; see `simulate_map`."""

    profile: LineProfile
    counts_per_edc: float
    background: float
    step: float
    temperature: float | None
    energy_resolution: float
    momentum_resolution: float

    def __post_init__(self) -> None:
        if self.background >= 1:
            raise ValueError(f"background: expected a share below 1, got {self.background:g}")

    def energies(self, window: NDArray, highest: float) -> tuple[NDArray, slice]:
        """Energies to compute at, and those of the window among them."""
        above = 0.0
        if self.step:
            above = max(0.0, highest + _TAIL * self.profile.fwhm - window[-1])
        return refined(window, self.energy_resolution, above=above)

    def measured(self, spectrum: NDArray, energies: NDArray) -> NDArray:
        """Occupied part of a spectrum, with scattered electrons and energy resolution."""
        width = energies[1] - energies[0]
        if self.temperature is not None:
            spectrum = spectrum * _occupations(energies, self.temperature)
        if self.step:
            from_above = np.cumsum(spectrum[..., ::-1], axis=-1)[..., ::-1] - spectrum / 2
            spectrum = spectrum + self.step * width * from_above
        if self.energy_resolution:
            sigma = self.energy_resolution / width
            spectrum = gaussian_filter1d(spectrum, sigma, truncate=REACH, mode="nearest")
        return spectrum

    def momentum_step(self, momenta: tuple[NDArray, ...], here: NDArray) -> float:
        """Step (1/Angstrom) at which sums over momenta are integrals.

        The integrand is the product of the resolution and of the line that the slope of a band
        moves through the spectrum; the step is its standard deviation.
        """
        if not self.momentum_resolution:
            return 1.0
        slopes = np.gradient(here, *momenta, axis=tuple(range(1, here.ndim)))
        slope = np.nanmax(np.abs(slopes))
        line = self.profile.fwhm / 2.355 / max(slope, 1e-12)
        return float(1 / np.hypot(1 / self.momentum_resolution, 1 / line))


def _bands_on(
    bands: TheoryBands | ArrayLike, axes: dict[str, ArrayLike]
) -> tuple[tuple[str, ...], tuple[NDArray, ...], Levels]:
    """Names and axes of the map, and a function of momenta that gives the bands."""
    given = tuple(np.asarray(axis) for axis in axes.values())
    if isinstance(bands, TheoryBands):
        if axes and tuple(axes) != bands.names:
            raise ValueError(
                f"axes: expected those of the theory, {', '.join(bands.names)}, got "
                f"{', '.join(axes)}"
            )
        momenta, names = checked_axes(given or bands.momenta, bands.names)
        if np.isnan(bands.at(grid_points(momenta))).all():
            raise ValueError(
                "axes: the theory is known nowhere on them; it spans "
                + ", ".join(f"{axis[0]:g} to {axis[-1]:g}" for axis in bands.momenta)
            )
        return names, momenta, bands.at
    momenta, names = checked_axes(given, tuple(axes))
    shape = (None, *(axis.size for axis in momenta))
    return names, momenta, MomentumSpline(momenta, as_array(bands, "bands", shape)).at


def _brightness(
    amplitudes: ArrayLike | Callable[[NDArray], NDArray] | None,
    n_bands: int,
    momenta: tuple[NDArray, ...],
) -> Levels:
    """Amplitudes as a function of momenta."""
    if callable(amplitudes):
        return amplitudes
    given = np.ones(n_bands) if amplitudes is None else np.asarray(amplitudes, dtype=float)
    shape = (n_bands, *(axis.size for axis in momenta))
    given = as_array(given, "amplitudes", (n_bands,) if given.ndim == 1 else shape)
    if not (given >= 0).all() or not given.any():
        raise ValueError("amplitudes: expected numbers from 0 up, and one above it")
    if given.ndim > 1:
        return MomentumSpline(momenta, given).at
    return lambda points: np.broadcast_to(
        given.reshape(-1, *(1,) * (points.ndim - 1)), (n_bands, *points.shape[:-1])
    )


def _occupations(energies: NDArray, temperature: float) -> NDArray:
    """Mean of the Fermi function over the bin of each energy, which may be wider than the edge."""
    half = (energies[1] - energies[0]) / 2
    if temperature == 0:
        return np.clip(0.5 - energies / (2 * half), 0.0, 1.0)
    width = kB * temperature
    # The function is the derivative of energy - width * log(1 + exp(energy / width)).
    ends = (np.logaddexp(0.0, -(energies + sign * half) / width) for sign in (-1, 1))
    return (next(ends) - next(ends)) * width / (2 * half)


def _poisson(expected: NDArray, seed: int) -> NDArray:
    valid = ~np.isnan(expected)
    counts = np.random.default_rng(seed).poisson(np.where(valid, expected, 0.0)).astype(float)
    counts[~valid] = np.nan
    return counts


def _described(amplitudes: Any) -> Any:
    if callable(amplitudes):
        return repr(amplitudes)
    given = np.asarray(amplitudes)
    return given.tolist() if given.ndim == 1 else f"array {given.shape}"
