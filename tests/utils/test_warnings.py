"""Warnings of a run: each kind once, with a count of the blocks that gave it."""

import pickle
import warnings

import pytest

from ase_dos.utils.warnings import CollectedWarning, WarningCounter, collect_warnings, warn


class HeatWarning(UserWarning):
    """A category of our own."""


def hot(temperature, times=1):
    for _ in range(times):
        warnings.warn(f"at {temperature:g} K it is hot", HeatWarning, stacklevel=1)


def test_collected_warnings_are_not_shown():
    with collect_warnings() as found:
        hot(300.0)
        hot(1e30)
        warnings.warn("no number", UserWarning, stacklevel=1)
    assert found == [
        CollectedWarning("at 300 K it is hot", HeatWarning),
        CollectedWarning("at 1e+30 K it is hot", HeatWarning),
        CollectedWarning("no number", UserWarning),
    ]
    assert [one.kind for one in found] == ["at # K it is hot", "at # K it is hot", "no number"]
    assert pickle.loads(pickle.dumps(found)) == found


def test_what_is_deprecated_is_given_as_anywhere_else():
    def collected():
        with collect_warnings() as found:
            hot(300.0)
            warnings.warn("old name", DeprecationWarning, stacklevel=1)
        return found

    with pytest.warns(DeprecationWarning, match="old name"):
        found = collected()
    assert [one.category for one in found] == [HeatWarning]


def test_warnings_of_a_block_that_fails_are_collected():
    def fail():
        hot(300.0)
        raise ValueError("too hot")

    with pytest.raises(ValueError, match="too hot"), collect_warnings() as found:
        fail()
    assert len(found) == 1


def test_first_warning_of_a_kind_is_given_and_all_blocks_are_counted():
    counter = WarningCounter()
    with (
        pytest.warns(HeatWarning, match=r"step 1: at 300 K .* kind are only counted") as caught,
        counter.give_first("step 1"),
    ):
        hot(300.0, times=3)
    assert len(caught) == 1
    with counter.give_first("step 2"):  # warnings are errors here
        hot(400.0)
    assert counter.counts == {"at # K it is hot": 2}


def test_summary_names_the_number_of_blocks_and_the_first():
    counter = WarningCounter()
    for frame, temperatures in ((4, ()), (5, (300.0, 400.0)), (6, (500.0,))):
        with collect_warnings() as found:
            for temperature in temperatures:
                hot(temperature)
        counter.add(f"frame {frame}", found)
    with pytest.warns(HeatWarning) as caught:
        counter.give_summary(3, "frames")
    assert [str(one.message) for one in caught] == [
        "2 of 3 frames, the first is frame 5: at 300 K it is hot"
    ]
    assert caught[0].filename == __file__


def test_warnings_pass_once_and_the_outermost_decides():
    counter = WarningCounter()

    def warn_twice(temperature):
        with counter.once():
            warn(f"at {temperature:g} K it is hot", HeatWarning)
        warn("hot", HeatWarning)

    rest = "(further warnings of this kind are only counted)"
    for temperature, expected in ((300.0, [f"at 300 K it is hot {rest}", "hot"]), (400.0, ["hot"])):
        with pytest.warns(HeatWarning) as caught:
            warn_twice(temperature)
        assert [str(one.message) for one in caught] == expected
        assert {one.filename for one in caught} == {__file__}
    with collect_warnings() as found:
        warn_twice(500.0)
    assert [one.text for one in found] == ["at 500 K it is hot", "hot"]
    assert counter.counts == {"at # K it is hot": 2}
