"""Sparse Hamiltonians against the matrices of all atoms."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from toy_tight_binding import FORM, OVERLAPPING, compound, seeded

from ase_dos.kernels.block_sparse import LANES, VECTORS
from ase_dos.tight_binding import SparseHamiltonian
from ase_dos.tight_binding.bloch import BlochHamiltonian

HAMILTONIAN = seeded(FORM)
KPOINTS = np.random.default_rng(3).uniform(-1, 1, (VECTORS, 3))


def dense(atoms):
    """Matrix at every k-point, with the phases of lattice vectors instead of those of atoms."""
    bloch = BlochHamiltonian(atoms, FORM)
    turns = np.exp(2j * np.pi * KPOINTS @ atoms.get_scaled_positions(wrap=True).T)[:, bloch.atom_of]
    return turns[:, :, None] * bloch.matrices(HAMILTONIAN.parameters, KPOINTS) / turns[:, None]


def as_complex(lanes):
    return lanes[:, :VECTORS] + 1j * lanes[:, VECTORS:]


@pytest.mark.parametrize("repeats", [(1, 1, 1), (2, 1, 2), (3, 3, 3)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 3e-6), (np.float64, 1e-12)])
def test_products(repeats, dtype, tolerance):
    """Several images of a pair in small cells, any order of the atoms and any of their images."""
    rng = np.random.default_rng(1)
    atoms = compound().repeat(repeats)
    atoms = atoms[rng.permutation(len(atoms))]
    matrices = dense(atoms)
    atoms.positions += rng.integers(-2, 3, (len(atoms), 3)) @ atoms.cell.array
    sparse = SparseHamiltonian(HAMILTONIAN, atoms, dtype)
    np.testing.assert_array_equal(sparse.owners, BlochHamiltonian(atoms, FORM).atom_of)
    vectors, before = rng.normal(size=(2, sparse.places.size, LANES)).astype(dtype)
    out = before.copy()
    products = sparse.multiply(sparse.phases(KPOINTS), (0.5, -2.0, 3.0), vectors, out)
    v, c = (as_complex(lanes)[sparse.places] for lanes in (vectors, before))
    expected = np.einsum("kij,jk->ik", 0.5 * matrices, v) - 2 * v + 3 * c
    found = as_complex(out)[sparse.places]
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * 50)
    sums = np.array([np.sum(v.conj() * other, axis=0).real for other in (v, expected)])
    np.testing.assert_allclose(products, sums, rtol=0, atol=tolerance * 50 * np.sqrt(v.size))


def test_molecules_have_no_phases():
    """And need no cell."""
    atoms = compound().repeat((2, 1, 1))
    atoms.pbc, atoms.cell = False, None
    sparse = SparseHamiltonian(HAMILTONIAN, atoms)
    vectors, out = np.eye(sparse.places.size, LANES), np.zeros((sparse.places.size, LANES))
    sparse.multiply(
        sparse.phases(KPOINTS), (1.0, 0.0, 0.0), vectors[np.argsort(sparse.places)], out
    )
    matrix = BlochHamiltonian(atoms, FORM).matrices(HAMILTONIAN.parameters, np.zeros((1, 3)))[0]
    np.testing.assert_allclose(out[sparse.places], matrix.real[:, :LANES], atol=1e-12)


def test_structures_that_cannot_be_described(monkeypatch):
    with pytest.raises(ValueError, match="Si has no parameters"):
        SparseHamiltonian(HAMILTONIAN, bulk("Si"))
    with pytest.raises(ValueError, match="orbitals overlap, expected orthogonal ones"):
        SparseHamiltonian(seeded(OVERLAPPING), compound())
    overlapping = replace(FORM, n_overlap=1)
    with pytest.raises(ValueError, match="its orbitals overlap, expected orthogonal ones"):
        SparseHamiltonian(seeded(overlapping, size=0.01), compound())
    monkeypatch.setattr("ase_dos.tight_binding.sparse_hamiltonian.MEMORY", 1e6)
    with pytest.raises(ValueError, match=r"432 atoms takes .* MB of memory, more than 1 MB"):
        SparseHamiltonian(HAMILTONIAN, compound().repeat(6))
