"""Iterated conditional modes: against the plain update, and what they do and do not reach."""

import numpy as np
import pytest
from reference_fields import PlainField
from toy_fields import band_costs, random_parts

from ase_dos.kernels.iterated_modes import iterated_modes
from ase_dos.kernels.markov_field import field_energy, make_field
from ase_dos.kernels.tree_reweighted import least_energy, no_messages


@pytest.mark.parametrize("shape", [(6, 6, 9), (7, 5, 8), (5, 8, 3), (1, 9, 6), (9, 1, 6)])
def test_epochs_are_those_of_the_plain_twin(shape):
    """Of even, odd and oblong grids every node takes part."""
    parts = random_parts(7, *shape)
    field, plain = make_field(*parts), PlainField(*parts)
    labels = start = np.random.default_rng(1).integers(0, shape[2], shape[:2])
    for epochs in range(1, 5):
        labels = plain.epoch(labels)
        found = iterated_modes(field, start, epochs)
        np.testing.assert_array_equal(found.labels, labels)
        assert found.energy == pytest.approx(plain.energy(labels), rel=1e-12)


def test_it_stops_where_no_single_label_can_do_better():
    costs, _ = band_costs(15, 12, 20, counts=0.3)
    field = make_field(costs, 0.5, 0.5, 0.0, 0.0)
    found = iterated_modes(field, costs.argmin(2), 100)
    assert found.converged
    assert found.epochs < 100
    for node in np.ndindex(15, 12):
        for label in range(20):
            other = found.labels.copy()
            other[node] = label
            assert field_energy(field, other) >= found.energy - 1e-9
    assert found.energy >= least_energy(field, 1e-9, 50, no_messages(field)).bound


def test_energy_never_rises_and_the_start_is_left_alone():
    field = make_field(*random_parts(3, 9, 9, 7))
    start = np.zeros((9, 9), int)
    energies = [iterated_modes(field, start, epochs).energy for epochs in range(8)]
    assert energies[0] == field_energy(field, start)
    assert np.all(np.diff(energies) <= 1e-12)
    assert np.ptp(start) == 0
    assert not iterated_modes(field, start, 0).converged
