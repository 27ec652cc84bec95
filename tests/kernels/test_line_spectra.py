import numpy as np
import pytest
from reference_lines import loss, rates

from ase_dos.bands.line_profile import LineProfile
from ase_dos.bands.spectra_model import SpectralLine
from ase_dos.kernels import line_spectra

ENERGIES = np.linspace(-3.0, 0.4, 120)
STEP = ENERGIES[1] - ENERGIES[0]
LINE = SpectralLine(LineProfile(0.06, 0.03), 3e-3, 0.04)


@pytest.fixture
def spectra():
    rng = np.random.default_rng(0)
    positions = np.sort(rng.uniform(-3.3, 0.5, (30, 4)), axis=1)
    amplitudes, background = rng.uniform(20.0, 200.0, (30, 4)), rng.uniform(0.5, 2.0, 30)
    model = LINE.model(ENERGIES)
    expected = rates(
        ENERGIES, positions, amplitudes, background, LINE.profile.binned(STEP), 3e-3, 0.04
    )
    counts = rng.poisson(expected).astype(np.float32)
    counts[3:6, 40:70] = -1.0
    counts[9] = -1.0
    return counts, positions, amplitudes, background, model


def test_expected_counts_are_those_of_plain_numpy(spectra):
    _, positions, amplitudes, background, _ = spectra
    expected = rates(
        ENERGIES, positions, amplitudes, background, LINE.profile.binned(STEP), 3e-3, 0.04
    )
    np.testing.assert_allclose(line_spectra.expected_counts(*spectra), expected, rtol=3e-4)


def test_loss_is_that_of_plain_numpy_and_leaves_gaps_out(spectra):
    losses = line_spectra.spectrum_losses(*spectra)
    np.testing.assert_allclose(
        losses, loss(spectra[0], line_spectra.expected_counts(*spectra)), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_array_equal(line_spectra.position_score(*spectra)[0], losses)
    assert losses[9] == 0.0


def test_gradient_is_the_derivative_of_the_loss(spectra):
    counts, positions, *rest = spectra
    _, gradient, _ = line_spectra.position_score(*spectra)
    delta = 2e-3
    for band in range(positions.shape[1]):
        there, back = positions.copy(), positions.copy()
        there[:, band] += delta
        back[:, band] -= delta
        slope = (
            line_spectra.spectrum_losses(counts, there, *rest)
            - line_spectra.spectrum_losses(counts, back, *rest)
        ) / (2.0 * delta)
        np.testing.assert_allclose(gradient[:, band], slope, atol=4e-3 * np.abs(slope).max())


def test_information_is_the_variance_of_the_gradient(spectra):
    """Over Poisson counts, the mean of gradient times gradient is the Fisher information."""
    _, *rest = spectra
    expected = line_spectra.expected_counts(*spectra)[:1]
    rest[:3] = (np.repeat(part[:1], 4000, axis=0) for part in rest[:3])
    drawn = np.random.default_rng(1).poisson(np.repeat(expected, 4000, axis=0))
    _, gradient, information = line_spectra.position_score(drawn.astype(np.float32), *rest)
    scale = np.sqrt(np.outer(*[np.diag(information[0])] * 2))
    np.testing.assert_allclose(
        gradient.T @ gradient / 4000 / scale, information[0] / scale, atol=0.08
    )


def test_expectation_maximisation_never_lowers_the_likelihood(spectra):
    counts, positions, amplitudes, background, model = spectra
    seen = np.arange(30) != 9
    last = line_spectra.spectrum_losses(*spectra)
    for _ in range(5):
        observed, expected = line_spectra.amplitude_sums(
            counts, positions, amplitudes, background, model
        )
        ratio = np.divide(observed, expected, out=np.ones_like(observed), where=expected > 0.0)
        amplitudes, background = amplitudes * ratio[:, :-1], background * ratio[:, -1]
        now = line_spectra.spectrum_losses(counts, positions, amplitudes, background, model)
        assert (now[seen] <= last[seen] + 1e-9).all()
        last = now


def test_costs_are_losses_with_one_band_moved(spectra):
    counts, positions, amplitudes, background, model = spectra
    steps = np.linspace(-0.2, 0.2, 7)
    costs = line_spectra.position_costs(*spectra, 2, positions[:, 2:3] + steps)
    losses = []
    for move in steps:
        there = positions.copy()
        there[:, 2] += move
        losses.append(line_spectra.spectrum_losses(counts, there, amplitudes, background, model))
    losses = np.array(losses).T
    np.testing.assert_allclose(
        costs, losses - losses.min(axis=1, keepdims=True), atol=1e-4, rtol=1e-4
    )


def test_counts_of_a_line_are_its_amplitude_wherever_it_is():
    line = SpectralLine(LineProfile(0.06, 0.03))
    positions = np.linspace(-1.5, -1.4, 11)[:, None]
    args = (np.ones((11, 1)), np.zeros(11), line.model(ENERGIES))
    counts = line_spectra.expected_counts(np.zeros((11, 120), np.float32), positions, *args)
    np.testing.assert_allclose(counts.sum(axis=1), 1.0, rtol=1e-3)
