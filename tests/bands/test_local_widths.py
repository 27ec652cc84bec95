"""Widths of lines at every momentum, and what they say of momentum distribution curves."""

import dataclasses
import json

import numpy as np
import pytest
from ase.units import _e, _hbar, _me

from ase_dos.bands import (
    BandMap,
    LineProfile,
    ReconstructedBands,
    TheoryBands,
    edc_widths,
    reconstruct_bands,
    simulate_map,
    spectra_model,
)
from ase_dos.bands.counted import spectra_of
from ase_dos.bands.spectra_model import Lines, SpectralLine
from ase_dos.bands.width_fit import LocalFit, voigt_with_slopes

ENERGIES = np.linspace(-0.8, 0.2, 126)
K = np.linspace(-0.4, 0.4, 61)
BARE, FERMI_K = 1.5, 0.2  # eV Angstrom, 1/Angstrom
FREE = _hbar**2 / (2.0 * _me) / _e * 1e20


def counted(lines, profile, widths=None, counts=3000.0, seed=0, **axes):
    """Counts of lines (bands, *momenta) with their own Lorentzian widths, and what fits say."""
    lines = np.asarray(lines)
    momenta = lines.shape[1:]
    widths = np.broadcast_to(profile.lorentzian if widths is None else widths, lines.shape)
    rates = np.full((*momenta, ENERGIES.size), 0.1 * counts / ENERGIES.size)
    step = ENERGIES[1] - ENERGIES[0]
    for band, width in zip(lines, widths, strict=True):
        for k in np.ndindex(momenta):
            line = LineProfile(profile.gaussian, float(width[k]))
            rates[k] += 0.9 * counts / len(lines) * step * line.density(ENERGIES - band[k])
    values = np.random.default_rng(seed).poisson(rates).astype(float)
    band_map = BandMap.from_arrays(values, ENERGIES, counts=True, **axes)
    bands = ReconstructedBands(
        energies=lines,
        theory=lines,
        momenta=tuple(axes.values()),
        amplitudes=np.full(lines.shape, 0.9 * counts / len(lines)),
        std=np.full(lines.shape, 1e-3),
        profile=profile,
        momentum_names=tuple(axes),
    )
    return bands, band_map


def kinked(energies, coupling=0.8, mode=0.1):
    """Real part of a self-energy with a kink at 0.1 eV (coupling to one phonon, smoothed)."""
    z = energies + 0.03j
    return 0.5 * coupling * mode * np.log((z - mode) / (z + mode)).real


def test_derivatives_of_the_voigt_line():
    x = np.linspace(-0.3, 0.3, 41)
    value, rise, growth = voigt_with_slopes(x, 0.02, np.array(0.03))
    np.testing.assert_allclose(value, LineProfile(0.02, 0.03).density(x), rtol=1e-12)
    h = 1e-6
    for numeric, exact in (
        (
            voigt_with_slopes(x + h, 0.02, np.array(0.03))[0]
            - voigt_with_slopes(x - h, 0.02, np.array(0.03))[0],
            rise,
        ),
        (
            voigt_with_slopes(x, 0.02, np.array(0.03 + h))[0]
            - voigt_with_slopes(x, 0.02, np.array(0.03 - h))[0],
            growth,
        ),
    ):
        np.testing.assert_allclose(numeric / (2 * h), exact, atol=1e-6 * np.abs(exact).max())


@pytest.fixture
def local_fit():
    """Two lines with an inelastic part and a Fermi edge, away from the start of the fit."""
    k = np.linspace(0.0, 1.0, 5)
    bands, band_map = counted([-0.5 + 0.2 * k, -0.1 + 0.2 * k], LineProfile(0.02, 0.03), k=k)
    spectra = spectra_of(band_map, band_map.mask)
    line = SpectralLine(bands.profile, inelastic=0.002, edge=0.02)
    lines = Lines(bands.energies, bands.amplitudes, np.full(5, 2.0), line)
    return LocalFit(spectra, lines, 1.0)


def test_rates_are_those_of_the_reconstruction(local_fit, monkeypatch):
    """When its kernel does not cut the tails of lines off, as it does for speed."""
    monkeypatch.setattr(spectra_model, "_REACH_LORENTZ", 2000.0)
    rates, _ = local_fit._rates(np.zeros((5, 7)), slice(None))
    expected = local_fit.spectra.expected(local_fit.lines)
    np.testing.assert_allclose(rates, expected, atol=0.002 * expected.max())


def test_derivatives_of_the_rates(local_fit):
    theta = np.random.default_rng(0).normal(0.0, 0.2, (5, 7))
    _, slopes = local_fit._rates(theta, slice(None))
    for i in range(7):
        h = 1e-5 * np.eye(7)[i]
        more, less = (local_fit._rates(theta + d, slice(None))[0] for d in (h, -h))
        numeric = (more - less) / 2e-5
        np.testing.assert_allclose(numeric, slopes[:, i], atol=1e-6 * np.abs(slopes[:, i]).max())


def test_straight_band_of_one_width():
    """The momentum distribution has the width of the energy distribution over the velocity."""
    velocity = 0.7
    bands, band_map = counted([-0.3 + velocity * K], LineProfile(0.02, 0.03), k=K)
    widths = edc_widths(bands, band_map)
    off = (widths.half_widths[0] - 0.03) / widths.half_widths_std[0]
    assert 0.3 < off.std() < 1.5
    assert np.abs(off.mean()) < 0.6
    assert widths.scatter.mean() == pytest.approx(1.0, abs=0.05)
    peaks = widths.mdc_peaks(0, -0.3, 0.3)
    np.testing.assert_allclose(np.diff(peaks.energies), band_map.energy_step)
    np.testing.assert_allclose(peaks.momenta, (peaks.energies + 0.3) / velocity, atol=0.003)
    np.testing.assert_allclose(peaks.velocities, velocity, rtol=0.035)
    np.testing.assert_allclose(peaks.half_widths, 0.03 / velocity, rtol=0.12)
    area = 0.9 * 3000.0 * band_map.energy_step / velocity
    np.testing.assert_allclose(peaks.weights, area, rtol=0.08)
    back = widths.mdc_peaks(0, 0.3, -0.3)
    np.testing.assert_allclose(back.momenta, peaks.momenta, atol=1e-12)


def test_errors_are_those_of_repetitions():
    """Standard deviations over repetitions are the ones that are stated, at two smoothings."""
    k = np.linspace(0.0, 0.5, 24)
    for smoothing in (0.0, 2.0):
        found, stated = [], []
        for seed in range(12):
            bands, band_map = counted([-0.3 + 0 * k], LineProfile(0.02, 0.03), seed=seed, k=k)
            widths = edc_widths(bands, band_map, smoothing=smoothing)
            found.append(np.log(widths.half_widths[0]))
            stated.append(widths.half_widths_std[0] / widths.half_widths[0])
        ratio = np.std(found, axis=0).mean() / np.mean(stated)
        assert 0.8 < ratio < 1.2, smoothing


def test_widths_that_change_over_momenta_and_between_bands():
    lines = np.array([-0.55 + 0.3 * K, -0.15 + 0.2 * K])
    truth = np.array([0.03 * np.exp(2.0 * K), 0.02 * np.exp(-2.0 * K)])
    bands, band_map = counted(lines, LineProfile(0.02, 0.025), truth, counts=6000.0, k=K)
    widths = edc_widths(bands, band_map)
    error = widths.half_widths - truth
    assert np.sqrt(np.mean(error**2)) < 0.0015
    assert (np.abs(error) < 2.0 * widths.half_widths_std).mean() > 0.85


def test_spectra_that_are_no_lines_warn_or_are_refused():
    """Lines of two widths on top of each other."""
    for wide, kind in ((0.06, "warns"), (0.2, "refuses")):
        one, two = (
            counted([-0.4 + 0.2 * K], LineProfile(0.02, w), counts=2000.0, k=K)
            for w in (0.015, wide)
        )
        mixed = BandMap.from_arrays(one[1].values + two[1].values, ENERGIES, k=K, counts=True)
        if kind == "warns":
            with pytest.warns(UserWarning, match="deviations of widths are too small"):
                edc_widths(one[0], mixed)
        else:
            with pytest.raises(ValueError, match="fit MDCs there"):
                edc_widths(one[0], mixed)


def test_kink_of_a_band_is_found():
    """Re Sigma = E - bare band, from a simulated map and a bare theory that is 30 % too slow."""
    energies = np.linspace(-1.5, 1.0, 20001)
    k = np.linspace(-0.15, 0.18, 67)
    bare = energies - kinked(energies)
    assert (np.diff(bare) > 0.0).all()
    truth = np.interp(BARE * (k - FERMI_K), bare, energies)
    band_map = simulate_map(
        truth[None], ENERGIES, LineProfile(0.01, 0.02), counts_per_edc=4000.0, k=k
    )
    theory = TheoryBands.from_arrays(0.7 * BARE * (k - FERMI_K)[None], k=k)
    bands = reconstruct_bands(band_map, theory, progress=False)
    peaks = edc_widths(bands, band_map).mdc_peaks(0)
    real = peaks.energies - BARE * (peaks.momenta - FERMI_K)
    assert np.ptp(kinked(peaks.energies)) > 0.03
    off = real - kinked(peaks.energies)
    assert np.sqrt(np.mean(off**2)) < 0.002
    assert (np.abs(off) < 2.0 * BARE * peaks.momenta_std).mean() > 0.8


def test_cut_through_a_plane_of_momenta():
    """Along the gradient of a plane band, and at 45 degrees to it."""
    k = np.linspace(0.0, 0.5, 14)
    lines = (-0.5 + 0.8 * k[:, None] + 0.0 * k)[None]
    bands, band_map = counted(lines, LineProfile(0.02, 0.03), kx=k, ky=k)
    widths = edc_widths(bands, band_map)
    along = widths.mdc_peaks(0, (0.05, 0.25), (0.45, 0.25))
    np.testing.assert_allclose(along.half_widths, 0.03 / 0.8, rtol=0.1)
    diagonal = widths.mdc_peaks(0, (0.05, 0.05), (0.45, 0.45))
    np.testing.assert_allclose(diagonal.half_widths, np.sqrt(2) * 0.03 / 0.8, rtol=0.1)
    np.testing.assert_allclose(
        diagonal.momenta, np.sqrt(2) * (diagonal.energies + 0.5) / 0.8, atol=0.005
    )


def test_nothing_is_said_where_nothing_was_counted():
    """In a gap of the detector, and where a band fades to a few counts."""
    bands, band_map = counted([-0.3 + 0.1 * K], LineProfile(0.02, 0.03), k=K)
    fading = 1.0 / (1.0 + np.exp(60.0 * (K - 0.1)))
    rng = np.random.default_rng(1)
    values = rng.binomial(band_map.values.astype(int), fading[:, None]).astype(float)
    values[:20] = np.nan
    holed = BandMap.from_arrays(values, ENERGIES, k=K, counts=True)
    faded = dataclasses.replace(bands, amplitudes=bands.amplitudes * fading)
    widths = edc_widths(faded, holed)
    assert np.isnan(widths.half_widths[0, :20]).all()
    assert np.isnan(widths.half_widths[0, 50:]).all()
    np.testing.assert_allclose(widths.half_widths[0, 20:36], 0.03, rtol=0.2)
    assert (np.diff(widths.half_widths_std[0, [30, 38, 42]]) > 0.0).all()
    with pytest.raises(ValueError, match=r"are not known at .* shorten it"):
        widths.mdc_peaks(0)


@pytest.fixture(scope="module")
def peaks():
    bands, band_map = counted([-0.35 + 0.7 * (K + 0.45)], LineProfile(0.02, 0.03), k=K + 0.45)
    return edc_widths(bands, band_map).mdc_peaks(0)


EXPERIMENT = {"energy_resolution": 0.02, "temperature": 20.0}


def test_straight_bare_band_for_xarpes(peaks):
    """What its formulas make of the arrays: k, Re and Im Sigma, with their deviations."""
    values = peaks.xarpes(40.0, 4.5, fermi_velocity=0.9, fermi_wavevector=0.5, **EXPERIMENT)
    kinetic, lines = values["ekin_range"], values["properties"]
    np.testing.assert_allclose(kinetic - values["hnuminPhi"], peaks.energies, atol=1e-12)
    longest = np.sqrt(kinetic / FREE)
    np.testing.assert_allclose(longest * np.sin(np.deg2rad(lines["peak"])), peaks.momenta)
    turn = longest * np.cos(np.deg2rad(lines["peak"])) * np.deg2rad(lines["peak_sigma"])
    np.testing.assert_allclose(turn, peaks.momenta_std)
    np.testing.assert_allclose(0.9 * longest * lines["broadening"], 0.9 * peaks.half_widths)
    np.testing.assert_allclose(longest * lines["broadening_sigma"], peaks.half_widths_std)
    assert lines["_class"] == "SpectralLinear"
    assert values["parameters"] == {"fermi_velocity": 0.9, "fermi_wavevector": 0.5}


def test_parabolic_bare_band_for_xarpes(peaks):
    """A width of k is one of k squared: 2 k dk."""
    values = peaks.xarpes(40.0, 4.5, bare_mass=1.3, fermi_wavevector=0.5, **EXPERIMENT)
    lines = values["properties"]
    np.testing.assert_allclose(
        values["ekin_range"] * lines["broadening"] / 1.3,
        FREE / 1.3 * 2.0 * peaks.momenta * peaks.half_widths,
    )
    assert (lines["_class"], values["parameters"]["side"]) == ("SpectralQuadratic", "right")


def test_file_for_xarpes(peaks, tmp_path):
    path = tmp_path / "band.json"
    peaks.to_xarpes(path, 40.0, 4.5, fermi_velocity=0.9, **EXPERIMENT)
    read = json.loads(path.read_text())
    values = peaks.xarpes(40.0, 4.5, fermi_velocity=0.9, **EXPERIMENT)
    assert read.keys() == values.keys()
    np.testing.assert_array_equal(read["ekin_range"], values["ekin_range"])
    np.testing.assert_array_equal(read["properties"]["peak"], values["properties"]["peak"])


def test_impossible_experiments_are_refused(peaks):
    with pytest.raises(ValueError, match="leaves the sample"):
        peaks.xarpes(4.0, 4.5, **EXPERIMENT)
    with pytest.raises(ValueError, match="have at most"):
        peaks.xarpes(5.5, 4.5, **EXPERIMENT)
    with pytest.raises(ValueError, match="not both"):
        peaks.xarpes(40.0, 4.5, fermi_velocity=1.0, bare_mass=1.0, **EXPERIMENT)


def test_wrong_cuts_are_refused():
    bands, band_map = counted([-0.5 + 2.0 * K**2], LineProfile(0.02, 0.03), k=K)
    widths = edc_widths(bands, band_map)
    with pytest.raises(ValueError, match=r"its slope changes sign near"):
        widths.mdc_peaks(0)
    with pytest.raises(ValueError, match="both ends"):
        widths.mdc_peaks(0, 0.1)
    with pytest.raises(ValueError, match="one point"):
        widths.mdc_peaks(0, 0.1, 0.1)
    with pytest.raises(ValueError, match="band: expected 0 to 0"):
        widths.mdc_peaks(1)
    with pytest.raises(ValueError, match="take a longer cut"):
        widths.mdc_peaks(0, 0.2, 0.4, energy_step=0.5)
    falling = widths.mdc_peaks(0, -0.35, -0.05)
    assert (falling.velocities < 0.0).all()
    assert (falling.half_widths > 0.0).all()
    with pytest.raises(ValueError, match="both sides"):
        edc_widths(*counted([-0.3 + K], LineProfile(0.02, 0.03), k=K)).mdc_peaks(0).xarpes(
            40.0, 4.5, bare_mass=1.0, **EXPERIMENT
        )


def test_other_maps_are_refused():
    bands, band_map = counted([-0.5 + 0.3 * K], LineProfile(0.02, 0.03), k=K)
    with pytest.raises(ValueError, match="its momenta are others"):
        edc_widths(bands, band_map.cropped(k=(-0.2, 0.2)))
    with pytest.raises(ValueError, match="needs raw counts"):
        edc_widths(bands, band_map.smoothed(eV=0.05))
    burst = BandMap.from_arrays(7.0 * band_map.values, ENERGIES, k=K, counts=True)
    with pytest.raises(ValueError, match="no raw counts"):
        edc_widths(bands, burst)
    ridges = reconstruct_bands(
        band_map.smoothed(eV=0.05), TheoryBands.from_arrays(bands.theory, k=K), progress=False
    )
    with pytest.raises(ValueError, match="fitted to raw counts"):
        edc_widths(ridges, band_map)
