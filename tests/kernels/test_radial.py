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
    gto_basis,
    last_piece,
    neighbor_weight,
    neighbor_weight_slope,
    radial_integrals,
    radial_slopes,
    radial_table,
    radial_values,
)


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
    values = np.empty_like(expected)
    row = np.empty(expected.shape[1] + WIDTH)
    for i, r in enumerate(distances):
        last = last_piece(table[0], expected.shape[1])
        radial_values(r, 1.0, table[0], length, last, expected.shape[1], row, 0)
        values[i] = row[:-WIDTH]
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
def test_neighbor_weight_agrees_with_formula(scaling):
    soap = SOAP(radial_scaling=scaling)
    rate, scale, exponent = scaling or (1.0, 1.0, 0)
    for r in (0.1, 2.0, 5.5, 5.7, 5.999):
        value = neighbor_weight(r, 6.0, 0.5, rate, scale, exponent)
        assert value == pytest.approx(reference.weight(r, soap), rel=1e-13)
    assert neighbor_weight(6.0, 6.0, 0.5, rate, scale, exponent) == 0.0


@pytest.mark.parametrize("distance", [0.3, 2.0, 3.7, 3.999])
def test_slopes_of_weights_and_radial_functions(distance):
    arguments = (4.0, 0.5, 1.0, 2.5, 4)
    weight, slope = neighbor_weight_slope(distance, *arguments)
    assert weight == pytest.approx(neighbor_weight(distance, *arguments), rel=1e-14)
    table, length = radial_table(4.0, 4, 2, 0.5)
    table = np.pad(table, (0, 8))

    def values(r):
        out = np.empty(20)
        w = neighbor_weight(r, *arguments)
        radial_values(r, w, table, length, last_piece(table, 12), 12, out, 0)
        return out[:12]

    out, slopes = np.empty(24), np.empty(24)
    last = last_piece(table, 12)
    radial_slopes(distance, weight, slope, table, length, last, 12, np.empty(12), out, slopes, 2)
    np.testing.assert_allclose(out[2:14], values(distance), rtol=1e-13)
    step = min(1e-4, (4.0 - distance) / 4)
    expected = central(lambda h: values(distance + h), step)
    np.testing.assert_allclose(slopes[2:14], expected, atol=1e-8 * np.abs(expected).max() + 1e-10)
