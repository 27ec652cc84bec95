"""Figures of densities show what they are made of."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import molecule
from ase.units import Debye
from toy_density_model import ToyDensityModel

from ase_dos.density.evaluation import evaluate_densities
from ase_dos.density.plots import plot_density_difference, plot_dipole_parity


def turned(i):
    atoms = molecule("H2O")
    atoms.rattle(0.05, seed=i)
    atoms.rotate(40 * i, (1, 2, 3))
    return atoms


def test_map_lies_in_the_plane_of_the_molecule():
    atoms = turned(2)
    density = ToyDensityModel(members=0).predict(atoms)
    less = replace(density, coefficients=0.999 * density.coefficients)
    ax = plot_density_difference(density.difference(less), padding=1.0)
    places = {text.get_text(): np.array(text.xy) for text in ax.texts}
    assert set(places) == {"O", "H"}
    distance = np.linalg.norm(places["O"] - places["H"])
    assert np.isclose(atoms.get_distances(0, [1, 2]), distance).any()
    values = np.asarray(ax.collections[0].get_array())
    low, high = ax.collections[0].get_clim()
    assert low == -high
    # In the plane are the nuclei, and there the density is highest.
    at_oxygen = density.difference(less).evaluate(atoms.positions[:1])[0]
    assert values.max() == pytest.approx(at_oxygen, rel=0.05)


def test_parity_shows_every_component_with_its_error_bar():
    truths = [ToyDensityModel(members=0).predict(turned(i)) for i in range(4)]
    guesses = [ToyDensityModel().predict(turned(i)) for i in range(4)]
    guesses = [replace(one, coefficients=one.members[0]) for one in guesses]
    parity, residuals = plot_dipole_parity(evaluate_densities(truths, guesses), truths)
    points = np.array([one.lines[0].get_xydata() for one in parity.containers])
    assert points.shape == (3, 4, 2)
    np.testing.assert_allclose(points[:, :, 1], 1.1 * points[:, :, 0], atol=1e-9)
    exact = np.array([density.dipole() for density in truths]) / Debye
    np.testing.assert_allclose(points[:, :, 0], exact.T)
    errors = np.array([one.lines[0].get_ydata() for one in residuals.containers])
    np.testing.assert_allclose(errors, 100 * exact.T, atol=1e-6)
