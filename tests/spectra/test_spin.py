"""Spin channels: majority and minority, one chemical potential, magnetic moments."""

import numpy as np
import pytest
from ase.units import kB
from paths import STATES as STATES_OF_PROGRAMS
from scipy.optimize import brentq
from toy_dos import rough_metal
from toy_model import toy_frames, toy_states
from toy_spin import ELECTRONS, split_states

from ase_dos.io.dft import read_states
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.ensemble import DOSEnsemble, mean_ensemble
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.spectra.states import ElectronicStates
from ase_dos.spectra.target import target_from_dos, target_from_states

ATOMS = toy_frames(1)[0]
PAIRED = toy_states(ATOMS)


def parabolic(splitting):
    """Free electrons, split by an energy (eV)."""
    energies = np.linspace(-3.0, 27.0, 6001)
    up, down = (
        np.sqrt(np.clip(energies + shift, 0.0, None)) for shift in (splitting / 2, -splitting / 2)
    )
    return DOS(energies, up + down, 6.0, spin=up - down)


@pytest.mark.parametrize("splitting", [0.4, 1.5])
def test_moment_of_free_electrons_that_are_split(splitting):
    """Stoner: each channel holds 2/3 (mu +- splitting/2)^(3/2) electrons at T = 0."""

    def held(mu, shift):
        return 2 / 3 * max(mu + shift, 0.0) ** 1.5

    half = splitting / 2
    mu = brentq(lambda mu: held(mu, half) + held(mu, -half) - 6.0, 0.0, 10.0)
    dos = parabolic(splitting)
    assert dos.get_fermi_level() == pytest.approx(mu, abs=1e-4)
    expected = held(mu, half) - held(mu, -half)
    assert dos.magnetic_moment() == pytest.approx(expected, rel=1e-3)


def test_both_channels_have_one_chemical_potential_at_every_temperature():
    dos = parabolic(1.5)
    temperatures = np.array([0.0, 1000.0, 10_000.0])
    moments = dos.magnetic_moment(temperatures)
    gas = dos.electron_gas(temperatures)
    held = gas.electron_weights(dos.energies) @ dos.channels.T
    np.testing.assert_allclose(held.sum(axis=1), 6.0, rtol=1e-10)
    np.testing.assert_allclose(held[:, 0] - held[:, 1], moments)
    warm = np.diff(moments)
    assert (np.abs(warm) > 1e-5).all()  # it depends on the temperature
    occupied = dos.spin * gas.occupations(dos.energies)[2]
    assert moments[2] == pytest.approx(np.trapezoid(occupied, dos.energies), rel=1e-5)


def test_moment_of_a_dos_with_negative_values_counts_the_electrons_once():
    energies, values = rough_metal()
    values = values - 0.4 * (np.abs(energies + 2.0) < 0.3)
    values[60] = -0.3
    dos = DOS(energies, values, 12.0, spin=0.25 * values)
    held = dos.electron_gas(0.0).electron_weights(energies) @ dos.channels.T
    assert held.sum() == pytest.approx(12.0)
    assert dos.magnetic_moment() == pytest.approx(3.0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_majority_is_the_channel_with_more_electrons(sign):
    states = split_states(PAIRED, sign * 1.0, ELECTRONS * len(ATOMS))
    target = target_from_states(states, 0.02)
    dos = target.dos(target.nodes)
    assert sign * states.magnetic_moment(1000.0) > 1.0
    assert dos.magnetic_moment(1000.0) == pytest.approx(
        abs(states.magnetic_moment(1000.0)), abs=0.1
    )
    same = target_from_states(split_states(PAIRED, 1.0, ELECTRONS * len(ATOMS)), 0.02)
    np.testing.assert_allclose(target.spin.values, same.spin.values, atol=1e-12)
    again = target_from_dos(
        DOS(dos.energies, dos.values, dos.n_electrons, 0.02, spin=sign * dos.spin)
    )
    np.testing.assert_allclose(again.spin.values, dos.spin[-again.spin.values.size :], atol=1e-12)


def test_target_holds_the_sum_and_the_difference_of_the_channels():
    states = split_states(PAIRED, 1.0, ELECTRONS * len(ATOMS))
    target = target_from_states(states, 0.3)
    for channel, sign in zip(states.eigenvalues, (1.0, -1.0), strict=True):
        one = ElectronicStates(channel, states.weights, 20.0, 1)
        expected = target_from_states(one, 0.3)
        values, slopes = expected(target.nodes)
        known = target.nodes < expected.valid_to
        for found, wanted in (
            (target.values + sign * target.spin.values, values),
            (target.derivatives + sign * target.spin.derivatives, slopes),
        ):
            np.testing.assert_allclose(found[known] / 2, wanted[known], atol=1e-4)


def test_without_splitting_nothing_is_left():
    states = split_states(PAIRED, 0.0)
    target = target_from_states(states, 0.3)
    assert not target.spin.values.any()
    assert states.magnetic_moment() == 0.0
    expected = target_from_states(PAIRED, 0.3)
    np.testing.assert_allclose(target.values, expected.values, rtol=1e-12)
    assert expected.spin is None


def test_moments_of_half_filled_levels():
    """One electron in two levels of the first channel that lie lower than those of the second."""
    levels = np.array([[[-1.0, 0.0]], [[2.0, 3.0]]])
    states = ElectronicStates(levels, np.ones(1), 1.0, 1)
    assert states.magnetic_moment() == pytest.approx(1.0)
    flipped = ElectronicStates(levels[::-1], np.ones(1), 1.0, 1)
    assert flipped.magnetic_moment() == pytest.approx(-1.0)
    assert PAIRED.magnetic_moment() == 0.0
    spinors = ElectronicStates(levels[0], np.ones(1), 1.0, 1)
    with pytest.raises(ValueError, match="spinors do not tell it"):
        spinors.magnetic_moment()
    kinds = [one.spin_treatment for one in (states, PAIRED, spinors)]
    assert kinds == ["spin-polarised", "spin-paired", "spinors"]


@pytest.mark.parametrize("name", ["ni.pwo", "ni_vasprun.xml", "ni_aims.out"])
def test_moment_of_nickel_is_the_one_that_the_program_printed(name):
    """Quantum ESPRESSO: total magnetization 0.57 Bohr mag/cell, at its smearing of 0.03 Ry."""
    states = read_states(STATES_OF_PROGRAMS / name)
    moment = states.magnetic_moment(states.smearing_width / kB)
    assert moment == pytest.approx(0.57, abs=0.005)
    target = target_from_states(states, 0.1)
    dos = target.dos(target.nodes)
    assert dos.magnetic_moment(states.smearing_width / kB) == pytest.approx(0.57, abs=0.02)


def two_atoms():
    """One atom with a moment, and one without."""
    dos = parabolic(1.5)
    basis = np.stack([dos.values, 0.5 * dos.values])
    spin_basis = np.stack([dos.spin, np.zeros(dos.energies.size)])
    coefficients, valence = np.eye(2), np.array([6.0, 3.0])
    return LocalDOS(coefficients, basis, dos.energies, valence, spin_basis=spin_basis)


def test_moments_of_atoms_sum_to_that_of_the_cell():
    local = two_atoms()
    total = local.total()
    gas = total.electron_gas([0.0, 5000.0])
    moments = local.moments(gas.electron_weights(local.energies))
    assert moments.shape == (2, 2)
    np.testing.assert_allclose(moments.sum(axis=0), total.magnetic_moment([0.0, 5000.0]))
    np.testing.assert_array_equal(moments[1], 0.0)
    assert local.take([1]).total().magnetic_moment() == 0.0
    assert local.shifted(2.0).total().magnetic_moment() == pytest.approx(moments[0, 0])


def test_members_of_an_ensemble_have_moments():
    dos = parabolic(1.5)
    members = [parabolic(splitting) for splitting in (1.4, 1.6)]
    ensemble = DOSEnsemble(
        dos,
        np.stack([one.values for one in members]),
        0.1,
        np.array([0.1]),
        np.stack([one.spin for one in members]),
    )
    value, error = ensemble.spread(lambda one: one.magnetic_moment())
    assert value == pytest.approx(dos.magnetic_moment())
    expected = [one.magnetic_moment() - value for one in members]
    assert error == pytest.approx(np.sqrt(np.mean(np.square(expected))))
    mean = mean_ensemble([ensemble, ensemble])
    np.testing.assert_array_equal(mean.spin, ensemble.spin)
    np.testing.assert_array_equal(mean.mean.spin, dos.spin)


def test_a_dos_without_channels_has_no_moment():
    dos = DOS(np.linspace(0, 1, 11), np.ones(11), 0.5)
    for ask in (dos.magnetic_moment, lambda: dos.channels):
        with pytest.raises(ValueError, match="channels of this DOS are not known"):
            ask()
    plain = LocalDOS(np.ones((1, 11)), None, dos.energies, np.array([0.5]))
    with pytest.raises(ValueError, match="not divided into spin channels"):
        plain.moments(np.ones(11))
    with pytest.raises(ValueError, match="spin_basis: expected a basis"):
        LocalDOS(
            np.ones((1, 11)), None, dos.energies, np.array([0.5]), spin_basis=np.ones((11, 11))
        )
