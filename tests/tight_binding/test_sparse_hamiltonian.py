"""Sparse Hamiltonians against the matrices of all atoms."""

import numpy as np
import pytest
from ase.build import bulk
from toy_tight_binding import FORM, OVERLAPPING, compound, seeded

from ase_dos.kernels.block_sparse import LANES
from ase_dos.tight_binding import SparseHamiltonian
from ase_dos.tight_binding.bloch import BlochHamiltonian

HAMILTONIAN = seeded(FORM)


def order(sparse, n_atoms):
    """Places of the orbitals, atom by atom."""
    return np.concatenate([sparse.orbitals_of(atom) for atom in range(n_atoms)])


def matrix(sparse, n_atoms):
    """Whole matrix, from products with unit vectors."""
    places, columns = order(sparse, n_atoms), []
    for first in range(0, sparse.size, LANES):
        vectors, out = np.zeros((2, sparse.size, LANES), sparse.dtype)
        some = places[first : first + LANES]
        vectors[some, np.arange(some.size)] = 1.0
        sparse.multiply((1.0, 0.0, 0.0), vectors, out)
        columns.append(out[places, : some.size])
    return np.concatenate(columns, axis=1)


@pytest.mark.parametrize("repeats", [(1, 1, 1), (2, 1, 2), (3, 3, 3)])
def test_it_is_the_matrix_at_the_centre_of_the_zone(repeats):
    """Several images of a pair in small cells, any order of the atoms, two species."""
    atoms = compound().repeat(repeats)
    atoms = atoms[np.random.default_rng(1).permutation(len(atoms))]
    found = matrix(SparseHamiltonian(HAMILTONIAN, atoms), len(atoms))
    expected = BlochHamiltonian(atoms, FORM).matrices(HAMILTONIAN.parameters, np.zeros((1, 3)))[0]
    np.testing.assert_allclose(found, expected.real, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_products(dtype, tolerance):
    """Of a molecule: open boundaries."""
    atoms, rng = compound().repeat((2, 1, 1)), np.random.default_rng(2)
    atoms.pbc = False
    sparse = SparseHamiltonian(HAMILTONIAN, atoms, dtype)
    vectors, before = rng.normal(size=(2, sparse.size, LANES)).astype(dtype)
    out, places = before.copy(), order(sparse, len(atoms))
    products = sparse.multiply((0.5, -2.0, 3.0), vectors, out)
    dense = BlochHamiltonian(atoms, FORM).matrices(HAMILTONIAN.parameters, np.zeros((1, 3)))[0].real
    expected = 0.5 * dense @ vectors[places] - 2 * vectors[places] + 3 * before[places]
    np.testing.assert_allclose(out[places], expected, rtol=0, atol=tolerance * np.ptp(dense))
    sums = [np.sum(vectors[places] * other, axis=0) for other in (vectors[places], expected)]
    np.testing.assert_allclose(products, sums, rtol=0, atol=10 * tolerance * np.ptp(sums))


def test_structures_that_cannot_be_described(monkeypatch):
    with pytest.raises(ValueError, match="Si has no parameters"):
        SparseHamiltonian(HAMILTONIAN, bulk("Si"))
    with pytest.raises(ValueError, match="orbitals overlap, expected orthogonal ones"):
        SparseHamiltonian(seeded(OVERLAPPING), compound())
    monkeypatch.setattr("ase_dos.tight_binding.sparse_hamiltonian.MEMORY", 1e6)
    with pytest.raises(ValueError, match=r"432 atoms takes .* MB of memory, more than 1 MB"):
        SparseHamiltonian(HAMILTONIAN, compound().repeat(6))
