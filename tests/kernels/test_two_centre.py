"""Kernels of two-centre blocks against sums in numpy."""

import numpy as np

from ase_dos.kernels.two_centre import add_bloch_sums, add_block_densities, add_level_slopes

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


def test_level_slopes():
    """Expectation values of matrices that have one angular factor and one function each."""
    states = RNG.normal(size=(2, SIZE)) + 1j * RNG.normal(size=(2, SIZE))
    components = np.array([[0, 0, 0], [0, 2, 1], [1, 1, 0], [1, 2, 1]])
    angular, radial, powers = (RNG.normal(size=(4, n)) for n in (4, 3, 2))
    out = np.zeros((2, 2, 2, 3))
    add_level_slopes(states, ROWS, COLUMNS, PHASES, angular, components, radial, powers, out)
    expected = np.zeros_like(out)
    for c, (a, b, integral) in enumerate(components):
        unit = np.zeros((4, 2, 3))
        unit[:, a, b] = angular[:, c]
        found = np.einsum("si,pij,sj->sp", states.conj(), placed(unit), states).real
        expected[:, integral] += np.einsum("sp,pq,pr->sqr", found, powers, radial)
    np.testing.assert_allclose(out, expected, atol=1e-12)
