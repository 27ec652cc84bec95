"""Checksums recognise structures, and are those of earlier releases."""

import numpy as np
import pytest
from ase.build import bulk

from ase_dos.utils.digests import checksum, fingerprint, structure_checksum


def test_checksums_of_today_are_those_of_stored_files():
    atoms = bulk("Si", cubic=True)
    atoms.set_positions(np.arange(24.0).reshape(8, 3))
    atoms.set_cell([5.5, 5.5, 5.5])
    assert structure_checksum(atoms) == "b9c8ec96f35086f8"
    assert f"{fingerprint(atoms):016x}" == "f88650f396ecc8b9"
    assert checksum(np.arange(3.0), header="{}") == "dc9101d57a6d419c"


@pytest.mark.parametrize("change", ["numbers", "positions", "cell", "pbc"])
def test_every_part_of_a_structure_counts(change):
    atoms = bulk("Si", cubic=True)
    other = atoms.copy()
    if change == "numbers":
        other.numbers[0] = 32
    elif change == "positions":
        other.positions[0, 0] = np.nextafter(0.0, 1.0)
    elif change == "cell":
        other.set_cell(1.01 * atoms.cell.array)
    else:
        other.pbc = [True, True, False]
    assert structure_checksum(other) != structure_checksum(atoms)
    assert fingerprint(other) != fingerprint(atoms)
    assert fingerprint(atoms.copy()) == fingerprint(atoms)


def test_layout_in_memory_does_not_count():
    values = np.arange(12.0).reshape(3, 4)
    assert checksum(np.asfortranarray(values)) == checksum(values)
