"""Densities of states by kernel polynomials against those by diagonalisation."""

import numpy as np
import pytest
from toy_tight_binding import FORM, OVERLAPPING, compound, seeded

from ase_dos.kernels.block_sparse import LANES, VECTORS
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.tight_binding import KernelPolynomials, SparseHamiltonian
from ase_dos.tight_binding.bloch import BlochHamiltonian
from ase_dos.tight_binding.chebyshev import moments, series
from ase_dos.tight_binding.lanczos import SpectralBounds, spectral_bounds

ORTHOGONAL, OVERLAPS = seeded(FORM), seeded(OVERLAPPING, overlap=1.5)
BOTH = pytest.mark.parametrize(
    "hamiltonian", [ORTHOGONAL, OVERLAPS], ids=["orthogonal", "overlaps"]
)
GRID = EnergyGrid(-20.0, 0.1, 400)  # all levels are in it
SMEARING = 0.4
KPOINTS = np.array([[0.1, 0.2, 0.3], [-0.4, 0.3, 0.05]])


def polynomials(atoms, hamiltonian=ORTHOGONAL):
    return KernelPolynomials(hamiltonian, atoms, GRID, SMEARING)


def by_levels(atoms, kpoints, hamiltonian=ORTHOGONAL):
    """Density of states of every atom."""
    bloch = BlochHamiltonian(atoms, hamiltonian.form)
    states = bloch.solve(hamiltonian.parameters, kpoints)
    x = (GRID.energies - states.energies[..., None]) / SMEARING
    gaussians = np.exp(-0.5 * x**2) / (SMEARING * np.sqrt(2 * np.pi))
    shares = bloch.weights(states)
    return 2 * np.einsum("kbe,kba->ae", gaussians, shares) / len(kpoints)


# With overlaps, levels move by less than 3e-4 of their energies, which are below 10 eV.
WITH_ERROR = pytest.mark.parametrize(
    ("hamiltonian", "error"), [(ORTHOGONAL, 2e-4), (OVERLAPS, 5e-3)], ids=["orthogonal", "overlaps"]
)


@WITH_ERROR
def test_unit_vectors_give_the_local_dos_of_the_levels(hamiltonian, error):
    atoms = compound()
    found = polynomials(atoms, hamiltonian).local(np.arange(2), KPOINTS)
    expected = by_levels(atoms, KPOINTS, hamiltonian)
    np.testing.assert_allclose(found, expected, rtol=0, atol=error * expected.max())
    np.testing.assert_allclose(found.sum(axis=1) * GRID.step, [8, 18], rtol=1e-5)


@WITH_ERROR
def test_some_atoms_of_a_molecule_wherever_it_is(hamiltonian, error):
    """Turned order, moved."""
    atoms = compound().repeat((2, 1, 1))
    atoms.pbc = False
    expected = by_levels(atoms, np.zeros((1, 3)), hamiltonian)
    found = polynomials(atoms, hamiltonian).local(np.array([3, 0]), KPOINTS[:1])
    np.testing.assert_allclose(found, expected[[3, 0]], rtol=0, atol=error * expected.max())
    moved = atoms[[2, 0, 3, 1]]
    moved.positions += [50.0, -3.0, 7.0]
    again = polynomials(moved, hamiltonian).local(np.array([2, 1]), KPOINTS[:1])
    np.testing.assert_allclose(again, found, rtol=0, atol=error / 2 * expected.max())


@BOTH
def test_the_mean_over_vectors_is_that_over_the_zone(hamiltonian):
    """The error of the mean is as large as it says, and as wanted."""
    atoms = compound()
    wanted = 0.06
    trace = polynomials(atoms, hamiltonian).trace(wanted)
    expected = hamiltonian.dos(atoms, (10, 10, 10), GRID, SMEARING)
    size = np.sqrt(GRID.step * np.sum(trace.error**2)) / len(atoms)
    assert 0.8 * wanted < size <= wanted
    populated = expected > 0.05
    away = (trace.mean - expected)[populated] / trace.error[populated]
    assert 0.3 < np.mean(away**2) < 2.0
    assert trace.mean.sum() * GRID.step == pytest.approx(2 * (4 + 9), rel=1e-5)
    assert trace.curves.min() > -1e-3 * trace.curves.max()
    spread = trace.noise(2000, seed=1)[:, populated].std(axis=0)
    np.testing.assert_allclose(spread, trace.error[populated], rtol=0.1)


def test_frames_have_their_noise_in_common():
    atoms = compound().repeat((2, 1, 1))
    moved = atoms.copy()
    moved.positions += np.random.default_rng(4).normal(0, 0.01, atoms.positions.shape)
    one, other, new = (
        polynomials(frame).trace(0.3, seed).mean
        for frame, seed in ((atoms, 0), (moved, 0), (atoms, 1))
    )
    assert np.linalg.norm(other - one) < 0.3 * np.linalg.norm(new - one)


@BOTH
@pytest.mark.parametrize("repeats", [(1, 1, 1), (2, 2, 1)])
def test_all_levels_are_within_the_bounds(repeats, hamiltonian):
    atoms = compound(width=0.0).repeat(repeats)
    sparse = SparseHamiltonian(hamiltonian, atoms)
    bounds = spectral_bounds(sparse.matrix, sparse.solve, margin=0.02)
    kpoints = np.stack(np.meshgrid(*[np.arange(4) / 4] * 3), axis=-1).reshape(-1, 3)
    levels = BlochHamiltonian(atoms, hamiltonian.form).energies(hamiltonian.parameters, kpoints)
    assert bounds.middle - bounds.half_width < levels.min()
    assert bounds.middle + bounds.half_width > levels.max()
    assert 2 * bounds.half_width < 1.3 * np.ptp(levels)


def test_levels_out_of_bounds_are_noticed():
    sparse = SparseHamiltonian(ORTHOGONAL, compound())
    right = spectral_bounds(sparse.matrix)
    narrow = SpectralBounds(right.middle, 0.8 * right.half_width)
    vectors = np.random.default_rng(5).normal(size=(sparse.places.size, LANES))
    with pytest.raises(ValueError, match=r"bounds: levels lie outside of -"):
        moments(sparse, narrow, sparse.matrix.phases(np.zeros((VECTORS, 3))), vectors, 100)


def test_series_of_one_level():
    bounds, level = SpectralBounds(1.0, 12.0), -3.7
    coefficients = series(GRID, SMEARING, bounds)
    chebyshev = np.cos(np.arange(len(coefficients)) * np.arccos((level - 1.0) / 12.0))
    x = (GRID.energies - level) / SMEARING
    expected = np.exp(-0.5 * x**2) / (SMEARING * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(chebyshev @ coefficients, expected, atol=1e-4)


def test_bad_input():
    with pytest.raises(ValueError, match="smearing: expected a number > 0"):
        KernelPolynomials(ORTHOGONAL, compound(), GRID, 0.0)
    with pytest.raises(ValueError, match="error: expected a number > 0"):
        polynomials(compound()).trace(-1.0)
