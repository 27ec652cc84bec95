"""Gaussian orbitals, and parameters of extended Hueckel theory."""

import numpy as np
import pytest
from ase.build import bulk
from toy_tight_binding import OVERLAPPING

from ase_dos.tight_binding import HamiltonianForm, hueckel_parameters
from ase_dos.tight_binding.bloch import BlochHamiltonian
from ase_dos.tight_binding.hueckel import gaussian_overlap

SILICON = HamiltonianForm({14: (0, 1, 2)}, {14: 4}, n_radial=6, n_overlap=6)
LEVELS, SIZES = {14: (-14.0, -8.0, -1.0)}, {14: (1.0, 1.2, 1.1)}
POINTS = np.random.default_rng(0).random((4, 3))


def test_overlaps_of_s_and_p_orbitals():
    """Against the closed forms for equal exponents a, x = a R^2."""
    r = np.array([1.0, 2.4, 4.0])
    s = gaussian_overlap((0, 0), (1.2, 1.2), 0, r)
    np.testing.assert_allclose(s, np.exp(-3 / (8 * 1.44) * r**2), rtol=1e-12)
    x = 5 / (4 * 1.44) * r**2
    sigma, pi = (gaussian_overlap((1, 1), (1.2, 1.2), order, r) for order in (0, 1))
    np.testing.assert_allclose(sigma, (1 - x) * np.exp(-x / 2), rtol=1e-12)
    np.testing.assert_allclose(pi, np.exp(-x / 2), rtol=1e-12)


def test_swapped_shells_have_the_parity_of_both():
    r = np.array([1.5, 3.0])
    for shells, parity in (((0, 1), -1), ((0, 2), 1), ((1, 2), -1)):
        one = gaussian_overlap(shells, (1.0, 1.3), 0, r)
        other = gaussian_overlap(shells[::-1], (1.3, 1.0), 0, r)
        np.testing.assert_allclose(one, parity * other, rtol=1e-12)


def test_parameters_of_silicon():
    """Positive overlaps that decide the integrals; silicon binds."""
    bloch = BlochHamiltonian(bulk("Si"), SILICON)
    parameters = hueckel_parameters(SILICON, LEVELS, SIZES)
    overlaps, matrices = (f(parameters, POINTS) for f in (bloch.overlaps, bloch.matrices))
    assert np.linalg.eigvalsh(overlaps).min() > 0.1
    shell = np.repeat([-14.0, -8.0, -1.0], [1, 3, 5])
    mean = 0.875 * np.add.outer(shell, shell)
    np.testing.assert_allclose(matrices[:, :9, 9:], mean * overlaps[:, :9, 9:], atol=1e-10)
    energies = bloch.energies(parameters, POINTS)
    assert energies[:, :4].mean() < np.mean([-14.0, -8.0, -8.0, -8.0])


def test_bad_input():
    with pytest.raises(ValueError, match="expected overlapping ones"):
        hueckel_parameters(HamiltonianForm({14: (0,)}, {14: 4}), {14: (-1,)}, {14: (1,)})
    with pytest.raises(ValueError, match="sizes: none for As"):
        hueckel_parameters(OVERLAPPING, {13: (-6, 0), 33: (-9, -6, 0)}, {13: (1, 1)})
    with pytest.raises(ValueError, match="levels of As: expected shape"):
        hueckel_parameters(OVERLAPPING, {13: (-6, 0), 33: (1, 2)}, {13: (1, 1), 33: (1, 1, 1)})
    with pytest.raises(ValueError, match=r"n_overlap: expected at most n_radial, 5, .* got 6"):
        HamiltonianForm({14: (0,)}, {14: 4}, n_overlap=6)
