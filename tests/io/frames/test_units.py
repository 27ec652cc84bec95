"""A time is known where the file says it, in fs where the file says its unit."""

import math

import numpy as np
import pytest

from ase_dos.io.frames.units import angstroms, clock_of, femtoseconds, names_time_unit


@pytest.mark.parametrize(
    ("info", "time", "step", "in_fs"),
    [
        ({"time": 2.5, "step": 10}, 2.5, 10, False),
        ({"Time": np.float64(2.5), "Step": 10}, 2.5, 10, False),
        ({"time_fs": 2.5}, 2.5, None, True),
        ({"time_ps": 2.5}, 2500.0, None, True),
        ({"time(ps)": 2.5, "md_step": 3}, 2500.0, 3, True),
        ({"time": "2.5 ps"}, 2500.0, None, True),
        ({"Time": "2.5 [ns]"}, 2.5e6, None, True),
        ({"time": "2.5 days"}, None, None, False),
        ({"time_days": 2.5}, None, None, False),
        ({"Timestep": 100, "Time": 0.5}, None, 100, False),  # LAMMPS, in units it does not name
        ({"time": True, "step": "a"}, None, None, False),
        ({"time": [1.0, 2.0], "step": None}, None, None, False),
        ({"T": 300.0, "t": 5.0, "timer": 3.0}, None, None, False),
        ({}, None, None, False),
    ],
)
def test_clock(info, time, step, in_fs):
    clock = clock_of(info)
    for value, expected in ((clock["time"], time), (clock["step"], step)):
        assert math.isnan(value) if expected is None else value == pytest.approx(expected)
    assert names_time_unit(info) == in_fs


def test_units():
    assert angstroms("nm") == 10.0
    assert angstroms("Bohr") == angstroms("atomic_unit") == pytest.approx(0.529177210, abs=1e-8)
    assert angstroms("lj") is None
    assert femtoseconds("picosecond") == 1000.0
    assert femtoseconds("au") == pytest.approx(0.0241888433, abs=1e-9)
    assert femtoseconds("") is None
