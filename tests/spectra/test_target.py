"""Broadened DOS of the training against plain sums over levels."""

import numpy as np
import pytest

from ase_dos.spectra.dos import DOS
from ase_dos.spectra.states import ElectronicStates
from ase_dos.spectra.target import DOSTarget, TargetStack, target_from_dos, target_from_states

SIGMA = 0.3


def random_states(seed=0, n_kpoints=5, n_bands=6):
    rng = np.random.default_rng(seed)
    eigenvalues = np.sort(rng.uniform(-6, 8, (1, n_kpoints, n_bands)), axis=2)
    eigenvalues[..., -1] += 6  # room between the Fermi level and the top
    weights = rng.random(n_kpoints)
    return ElectronicStates(eigenvalues, weights / weights.sum(), 4.0, 2)


def triple_loop(states, energies, sigma):
    """Broadened DOS and slope, written as the formula."""
    value, slope = np.zeros_like(energies), np.zeros_like(energies)
    for spin in range(states.n_spins):
        for k in range(states.n_kpoints):
            for band in range(states.n_bands):
                x = energies - states.eigenvalues[spin, k, band]
                g = np.exp(-(x**2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
                value += states.spin_degeneracy * states.weights[k] * g
                slope += -states.spin_degeneracy * states.weights[k] * x / sigma**2 * g
    return value, slope


def test_nodes_equal_the_plain_triple_loop_with_random_weights():
    states = random_states()
    target = target_from_states(states, SIGMA)
    nodes = target.start + target.step * np.arange(target.values.size)
    value, slope = triple_loop(states, nodes, SIGMA)
    assert np.allclose(target.values, value, rtol=0, atol=1e-13)
    assert np.allclose(target.derivatives, slope, rtol=0, atol=1e-12)


def test_two_spins_empty_k_points_and_a_core_level_equal_the_plain_sum():
    rng = np.random.default_rng(8)
    levels = np.sort(rng.uniform(-3, 9, (2, 5, 12)), axis=2)
    levels[:, :, 0] = -80.0 + 0.01 * rng.normal(size=(2, 5))
    weights = np.array([0.4, 0.0, 0.3, 0.2, 0.1])
    states = ElectronicStates(levels, weights, 10.0, 1)
    target = target_from_states(states, SIGMA)
    nodes = target.nodes
    value, slope = np.zeros((2, nodes.size))
    for spin in range(2):
        for k in range(5):
            for level in levels[spin, k]:
                x = (nodes - level) / SIGMA
                peak = weights[k] * np.exp(-0.5 * x**2) / (SIGMA * np.sqrt(2 * np.pi))
                value += peak
                slope -= x / SIGMA * peak
    np.testing.assert_allclose(target.values, value, atol=1e-13 * value.max())
    np.testing.assert_allclose(target.derivatives, slope, atol=1e-13 * np.abs(slope).max())
    assert value[nodes < -70].max() > 0.1 < value[nodes > -5].max()


def test_spline_between_nodes():
    states = random_states()
    target = target_from_states(states, SIGMA)
    energies = np.linspace(target.start, target.valid_to, 4001)
    value, slope = triple_loop(states, energies, SIGMA)
    got, got_slope = target(energies)
    # h^4/384 max|g| with max|g| = 3 g_max/sigma^4 for one Gaussian and h = sigma/6
    assert np.abs(got - value).max() < 3 / 6**4 / 384 * value.max()
    assert np.abs(got_slope - slope).max() < 1e-3 * np.abs(slope).max()


def test_derivative_is_that_of_the_spline_and_not_of_something_else():
    target = target_from_states(random_states(), SIGMA)
    energies = np.linspace(target.start + 1.003, target.valid_to - 1.0, 97)
    h = 1e-6
    numeric = (target(energies, h)[0] - target(energies, -h)[0]) / (2 * h)
    assert np.allclose(target(energies)[1], numeric, atol=1e-7)


def test_shift_means_energy_of_model_plus_shift():
    target = target_from_states(random_states(), SIGMA)
    energies = np.linspace(-4, 4, 33)
    assert np.allclose(target(energies, 0.7)[0], target(energies + 0.7)[0])
    dos = target.dos(energies, 0.7)
    assert np.allclose(dos.values, target(energies + 0.7)[0])
    assert dos.valid_to == pytest.approx(min(target.valid_to - 0.7, 4))


def test_integral_counts_the_states():
    states = random_states()
    target = target_from_states(states, SIGMA)
    below = (states.eigenvalues[0] < 5).sum(axis=1) @ states.weights * 2
    energies = np.linspace(target.start, 5, 20001)
    value, _ = triple_loop(states, energies, SIGMA)
    assert np.trapezoid(target(energies)[0], energies) == pytest.approx(
        np.trapezoid(value, energies), abs=1e-5
    )
    assert np.trapezoid(value, energies) == pytest.approx(below, abs=0.5)


def test_truncated_bands_are_unknown_not_zero():
    states = random_states()
    target = target_from_states(states, SIGMA)
    top = states.eigenvalues[..., -1].min()
    assert target.valid_to == pytest.approx(top - 3 * SIGMA)
    energies = np.array([target.valid_to - 0.5, target.valid_to + 0.1])
    _, _, known = TargetStack([target])(energies, np.array([0.0]))
    assert known.tolist() == [[True, False]]
    _, _, moved = TargetStack([target])(energies, np.array([-0.2]))
    assert moved.tolist() == [[True, True]]  # validity moves with the alignment


def test_below_the_lowest_level_the_dos_is_zero():
    target = target_from_states(random_states(), SIGMA)
    value, slope = target(np.array([target.start - 5.0]))
    assert value[0] == 0
    assert slope[0] == 0


def test_target_from_a_broadened_dos_agrees_with_the_one_from_eigenvalues():
    states = random_states()
    target = target_from_states(states, SIGMA)
    grid = np.arange(target.start, target.valid_to, 0.03)
    dos = DOS(grid, triple_loop(states, grid, SIGMA)[0], 4.0, SIGMA)
    again = target_from_dos(dos)
    energies = np.linspace(grid[0] + 1, grid[-1] - 1, 777)
    assert np.allclose(again(energies)[0], target(energies)[0], atol=1e-4)
    assert isinstance(again, DOSTarget)


def test_nothing_above_the_last_known_energy_reaches_the_target():
    target = target_from_states(random_states(), SIGMA)
    grid = np.arange(target.start - 30.0, target.valid_to + 5.0, 0.05)
    values = target(grid)[0]
    known = grid <= target.valid_to
    garbage = np.where(known, values, np.random.default_rng(0).normal(0, 1e6, grid.size))
    cut, other, short = (
        target_from_dos(dos)
        for dos in (
            DOS(grid, values, 4.0, SIGMA, target.valid_to),
            DOS(grid, garbage, 4.0, SIGMA, target.valid_to),
            DOS(grid[known], values[known], 4.0, SIGMA),
        )
    )
    for one in (other, short):
        np.testing.assert_array_equal(one.values, cut.values)
        np.testing.assert_array_equal(one.derivatives, cut.derivatives)
        assert (one.start, one.valid_to, one.fermi_level) == (
            cut.start,
            cut.valid_to,
            cut.fermi_level,
        )
    assert cut.valid_to == grid[known][-1]
    # Slopes are right up to the last known point: 1e-3 of the largest, as between the nodes.
    error = cut.derivatives - target(cut.nodes)[1]
    assert np.abs(error).max() < 1e-3 * np.abs(cut.derivatives).max()


def test_target_from_a_dos_begins_where_the_bands_do():
    target = target_from_states(random_states(), SIGMA)
    grid = np.arange(target.start - 100.0, target.valid_to, 0.05)
    long = target_from_dos(DOS(grid, target(grid)[0], 4.0, SIGMA))
    # Both leave out what lies below the rounding of a peak.
    assert long.start == pytest.approx(target.start, abs=2 * SIGMA)
    near = grid[grid > target.start - 1.0]
    np.testing.assert_allclose(long(near)[0], target(near)[0], atol=1e-12)


def test_dos_with_too_few_known_points_is_refused():
    energies = np.arange(-4.0, 4.0, 0.5)
    values = np.where(energies > -3.0, 2.0, 0.0)
    with pytest.raises(ValueError, match="known at 6 grid points, expected 8 or more"):
        target_from_dos(DOS(energies, values, 2.0, SIGMA, valid_to=-0.4))
    with pytest.raises(ValueError, match=r"no states from -4\.00 eV to -3\.00 eV"):
        target_from_dos(DOS(energies, values, 2.0, SIGMA, valid_to=-3.0))


def test_zero_smearing_is_rejected():
    with pytest.raises(ValueError, match="smearing: expected a number > 0, got 0"):
        target_from_states(random_states(), 0.0)


FERMI, LEVELS = 0.8625, 0.075 * np.arange(24)  # three electrons in levels of a quarter each


def few_bands(bands):
    """A metal of constant DOS whose levels end 0.3 eV above its Fermi level, with 3 bands."""
    return ElectronicStates(LEVELS.reshape(3, 8).T[:, :bands], np.full(8, 1 / 8), 3.0, 2)


def test_few_bands_above_the_fermi_level_tell_it():
    """At 1000 K electrons would leave the known states; an alignment starts from less."""
    states = few_bands(3)
    with pytest.raises(ValueError, match="this window supports up to"):
        states.electron_gas(1000.0)
    target = target_from_states(states, 0.05)
    assert target.fermi_level == pytest.approx(FERMI, abs=1e-3)
    grid = np.arange(-2.0, FERMI + 0.3, 0.01)
    dos = DOS(grid, np.where(grid > -0.04, 10 / 3, 0.0), 3.0, 0.05)
    assert target_from_dos(dos).fermi_level == pytest.approx(FERMI, abs=0.01)


def test_enough_bands_give_the_fermi_level_at_1000_k():
    states = random_states()
    expected = states.electron_gas(1000.0).fermi_level
    assert target_from_states(states, SIGMA).fermi_level == expected


def test_bands_that_end_below_the_fermi_level_are_refused():
    with pytest.raises(ValueError, match=r"2 bands: .*hold 2\.25.*; compute more bands \(nbnd"):
        target_from_states(few_bands(2), 0.05)
    insulator = ElectronicStates(LEVELS[:8, None], np.full(8, 1 / 8), 2.0, 2)
    with pytest.raises(ValueError, match=r"1 bands: .*empty states above them; compute more bands"):
        target_from_states(insulator, 0.01)
