from dataclasses import replace

import numpy as np
import pytest
from toy_photoemission import PROFILE, toy_map

from ase_dos.bands.certificate import best_near
from ase_dos.bands.counted import spectra_of, start_on
from ase_dos.bands.freeing import thinned
from ase_dos.bands.joint_fit import BandPrior, fit_line, fit_positions
from ase_dos.bands.levels_of_detail import coarse, fine, sampled_coarse
from ase_dos.bands.line_profile import LineProfile
from ase_dos.bands.smoothness import Smoothness
from ase_dos.bands.spectra_model import Lines, SpectralLine


@pytest.fixture(scope="module")
def problem():
    """Spectra, lines on the theory with the true line, and the truth."""
    measured, theory, truth = toy_map(16, 2000.0)
    start, known = start_on(theory, measured)
    spectra = spectra_of(measured, known)
    shape = start.shape
    lines = Lines(
        start, np.full(shape, 600.0), np.full(shape[1:], 1.0), SpectralLine(PROFILE, 1e-4)
    )
    return spectra, spectra.with_amplitudes(lines, 4.0, 20), truth


def test_fit_of_positions_ends_where_the_derivative_vanishes(problem):
    spectra, lines, _ = problem
    prior = BandPrior(lines.positions, Smoothness(spectra.spacings, 0.2))

    def value(these):
        return spectra.losses(these).sum() + prior.energy(these.positions)

    one = Lines(
        lines.positions[2:], lines.amplitudes[2:], lines.background, lines.line
    )  # one band, which nothing holds
    prior = BandPrior(one.positions, prior.smoothness)
    ended = fit_positions(spectra, one, prior, steps=60, tolerance=1e-6)
    assert value(ended) < value(one)
    _, gradient, information = spectra.score(ended)
    pull = gradient + prior.gradient(ended.positions)
    left = prior.smoothness.solve(information, -pull)
    assert np.abs(left).max() < 1e-3 * PROFILE.fwhm


def test_line_is_found_at_true_positions(problem):
    spectra, lines, truth = problem
    wrong = Lines(
        truth, lines.amplitudes, lines.background, SpectralLine(LineProfile(0.09, 0.02), 1e-3)
    )
    rng = np.random.default_rng(0)
    for _ in range(15):
        wrong = spectra.with_amplitudes(fit_line(spectra, wrong, rng, steps=4), 4.0, 4)
    assert wrong.line.profile.gaussian == pytest.approx(PROFILE.gaussian, rel=0.1)
    assert wrong.line.profile.lorentzian == pytest.approx(PROFILE.lorentzian, rel=0.1)


def test_certificate_finds_a_band_that_was_moved_away(problem):
    spectra, lines, truth = problem
    placed = Lines(truth, lines.amplitudes, lines.background, lines.line)
    prior = BandPrior(truth, Smoothness(spectra.spacings, 0.2))
    moved = truth.copy()
    moved[2, 5:9, 5:9] += 0.08
    astray = Lines(moved, placed.amplitudes, placed.background, placed.line)
    gap, energies = best_near(spectra, astray, prior, 2)
    assert gap > 0.1
    np.testing.assert_allclose(energies, truth[2], atol=0.05)
    small, _ = best_near(
        spectra, fit_positions(spectra, placed, prior, steps=40, tolerance=1e-6), prior, 2
    )
    assert small <= 1e-4


def test_halves_add_up_and_keep_gaps(problem):
    counts = problem[0].counts.copy()
    counts[0, 0, :5] = -1.0
    spectra = replace(problem[0], counts=counts)
    one, two = thinned(spectra, np.random.default_rng(0))
    seen = spectra.counts >= 0.0
    np.testing.assert_array_equal((one.counts + two.counts)[seen], spectra.counts[seen])
    assert (one.counts[~seen] == -1.0).all()
    assert one.counts[seen].sum() == pytest.approx(two.counts[seen].sum(), rel=0.02)


def test_a_coarse_grid_and_back_keeps_smooth_corrections_and_counts(problem):
    spectra, lines, _ = problem
    factors = (2, 2)
    binned = coarse(spectra, factors)
    assert binned.momenta == (8, 8)
    assert binned.spacings == pytest.approx([2.0 * dk for dk in spectra.spacings])
    base = sampled_coarse(lines.positions, factors)
    slope = 0.01 * np.arange(8)[:, None] + np.zeros((8, 8))
    there = Lines(
        base + slope, np.full((3, 8, 8), 40.0), np.full((8, 8), 4.0), SpectralLine(PROFILE)
    )
    back = fine(there, base, lines.positions, factors)
    np.testing.assert_allclose(back.amplitudes, 10.0)
    np.testing.assert_allclose(back.background, 1.0)
    inner = (back.positions - lines.positions)[2, 1:-1, 5]
    np.testing.assert_allclose(np.diff(inner), 0.005, atol=1e-9)
