"""Simulated maps against spectra that are known exactly, and against their own statistics."""

import json

import numpy as np
import pytest
from ase.units import kB
from scipy.special import voigt_profile

from ase_dos.bands import BandMap, LineProfile, MatrixElements, TheoryBands, simulate_map

K = np.linspace(-0.5, 0.5, 11)
E = np.linspace(-2.0, 0.5, 251)
STEP = E[1] - E[0]
LINE = LineProfile(0.05, 0.04)


def flat(energy, n=11):
    return np.full((1, n), energy)


def expected(bands, energies=E, profile=LINE, **options):
    options = {"k": K, "background": 0.0, "seed": None, **options}
    return simulate_map(bands, energies, profile, **options)


def test_lines_are_voigt_profiles_of_the_area_that_was_asked_for():
    found = expected(flat(-0.8), counts_per_edc=700.0)
    line = voigt_profile(E + 0.8, 0.05, 0.04)
    np.testing.assert_allclose(found.values, 700 * np.tile(line / line.sum(), (11, 1)), atol=2e-4)
    assert not found.counts


def test_bands_add_up_with_their_amplitudes():
    two = np.concatenate([flat(-0.8), flat(-0.3)])
    found = expected(two, amplitudes=[3.0, 1.0])
    parts = 3 * voigt_profile(E + 0.8, 0.05, 0.04) + voigt_profile(E + 0.3, 0.05, 0.04)
    np.testing.assert_allclose(found.values[4], 1000 * parts / parts.sum(), atol=1e-3)
    over_k = np.stack([1 + K, 2 - K])
    found = expected(two, amplitudes=over_k).values
    ratio = found[:, np.argmin(np.abs(E + 0.8))] / found[:, np.argmin(np.abs(E + 0.3))]
    line = voigt_profile(np.array([0.0, 0.5]), 0.05, 0.04)
    a, b = over_k
    np.testing.assert_allclose(
        ratio, (a * line[0] + b * line[1]) / (a * line[1] + b * line[0]), rtol=1e-4
    )
    assert found.sum(axis=1).mean() == pytest.approx(1000.0)


def test_energy_resolution_adds_to_the_gaussian_part():
    """Also where it is narrower than a step of the map."""
    for energies in (E, np.linspace(-2.0, 0.5, 63)):
        found = expected(flat(-0.8), energies, energy_resolution=0.03).values[3]
        exact = voigt_profile(energies + 0.8, np.hypot(0.05, 0.03), 0.04)
        np.testing.assert_allclose(found, 1000 * exact / exact.sum(), rtol=2e-3)


def test_momentum_resolution_is_a_convolution():
    """A straight band of slope v is broadened by v times the resolution."""
    for slope, resolution in ((3.0, 0.02), (1.0, 0.1), (-6.0, 0.03)):
        wide = np.linspace(-2.0, 2.0, 41)
        theory = TheoryBands(slope * wide[None] - 0.8, (wide,), ("k",))
        found = expected(theory, k=K / 10, momentum_resolution=resolution)
        sigma = np.hypot(0.05, slope * resolution)
        exact = voigt_profile(E + 0.8 - slope * K[:, None] / 10, sigma, 0.04)
        exact *= 1000 / exact.sum(axis=1).mean()
        np.testing.assert_allclose(found.values, exact, atol=1e-3 * exact.max())


def test_momentum_resolution_in_the_plane_against_brute_force():
    axis = np.linspace(-1.0, 1.0, 21)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    theory = TheoryBands((-1.0 + 0.8 * x**2 - 0.5 * y**2 + 0.6 * x * y)[None], (axis, axis))
    energies = np.linspace(-2.5, 0.5, 61)
    found = simulate_map(
        theory,
        energies,
        LINE,
        background=0.0,
        seed=None,
        momentum_resolution=0.08,
        kx=axis[8:13],
        ky=axis[9:12],
    )
    offsets = np.linspace(-0.4, 0.4, 41)
    weights = np.exp(-0.5 * (offsets / 0.08) ** 2)
    total = np.zeros((5, 3, 61))
    for dx, wx in zip(offsets, weights, strict=True):
        for dy, wy in zip(offsets, weights, strict=True):
            at = np.stack(np.meshgrid(axis[8:13] + dx, axis[9:12] + dy, indexing="ij"), -1)
            total += wx * wy * LINE.density(energies - theory.at(at)[0][..., None])
    total *= 1000 / total.sum(axis=-1).mean()
    np.testing.assert_allclose(found.values, total, rtol=1e-4)


def test_the_fermi_edge_is_that_of_its_temperature():
    wide = LineProfile(20.0)
    found = expected(flat(-0.1), profile=wide, temperature=300.0).values[0]
    inside = (np.arange(100) + 0.5) / 100 - 0.5
    fermi = 1 / (np.exp((E[:, None] + STEP * inside) / (kB * 300.0)) + 1)
    shape = wide.density(E + 0.1) * fermi.mean(axis=1)
    np.testing.assert_allclose(found, 1000 * shape / shape.sum(), rtol=1e-4)
    cold = expected(flat(-0.1), profile=wide, temperature=0.0).values[0]
    assert (cold[E > 1e-9] == 0).all()
    assert cold[np.abs(E) < 1e-9] == pytest.approx(cold[E < -1e-9][-1] / 2, rel=1e-3)
    blurred = expected(flat(-0.1), profile=wide, temperature=0.0, energy_resolution=0.05).values[0]
    share = blurred / wide.density(E + 0.1)
    share /= share[0]
    at = np.interp([-0.05, 0.0, 0.05], E, share)
    np.testing.assert_allclose(at, [0.8413, 0.5, 0.1587], atol=1e-3)


def test_scattered_electrons_make_a_step():
    sharp = LineProfile(0.02)
    found = expected(flat(-0.5), profile=sharp, step=0.2).values[0]
    signal = 1000 / (1 + 0.2 * STEP * ((E < -0.501).sum() + 0.5))
    np.testing.assert_allclose(found[E < -0.7], 0.2 * STEP * signal, rtol=1e-6)
    assert np.abs(found[E > -0.3]).max() < 1e-12
    # Lines above the window are scattered into it.
    below = expected(np.concatenate([flat(-0.5), flat(-1.5)]), E[:120], sharp, step=0.2).values[0]
    assert below[110] > 0.01


def test_the_background_is_a_share_of_the_counts():
    found = expected(flat(-0.8), background=0.25, counts_per_edc=400.0).values
    line = voigt_profile(E + 0.8, 0.05, 0.04)
    exact = 300 * line / line.sum() + 100 / E.size
    np.testing.assert_allclose(found[2], exact, atol=1e-4)
    assert found.sum(axis=-1).mean() == pytest.approx(400.0)


def test_counts_have_poisson_statistics_around_what_is_expected():
    bands = -0.8 + 0.5 * K[None] ** 2
    mean = expected(bands, background=0.1, counts_per_edc=2000.0).values
    draws = np.stack(
        [
            expected(bands, background=0.1, counts_per_edc=2000.0, seed=seed).values
            for seed in range(40)
        ]
    )
    pull = (draws.mean(axis=0) - mean) / np.sqrt(mean / 40)
    assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
    assert pull.std() == pytest.approx(1.0, abs=5 / np.sqrt(2 * pull.size))
    first = expected(bands, seed=3)
    assert first.counts
    np.testing.assert_array_equal(first.values, expected(bands, seed=3).values)


def test_momenta_off_the_theory_are_gaps():
    theory = TheoryBands(flat(-0.8, 21), (np.linspace(-0.3, 0.3, 21),), ("k",))
    found = expected(theory, momentum_resolution=0.02)
    np.testing.assert_array_equal(found.mask, np.abs(K) < 0.3 + 1e-9)
    assert np.isfinite(found.values[found.mask]).all()
    assert found.values[found.mask].sum(axis=1) == pytest.approx(1000.0)
    assert expected(theory, seed=0).counts


def test_matrix_elements_are_smooth_and_of_the_strength_asked_for():
    elements = MatrixElements(5, strength=0.4, length=0.5, seed=3)
    k = np.linspace(-20.0, 20.0, 4001)[:, None]
    found = elements(k)
    assert found.shape == (5, 4001)
    assert np.log(found).std() == pytest.approx(0.4, rel=0.3)
    assert np.abs(np.diff(np.log(found), axis=1)).max() < 0.02 * 0.4 / 0.5 * 4
    np.testing.assert_array_equal(MatrixElements(2, strength=0.0)(k), 1.0)
    spectrum = expected(np.concatenate([flat(-1.5), flat(-0.5)]), amplitudes=elements.__class__(2))
    assert spectrum.values.sum(axis=1).std() > 10.0


def test_settings_and_files(tmp_path):
    theory = TheoryBands(flat(-0.8, 21), (np.linspace(-0.6, 0.6, 21),), ("k",))
    made = simulate_map(theory, E, LINE, temperature=20, step=0.1, seed=5, amplitudes=[2.0])
    assert made.momenta[0].size == 21
    made.to_netcdf(tmp_path / "map.nc")
    found = BandMap.read(tmp_path / "map.nc")
    assert found.counts
    settings = json.loads(found.data.attrs["simulation"])
    assert settings["profile"] == {"gaussian": 0.05, "lorentzian": 0.04}
    assert settings["seed"] == 5
    assert settings["amplitudes"] == [2.0]
    assert settings["temperature"] == 20
    assert found.history == ["simulated"]


def test_bad_input_is_named():
    cases = {
        r"no band is inside the window of -2 to 0.5 eV: they span 3 to 3": (flat(3.0), {}),
        r"background: expected a share below 1, got 1": (flat(-1.0), {"background": 1.0}),
        r"amplitudes: expected shape \(1\), got \(3,\)": (flat(-1.0), {"amplitudes": [1, 1, 1]}),
        r"amplitudes: expected numbers from 0 up": (flat(-1.0), {"amplitudes": [-1]}),
        r"counts_per_edc: expected a number > 0": (flat(-1.0), {"counts_per_edc": 0}),
        r"bands: expected shape \(any, 11\), got \(1, 7\)": (flat(-1.0, 7), {}),
    }
    for message, (bands, options) in cases.items():
        with pytest.raises(ValueError, match=message):
            expected(bands, **options)
    theory = TheoryBands(flat(-0.8, 21), (np.linspace(2, 3, 21),), ("k",))
    with pytest.raises(ValueError, match="the theory is known nowhere on them; it spans 2 to 3"):
        expected(theory)
    with pytest.raises(ValueError, match="axes: expected those of the theory, k, got q"):
        simulate_map(theory, E, LINE, q=K)
