"""Reconstruction of bands from a photoemission map and a theory."""

from __future__ import annotations

import json
import os
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ase_dos.bands.checkpoint import Checkpoint
from ase_dos.bands.counted import spectra_of, start_on
from ase_dos.bands.deviations import dispersion
from ase_dos.bands.line_profile import LineProfile
from ase_dos.bands.log_intensity import log_intensity, ridge_by_icm, ridge_by_trws
from ase_dos.bands.poisson_fit import PoissonFit, first_lines, fit_counts, stages
from ase_dos.bands.progress import StageProgress
from ase_dos.bands.reconstructed import ReconstructedBands
from ase_dos.bands.smoothness import Smoothness
from ase_dos.bands.spectra_model import CountedSpectra
from ase_dos.utils.checks import as_count, as_positive
from ase_dos.utils.digests import checksum

if TYPE_CHECKING:
    from ase_dos.bands.band_map import BandMap
    from ase_dos.bands.theory import TheoryBands

__all__ = ["reconstruct_bands"]

Prior = Literal["correction", "dispersion"]
Likelihood = Literal["poisson", "log-intensity"]
Optimizer = Literal["trw-s", "icm"]

# Slope (eV Angstrom) that intensities, which cannot choose it, are given.
_ETA = 0.3
# Counts that scatter so much more than Poisson's are not described by the lines, and if so much
# less they are none.
_SCATTER = 1.5
# The data say something of a band where its energy is known to this part of the line's width.
_KNOWN = 0.5
_FAINT = 3e-3


def reconstruct_bands(
    band_map: BandMap,
    theory: TheoryBands,
    *,
    likelihood: Likelihood | None = None,
    prior: Prior | None = None,
    optimizer: Optimizer = "trw-s",
    eta: float | None = None,
    profile: LineProfile | None = None,
    align: bool = True,
    window: float = 0.3,
    seed: int = 0,
    checkpoint: str | os.PathLike | None = None,
    progress: bool = True,
) -> ReconstructedBands:
    r"""Find the energies of all bands of a theory in a photoemission map.

    From raw counts, all bands are fitted together: each is a Voigt line with an amplitude and an
    inelastic background, counts scatter as Poisson's, and what bands differ by from theory is
    smooth:

    .. math:: -\log P = \sum_{kE} [\lambda_{kE} - n_{kE} \log \lambda_{kE}] + \sum_{b, \langle ij
       \rangle} \frac{(d_{bi} - d_{bj})^2}{2 (\eta\, \Delta k_{ij})^2}

    Line, amplitudes, and how smooth (eta) are found from the data. Bands may cross in the fit, and
    are numbered by energy when it is done. From other intensities bands are ridges, found one at a
    time, without error bars.

    Parameters
    ----------
    band_map : BandMap
        The map.
    theory : TheoryBands
        Bands to look for.
    likelihood : {"poisson", "log-intensity"}, optional
        By default "poisson" for counts and "log-intensity" else. The latter is the published model,
        -log I at the energy of a band in place of the first sum.
    prior : {"correction", "dispersion"}, optional
        Whether the difference d from theory is smooth or, as published, the band itself. Counts set
        aside choose by default; without counts the correction is taken.
    optimizer : {"trw-s", "icm"}
        Of the log intensity: message passing with a certificate, or iterated conditional modes as
        published.
    eta : float, optional
        Typical slope of what is smooth (eV Angstrom; eV per unit of an axis that is no momentum).
        Chosen by counts set aside; 0.3 without counts.
    profile : LineProfile, optional
        First guess of the line.
    align : bool
        Whether to shift the theory rigidly first. `TheoryBands.align` finds scales as well.
    window : float
        Largest distance from the shifted theory for ridges of the log intensity (eV).
    seed : int
        Seed of the counts set aside, and of the spectra that the line is fitted to.
    checkpoint : str or path, optional
        File to begin from, if it is there, and to leave when killed; removed at the end.
    progress : bool
        Show what is being done on a terminal.

    Returns
    -------
    ReconstructedBands

    Raises
    ------
    ValueError
        If options contradict each other, a band lies outside the map, or theory and map do not
        overlap.

    Notes
    -----
    Source of the published model: R. P. Xian et al., Nat. Comput. Sci. 2, 1012 (2022).
    """
    chosen = likelihood or ("poisson" if band_map.counts else "log-intensity")
    _check_options(band_map, chosen, prior, optimizer)
    seed = as_count(seed, "seed", 0)
    eta = None if eta is None else as_positive(eta, "eta")
    given, known = start_on(theory, band_map)
    start = given
    if align:
        alignment = theory.align(band_map, energy_scale=False, momentum_scale=False)
        start, known = start_on(alignment.theory, band_map)
    settings: dict[str, Any] = {"likelihood": chosen, "aligned": align, "seed": seed}
    common: dict[str, Any] = {
        "theory": given,
        "shift": float(np.mean(start - given)),
        "momenta": band_map.momenta,
        "momentum_names": band_map.momentum_names,
    }
    if chosen == "log-intensity":
        return _from_intensity(
            band_map, start, known, prior or "correction", optimizer, eta or _ETA,
            as_positive(window, "window"), settings, common,
        )  # fmt: skip
    spectra = spectra_of(band_map, known)
    names = [prior] if prior else ["correction", "dispersion"]
    bases = {name: start if name == "correction" else np.zeros_like(start) for name in names}
    task = checksum(
        spectra.counts, start, header=json.dumps([names, eta, seed, _profile_json(profile)])
    )
    kept = Checkpoint(checkpoint, task)
    with StageProgress(progress, stages(names, len(start)), "reconstruction") as shown:
        fit = fit_counts(
            spectra,
            first_lines(spectra, start, profile),
            bases,
            eta=eta,
            seed=seed,
            checkpoint=kept,
            progress=shown,
        )
    result = _from_fit(fit, spectra, known, settings, common)
    kept.remove()
    return result


def _check_options(band_map: BandMap, likelihood: str, prior: str | None, optimizer: str) -> None:
    for name, value, allowed in (
        ("likelihood", likelihood, ("poisson", "log-intensity")),
        ("prior", prior, (None, "correction", "dispersion")),
        ("optimizer", optimizer, ("trw-s", "icm")),
    ):
        if value not in allowed:
            raise ValueError(f"{name}: expected one of {allowed}, got {value!r}")
    if likelihood == "poisson" and optimizer == "icm":
        raise ValueError('optimizer "icm" is for likelihood "log-intensity" only')


def _from_fit(
    fit: PoissonFit, spectra: CountedSpectra, known: NDArray, settings: dict, common: dict
) -> ReconstructedBands:
    lines = fit.lines
    scatter = dispersion(spectra, lines)
    mask = known & (fit.std < _KNOWN * lines.line.profile.fwhm)
    low, high = spectra.energies[[0, -1]]
    mask &= (lines.positions >= low) & (lines.positions <= high)
    refused = ""
    if not fit.converged:
        refused = "the fit did not come to rest"
    elif scatter < 1.0 / _SCATTER:
        refused = (
            f"counts scatter {scatter:.2f} times as much as Poisson's about the fit: they were "
            "smoothed or scaled, and are no raw counts"
        )
    elif scatter > _SCATTER:
        refused = (
            f"counts scatter {scatter:.1f} times as much as Poisson's about the fit: Voigt lines "
            "on these bands do not describe the map, or its values are no raw counts"
        )
    if refused:
        warnings.warn(f"no standard deviations: {refused}", stacklevel=3)
    _warn_of_faint(lines.amplitudes * known)
    settings |= {
        "prior": fit.prior,
        "held_out": fit.held_out,
        "amplitude_width": fit.freedom.width,
        "jump": fit.freedom.jump,
        "inelastic": lines.line.inelastic,
        "edge": lines.line.edge,
        "scatter": scatter,
    }
    shown = np.broadcast_to(known, lines.positions.shape)
    return ReconstructedBands(
        energies=np.where(shown, lines.positions, np.nan),
        amplitudes=np.where(shown, lines.amplitudes, np.nan),
        std=None if refused else np.where(shown, fit.std, np.nan),
        std_refused=refused,
        mask=mask,
        profile=lines.line.profile,
        gap=fit.gaps,
        eta=fit.freedom.eta,
        settings=settings,
        **common,
    )


def _warn_of_faint(amplitudes: NDArray) -> None:
    """Warn of bands that hardly a count belongs to."""
    share = amplitudes.reshape(len(amplitudes), -1).sum(axis=1)
    share = share / max(share.sum(), 1e-300)
    faint = np.flatnonzero(share < _FAINT)
    if faint.size:
        warnings.warn(
            f"bands {', '.join(str(b) for b in faint)} have less than 0.3 % of the signal: the map "
            "may show fewer bands than the theory has, see compare_band_numbers",
            stacklevel=4,
        )


def _from_intensity(
    band_map: BandMap,
    start: NDArray,
    known: NDArray,
    prior: str,
    optimizer: str,
    eta: float,
    window: float,
    settings: dict,
    common: dict,
) -> ReconstructedBands:
    spacings = tuple(float(axis[1] - axis[0]) for axis in band_map.momenta)
    smoothness = Smoothness(spacings, eta)
    logs = log_intensity(np.where(known[..., None], band_map.values, np.nan))
    energies = band_map.energies
    ridges = []
    for band in start:
        base = band if prior == "correction" else np.zeros_like(band)
        if optimizer == "icm":
            ridges.append(ridge_by_icm(logs, energies, band, base, smoothness))
        else:
            ridges.append(ridge_by_trws(logs, energies, band, base, smoothness, window))
    found = np.sort([ridge.energies for ridge in ridges], axis=0)
    nearest = np.clip(
        np.rint((found - energies[0]) / band_map.energy_step).astype(int), 0, energies.size - 1
    )
    intensity = np.take_along_axis(band_map.values, np.moveaxis(nearest, 0, -1), -1)
    return ReconstructedBands(
        energies=np.where(known, found, np.nan),
        amplitudes=np.where(known, np.moveaxis(intensity, -1, 0), np.nan),
        std_refused="intensities that are no counts, or the published model, have no error bars",
        mask=np.broadcast_to(known, found.shape),
        gap=np.array([ridge.gap for ridge in ridges]),
        eta=eta,
        settings={**settings, "prior": prior, "optimizer": optimizer, "window": window},
        **common,
    )


def _profile_json(profile: LineProfile | None) -> list[float] | None:
    return None if profile is None else [profile.gaussian, profile.lorentzian]
