"""Grid of cells: atoms in them, and the faces between them."""

import numpy as np
import pytest
from ase import Atoms

from ase_dos.dynamics.cell_grid import CellGrid


def test_atoms_outside_belong_to_the_nearest_or_the_periodic_cell():
    atoms = Atoms("Al", cell=[10, 10, 10], pbc=(True, False, False))
    grid = CellGrid((2, 5, 1), atoms)
    labels = grid.assign(np.array([[-1.0, 3, 50], [11, -7, 0], [4, 9.9, -3], [6, 40, 2]]))
    assert labels.tolist() == [6, 0, 4, 9]


def test_faces_count_their_area_over_the_distance_of_the_cells():
    atoms = Atoms("Al", cell=[12.0, 3.0, 2.0], pbc=(False, True, True))
    pairs, factors = CellGrid((3, 1, 1), atoms).faces()
    assert pairs.tolist() == [[0, 1], [1, 2]]  # the ends are closed
    assert factors == pytest.approx([6.0 / 4.0] * 2)
    pairs, _ = CellGrid((1, 3, 1), atoms).faces()
    assert sorted(map(sorted, pairs.tolist())) == [[0, 1], [0, 2], [1, 2]]


def test_two_cells_of_a_periodic_row_share_two_faces():
    pairs, _ = CellGrid((2, 1, 1), Atoms("Al", cell=[4, 4, 4], pbc=True)).faces()
    assert pairs.tolist() == [[0, 1], [1, 0]]
