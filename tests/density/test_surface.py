"""Points around a molecule."""

import numpy as np
import pytest
from ase.build import molecule
from ase.data import vdw_radii

from ase_dos.density.surface import FACTORS, surface_points


def test_points_are_at_multiples_of_the_van_der_waals_radii():
    atoms = molecule("CH3OH")
    points = surface_points(atoms.numbers, atoms.positions)
    deltas = points[:, None] - atoms.positions
    nearest = (np.linalg.norm(deltas, axis=-1) / vdw_radii[atoms.numbers]).min(axis=1)
    found, counts = np.unique(nearest.round(9), return_counts=True)
    np.testing.assert_allclose(found, FACTORS)
    assert counts.min() > 40


def test_a_single_atom_keeps_all_points_spread_evenly():
    points = surface_points(np.array([9]), np.zeros((1, 3)), (2.0,), per_sphere=500)
    assert len(points) == 500
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 2 * vdw_radii[9])
    np.testing.assert_allclose(points.mean(axis=0), 0.0, atol=0.01)
    unit = points / np.linalg.norm(points, axis=1)[:, None]
    np.testing.assert_allclose(unit.T @ unit / 500, np.eye(3) / 3, atol=0.01)


def test_element_without_a_radius():
    with pytest.raises(ValueError, match=r"no van der Waals radius is known .* \[26\]"):
        surface_points(np.array([1, 26]), np.zeros((2, 3)))
