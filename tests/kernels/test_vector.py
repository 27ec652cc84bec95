"""Vectors in registers: their plain twins, the instructions they become, and the cache."""

import numba
import numpy as np
import pytest

from ase_dos.kernels.expansion import LANES as ATOMS
from ase_dos.kernels.expansion import sum_neighbors
from ase_dos.kernels.jit import kernel
from ase_dos.kernels.regression import add_map
from ase_dos.kernels.soap import sum_over_m
from ase_dos.kernels.vector import (
    LONG,
    add_groups,
    add_parts,
    broadcast,
    cast,
    count,
    floor,
    fma,
    get,
    interleave,
    load,
    minimum,
    pack,
    put,
    registers,
    repeat,
    rising,
    smallest,
    splat,
    sqrt,
    store,
    store_parts,
)

LANES = 4


@kernel
def polynomial(x, coefficients, out):
    """Horner's rule for whole vectors of x."""
    for i in range(0, x.size - LANES + 1, LANES):
        here = load(x, i, LANES)
        total = splat(coefficients[0], LANES)
        for c in coefficients[1:]:
            total = fma(total, here, splat(c, LANES))
        store(out, i, total)


@kernel
def reverse_and_scale(x, factor, out):
    """Numbers one by one, last first; then ``factor`` times these plus the first of each vector."""
    for i in range(x.size):
        put(out, x.size - 1 - i, get(x, i))
    for i in range(0, x.size - LANES + 1, LANES):
        scale = broadcast(factor, 0, LANES)
        store(out, i, fma(load(out, i, LANES), scale, broadcast(out, i, LANES)))


@kernel
def arithmetic(x, y, out):
    """Operators on vectors and numbers, in the type of x and y; the results in that of ``out``."""
    for i in range(0, x.size - LANES + 1, LANES):
        a, b = load(x, i, LANES), load(y, i, LANES)
        store(out, i, cast(floor(3.0 * a) - (1.0 - a * b) / sqrt(b + 0.5), out))


@pytest.mark.parametrize("to", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operators_of_vectors(dtype, to):
    x, y = np.random.default_rng(2).uniform(size=(2, 6 * LANES)).astype(dtype)
    compiled, plain = np.zeros((2, x.size), to)
    arithmetic(x, y, compiled)
    arithmetic.py_func(x, y, plain)
    expected = np.floor(3.0 * x) - (1.0 - x * y) / np.sqrt(y + 0.5)
    tolerance = 10 * max(np.finfo(dtype).eps, np.finfo(to).eps)
    np.testing.assert_allclose(compiled, expected, atol=tolerance)
    np.testing.assert_allclose(plain, expected, atol=tolerance)


@kernel
def count_registers(array):
    """What the compiled function says."""
    return registers(array)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_registers_of_a_vector(dtype):
    assert count_registers(np.zeros(1, dtype)) == registers(np.zeros(1, dtype)) in (1, 2)


@kernel
def least_of_two(x, y, out):
    """Lesser numbers of x and y; the least of each vector of them in its first place."""
    for i in range(0, x.size - LANES + 1, LANES):
        lesser = minimum(load(x, i, LANES), load(y, i, LANES))
        store(out, i, lesser)
        put(out, i, smallest(lesser))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lesser_numbers_and_the_least(dtype):
    x, y = np.random.default_rng(1).normal(size=(2, 6 * LANES)).astype(dtype)
    x[3], y[5] = np.inf, -np.inf
    compiled, plain = np.zeros_like(x), np.zeros_like(x)
    least_of_two(x, y, compiled)
    least_of_two.py_func(x, y, plain)
    expected = np.minimum(x, y)
    expected[::LANES] = expected.reshape(-1, LANES).min(1)
    np.testing.assert_array_equal(compiled, expected)
    np.testing.assert_array_equal(plain, expected)


PAIRS = 2 * LANES


@kernel
def shuffle(x, y, out):
    """Two vectors in turn, twice: as they are, and times two numbers in turn, in parts apart."""
    both = interleave(load(x, 0, LANES), load(y, 0, LANES))
    store(out, 0, both)
    store_parts(out, PAIRS, LANES, both * repeat(x, 1, 2, PAIRS), 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_of_vectors_in_turn_and_in_parts(dtype):
    x, y = np.random.default_rng(4).normal(size=(2, LANES)).astype(dtype)
    compiled, plain = np.zeros((2, PAIRS + LANES * LANES), dtype)
    shuffle(x, y, compiled)
    shuffle.py_func(x, y, plain)
    pairs = np.transpose([x, y])
    np.testing.assert_array_equal(compiled[:PAIRS], pairs.ravel())
    parts = compiled[PAIRS:].reshape(LANES, LANES)
    np.testing.assert_allclose(parts[:, :2], pairs * x[1:3], rtol=2 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(parts[:, 2:], 0)
    np.testing.assert_array_equal(compiled, plain)


@kernel
def choose(x, low, high, out, places):
    """Numbers between two limits, and their places; how many these are, and how many are low."""
    chosen = lowest = 0
    for i in range(0, x.size - LANES + 1, LANES):
        here = load(x, i, LANES)
        inside = (here > low) & (here < high)
        pack(out, chosen, here, inside)
        pack(places, chosen, rising(float(i), LANES), inside)
        chosen += count(inside)
        lowest += count(here == low)
    return chosen, lowest


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_are_chosen_by_comparisons(dtype):
    x = np.random.default_rng(7).integers(0, 10, 16 * LANES).astype(dtype)
    x[5] = np.nan
    low, high = x.dtype.type(2), x.dtype.type(7)
    (expected,) = np.nonzero((x > low) & (x < high))
    for function in (choose, choose.py_func):
        out, places = np.zeros(x.size, dtype), np.zeros(x.size)
        assert function(x, low, high, out, places) == (len(expected), np.count_nonzero(x == low))
        np.testing.assert_array_equal(places[: len(expected)], expected)
        np.testing.assert_array_equal(out[: len(expected)], x[expected])


@kernel
def add_numbers(x, out):
    """Sums of two neighbours, then of all numbers at even places and of those at odd ones."""
    whole = load(x, 0, PAIRS)
    store(out, 0, add_groups(whole, 2))
    store(out, LANES, add_parts(whole, 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_the_numbers_of_a_vector(dtype):
    x = np.arange(1, PAIRS + 1, dtype=dtype)
    compiled, plain = np.zeros((2, LANES + 2), dtype)
    add_numbers(x, compiled)
    add_numbers.py_func(x, plain)
    np.testing.assert_array_equal(compiled, [3, 7, 11, 15, 16, 20])
    np.testing.assert_array_equal(plain, compiled)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_are_their_own_plain_twins(dtype):
    rng = np.random.default_rng(0)
    x, coefficients = rng.normal(size=4 * LANES).astype(dtype), rng.normal(size=5).astype(dtype)
    compiled, plain = np.zeros_like(x), np.zeros_like(x)
    polynomial(x, coefficients, compiled)
    polynomial.py_func(x, coefficients, plain)
    expected = np.polyval(coefficients.astype(float), x.astype(float))
    np.testing.assert_allclose(plain, expected, rtol=50 * np.finfo(dtype).eps)
    np.testing.assert_allclose(compiled, expected, rtol=50 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_single_numbers_are_read_written_and_repeated(dtype):
    x, factor = np.arange(1, 4 * LANES + 1, dtype=dtype), np.array([3], dtype)
    compiled, plain = np.zeros_like(x), np.zeros_like(x)
    reverse_and_scale(x, factor, compiled)
    reverse_and_scale.py_func(x, factor, plain)
    turned = x[::-1]
    expected = 3 * turned + np.repeat(turned[::LANES], LANES)
    np.testing.assert_array_equal(compiled, expected)
    np.testing.assert_array_equal(plain, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_become_vector_instructions(dtype):
    """Radial functions side by side in the sums over neighbours, atoms side by side after that."""
    zeros, bits = np.zeros(10_000, dtype), 8 * np.dtype(dtype).itemsize
    calls = [
        (sum_neighbors, LONG, (0, 2, 8, 4, 2, 16, zeros, zeros, zeros)),
        (sum_over_m, ATOMS, (zeros, zeros, 3, zeros[0], zeros)),
        (add_map, ATOMS, (zeros, 0, 3, zeros[:30], 10, zeros)),
    ]
    for function, lanes, arguments in calls:
        fresh = numba.njit(error_model="numpy")(function)
        fresh(*arguments)
        assert f"@llvm.fma.v{lanes}f{bits}" in fresh.inspect_llvm(fresh.signatures[0])
