"""Equivariant features of atoms (lambda-SOAP): products of two density coefficients, coupled.

A channel is a species and a radial function. The features of one lambda and mu are, for each block
(l1 <= l2) and each channel of l2, those of all channels of l1; where l1 = l2, of the channels up to
that of l2. `ase_dos.kernels.coupling.Couplings` lists the blocks.
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.arrays import copy, fill, room_for
from ase_dos.kernels.expansion import LANES, expand, room_for_coefficients
from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.team import TEAM, make_scratch, whole_vectors
from ase_dos.kernels.vector import WIDTH, broadcast, fma, load, splat, store


@kernel
def expand_atoms(places, bins, kinds, hypers, out):
    """Density coefficients of some atoms of a sorted frame.

    Parameters
    ----------
    places : int array
        Places of the atoms in ``bins``.
    bins : ase_dos.kernels.neighbors.Bins
        The frame.
    kinds : (atoms,) int array
        Index of the species of every sorted atom.
    hypers : ase_dos.kernels.expansion.Expansion
    out : (places * harmonics * channels) array
        Filled, the channel fastest.

    Returns
    -------
    int
        Place of an atom at whose position another one stands, or -1.
    """
    n_harmonics = (hypers.l_max + 1) * (hypers.l_max + 1)
    n_channels = hypers.n_species * hypers.n_max
    scratch = make_scratch(places, bins, hypers, TEAM, 6)
    side_by_side = room_for_coefficients(hypers)
    present = np.empty(hypers.n_species, np.bool_)
    for first in range(0, places.size, LANES):
        last = min(first + LANES, places.size)
        found = expand(first, last, places, bins, kinds, hypers, scratch, present, side_by_side)
        if found >= 0:
            return found
        for i in range(first, last):
            for lm in range(n_harmonics):
                at = (i * n_harmonics + lm) * n_channels
                for q in range(n_channels):
                    out[at + q] = side_by_side[(q * n_harmonics + lm) * LANES + i - first]
    return -1


@inner_kernel
def couple(coefficients, n_channels, block, mu, couplings, turned, out):
    """Features of one block and mu of an atom; return their number.

    ``coefficients`` have rows of whole vectors, one for each harmonic, as has ``turned``; ``out``
    has room for a vector more.
    """
    l1, l2 = couplings.l1[block], couplings.l2[block]
    row, zero = whole_vectors(n_channels), splat(0.0, WIDTH)
    # Of two channels of one l only one order is kept, which counts for both.
    fold = np.sqrt(2.0) if l1 == l2 else 1.0
    fill(turned, (2 * l1 + 1) * row, 0.0)
    for entry in range(couplings.first_entry[block, mu], couplings.first_entry[block, mu + 1]):
        value = splat(fold * couplings.values[entry], WIDTH)
        into, of = couplings.m1[entry] * row, (l2 * l2 + couplings.m2[entry]) * row
        for q in range(0, n_channels, WIDTH):
            store(
                turned,
                into + q,
                fma(value, load(coefficients, of + q, WIDTH), load(turned, into + q, WIDTH)),
            )
    count = 0
    for q2 in range(n_channels):
        end = q2 + 1 if l1 == l2 else n_channels
        for q1 in range(0, end, WIDTH):
            total = zero
            for m in range(2 * l1 + 1):
                total = fma(
                    broadcast(turned, m * row + q2, WIDTH),
                    load(coefficients, (l1 * l1 + m) * row + q1, WIDTH),
                    total,
                )
            store(out, count + q1, total)  # the next channel writes over what is too much
        count += end
        if l1 == l2:
            out[count - 1] *= np.sqrt(0.5)
    return count


@kernel
def equivariants(first, last, coefficients, couplings, starts, out):
    """Features of some atoms from their density coefficients.

    Parameters
    ----------
    first, last : int
        Which atoms.
    coefficients : (atoms, harmonics, channels) array
    couplings : ase_dos.kernels.coupling.Couplings
    starts : (max_lambda + 1,) int array
        Where the features of each lambda begin in ``out``.
    out : flat array
        Filled for these atoms, for each lambda (atoms, 2 lambda + 1, features).
    """
    n_harmonics, n_channels = coefficients.shape[1:]
    row = whole_vectors(n_channels)
    padded = room_for(n_harmonics * row, np.float64)
    fill(padded, padded.size, 0.0)
    turned = room_for(n_harmonics * row, np.float64)
    n_blocks = couplings.l1.size
    features = room_for(n_blocks * n_channels * n_channels + WIDTH, np.float64)
    for i in range(first, last):
        for lm in range(n_harmonics):
            copy(coefficients[i, lm], n_channels, padded[lm * row :])
        for ell in range(couplings.max_lambda + 1):
            for mu in range(2 * ell + 1):
                count = 0
                for block in range(couplings.first_block[ell], couplings.first_block[ell + 1]):
                    count += couple(
                        padded, n_channels, block, mu, couplings, turned, features[count:]
                    )
                copy(features, count, out[starts[ell] + (i * (2 * ell + 1) + mu) * count :])
