"""Chemical species: what users give, and the index of every atom."""

import numpy as np
import pytest
from ase import Atoms

from ase_dos.descriptors.species import as_species, species_counts, species_index


@pytest.mark.parametrize("given", [(14, 6, 1), ("Si", "C", "H"), ("H", 14, np.int64(6))])
def test_numbers_and_symbols_become_rising_numbers(given):
    assert as_species(given) == (1, 6, 14)


def test_one_species_needs_no_list():
    assert as_species("Si") == as_species(14) == as_species(np.int64(14)) == (14,)


def test_index_of_any_shape():
    np.testing.assert_array_equal(species_index([[14, 1], [6, 6]], (1, 6, 14)), [[2, 0], [1, 1]])
    assert species_index(np.array([], int), (1, 6)).size == 0


@pytest.mark.parametrize("number", [0, 3, 92])
def test_unknown_species_are_named(number):
    """Below, between and above those that are known."""
    expected = r"atoms: unknown species .* \(%d\); the descriptor knows H \(1\), C \(6\) only"
    with pytest.raises(ValueError, match=expected % number):
        species_index([6, number, 1], (1, 6))


def test_counts_of_every_frame():
    counts = species_counts([Atoms("C2H6"), Atoms("H2")], (1, 6, 14))
    np.testing.assert_array_equal(counts, [[6, 2, 0], [2, 0, 0]])
