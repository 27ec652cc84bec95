"""Errors that say which of many structures they are about."""

import pickle

import pytest

from ase_dos.utils.structure_errors import StructureError, of_structure


def test_a_block_names_its_structure_once():
    message = r"^structure 7: positions: NaN$"
    with pytest.raises(StructureError, match=message) as error, of_structure(3), of_structure(7):
        raise ValueError("positions: NaN")
    assert error.value.indices == (7,)
    assert isinstance(error.value.__cause__, ValueError)
    assert error.value.naming([f"run{i}.out" for i in range(8)]) == "run7.out: positions: NaN"
    with pytest.raises(KeyError), of_structure(3):
        raise KeyError("a defect is no error of the structure")


def test_many_structures_are_listed_in_part():
    error = StructureError(range(9), "no gap")
    assert str(error) == "structures 0, 1, 2, 3, 4 and 4 more: no gap"
    assert error.naming("abcdefghi") == "a, b, c, d, e and 4 more: no gap"
    assert str(StructureError([2, 5], "no gap")) == "structures 2, 5: no gap"


def test_the_error_passes_between_processes():
    error = pickle.loads(pickle.dumps(StructureError([4], "no gap")))
    assert (error.indices, error.reason) == ((4,), "no gap")
