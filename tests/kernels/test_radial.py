"""Radial functions, their table, and the weight of a neighbour by distance."""

import numpy as np
import pytest
import reference_soap as reference
from derivatives import central
from soap_frames import SCALINGS, assert_close

from ase_dos.descriptors.radial import radial_tables
from ase_dos.descriptors.soap import SOAP
from ase_dos.kernels.radial import (
    WIDTH,
    flat_table,
    gto_basis,
    hermite_rows,
    hermite_slope_rows,
    interpolate,
    last_piece,
    neighbor_weight_slopes,
    neighbor_weights,
    node_weights,
    radial_integrals,
    radial_table,
)
from ase_dos.kernels.vector import store, zero_register


def whole(numbers):
    """Numbers, and room up to whole vectors."""
    return np.append(numbers, np.ones(-len(numbers) % WIDTH))


def interpolated(distances, weights, slopes, table, length, size):
    """Weighted radial integrals (2, distances, size) from a table, and their derivatives."""
    count, distances = len(distances), whole(distances)
    stride = len(distances)
    pieces, rows = np.empty(stride), np.empty(12 * stride)
    (table,), row = flat_table(table[None])
    last = float(last_piece(table, row))
    hermite_rows(count, distances, whole(weights), length, last, stride, pieces, rows)
    hermite_slope_rows(
        count, distances, whole(weights), whole(slopes), length, stride, pieces, rows
    )
    out = np.empty((2, count, row))
    for k in (0, 1):
        for j in range(count):
            nodes = node_weights(rows, 6 * k * stride + j, stride, zero_register(table))
            for f in range(0, row, len(nodes[0])):
                at = 3 * (int(pieces[j]) * row + f)
                store(out[k, j], f, interpolate(nodes, table, at, at + 3 * row))
    return out[:, :, :size]


def weights_at(distances, *arguments):
    """Weights of neighbours, and their derivatives."""
    out, slopes = np.empty((2, len(whole(distances))))
    neighbor_weights(len(distances), whole(distances), *arguments, out)
    neighbor_weight_slopes(len(distances), whole(distances), *arguments, slopes)
    return out[: len(distances)], slopes[: len(distances)]


def test_radial_functions_are_orthonormal():
    widths, coefficients, _ = gto_basis(5.0, 8)
    r = np.linspace(0, 60, 60_001)
    k = np.arange(8)[:, None]
    functions = coefficients @ (r**k * np.exp(-0.5 * (r / widths[:, None]) ** 2))
    overlap = np.trapezoid(functions[:, None] * functions * r**2, r)
    np.testing.assert_allclose(overlap, np.eye(8), atol=1e-9)


@pytest.mark.parametrize("hypers", [(6.0, 8, 6, 0.4), (5.0, 10, 9, 0.25), (3.5, 1, 0, 1.0)])
def test_radial_table_agrees_with_closed_form(hypers):
    cutoff, n_max = hypers[:2]
    table, length, at_origin = radial_tables(*hypers)
    distances = np.append(np.linspace(0, cutoff, 300), [cutoff - 1e-13, 1e-9])
    expected = np.array([reference.radial(r, *hypers).ravel() for r in distances])
    one, zero = np.ones(len(distances)), np.zeros(len(distances))
    values, _ = interpolated(distances, one, zero, table[0], length, expected.shape[1])
    assert_close(values, expected, 1e-9)
    assert_close(at_origin[0], expected[0, :n_max], 1e-9)


def test_radial_derivatives_agree_with_differences():
    hypers, step = (6.0, 8, 6, 0.4), 1e-4
    below, at, above = (radial_integrals([r], *hypers) for r in (2.0 - step, 2.0, 2.0 + step))
    for order in (0, 1):
        assert_close((above[order] - below[order]) / (2 * step), at[order + 1], 1e-6)


def test_sharp_gaussians_do_not_overflow():
    assert np.isfinite(radial_integrals([0.0, 5.0, 10.0], 10.0, 6, 8, 0.05)).all()


@pytest.mark.parametrize("scaling", SCALINGS)
def test_neighbor_weights_agree_with_formula(scaling):
    soap = SOAP(radial_scaling=scaling)
    distances = np.array([0.1, 2.0, 5.5, 5.7, 5.999, 6.0, 6.1])
    values, _ = weights_at(distances, 6.0, 0.5, *(scaling or (1.0, 1.0, 0)))
    expected = [reference.weight(r, soap) for r in distances[:5]]
    np.testing.assert_allclose(values[:5], expected, rtol=1e-13)
    np.testing.assert_array_equal(values[5:], 0.0)


@pytest.mark.parametrize("exponent", [0, 4])
def test_slopes_of_weights_and_radial_functions(exponent):
    distances = np.array([0.3, 2.0, 3.7, 3.95])
    table, length = radial_table(4.0, 4, 2, 0.5, 1e-10)

    def values(r):
        weights, slopes = weights_at(r, 4.0, 0.5, 1.0, 2.5, exponent)
        return interpolated(r, weights, slopes, table, length, 12)

    _, slopes = values(distances)
    expected = central(lambda h: values(distances + h)[0], 1e-4)
    np.testing.assert_allclose(slopes, expected, atol=1e-8 * np.abs(expected).max() + 1e-10)
