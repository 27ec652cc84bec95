"""Sums over pairs of atoms between two-centre blocks and Bloch matrices, and back.

A block of orbitals stands at ``rows`` and ``columns`` of the matrix and has a phase exp(i k R).
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.jit import kernel


@kernel
def add_bloch_sums(rows, columns, blocks, phases, out):
    """Add blocks (n, a, b) times their phases (kpoints, n) to complex matrices, one per k-point."""
    for k in range(phases.shape[0]):
        for p in range(rows.size):
            for a in range(blocks.shape[1]):
                for b in range(blocks.shape[2]):
                    out[k, rows[p] + a, columns[p] + b] += blocks[p, a, b] * phases[k, p]


@kernel
def add_block_densities(rows, columns, density, phases, out):
    """Add to ``out`` (n, a, b) the derivatives of sum_k Re tr(D H) by the elements of blocks.

    The densities D (kpoints, orbitals, orbitals) are Hermitian; ``phases`` are (kpoints, n).
    """
    for k in range(phases.shape[0]):
        for p in range(rows.size):
            for a in range(out.shape[1]):
                for b in range(out.shape[2]):
                    element = density[k, columns[p] + b, rows[p] + a]
                    out[p, a, b] += (element * phases[k, p]).real


@kernel
def add_level_slopes(states, rows, columns, phases, angular, components, radial, powers, out):
    """Add the derivatives of levels by the coefficients of two-centre integrals.

    Parameters
    ----------
    states : (states, orbitals) complex array
        Eigenvectors of one k-point.
    rows, columns, phases : (n,) array
    angular : (n, components) array
        Angular factors of the elements of the blocks.
    components : (components, 3) int array
        Row and column in the block, and integral, of each of them.
    radial, powers : (n, r) and (n, q) array
        Factors of the coefficients.
    out : (states, integrals, q, r) array
    """
    found = np.empty(out.shape[1])
    for s in range(out.shape[0]):
        for p in range(rows.size):
            found[:] = 0.0
            for c in range(components.shape[0]):
                left = states[s, rows[p] + components[c, 0]]
                right = states[s, columns[p] + components[c, 1]] * phases[p]
                product = left.real * right.real + left.imag * right.imag
                found[components[c, 2]] += angular[p, c] * product
            for i in range(out.shape[1]):
                for q in range(powers.shape[1]):
                    for r in range(radial.shape[1]):
                        out[s, i, q, r] += found[i] * powers[p, q] * radial[p, r]
