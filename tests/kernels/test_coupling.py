"""Coupling of real spherical harmonics."""

import numpy as np
import pytest
import reference_equivariants as reference

from ase_dos.kernels.coupling import coupling_coefficients, coupling_tables

CASES = [(0, 3, 3), (1, 0, 1), (2, 2, 2), (4, 2, 4), (5, 2, 3), (6, 8, 8), (3, 1, 4)]


@pytest.mark.parametrize(("ell", "l1", "l2"), CASES)
def test_coefficients_are_scaled_integrals_of_three_harmonics(ell, l1, l2):
    found = coupling_coefficients(ell, l1, l2)
    np.testing.assert_allclose(found, reference.coupling(ell, l1, l2), atol=1e-11)


@pytest.mark.parametrize(("ell", "l1", "l2"), CASES)
def test_rows_are_orthonormal(ell, l1, l2):
    rows = coupling_coefficients(ell, l1, l2).reshape(2 * ell + 1, -1)
    np.testing.assert_allclose(rows @ rows.T, np.eye(2 * ell + 1), atol=1e-12)


def test_coupling_to_a_scalar_is_that_of_the_power_spectrum():
    for ell in range(5):
        expected = (-1) ** ell / np.sqrt(2 * ell + 1) * np.eye(2 * ell + 1)
        np.testing.assert_allclose(coupling_coefficients(0, ell, ell)[0], expected, atol=1e-13)


def test_tables_hold_every_block_of_proper_parity():
    tables = coupling_tables(3, 4)
    seen = 0
    for ell in range(5):
        blocks = range(*tables.first_block[ell : ell + 2])
        pairs = [(tables.l1[b], tables.l2[b]) for b in blocks]
        assert pairs == [
            (l1, l2)
            for l1 in range(4)
            for l2 in range(l1, 4)
            if l2 - l1 <= ell <= l1 + l2 and (l1 + l2 + ell) % 2 == 0
        ]
        for block, (l1, l2) in zip(blocks, pairs, strict=True):
            dense = np.zeros((2 * ell + 1, 2 * l1 + 1, 2 * l2 + 1))
            for mu in range(2 * ell + 1):
                entries = slice(*tables.first_entry[block, mu : mu + 2])
                dense[mu, tables.m1[entries], tables.m2[entries]] = tables.values[entries]
                seen += tables.values[entries].size
            np.testing.assert_allclose(dense, coupling_coefficients(ell, l1, l2), atol=1e-12)
    assert seen == tables.values.size
