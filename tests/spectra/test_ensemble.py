"""Ensembles of densities of states: errors, and averages member by member."""

import numpy as np
import pytest

from ase_dos.spectra.dos import DOS
from ase_dos.spectra.ensemble import DOSEnsemble, mean_ensemble

ENERGIES = np.linspace(-2, 2, 9)


RNG = np.random.default_rng(0)


def ensemble(seed=0, members=5, energies=ENERGIES, local=(0.2, 0.3)):
    rng = np.random.default_rng(seed)
    mean = rng.uniform(1, 2, energies.size)
    values = mean + rng.normal(size=(members, energies.size))
    return DOSEnsemble(DOS(energies, mean, 3.0, 0.1), values, 0.4, np.array(local))


def test_error_is_the_deviation_from_the_prediction():
    one = ensemble()
    expected = [
        np.sqrt(np.mean([(member[i] - one.mean.values[i]) ** 2 for member in one.values]))
        for i in range(9)
    ]
    np.testing.assert_allclose(one.error, expected)
    assert len(one) == len(one.members) == 5
    np.testing.assert_array_equal(one.members[3].values, one.values[3])
    assert one.members[3].n_electrons == 3.0


def test_spread_of_a_linear_function_is_that_of_the_values():
    one = ensemble()
    weights = RNG.normal(size=9)
    value, error = one.spread(lambda dos: dos.values @ weights)
    assert value == pytest.approx(one.mean.values @ weights)
    deviations = (one.values - one.mean.values) @ weights
    assert error == pytest.approx(np.sqrt(np.mean(deviations**2)))
    values, errors = one.spread(lambda dos: dos.values)
    np.testing.assert_array_equal(values, one.mean.values)
    np.testing.assert_allclose(errors, one.error)


def test_thermodynamics_of_all_members_at_once():
    energies = np.linspace(-4, 4, 161)
    mean = DOS(energies, np.full(161, 1.0), 4.0)
    values = 1.0 + 0.1 * RNG.normal(size=(3, 1)) * np.ones(161)
    many = DOSEnsemble(mean, values, 0.1, np.array([0.1]))
    gas = many.electron_gas([300.0, 1000.0])
    for member, row in zip(many.members, gas.heat_capacity, strict=True):
        np.testing.assert_allclose(
            member.electron_gas([300.0, 1000.0]).heat_capacity, row, rtol=1e-9
        )


def test_averaging_a_structure_with_itself_leaves_its_error():
    one = ensemble()
    mean = mean_ensemble([one, one, one])
    np.testing.assert_allclose(mean.error, one.error)
    np.testing.assert_allclose(mean.values, one.values)
    assert mean.expected_error == pytest.approx(one.expected_error)
    assert len(mean.local_errors) == 6


def test_averages_go_member_by_member():
    one, two = ensemble(0), ensemble(1)
    mean = mean_ensemble([one, two])
    np.testing.assert_allclose(mean.values[2], (one.values[2] + two.values[2]) / 2)
    np.testing.assert_allclose(mean.mean.values, (one.mean.values + two.mean.values) / 2)
    assert mean.error.mean() < 0.9 * (one.error + two.error).mean() / 2  # these are independent


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ([], "at least one ensemble, got none"),
        ([ensemble(), ensemble(members=4)], r"one size .* got \(5, 9\) and \(4, 9\)"),
        ([ensemble(), ensemble(energies=ENERGIES + 1)], "on the same energies"),
    ],
)
def test_ensembles_that_cannot_be_averaged(others, message):
    with pytest.raises(ValueError, match=message):
        mean_ensemble(others)


def test_ensemble_of_another_grid_is_refused():
    with pytest.raises(ValueError, match=r"values: expected shape \(any, 9\), got \(5, 8\)"):
        DOSEnsemble(ensemble().mean, np.zeros((5, 8)), 0.1, np.array([0.1]))
