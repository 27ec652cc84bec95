"""Kernels of two-centre blocks against sums in numpy."""

import numpy as np

from ase_dos.kernels.two_centre import add_bloch_sums, add_block_densities, integral_slopes

RNG = np.random.default_rng(8)
ROWS, COLUMNS = np.array([0, 0, 2, 4]), np.array([2, 2, 0, 0])
PHASES = np.exp(1j * RNG.uniform(0, 6, 4))
SIZE = 7


def placed(blocks):
    """Each block alone in its matrix, times its phase."""
    out = np.zeros((len(blocks), SIZE, SIZE), complex)
    for one, row, column, block, phase in zip(out, ROWS, COLUMNS, blocks, PHASES, strict=True):
        one[row : row + block.shape[0], column : column + block.shape[1]] = block * phase
    return out


def test_bloch_sum():
    blocks, out = RNG.normal(size=(4, 2, 3)), np.zeros((SIZE, SIZE), complex)
    add_bloch_sums(ROWS, COLUMNS, blocks, PHASES[None], out[None])
    np.testing.assert_allclose(out, placed(blocks).sum(axis=0), atol=1e-14)


def test_block_densities():
    """Their products with blocks are Re tr(density H)."""
    vectors = RNG.normal(size=(SIZE, 3)) + 1j * RNG.normal(size=(SIZE, 3))
    density, out = vectors @ vectors.conj().T, np.zeros((4, 2, 3))
    add_block_densities(ROWS, COLUMNS, density[None], PHASES[None], out)
    blocks = RNG.normal(size=(4, 2, 3))
    expected = np.einsum("pij,ji->p", placed(blocks), density).real
    np.testing.assert_allclose(np.sum(blocks * out, axis=(1, 2)), expected, atol=1e-12)


def test_integral_slopes():
    """Expectation values of matrices that have one angular factor each."""
    states = RNG.normal(size=(2, SIZE)) + 1j * RNG.normal(size=(2, SIZE))
    components = np.array([[0, 0, 0], [0, 2, 1], [1, 1, 0], [1, 2, 1]])
    angular = RNG.normal(size=(4, 4))
    parts = np.ascontiguousarray(states.real.T), np.ascontiguousarray(states.imag.T)
    found = integral_slopes(*parts, ROWS, COLUMNS, PHASES, angular, components, 2)
    expected = np.zeros((4, 2, 2))
    for c, (a, b, integral) in enumerate(components):
        unit = np.zeros((4, 2, 3))
        unit[:, a, b] = angular[:, c]
        each = np.einsum("si,pij,sj->ps", states.conj(), placed(unit), states).real
        expected[:, integral] += each
    np.testing.assert_allclose(found, expected, atol=1e-12)
