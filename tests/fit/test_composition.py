"""Composition terms: least squares, what they leave over, and blocks of structures."""

import numpy as np
import pytest

from ase_dos.fit.composition import Composition


@pytest.mark.parametrize(
    ("composition", "blocks"),
    [
        ([[1, 0], [1, 0], [1, 0]], [0, 0, 0]),
        ([[1, 0], [0, 1], [1, 0]], [0, 1, 0]),
        ([[1, 0], [0.5, 0.5], [0.5, 0.5]], [0, 1, 1]),
        ([[1, 0], [0.5, 0.5], [0.25, 0.75]], [0, 0, 0]),
        ([[0.5, 0.5, 0], [0, 0, 1], [0.2, 0.8, 0], [0.4, 0.6, 0]], [0, 1, 0, 0]),
    ],
)
def test_blocks_of_composition(composition, blocks):
    assert Composition(np.array(composition, dtype=float)).blocks.tolist() == blocks


def test_terms_are_those_of_the_normal_equations():
    fractions = np.random.default_rng(0).dirichlet(np.ones(3), 8)
    values = np.random.default_rng(1).normal(size=(8, 5))
    terms = Composition(fractions).terms(values)
    expected = np.linalg.solve(fractions.T @ fractions, fractions.T @ values)
    np.testing.assert_allclose(terms, expected, rtol=1e-9)


def test_projector_takes_the_composition_away_and_leaves_the_rest():
    fractions = np.random.default_rng(0).dirichlet(np.ones(3), 8)
    composition = Composition(fractions)
    values = np.random.default_rng(1).normal(size=(8, 5))
    rest = values - fractions @ composition.terms(values)
    np.testing.assert_allclose(composition.remainder(values), rest, atol=1e-13)
    np.testing.assert_allclose(fractions.T @ rest, 0, atol=1e-13)
