"""Peaks and widths of momentum distribution curves of one band, and their form for xARPES."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.units import _e, _hbar, _me
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from ase_dos.bands.momentum_spline import MomentumSpline
from ase_dos.utils.checks import as_array, as_positive
from ase_dos.utils.files import replace_bytes
from ase_dos.utils.short_repr import short_repr

__all__ = ["MDCPeaks", "peaks_on_cut"]

# hbar^2 / 2m (eV Angstrom^2) of the free electron.
_FREE = _hbar**2 / (2.0 * _me) / _e * 1e20


@dataclass(frozen=True, eq=False)
class MDCPeaks:
    """Peaks of the momentum distribution curves (MDCs) of one band along a straight cut.

    They come from energy distribution curves: momenta from the inverse of E(k), half widths
    w / abs(dE/dk). Standard deviations of widths have that of the slope in them, with the errors of
    neighbouring energies taken as independent.

    Parameters
    ----------
    energies : (energies,) array
        E - E_F (eV), uniform and rising.
    momenta, momenta_std : (energies,) array
        Peaks (1/Angstrom): momentum along the direction of the cut, zero where a perpendicular
        through the origin meets it.
    half_widths, half_widths_std : (energies,) array
        Half widths at half maximum (1/Angstrom).
    velocities : (energies,) array
        Slopes dE/dk of the band (eV Angstrom).
    weights, weights_std : (energies,) array
        Counts times 1/Angstrom under each peak, in a bin of the map, before the Fermi function.
    """

    energies: NDArray
    momenta: NDArray
    momenta_std: NDArray
    half_widths: NDArray
    half_widths_std: NDArray
    velocities: NDArray
    weights: NDArray
    weights_std: NDArray

    __repr__ = short_repr

    def xarpes(
        self,
        photon_energy: float,
        work_function: float,
        *,
        energy_resolution: float,
        temperature: float,
        label: str = "band",
        fermi_velocity: float | None = None,
        fermi_wavevector: float | None = None,
        bare_mass: float | None = None,
    ) -> dict[str, Any]:
        """Arguments of ``xarpes.SelfEnergy`` (version 1.0): call it with ``**`` of this.

        Parameters
        ----------
        photon_energy, work_function : float
            In eV.
        energy_resolution : float
            What xARPES knows of the experiment (eV).
        temperature : float
            In K.
        label : str
            Name of the band.
        fermi_velocity : float, optional
            Slope of a bare band that is straight (eV Angstrom), at the side of the cut. It and the
            next are yours to choose: the map does not tell the bare band.
        fermi_wavevector : float, optional
            Where the bare band crosses the Fermi level (1/Angstrom).
        bare_mass : float, optional
            Mass of a bare band that is a parabola about the origin (electron masses), in place of
            the velocity. The peaks must then lie on one side of the origin.

        Returns
        -------
        dict
            ``ekin_range``, ``hnuminPhi``, ``energy_resolution``, ``temperature``, ``label``,
            ``properties`` (``amplitude``, ``peak``, ``broadening``, their ``_sigma``, ``_class``)
            and ``parameters``. Peaks are emission angles (degrees); broadening is the half width of
            sin(angle), or for a parabola of its square.

        Raises
        ------
        ValueError
            If electrons do not leave the sample with these momenta, both bare bands are given, or
            the peaks of a parabola have both signs.
        """
        offset = as_positive(photon_energy, "photon_energy") - as_positive(
            work_function, "work_function"
        )
        if bare_mass is not None and fermi_velocity is not None:
            raise ValueError(
                "fermi_velocity is for a straight bare band and bare_mass for a parabola, not both"
            )
        kinetic = offset + self.energies
        if (kinetic <= 0.0).any():
            raise ValueError(
                f"no electron of the band leaves the sample with photons of {photon_energy} eV "
                f"and a work function of {work_function} eV"
            )
        longest = np.sqrt(kinetic / _FREE)
        sine = self.momenta / longest
        if (np.abs(sine) >= 1.0).any():
            raise ValueError(
                f"electrons of {kinetic[0]:.2f} eV have at most {longest[0]:.3f} 1/Angstrom, the "
                f"cut has {np.abs(self.momenta).max():.3f}: check photon_energy and work_function"
            )
        degrees = np.rad2deg(1.0 / np.sqrt(1.0 - sine**2) / longest)
        parameters: dict[str, Any] = {"fermi_wavevector": fermi_wavevector}
        if bare_mass is None:
            scale, kind, more = 1.0 / longest, "SpectralLinear", {}
            parameters["fermi_velocity"] = fermi_velocity
        else:
            if self.momenta.min() < 0.0 < self.momenta.max():
                raise ValueError("bare_mass: the cut has both sides of the parabola; take one")
            scale, kind = 2.0 * np.abs(sine) / longest, "SpectralQuadratic"
            more = {"center_wavevector": 0.0}
            parameters["bare_mass"] = bare_mass
            parameters["side"] = "left" if self.momenta.max() <= 0.0 else "right"
        return {
            "ekin_range": kinetic,
            "hnuminPhi": offset,
            "energy_resolution": as_positive(energy_resolution, "energy_resolution", zero=True),
            "temperature": as_positive(temperature, "temperature", zero=True),
            "label": label,
            "properties": {
                "_class": kind,
                "amplitude": self.weights * scale,
                "amplitude_sigma": self.weights_std * scale,
                "peak": np.rad2deg(np.arcsin(sine)),
                "peak_sigma": self.momenta_std * degrees,
                "broadening": self.half_widths * scale,
                "broadening_sigma": self.half_widths_std * scale,
                **more,
            },
            "parameters": parameters,
        }

    def to_xarpes(self, path: str | os.PathLike, *args: float, **options: Any) -> None:
        """Write what `xarpes` returns as JSON, arrays as lists.

        ``SelfEnergy`` takes it back once ``ekin_range`` and what is in ``properties`` are arrays.

        Raises
        ------
        OSError
            If the file cannot be written; a file that was there stays.
        """
        values = self.xarpes(*args, **options)
        text = json.dumps(values, default=np.ndarray.tolist, allow_nan=False, indent=1)
        replace_bytes(path, text.encode())


def peaks_on_cut(
    values: NDArray,
    axes: tuple[NDArray, ...],
    start: ArrayLike | None,
    stop: ArrayLike | None,
    energy_step: float,
    smoothing: float,
    bin_width: float,
) -> MDCPeaks:
    """Turn what is known along a cut at momenta into what is known at energies.

    Parameters
    ----------
    values : (6, *momenta) array
        Energy, half width and amplitude of a band, each with its standard deviation.
    axes : tuple of (n,) arrays
        Momenta (1/Angstrom).
    start, stop : float or (kx, ky), optional
        Ends of the cut.
    energy_step : float
        Of the result (eV).
    smoothing : float
        Pixels over which slopes are fitted.
    bin_width : float
        Of the map (eV).
    """
    k, points = _cut(axes, start, stop)
    energy, energy_std, width, width_std, amplitude, amplitude_std = MomentumSpline(
        axes, values
    ).at(points)
    if np.isnan(energy).any():
        raise ValueError(
            f"the widths of the band are not known at {np.isnan(energy).sum()} of {k.size} momenta "
            f"of the cut, the first at {k[np.isnan(energy)][0]:.3f} 1/Angstrom: shorten it"
        )
    _check_monotonic(k, energy)
    velocity, velocity_std = _slopes(k, energy, energy_std, max(smoothing, 1.0))
    half = width / np.abs(velocity)
    half_std = half * np.hypot(width_std / width, velocity_std / velocity)
    weight = amplitude * bin_width / np.abs(velocity)
    weight_std = weight * np.hypot(amplitude_std / amplitude, velocity_std / velocity)
    order = slice(None) if energy[-1] > energy[0] else slice(None, None, -1)
    first = energy_step * np.ceil(energy.min() / energy_step - 1e-9)
    grid = np.arange(first, energy.max(), energy_step)
    if grid.size < 2:
        raise ValueError(
            f"the band spans {np.ptp(energy):.4f} eV on the cut, less than two steps of "
            f"{energy_step:.4f} eV: take a longer cut or a finer energy_step"
        )

    def at_energies(one: NDArray) -> NDArray:
        return PchipInterpolator(energy[order], one[order])(grid)

    return MDCPeaks(
        grid,
        *(
            at_energies(one)
            for one in (
                k, energy_std / np.abs(velocity), half, half_std, velocity, weight, weight_std
            )
        ),
    )  # fmt: skip


def _cut(
    axes: tuple[NDArray, ...], start: ArrayLike | None, stop: ArrayLike | None
) -> tuple[NDArray, NDArray]:
    """Momenta along a cut (n,), a point per pixel, and where they are (n, axes)."""
    if start is None and stop is None and len(axes) == 1:
        start, stop = axes[0][0], axes[0][-1]
    if start is None or stop is None:
        raise ValueError("start and stop: give both ends of the cut (1/Angstrom)")
    begin, end = (
        as_array(np.atleast_1d(p), name, (len(axes),))
        for p, name in ((start, "start"), (stop, "stop"))
    )
    length = float(np.linalg.norm(end - begin))
    if not length:
        raise ValueError(f"start and stop: the cut is one point, {begin}")
    # Along the only axis momenta are those of the axis, whichever way the cut leads.
    direction = (end - begin) / length if len(axes) == 2 else np.ones(1)
    spacing = min(float(axis[1] - axis[0]) for axis in axes if axis.size > 1)
    n = max(round(length / spacing) + 1, 4)
    points = begin + np.linspace(0.0, 1.0, n)[:, None] * (end - begin)
    return points @ direction, points


def _check_monotonic(k: NDArray, energy: NDArray) -> None:
    signs = np.sign(np.diff(energy))
    turns = np.flatnonzero(signs != signs[0])
    if turns.size or not signs[0]:
        where = ", ".join(f"{k[i + 1]:.3f}" for i in turns[:5])
        raise ValueError(
            "the band does not rise, or fall, all along the cut: its slope changes sign near "
            f"{where} 1/Angstrom; cut it there, or take a larger smoothing for noise"
        )


def _slopes(k: NDArray, energy: NDArray, std: NDArray, width: float) -> tuple[NDArray, NDArray]:
    """Slopes of local parabolas with Gaussian weights over pixels, and their deviations."""
    step = k[1] - k[0]
    pixels = np.arange(k.size)
    slopes, deviations = np.empty((2, k.size))
    for i in range(k.size):
        x = pixels - i
        weights = np.exp(-0.5 * (x / width) ** 2)
        basis = np.stack([np.ones(k.size), x, x * x])
        row = np.linalg.solve((basis * weights) @ basis.T, basis * weights)[1] / step
        slopes[i] = row @ energy
        deviations[i] = np.sqrt((row**2) @ std**2)
    return slopes, deviations
