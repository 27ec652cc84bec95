"""Markov fields: their energy."""

import numpy as np
import pytest
from reference_fields import PlainField
from toy_fields import random_parts

from ase_dos.kernels.markov_field import field_energy, make_field


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
