"""Frozen values made of what was checked."""

from dataclasses import FrozenInstanceError, dataclass

import pytest

from ase_dos.utils.frozen import changed, unchecked


@dataclass(frozen=True)
class Temperature:
    """A value with a check."""

    kelvin: float
    name: str = ""

    def __post_init__(self):
        if self.kelvin < 0:
            raise ValueError("kelvin")


def test_values_are_those_that_the_constructor_makes():
    assert unchecked(Temperature, kelvin=3.0, name="cold") == Temperature(3.0, "cold")


def test_a_change_leaves_the_value_and_its_other_attributes():
    cold = Temperature(3.0, "cold")
    hot = changed(cold, kelvin=300.0)
    assert (hot, cold) == (Temperature(300.0, "cold"), Temperature(3.0, "cold"))
    with pytest.raises(FrozenInstanceError):
        hot.kelvin = 4.0
