"""Pairs: against ASE and the naive double loop, for every kind of cell."""

import numpy as np
import pytest
import reference_soap as reference
from ase import Atoms
from ase.build import bulk, molecule
from ase.neighborlist import neighbor_list

from ase_dos.descriptors.neighbors import NeighborSearch, find_pairs


def as_sorted(first, second, vectors):
    """Rows (i, j, x, y, z) in one order, for comparison."""
    rows = np.column_stack([first, second, np.round(vectors, 6) + 0.0])
    return rows[np.lexsort(rows.T[::-1])]


def assert_same(atoms, cutoff, expected):
    pairs = find_pairs(atoms, cutoff)
    ours = as_sorted(pairs.first, pairs.neighbors, pairs.vectors)
    theirs = as_sorted(*expected)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


def random_frame(rng, n_atoms, pbc):
    """Skewed cell of moderate volume, atoms in it and far outside."""
    while True:
        cell = rng.normal(size=(3, 3)) * rng.uniform(1.5, 8.0)
        if abs(np.linalg.det(cell)) > 8.0 * n_atoms:
            break
    scaled = rng.uniform(-2.0, 3.0, size=(n_atoms, 3))
    return Atoms(f"H{n_atoms}", scaled_positions=scaled, cell=cell, pbc=pbc)


@pytest.mark.parametrize("seed", range(40))
def test_random_cells_agree_with_ase(seed):
    rng = np.random.default_rng(seed)
    pbc = rng.integers(2, size=3).astype(bool)
    atoms = random_frame(rng, int(rng.integers(1, 12)), pbc)
    cutoff = rng.uniform(1.0, 6.0)
    assert_same(atoms, cutoff, neighbor_list("ijD", atoms, cutoff))


@pytest.mark.parametrize("pbc", [(1, 1, 1), (1, 1, 0), (0, 1, 0), (0, 0, 0)])
def test_many_bins_agree_with_ase(pbc):
    rng = np.random.default_rng(3)
    atoms = bulk("Si", cubic=True).repeat((3, 5, 2))
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.2 * rng.normal(size=(3, 3))), scale_atoms=True)
    atoms.positions += rng.normal(scale=0.2, size=(len(atoms), 3)) + 100.0
    atoms.pbc = pbc
    assert_same(atoms, 3.0, neighbor_list("ijD", atoms, 3.0))


def test_cutoff_larger_than_cell_agrees_with_double_loop():
    cell = [[2.5, 0, 0], [1.8, 2.4, 0], [-1.1, 0.9, 2.6]]
    atoms = Atoms("SiGe", [[0, 0, 0], [1.3, 1.1, 1.0]], cell=cell, pbc=True)
    i, j, vectors = zip(*reference.pairs(atoms, 6.01), strict=True)
    assert_same(atoms, 6.01, (i, j, np.array(vectors)))


def test_images_of_an_atom_are_its_neighbors_but_not_itself():
    pairs = find_pairs(Atoms("H", cell=[2.0, 50.0, 50.0], pbc=(True, False, False)), 4.5)
    assert sorted(pairs.vectors[:, 0]) == [-4, -2, 2, 4]
    assert (pairs.neighbors == 0).all()


def test_molecule_without_cell():
    atoms = molecule("C6H6")
    assert_same(atoms, 2.6, neighbor_list("ijD", atoms, 2.6))


def test_periodic_chain_without_other_vectors():
    atoms = Atoms("H2", [[0, 0, 0], [0.5, 1.0, 0]], cell=[1.5, 0, 0], pbc=(True, False, False))
    i, j, vectors = zip(*reference.pairs(atoms, 3.1), strict=True)
    assert_same(atoms, 3.1, (i, j, np.array(vectors)))


def test_distance_equal_to_cutoff_is_left_out():
    atoms = Atoms("H2", [[0, 0, 0], [2.0, 0, 0]])
    assert len(find_pairs(atoms, 2.0)) == 0
    assert len(find_pairs(atoms, 2.0 + 1e-9)) == 2


def test_atoms_far_apart_do_not_need_a_bin_for_every_cutoff():
    search = NeighborSearch(Atoms("H3", [[0, 0, 0], [1e9, 0, 0], [1e9, 1, 0]]), 2.0)
    assert search.bins.counts.prod() < 20
    assert search.pairs().first.tolist() == [1, 2]


def test_runs_of_atoms_join_to_the_whole():
    atoms = bulk("Si", cubic=True).repeat(2)
    atoms.rattle(0.1, seed=0)
    search = NeighborSearch(atoms, 4.0)
    whole = search.pairs()
    runs = [search.pairs(start, start + 7) for start in range(0, len(atoms), 7)]
    np.testing.assert_array_equal(np.concatenate([run.first for run in runs]), whole.first)
    np.testing.assert_array_equal(np.concatenate([run.vectors for run in runs]), whole.vectors)
    assert len(search.pairs(len(atoms))) == 0


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (Atoms(), "empty"),
        (Atoms("H", [[0, np.nan, 0]]), "positions: 1 of 3 values are NaN"),
        (Atoms("H", cell=[1, 1, 0], pbc=True), "span no volume; set the cell"),
        (Atoms("H", cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], pbc=True), "span no volume"),
        (Atoms("H3", [[0, 0, 0], [1, 0, 0], [1, 0, 0]]), "atoms 1 and 2 are at the same place"),
        (Atoms("H2", [[0, 0, 0], [5, 0, 0]], cell=[5, 5, 5], pbc=True), "atoms 0 and 1"),
    ],
)
def test_frames_without_meaning_are_refused(atoms, message):
    with pytest.raises(ValueError, match=message):
        find_pairs(atoms, 3.0)


@pytest.mark.parametrize("cutoff", [0.0, -1.0, np.nan, "far"])
def test_cutoff_has_to_be_positive(cutoff):
    with pytest.raises(ValueError, match="cutoff"):
        find_pairs(Atoms("H"), cutoff)


def test_search_knows_its_frame():
    atoms = bulk("Si", cubic=True).repeat(2)
    search = NeighborSearch(atoms, 4.0)
    assert search.is_of(atoms.copy())
    moved, other_cell, open_boundary = atoms.copy(), atoms.copy(), atoms.copy()
    moved.positions[3, 1] += 1e-12
    other_cell.set_cell(atoms.cell * 1.001)
    open_boundary.pbc = (True, True, False)
    for frame in (moved, other_cell, open_boundary, atoms[:-1]):
        assert not search.is_of(frame)


def test_frames_in_turn_keep_their_own_cells():
    """What belongs to a cell is kept between frames."""
    atoms = bulk("Si", cubic=True).repeat(2)
    atoms.rattle(0.1, seed=0)
    frames = [atoms.copy() for _ in range(3)]
    frames[1].set_cell(atoms.cell.array @ (np.eye(3) + 0.1), scale_atoms=True)
    frames[2].pbc = (True, False, True)
    for frame in [*frames, *frames]:
        assert_same(frame, 4.0, neighbor_list("ijD", frame, 4.0))
