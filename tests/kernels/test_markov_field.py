"""Markov fields: their energy, and labels that are forbidden."""

import numpy as np
import pytest
from reference_fields import PlainField
from toy_fields import band_costs, random_parts

from ase_dos.kernels.markov_field import field_energy, make_field, within
from ase_dos.kernels.tree_reweighted import least_energy, no_messages


@pytest.mark.parametrize("shape", [(6, 5, 7), (1, 4, 3), (4, 1, 16), (1, 1, 2)])
def test_energy_is_that_of_the_plain_twin(shape):
    parts = random_parts(1, *shape)
    labels = np.random.default_rng(2).integers(0, shape[2], shape[:2])
    plain = PlainField(*parts).energy(labels)
    assert field_energy(make_field(*parts), labels) == pytest.approx(plain, rel=1e-13)


def test_the_field_has_its_own_copy():
    costs = np.zeros((3, 4, 5))
    field = make_field(costs, 1.0, 1.0, 0.0, 0.0)
    costs += 1.0
    assert field_energy(field, np.zeros((3, 4), int)) == 0.0


def allowed(costs, lowest, highest):
    """Labels left of a single node."""
    limits = (np.full((1, 1), float(limit)) for limit in (lowest, highest))
    return np.flatnonzero(np.isfinite(within(np.array(costs, float)[None, None], *limits))).tolist()


def test_labels_between_the_limits_stay():
    assert allowed(np.zeros(6), 1.0, 3.5) == [1, 2, 3]
    assert allowed(np.zeros(6), -np.inf, 2.0) == [0, 1, 2]
    assert allowed(np.zeros(6), np.nan, np.nan) == [0, 1, 2, 3, 4, 5]


def test_one_label_always_stays():
    assert allowed(np.zeros(6), 2.2, 2.4) == [2]
    assert allowed(np.zeros(6), 8.0, 9.0) == [5]
    assert allowed(np.zeros(6), 4.0, 2.0) == [3]
    assert allowed([0.0, 0.0, np.inf, 0.0], 1.6, 2.1) == [1]
    assert allowed([np.inf, 0.0, np.inf, 0.0], 0.0, 2.0) == [1]


def test_two_bands_found_in_turn_keep_their_order():
    """The lower would sit on the line of the upper, were it not forbidden."""
    costs, band = band_costs(20, 14, 24, counts=3.0)
    upper = np.rint(band)
    held = within(costs, np.full((20, 14), -np.inf), upper - 2.0)
    field = make_field(held, 0.5, 0.5, 0.0, 0.0)
    found = least_energy(field, 1e-6, 100, no_messages(field))
    assert found.converged
    assert (found.labels <= upper - 2.0).all()
