"""Objects that take no new attributes."""

import copy
import pickle

import pytest

from ase_dos.utils.sealed import Sealed


class Valve(Sealed):
    def __init__(self):
        self.opening = 0.5
        self._seal(Valve)

    @property
    def flow(self):
        return 2.0 * self.opening

    @flow.setter
    def flow(self, value):
        self.opening = value / 2.0


def test_only_what_is_there_can_be_set():
    valve = Valve()
    valve.flow = 3.0
    valve._note = "private names are free"
    for each in (valve, copy.deepcopy(valve), pickle.loads(pickle.dumps(valve))):
        assert each.opening == 1.5
        with pytest.raises(AttributeError, match="Valve has no 'pressure' to set; give it when"):
            each.pressure = 1.0


def test_a_derived_class_may_have_more():
    class Labelled(Valve):
        def __init__(self):
            super().__init__()
            self.label = "A"

    assert Labelled().label == "A"
