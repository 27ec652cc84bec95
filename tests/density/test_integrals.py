"""Overlap and Coulomb matrices against PySCF, and what holds between them."""

import numpy as np
import pytest
from ase import units
from derivatives import central
from toy_densities import NUMBERS, POSITIONS, basis_to_l6, pyscf_molecule

from ase_dos.density.basis import AuxiliaryBasis, Shell
from ase_dos.density.fields import potentials, values
from ase_dos.density.integrals import coulomb, overlap
from ase_dos.density.pyscf import auxiliary_molecule, pyscf_order
from ase_dos.kernels.boys import MAX_ORDER, boys, boys_table

pytest.importorskip("pyscf")


def assert_equal(matrix, reference, basis, numbers):
    """Compare with the largest value that two functions could have."""
    order = pyscf_order(basis.layout(numbers))
    size = np.sqrt(np.outer(np.diag(reference), np.diag(reference)))
    assert np.abs((matrix[np.ix_(order, order)] - reference) / size).max() < 1e-12
    assert (matrix == matrix.T).all()


@pytest.mark.parametrize("shrink", [1.0, 0.1, 1e-4, 0.0, 30.0])
def test_integrals_to_l6_at_any_distance_are_those_of_pyscf(shrink):
    basis, positions = basis_to_l6(), POSITIONS * shrink
    reference = auxiliary_molecule(pyscf_molecule(positions=positions), basis)
    assert_equal(overlap(basis, NUMBERS, positions), reference.intor("int1e_ovlp"), basis, NUMBERS)
    assert_equal(coulomb(basis, NUMBERS, positions), reference.intor("int2c2e"), basis, NUMBERS)


def test_integrals_of_a_real_basis_are_those_of_pyscf():
    from pyscf.df import make_auxmol

    basis = AuxiliaryBasis.from_pyscf(species=[1, 6, 8])
    reference = make_auxmol(pyscf_molecule(), "def2-universal-jkfit")
    found = overlap(basis, NUMBERS, POSITIONS), coulomb(basis, NUMBERS, POSITIONS)
    assert_equal(found[0], reference.intor("int1e_ovlp"), basis, NUMBERS)
    assert_equal(found[1], reference.intor("int2c2e"), basis, NUMBERS)


def test_integrals_to_l6_are_sums_over_a_grid():
    """Without any reference: products of values, and of values and potentials."""
    shells = tuple(Shell.normalized(ell, [0.15 + 0.01 * ell], [1.0]) for ell in range(7))
    basis, numbers = AuxiliaryBasis("wide", {1: shells}), [1, 1]
    positions = np.array([[0.0, 0.1, -0.2], [0.6, -0.5, 0.9]])
    edge = np.arange(-9, 9.1, 0.4)
    grid = np.stack(np.meshgrid(edge, edge, edge), axis=-1).reshape(-1, 3)
    volume = (0.4 / units.Bohr) ** 3
    sums = np.random.default_rng(0).normal(size=(4, basis.layout(numbers).size))
    density = values(basis, numbers, positions, sums, grid)
    potential = -potentials(basis, numbers, positions, sums, grid, np.zeros(2))
    found = (sums @ matrix(basis, numbers, positions) @ sums.T for matrix in (overlap, coulomb))
    for matrix, other in zip(found, (density, potential), strict=True):
        expected = volume * density @ other.T
        np.testing.assert_allclose(matrix, expected, atol=1e-10 * np.abs(expected).max())


def test_laplacian_of_the_coulomb_matrix_is_the_overlap():
    """Without any reference: laplacian J = -4 pi S, by finite differences."""
    basis = AuxiliaryBasis("toy", {1: tuple(Shell.normalized(ell, [0.6], [1]) for ell in range(7))})
    apart, step = np.array([0.5, -0.9, 1.3]), 2e-3

    def block(matrix, shift):
        whole = matrix(basis, [1, 1], np.array([np.zeros(3), (apart + shift) * units.Bohr]))
        return whole[:49, 49:]

    slopes = [
        central(lambda h: central(lambda k: block(coulomb, (h + k) * axis), step), step)  # noqa: B023
        for axis in np.eye(3)
    ]
    np.testing.assert_allclose(sum(slopes), -4 * np.pi * block(overlap, 0), atol=2e-5)


def test_distant_charges_repel_as_points():
    basis = basis_to_l6()
    matrix = coulomb(basis, [8, 1], [[0, 0, 0], [0, 0, 400.0]])
    charges = basis.charges([8, 1])
    first = basis.layout([8]).size
    cross = charges[:first] @ matrix[:first, first:] @ charges[first:]
    points = charges[:first] @ charges[:first] * (charges[first:] @ charges[first:])
    assert cross == pytest.approx(points * units.Bohr / 400, rel=1e-12)


@pytest.mark.parametrize("order", [0, 1, 6, MAX_ORDER])
def test_boys_functions_are_their_integrals(order):
    nodes, weights = np.polynomial.legendre.leggauss(100)
    for x in [*np.linspace(0, 2, 31), *np.linspace(2, 79.99, 57), 80.0, 1e3, 1e7]:
        end = min(1.0, 9 / np.sqrt(max(x, 1.0)))  # nothing counts beyond
        t = (nodes + 1) * end / 2
        expected = np.sum(weights * t ** (2 * order) * np.exp(-x * t**2)) * end / 2
        assert boys(order, x, *boys_table()) == pytest.approx(expected, rel=2e-14)


def test_what_the_kernels_cannot_do_is_refused():
    basis = AuxiliaryBasis("high", {1: (Shell.normalized(7, [1.0], [1.0]),)})
    with pytest.raises(ValueError, match="basis high: has functions of l = 7; expected 6 at most"):
        overlap(basis, [1], [[0, 0, 0]])
    with pytest.raises(ValueError, match="positions"):
        coulomb(basis_to_l6(), [1, 1], [[0, 0, 0]])
