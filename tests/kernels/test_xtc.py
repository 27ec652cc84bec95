"""Packed coordinates are those of a twin with integers of any length, and of GROMACS."""

import struct

import numpy as np
import pytest
from ase.build import molecule
from toy_binaries import pack, unpack

from ase_dos.kernels.xtc import FIRST_RANGE, RANGES, unpack_coordinates


def unpacked(data, low, high, small, count):
    out = np.zeros((count, 3), np.int64)
    data = np.frombuffer(data, np.uint8)
    sound = unpack_coordinates(data, np.array(low), np.array(high), small, RANGES, out)
    return out if sound else None


@pytest.mark.parametrize("width", [1, 300, 70_000, 1 << 23])
def test_integers_of_any_range(width):
    """The product of three ranges has up to 72 bits."""
    integers = np.random.default_rng(width).integers(-width, width, (40, 3))
    low, high = integers.min(axis=0), integers.max(axis=0)
    out = unpacked(pack(integers, low, high), low, high, FIRST_RANGE, 40)
    np.testing.assert_array_equal(out, integers)


@pytest.mark.parametrize("seed", range(40))
def test_any_bits_are_what_the_twin_makes_of_them(seed):
    """Runs of near atoms, ranges that grow and shrink, and axes that are not joined."""
    rng = np.random.default_rng(seed)
    high = np.full(3, 1 << 25 if seed % 4 == 0 else 1000)
    data, low, small, count = rng.bytes(4000), np.zeros(3, int), 30, 12
    out = unpacked(data, low, high, small, count)
    if out is None:  # a run goes beyond the last atom
        twin = unpack(data, low, high, small, RANGES.tolist(), count)
        assert len(twin) > count
    else:
        twin = unpack(data, low, high, small, RANGES.tolist(), count)
        np.testing.assert_array_equal(out, twin)


def test_data_that_end_too_early_are_refused():
    integers = np.random.default_rng(0).integers(0, 1000, (40, 3))
    low, high = integers.min(axis=0), integers.max(axis=0)
    data = pack(integers, low, high)
    assert unpacked(data[:-2], low, high, FIRST_RANGE, 40) is None
    assert unpacked(data, high, low, FIRST_RANGE, 40) is None
    assert unpacked(data, low, high, FIRST_RANGE - 1, 40) is None
    assert unpacked(data, low, high, RANGES.size, 40) is None


@pytest.mark.filterwarnings("ignore")  # of MDAnalysis, about what the structures do not have
def test_water_as_gromacs_packs_it(tmp_path):
    """Molecules are packed as runs, with two atoms interchanged."""
    mda = pytest.importorskip("MDAnalysis")
    water = molecule("H2O")
    water.set_cell([3.1] * 3)
    water = water.repeat(4)
    water.rattle(0.1, seed=0)
    universe = mda.Universe.empty(len(water), trajectory=True)
    with mda.Writer(str(tmp_path / "a.xtc"), len(water)) as writer:
        universe.atoms.positions = water.positions
        writer.write(universe.atoms)
    data = (tmp_path / "a.xtc").read_bytes()
    precision, *ranges, small = struct.unpack_from(">f7i", data, 56)
    low, high = np.reshape(ranges, (2, 3))
    out = unpacked(data[92:], low, high, small, len(water))
    np.testing.assert_array_equal(
        out, unpack(data[92:], low, high, small, RANGES.tolist(), len(water))
    )
    np.testing.assert_allclose(10 * out / precision, water.positions, atol=5.1e-3)
