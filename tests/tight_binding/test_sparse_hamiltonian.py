"""Sparse Hamiltonians and overlaps against the matrices of all atoms."""

import numpy as np
import pytest
from ase.build import bulk
from toy_tight_binding import FORM, OVERLAPPING, compound, s_neighbours, seeded

from ase_dos.kernels.block_sparse import LANES, VECTORS
from ase_dos.tight_binding import SparseHamiltonian
from ase_dos.tight_binding.bloch import BlochHamiltonian, OverlapError

HAMILTONIAN, OVERLAPS = seeded(FORM), seeded(OVERLAPPING, overlap=1.5)
KPOINTS = np.random.default_rng(3).uniform(-1, 1, (VECTORS, 3))


def dense(atoms, hamiltonian=HAMILTONIAN):
    """Hamiltonian and overlaps at every k-point, with the phases of lattice vectors alone."""
    bloch = BlochHamiltonian(atoms, hamiltonian.form)
    turns = np.exp(2j * np.pi * KPOINTS @ atoms.get_scaled_positions(wrap=True).T)[:, bloch.atom_of]
    return [
        turns[:, :, None] * matrices(hamiltonian.parameters, KPOINTS) / turns[:, None]
        for matrices in (bloch.matrices, bloch.overlaps)
    ]


def as_complex(lanes):
    return lanes[:, :VECTORS] + 1j * lanes[:, VECTORS:]


@pytest.mark.parametrize("repeats", [(1, 1, 1), (2, 1, 2), (3, 3, 3)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 3e-6), (np.float64, 1e-12)])
def test_products(repeats, dtype, tolerance):
    """Several images of a pair in small cells, any order of the atoms and any of their images."""
    rng = np.random.default_rng(1)
    atoms = compound().repeat(repeats)
    atoms = atoms[rng.permutation(len(atoms))]
    matrices, _ = dense(atoms)
    atoms.positions += rng.integers(-2, 3, (len(atoms), 3)) @ atoms.cell.array
    sparse = SparseHamiltonian(HAMILTONIAN, atoms, dtype)
    np.testing.assert_array_equal(sparse.owners, BlochHamiltonian(atoms, FORM).atom_of)
    vectors, others, before = rng.normal(size=(3, sparse.places.size, LANES)).astype(dtype)
    out, matrix = before.copy(), sparse.matrix
    factors = 0.5, -2.0, 4.0, 3.0
    products = matrix.multiply(matrix.phases(KPOINTS), factors, vectors, others, out)
    v, w, before = (as_complex(lanes)[sparse.places] for lanes in (vectors, others, before))
    expected = np.einsum("kij,jk->ik", 0.5 * matrices, v) - 2 * v + 4 * w + 3 * before
    found = as_complex(out)[sparse.places]
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * 50)
    sums = np.array([np.sum(v.conj() * other, axis=0).real for other in (w, expected)])
    np.testing.assert_allclose(products, sums, rtol=0, atol=tolerance * 50 * np.sqrt(v.size))


def test_molecules_have_no_phases():
    """And need no cell."""
    atoms = compound().repeat((2, 1, 1))
    atoms.pbc, atoms.cell = False, None
    sparse = SparseHamiltonian(HAMILTONIAN, atoms)
    vectors, out = np.eye(sparse.places.size, LANES), np.zeros((sparse.places.size, LANES))
    vectors = vectors[np.argsort(sparse.places)]
    phases = sparse.matrix.phases(KPOINTS)
    sparse.matrix.multiply(phases, (1.0, 0.0, 0.0, 0.0), vectors, vectors, out)
    matrix = BlochHamiltonian(atoms, FORM).matrices(HAMILTONIAN.parameters, np.zeros((1, 3)))[0]
    np.testing.assert_allclose(out[sparse.places], matrix.real[:, :LANES], atol=1e-12)


@pytest.mark.parametrize(("dtype", "rounding"), [(np.float32, 1e-6), (np.float64, 0.0)])
@pytest.mark.parametrize(
    ("hamiltonian", "atoms"),
    [
        (OVERLAPS, compound().repeat((2, 1, 1))),
        # Twelve neighbours with overlaps of 0.2: taken pair by pair, they are far too many.
        (s_neighbours(-5.0, -1.0, 0.2), bulk("Al", cubic=True)),
    ],
    ids=["compound", "close-packed"],
)
def test_overlaps_with_their_inverse_and_root(hamiltonian, atoms, dtype, rounding):
    _, overlaps = dense(atoms, hamiltonian)
    sparse = SparseHamiltonian(hamiltonian, atoms, dtype)
    phases = sparse.matrix.phases(KPOINTS)
    vectors = np.random.default_rng(2).normal(size=(sparse.places.size, LANES)).astype(dtype)
    levels, states = np.linalg.eigh(overlaps)
    assert levels.max() > 2 * levels.min() > 0.2
    for found, power, error in (
        (sparse.overlaps.multiply(phases, vectors), 1.0, 2e-3),
        (sparse.solve(phases, vectors), -1.0, 2e-3 / levels.min()),
        (sparse.root(phases, vectors), 0.5, 2e-3),
    ):
        of_levels = states * levels[:, None] ** power
        matrices = of_levels @ states.conj().transpose(0, 2, 1)
        expected = np.einsum("kij,jk->ik", matrices, as_complex(vectors)[sparse.places])
        away = np.abs(as_complex(found)[sparse.places] - expected).max()
        assert away < (error + rounding) * np.abs(expected).max()


def test_orbitals_that_are_not_independent():
    """In single cells, where a pair has several images, and of two atoms among many."""
    large = seeded(OVERLAPPING, overlap=4.0)
    with pytest.raises(OverlapError, match=r"Al 0 and As 1 are closest for their size, 2\.\d+ Ang"):
        SparseHamiltonian(large, compound())
    atoms = compound().repeat(3)
    atoms.positions[31] = atoms.positions[4] + [0.9, 0.0, 0.3]
    with pytest.raises(OverlapError, match=r"Al 4 and As 31 .* 0\.949 Angstrom apart; move them"):
        SparseHamiltonian(OVERLAPS, atoms)


def test_structures_that_cannot_be_described(monkeypatch):
    with pytest.raises(ValueError, match="Si has no parameters"):
        SparseHamiltonian(HAMILTONIAN, bulk("Si"))
    monkeypatch.setattr("ase_dos.tight_binding.sparse_matrix.MEMORY", 1e6)
    with pytest.raises(ValueError, match=r"432 atoms takes .* MB of memory, more than 1 MB"):
        SparseHamiltonian(HAMILTONIAN, compound().repeat(6))
