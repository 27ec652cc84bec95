"""One line of text on values with arrays."""

import dataclasses
import importlib

import numpy as np
import pytest
from architecture import FLOORS

from ase_dos import DOS, ElectronicStates, LocalDOS
from ase_dos.utils.short_repr import short_repr


def public_values():
    """Public dataclasses that hold arrays."""
    for room in (room for floor in FLOORS for room in floor):
        package = importlib.import_module(f"ase_dos.{room}")
        for name in getattr(package, "__all__", ()):
            found = getattr(package, name)
            if "__dataclass_fields__" in vars(found) and any(
                "NDArray" in str(field.type) for field in dataclasses.fields(found)
            ):
                yield found


def test_numbers_and_range_and_shape_of_arrays():
    dos = DOS(np.arange(-2.0, 3.0), np.array([0.0, 3.0, 0.0, -0.5, 0.0]), n_electrons=2)
    assert repr(dos) == (
        "<DOS energies -2 to 2 (5), values -0.5 to 3 (5), n_electrons 2, smearing 0, valid_to 2>"
    )
    local = LocalDOS(np.eye(3), np.ones((3, 5)), dos.energies, np.full(3, 4.0), 0.2)
    assert str(local) == (
        "<LocalDOS coefficients 0 to 1 (3, 3), basis 1 to 1 (3, 5), energies -2 to 2 (5), "
        "valence 4 to 4 (3), smearing 0.2>"
    )
    states = ElectronicStates(np.zeros((2, 1)), [0.5, 0.5], n_electrons=2, spin_degeneracy=2)
    assert "eigenvalues 0 to 0 (1, 2, 1)" in repr(states)


@pytest.mark.parametrize("kind", list(public_values()), ids=lambda kind: kind.__name__)
def test_public_values_have_it(kind):
    assert kind.__repr__ is short_repr


def test_what_is_not_known_is_left_out():
    @dataclasses.dataclass
    class Sample:
        names: list
        noise: np.ndarray
        labels: np.ndarray
        note: str = ""
        error: float | None = None

        __repr__ = short_repr

    sample = Sample(["a", "b"], np.full((2, 3), np.nan), np.array(["x"]))
    assert repr(sample) == "<Sample names (2), noise (2, 3), labels (1)>"
