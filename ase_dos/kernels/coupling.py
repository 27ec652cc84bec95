"""Coupling of two real spherical harmonics to a third, as tables that kernels loop over."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from ase_dos.kernels.gaunt import gaunt_coefficients


class Couplings(NamedTuple):
    """Non-zero coupling coefficients of all l1 <= l2 and lambda with l1 + l2 + lambda even.

    Attributes
    ----------
    l_max, max_lambda : int
    first_block : (max_lambda + 2,) int array
        Blocks (lambda, l1, l2) of a lambda: from ``first_block[lambda]`` to the next one.
    l1, l2 : (blocks,) int array
    first_entry : (blocks, 2 max_lambda + 2) int array
        Entries of a block and mu: from ``first_entry[block, lambda + mu]`` to the next one.
    m1, m2 : (entries,) int array
        l1 + m1 and l2 + m2.
    values : (entries,) array
    """

    l_max: int
    max_lambda: int
    first_block: np.ndarray
    l1: np.ndarray
    l2: np.ndarray
    first_entry: np.ndarray
    m1: np.ndarray
    m2: np.ndarray
    values: np.ndarray


@cache
def coupling_tables(l_max, max_lambda):
    """`Couplings` of harmonics up to l_max."""
    blocks = [
        (ell, l1, l2)
        for ell in range(max_lambda + 1)
        for l1 in range(l_max + 1)
        for l2 in range(l1, min(l1 + ell, l_max) + 1)
        if l1 + l2 >= ell and (l1 + l2 + ell) % 2 == 0
    ]
    first_entry = np.zeros((len(blocks), 2 * max_lambda + 2), np.int64)
    places, values = [], []
    count = 0
    for block, (ell, l1, l2) in enumerate(blocks):
        first_entry[block] = count
        for mu, of_mu in enumerate(coupling_coefficients(ell, l1, l2)):
            found = np.argwhere(of_mu)
            places.append(found)
            values.append(of_mu[tuple(found.T)])
            count += len(found)
            first_entry[block, mu + 1 :] = count
    lambdas, l1, l2 = np.array(blocks).T.copy()
    m1, m2 = np.concatenate(places).T.copy()
    first_block = np.searchsorted(lambdas, np.arange(max_lambda + 2))
    return Couplings(
        l_max, max_lambda, first_block, l1, l2, first_entry, m1, m2, np.concatenate(values)
    )


def coupling_coefficients(ell, l1, l2):
    """Couple the real harmonics of l1 and l2 to those of ell, (2 ell + 1, 2 l1 + 1, 2 l2 + 1).

    These are the integrals of three real harmonics (Gaunt coefficients), scaled so that the rows
    are orthonormal, with the sign (-1)^((l1 + l2 + ell) / 2): for ell = 0 they become
    (-1)^l / sqrt(2 l + 1) on the diagonal. l1 + l2 + ell has to be even.
    """
    gaunt = gaunt_coefficients(ell, l1, l2)
    length = np.sqrt(np.sum(gaunt**2) / (2 * ell + 1))
    return (-1) ** ((l1 + l2 + ell) // 2) * gaunt / length
