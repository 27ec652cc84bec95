"""Regressors on the features of LANES atoms at once: linear maps, sparse kernels, networks.

All of these are affine maps with a function of single numbers in between. A linear model is one
map; a polynomial kernel of degree zeta with sparse points S is ``W (S x / |x|)^zeta``; a neural
network has biases and a sigmoidal function. `ase_dos.descriptors.feature_map.FeatureMap` says the
same outside the kernels, and makes the `Regressor` that they take.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import copy, fill
from ase_dos.kernels.expansion import LANES
from ase_dos.kernels.jit import inner_kernel
from ase_dos.kernels.vector import broadcast, fma, load, splat, store

# What stands between two maps: x^degree, or a sigmoidal function.
POWER, TANH = 0, 1
# Not the literal, for which numba would compile what it is passed to a second time.
_FIRST = np.int64(0)


class Regressor(NamedTuple):
    """Affine maps, one after the other.

    Attributes
    ----------
    sizes : (maps + 1,) int array
        Numbers that go into each map, and that come out of the last.
    weights : flat array
        Matrices (out, in) of all maps but the last.
    biases : flat array
        Biases (out) of all maps.
    last : flat array
        Matrix (out, in) of the last map.
    activation : int
        POWER or TANH: taken of every number between two maps.
    degree : int
        Exponent of POWER.
    unit_length : bool
        Divide the features of every atom by their length first.
    """

    sizes: np.ndarray
    weights: np.ndarray
    biases: np.ndarray
    last: np.ndarray
    activation: int
    degree: int
    unit_length: bool


@inner_kernel
def regress(features, runs, n_runs, regressor, first, second):
    """Apply all maps; the outputs are in ``first[output * LANES + lane]``.

    Parameters
    ----------
    features : flat array
        ``features[feature * LANES + lane]``; scaled here if ``unit_length``.
    runs : (2 n_runs,) int array
        Begin and end of the runs of features that are not zero.
    n_runs : int
    regressor : Regressor
    first, second : flat array
        Room for (largest number of outputs + 3) * LANES numbers.
    """
    if regressor.unit_length:
        _normalize(features, runs, n_runs, second)
    n_in, n_out = regressor.sizes[0], regressor.sizes[1]
    weights = _matrix(regressor, 0, 0)
    _fill(regressor.biases, n_out, first)
    for run in range(n_runs):
        add_map(features, runs[2 * run], runs[2 * run + 1], weights, n_out, first)
    weight, bias = n_in * n_out, n_out
    for number in range(1, regressor.sizes.size - 1):
        n_in, n_out = regressor.sizes[number], regressor.sizes[number + 1]
        _activate(first, n_in, regressor.activation, regressor.degree)
        _fill(regressor.biases[bias:], n_out, second)
        add_map(first, _FIRST, n_in, _matrix(regressor, number, weight), n_out, second)
        copy(second, n_out * LANES, first)
        weight, bias = weight + n_in * n_out, bias + n_out


@inner_kernel
def _matrix(regressor, number, at):
    """Matrix (out, in) of a map, which begins at ``at`` among those of all but the last."""
    if number == regressor.sizes.size - 2:
        return regressor.last
    return regressor.weights[at : at + regressor.sizes[number] * regressor.sizes[number + 1]]


@inner_kernel
def _normalize(features, runs, n_runs, scale):
    """Divide the features of every atom by their length; ``scale`` has room for LANES numbers."""
    zero = splat(features.dtype.type(0), LANES)
    squares = zero
    for run in range(n_runs):
        for f in range(runs[2 * run], runs[2 * run + 1]):
            x = load(features, f * LANES, LANES)
            squares = fma(x, x, squares)
    store(scale, 0, squares)
    for lane in range(LANES):
        if scale[lane] > 0:
            scale[lane] = 1 / np.sqrt(scale[lane])
    factor = load(scale, 0, LANES)
    for run in range(n_runs):
        for f in range(runs[2 * run], runs[2 * run + 1]):
            store(features, f * LANES, fma(load(features, f * LANES, LANES), factor, zero))


@inner_kernel
def _fill(biases, count, out):
    """Write every bias to all lanes."""
    for k in range(count):
        store(out, k * LANES, broadcast(biases, k, LANES))


@inner_kernel
def _activate(values, count, activation, degree):
    """Replace numbers by their power or hyperbolic tangent."""
    if activation == TANH:
        for i in range(count * LANES):
            values[i] = np.tanh(values[i])
        return
    for at in range(0, count * LANES, LANES):
        x = load(values, at, LANES)
        power = x
        for _ in range(1, degree):
            power = power * x
        store(values, at, power)


@inner_kernel
def add_map(values, begin, end, weights, n_out, out):
    """Add numbers ``begin`` to ``end`` times weights (out, in) to the outputs.

    Four outputs at a time, whose sums stay in registers; ``out`` has room for three more.
    """
    n_in = weights.size // n_out
    for k in range(0, n_out, 4):
        # A tile over the edge repeats the last row of weights.
        w0 = weights[k * n_in :]
        w1 = weights[min(k + 1, n_out - 1) * n_in :]
        w2 = weights[min(k + 2, n_out - 1) * n_in :]
        w3 = weights[min(k + 3, n_out - 1) * n_in :]
        sum0 = load(out, k * LANES, LANES)
        sum1 = load(out, (k + 1) * LANES, LANES)
        sum2 = load(out, (k + 2) * LANES, LANES)
        sum3 = load(out, (k + 3) * LANES, LANES)
        for i in range(begin, end):
            x = load(values, i * LANES, LANES)
            sum0 = fma(x, broadcast(w0, i, LANES), sum0)
            sum1 = fma(x, broadcast(w1, i, LANES), sum1)
            sum2 = fma(x, broadcast(w2, i, LANES), sum2)
            sum3 = fma(x, broadcast(w3, i, LANES), sum3)
        store(out, k * LANES, sum0)
        store(out, (k + 1) * LANES, sum1)
        store(out, (k + 2) * LANES, sum2)
        store(out, (k + 3) * LANES, sum3)


@inner_kernel
def regress_gradient(features, runs, n_runs, regressor, values, pulls, out):
    """Differentiate the only output by the features, ``out[feature * LANES + lane]``.

    Parameters
    ----------
    features, runs, n_runs, regressor
        As in `regress`; the last map has one output.
    values : flat array
        Room for the inputs of every activation: (sum of outputs + 4 per map) * LANES numbers.
    pulls : flat array
        Twice that room.
    out : flat array
        Filled where features are not zero; zero elsewhere.
    """
    n_maps = regressor.sizes.size - 1
    fill(out, out.size, 0.0)
    scale = pulls[: 4 * LANES]
    if regressor.unit_length:
        _normalize(features, runs, n_runs, scale)
    half = pulls.size // 2
    pull, other = pulls[4 * LANES : half], pulls[half:]
    _activation_inputs(features, runs, n_runs, regressor, values)
    weight = regressor.weights.size
    fill(pull, LANES, 1.0)
    for number in range(n_maps - 1, 0, -1):
        n_in, n_out = regressor.sizes[number], regressor.sizes[number + 1]
        if number < n_maps - 1:
            weight -= n_in * n_out
        fill(other, n_in * LANES, 0.0)
        _add_transposed(pull, _FIRST, n_in, _matrix(regressor, number, weight), n_out, other)
        at = room_before(regressor, number - 1)
        _slope(values[at:], n_in, regressor.activation, regressor.degree, other)
        copy(other, n_in * LANES, pull)
    n_out, weights = regressor.sizes[1], _matrix(regressor, 0, 0)
    for run in range(n_runs):
        _add_transposed(pull, runs[2 * run], runs[2 * run + 1], weights, n_out, out)
    if regressor.unit_length:
        _project(features, runs, n_runs, scale, out)


@inner_kernel
def room_before(regressor, number):
    """Where the outputs of a map begin among the values of all."""
    room = 4 * number
    for i in range(1, number + 1):
        room += regressor.sizes[i]
    return room * LANES


@inner_kernel
def _activation_inputs(features, runs, n_runs, regressor, values):
    """Compute the outputs of all maps but the last, before their activation."""
    weight = bias = 0
    for number in range(regressor.sizes.size - 2):
        n_in, n_out = regressor.sizes[number], regressor.sizes[number + 1]
        weights = regressor.weights[weight : weight + n_in * n_out]
        here = values[room_before(regressor, number) :]
        _fill(regressor.biases[bias:], n_out, here)
        if number == 0:
            for run in range(n_runs):
                add_map(features, runs[2 * run], runs[2 * run + 1], weights, n_out, here)
        else:
            work = np.empty(n_in * LANES)
            copy(values[room_before(regressor, number - 1) :], n_in * LANES, work)
            _activate(work, n_in, regressor.activation, regressor.degree)
            add_map(work, _FIRST, n_in, weights, n_out, here)
        weight, bias = weight + n_in * n_out, bias + n_out


@inner_kernel
def _slope(values, count, activation, degree, pull):
    """Multiply derivatives by that of the activation at ``values``."""
    if activation == TANH:
        for i in range(count * LANES):
            y = np.tanh(values[i])
            pull[i] *= 1 - y * y
        return
    for at in range(0, count * LANES, LANES):
        x = load(values, at, LANES)
        slope = splat(float(degree), LANES)
        for _ in range(1, degree):
            slope = slope * x
        store(pull, at, load(pull, at, LANES) * slope)


@inner_kernel
def _add_transposed(pull, begin, end, weights, n_out, out):
    """Add derivatives by outputs times weights (out, in) to those by inputs begin to end.

    Four inputs at a time; an incomplete tile goes one by one.
    """
    n_in = weights.size // n_out
    whole = begin + (end - begin) // 4 * 4
    for i in range(begin, whole, 4):
        sum0 = load(out, i * LANES, LANES)
        sum1 = load(out, (i + 1) * LANES, LANES)
        sum2 = load(out, (i + 2) * LANES, LANES)
        sum3 = load(out, (i + 3) * LANES, LANES)
        for k in range(n_out):
            x = load(pull, k * LANES, LANES)
            at = k * n_in + i
            sum0 = fma(x, broadcast(weights, at, LANES), sum0)
            sum1 = fma(x, broadcast(weights, at + 1, LANES), sum1)
            sum2 = fma(x, broadcast(weights, at + 2, LANES), sum2)
            sum3 = fma(x, broadcast(weights, at + 3, LANES), sum3)
        store(out, i * LANES, sum0)
        store(out, (i + 1) * LANES, sum1)
        store(out, (i + 2) * LANES, sum2)
        store(out, (i + 3) * LANES, sum3)
    for i in range(whole, end):
        total = load(out, i * LANES, LANES)
        for k in range(n_out):
            total = fma(
                load(pull, k * LANES, LANES), broadcast(weights, k * n_in + i, LANES), total
            )
        store(out, i * LANES, total)


@inner_kernel
def _project(unit, runs, n_runs, scale, out):
    """Make the derivative by features from that by the features divided by their length.

    ``unit`` holds the latter, ``scale`` one over the length.
    """
    zero = splat(unit.dtype.type(0), LANES)
    minus = splat(unit.dtype.type(-1), LANES)
    along = zero
    for run in range(n_runs):
        for f in range(runs[2 * run], runs[2 * run + 1]):
            along = fma(load(unit, f * LANES, LANES), load(out, f * LANES, LANES), along)
    along = fma(along, minus, zero)
    factor = load(scale, 0, LANES)
    for run in range(n_runs):
        for f in range(runs[2 * run], runs[2 * run + 1]):
            rest = fma(load(unit, f * LANES, LANES), along, load(out, f * LANES, LANES))
            store(out, f * LANES, fma(rest, factor, zero))
