"""Valences from electron counts, and who is blamed where these contradict each other."""

import numpy as np
import pytest

from ase_dos.model.valences import valences
from ase_dos.utils.structure_errors import StructureError

AL, C, O = 13, 6, 8  # noqa: E741


def blamed(counts, electrons, species, given=None):
    with pytest.raises(StructureError) as error:
        valences(np.array(counts), np.array(electrons, dtype=float), species, given)
    return error.value


def oxides(count=12, seed=0):
    """Compositions of eight atoms with their valence electrons."""
    carbon = np.random.default_rng(seed).integers(1, 8, count)
    counts = np.column_stack([carbon, 8 - carbon])
    return counts, counts @ [4.0, 6.0]


def test_valences_of_counts_that_agree():
    assert valences(*oxides(), (C, O)).tolist() == [4, 6]
    assert valences(*oxides(), (C, O), {"O": 6, "C": 4}).tolist() == [4, 6]


def test_the_large_cell_is_blamed_and_not_the_small_ones():
    error = blamed([[8], [8], [64]], [24, 24, 193], [AL])
    assert error.indices == (2,)
    assert "193 electrons, but the others imply 192;" in str(error)


@pytest.mark.parametrize("where", [0, 4, 10])
def test_the_others_imply_what_they_have_without_it(where):
    electrons = np.full(11, 24.0)
    electrons[where] += 1
    error = blamed([[8]] * 11, electrons, [AL])
    assert error.indices == (where,)
    assert "25 electrons, but the others imply 24;" in str(error)


@pytest.mark.parametrize("wrong", [(0,), (7,), (2, 5, 9)])
@pytest.mark.parametrize("size", [1, 10])
def test_charged_cells_among_two_species(wrong, size):
    """The wrong ones are named, also where they are the largest cells by far."""
    counts, electrons = oxides()
    for i in wrong:
        counts[i] *= size
        electrons[i] = counts[i] @ [4, 6] - 1
    error = blamed(counts, electrons, (C, O))
    assert error.indices == wrong
    first = electrons[wrong[0]]
    assert f"{first:g}" in error.reason
    assert f"imply {first + 1:g}" in error.reason


def test_a_tie_blames_nobody_in_the_name_of_the_others():
    error = blamed([[8]] * 4, [24, 88, 24, 88], [AL])
    assert len(error.indices) == 2
    assert "that fit 2 of 4 structures" in error.reason
    assert "others" not in error.reason


def test_given_valences_are_not_those_of_others():
    counts, electrons = oxides()
    electrons[3] += 2
    error = blamed(counts, electrons, (C, O), {"C": 4, "O": 6})
    assert error.indices == (3,)
    assert "the given valences (C 4, O 6) make" in error.reason
