"""Alignment of a theory to a map: what is found, how sure it is, and when it says so."""

import numpy as np
import pytest
from toy_bands import square_bands
from toy_maps import distortion, toy_map

from ase_dos.bands import AlignmentWarning, BandMap, LineProfile, TheoryBands, simulate_map
from ase_dos.bands.spectra_sample import sample_spectra
from ase_dos.bands.stacked_likelihood import StackedLikelihood, line_of_width

pytest.importorskip("xarray")

A = 3.0
KX, KY = np.linspace(-1.1, 1.1, 30), np.linspace(-1.0, 1.2, 26)
WIDE = np.linspace(-1.4, 1.4, 71)
E = np.linspace(-4.3, 0.7, 140)
THEORY = TheoryBands(square_bands(WIDE[:, None], WIDE, A), (WIDE, WIDE))


def truth():
    return square_bands(KX[:, None], KY, A)


def small_map(seed=0, counts=300):
    return toy_map(truth(), (KX, KY), E, counts, seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_shift_and_scales_are_found(seed):
    """Theory = truth after: momenta x 1/1.02, energies x 1/0.97 and down by 0.25 eV."""
    wrong = THEORY.shifted(-0.25).scaled(energy=0.97, momentum=1.02)
    found = wrong.align(small_map(seed))
    for name, value in {
        "shift": 0.25,
        "energy_scale": 1 / 0.97,
        "momentum_scale": 1 / 1.02,
    }.items():
        std = getattr(found, f"{name}_std")
        assert abs(getattr(found, name) - value) < 3.5 * std
        assert 1e-5 < std < 0.01
    assert np.abs(found.theory.on(small_map()) - truth()).mean() < 0.01
    assert found.log_likelihood_gained > 100
    assert found.dispersion == pytest.approx(1.0, abs=0.05)
    assert found.remarks == found.rivals == ()
    assert f"{found.shift:+.4f}" in str(found)


def test_error_falls_to_a_fifth_although_the_theory_is_distorted():
    wrong = TheoryBands(
        (THEORY.energies + distortion((WIDE, WIDE), 0.1)) * 0.97 - 0.25, (WIDE, WIDE)
    )
    band_map = small_map()
    before = np.abs(wrong.on(band_map) - truth()).mean()
    found = wrong.align(band_map)
    assert np.abs(found.theory.on(band_map) - truth()).mean() < 0.2 * before
    assert found.dispersion > 1.005


def test_deviations_are_those_of_repeated_measurements():
    shifts, stds = [], []
    for seed in range(8):
        found = THEORY.align(
            small_map(seed + 10, 60), max_shift=0.2, energy_scale=False, momentum_scale=False
        )
        shifts.append(found.shift)
        stds.append(found.shift_std)
        assert np.isnan(found.energy_scale_std)
        assert found.energy_scale == found.momentum_scale == 1.0
    assert np.sqrt(np.mean(np.square(shifts))) == pytest.approx(np.mean(stds), rel=0.7)


def test_unit_of_intensities_does_not_matter():
    band_map = small_map()
    axes = dict(zip(band_map.momentum_names, band_map.momenta, strict=True))
    results = [
        THEORY.shifted(0.3).align(BandMap.from_arrays(factor * band_map.values, E, **axes))
        for factor in (1.0, 1e-4)
    ]
    counted = THEORY.shifted(0.3).align(band_map)
    for found in results:
        assert found.shift == pytest.approx(counted.shift, abs=2e-4)
        assert found.shift_std == pytest.approx(counted.shift_std, rel=0.02)


def test_one_momentum_axis_and_one_that_is_none():
    k = np.linspace(-1, 1, 120)
    bands = square_bands(k, 0.1, A)
    band_map = toy_map(bands, (k,), E, 400)
    wide = np.linspace(-1.2, 1.2, 200)
    found = TheoryBands(square_bands(wide, 0.1, A) + 0.2, (wide,)).align(band_map)
    assert found.shift == pytest.approx(-0.2, abs=4 * found.shift_std)
    temperature = BandMap.from_arrays(band_map.values, E, temperature=k)
    found = TheoryBands(bands + 0.2, (k,), ("temperature",)).align(temperature)
    assert found.momentum_scale == 1.0
    assert np.isnan(found.momentum_scale_std)
    assert found.shift == pytest.approx(-0.2, abs=4 * found.shift_std)


def test_gaps_tell_nothing():
    band_map = small_map()
    values = np.array(band_map.values)
    values[:9] = np.nan
    values[:, :, :20] = np.nan
    values[20:22, 5] = np.nan
    gaps = BandMap.from_arrays(values, E, kx=KX, ky=KY, counts=True)
    found = THEORY.shifted(0.2).align(gaps)
    assert found.shift == pytest.approx(-0.2, abs=4 * found.shift_std)
    assert found.dispersion == pytest.approx(1.0, abs=0.05)


def test_window_that_cuts_bands_off():
    """Bands that leave the window do not change what is expected of the others."""
    cropped = small_map().cropped(eV=(-3.1, -0.7))
    found = THEORY.shifted(0.2).align(cropped)
    assert found.shift == pytest.approx(-0.2, abs=4 * found.shift_std)
    assert found.energy_scale == pytest.approx(1.0, abs=4 * found.energy_scale_std)
    assert found.dispersion == pytest.approx(1.0, abs=0.05)


def test_bands_that_cross_the_fermi_level():
    metal = THEORY.shifted(1.0)
    band_map = simulate_map(
        metal, np.linspace(-3.5, 0.4, 200), LineProfile(0.05, 0.03), counts_per_edc=300,
        kx=KX, ky=KY, temperature=80.0, seed=3,
    )  # fmt: skip
    found = metal.shifted(-0.2).align(band_map)
    assert found.shift == pytest.approx(0.2, abs=4 * found.shift_std)
    assert found.dispersion == pytest.approx(1.0, abs=0.05)


def test_another_optimum_is_named():
    """A ladder of equal bands fits as well one step higher."""
    wave = 0.05 * np.cos(A * WIDE)[:, None] * np.cos(A * WIDE)
    rungs = TheoryBands(np.stack([wave - 1.0, wave - 1.6]), (WIDE, WIDE))
    there = 0.05 * np.cos(A * KX)[:, None] * np.cos(A * KY)
    band_map = toy_map(np.stack([there - 0.7, there - 1.3, there - 1.9]), (KX, KY), E, 300)
    with pytest.warns(AlignmentWarning, match="nearly as good|no band explains") as warned:
        found = rungs.align(band_map, energy_scale=False)
    shifts = sorted([found.shift, *(one.shift for one in found.rivals)])
    np.testing.assert_allclose(shifts, [-0.3, 0.3], atol=0.02)
    said = [str(one.message) for one in warned]
    assert said[0].startswith("another alignment is nearly as good: shift")
    assert "have a peak that no band explains" in said[1]  # the third rung


def test_theory_at_the_limit_of_momentum():
    with pytest.warns(AlignmentWarning, match="scale of momentum is at its limit"):
        found = THEORY.scaled(momentum=1.2).align(small_map())
    assert np.isnan(found.momentum_scale_std)


def test_what_does_not_fit():
    band_map = small_map()
    with pytest.raises(ValueError, match=r"bands 1 \(from 0\) lie outside .* theory\.within"):
        TheoryBands([THEORY.energies[0], THEORY.energies[1] + 9], (WIDE, WIDE)).align(band_map)
    with pytest.raises(ValueError, match="theory and map do not overlap"):
        TheoryBands(THEORY.energies, (WIDE + 9, WIDE)).align(band_map)
    with pytest.raises(ValueError, match="max_shift"):
        THEORY.align(band_map, max_shift=-1)
    values = np.array(band_map.values)
    values[5:25] = np.nan
    narrow = TheoryBands(square_bands(KX[8:20, None], KY, A), (KX[8:20], KY))
    gap = BandMap.from_arrays(values, E, kx=KX, ky=KY, counts=True)
    with pytest.raises(ValueError, match="no intensity at the momenta of the theory"):
        narrow.align(gap)


def test_derivatives_of_the_likelihood():
    band_map = small_map(counts=100)
    sample = sample_spectra(band_map, np.ones((30, 26), bool), 6, 0.05)
    likelihood = StackedLikelihood(sample)
    energies = truth().reshape(2, -1)[:, sample.index].T
    slopes = np.stack([np.ones_like(energies), energies], axis=1)

    def value(shift, scale, width):
        return likelihood.value(scale * energies + shift, width, sweeps=400)[0]

    at, step = np.array([0.02, 1.01, 0.08]), np.array([8e-3, 8e-3, 2e-3])
    fit = likelihood.fit(at[1] * energies + at[0], at[2], slopes, sweeps=400)
    for i, unit in enumerate(np.eye(3) * step):
        slope = (value(*(at + unit)) - value(*(at - unit))) / (2 * step[i])
        slope *= at[2] if i == 2 else 1.0
        assert fit.score[i] == pytest.approx(slope, rel=0.03, abs=8.0)
    assert (np.linalg.eigvalsh(fit.information) > 0).all()


def test_lines_of_the_likelihood_are_voigt_profiles():
    band_map = small_map()
    sample = sample_spectra(band_map, np.ones((30, 26), bool), 4, 0.0)
    likelihood = StackedLikelihood(sample)
    positions = np.linspace(-7, 3, len(sample.index))[:, None]
    lines = likelihood._lines(positions, 0.1, ("line",))[0]
    expected = line_of_width(0.1).density(sample.energies - positions) * sample.step
    near = np.abs(sample.energies - positions) < 0.8
    np.testing.assert_allclose(lines[:, 0][near], expected[near], atol=4e-3 * expected.max())
    assert (lines[:, 0][~near] < 0.01 * expected.max()).all()
    np.testing.assert_allclose(lines[:, 1], 1 / len(E))


def test_bands_of_map_and_theory_that_the_other_lacks_are_named():
    band_map = small_map()
    assert THEORY.align(band_map).signal.stray < 0.01
    with pytest.warns(AlignmentWarning, match="have a peak that no band explains, near -0"):
        lower = THEORY.select([0]).align(band_map, max_shift=0.3, energy_scale=False)
    assert lower.signal.stray > 0.3
    flat = np.full((1, *THEORY.energies.shape[1:]), -1.6)
    more = TheoryBands(np.concatenate([THEORY.energies, flat]), (WIDE, WIDE))
    with pytest.warns(AlignmentWarning, match=r"bands 1 \(from 0\) have less than a fifth of the"):
        found = more.align(band_map, max_shift=0.3)
    assert found.signal.shares.argmin() == 1
    assert found.signal.shares.sum() == pytest.approx(1.0)
    above = TheoryBands(np.concatenate([THEORY.energies, THEORY.energies[1:] + 1.6]), (WIDE, WIDE))
    with pytest.warns(AlignmentWarning, match=r"bands 2 \(from 0\) lie outside the energies"):
        assert above.align(band_map, max_shift=0.5).signal.inside[2] == 0.0
