"""States of one structure at k-points, and what the parameters change in them."""

import numpy as np
from toy_tight_binding import OVERLAPPING, compound, seeded

from ase_dos.tight_binding.bloch import BlochHamiltonian

HAMILTONIAN = seeded(OVERLAPPING, 2)
POINTS = np.array([[0.1, 0.37, -0.22], [0.5, 0.0, 0.0]])


def test_states_are_eigenvectors_whose_shares_sum_to_one():
    bloch = BlochHamiltonian(compound(), OVERLAPPING)
    matrices = bloch.matrices(HAMILTONIAN.parameters, POINTS)
    np.testing.assert_allclose(matrices, matrices.conj().transpose(0, 2, 1), atol=1e-12)
    states = bloch.solve(HAMILTONIAN.parameters, POINTS)
    overlaps = bloch.overlaps(HAMILTONIAN.parameters, POINTS)
    np.testing.assert_allclose(overlaps, overlaps.conj().transpose(0, 2, 1), atol=1e-12)
    np.testing.assert_allclose(states.duals, overlaps @ states.vectors, atol=1e-12)
    products = matrices @ states.vectors
    np.testing.assert_allclose(products, states.duals * states.energies[:, None], atol=1e-10)
    shares = bloch.weights(states)
    assert shares.shape == (2, 13, 2)
    np.testing.assert_allclose(shares.sum(axis=2), 1, atol=1e-12)
    np.testing.assert_allclose(shares.sum(axis=1), [[4, 9]] * 2, atol=1e-12)


def test_opposite_k_points_have_the_same_levels():
    bloch = BlochHamiltonian(compound(), OVERLAPPING)
    there, back = (bloch.energies(HAMILTONIAN.parameters, sign * POINTS) for sign in (1, -1))
    np.testing.assert_allclose(there, back, atol=1e-10)


def test_slopes_of_levels_by_the_parameters():
    bloch = BlochHamiltonian(compound(3), OVERLAPPING)
    parameters = HAMILTONIAN.parameters
    states = bloch.solve(parameters, POINTS)
    slopes = bloch.level_slopes(states, POINTS, 9)
    step = 1e-5 * np.random.default_rng(1).normal(size=parameters.size)
    ends = [bloch.energies(parameters + sign * step, POINTS)[:, :9] for sign in (1, -1)]
    np.testing.assert_allclose(slopes @ step, (ends[0] - ends[1]) / 2, atol=1e-9)
    # H is linear in them: without overlaps, all of them together give the energies themselves.
    slopes = bloch.level_slopes(states, POINTS, 9, overlaps=False)
    np.testing.assert_allclose(slopes @ parameters, states.energies[:, :9], atol=1e-10)
