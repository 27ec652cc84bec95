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
def integral_slopes(real, imag, rows, columns, phases, angular, components, n_integrals):
    """Differentiate levels at a k-point by two-centre integrals: (blocks, integrals, states).

    Parameters
    ----------
    real, imag : (orbitals, states) array
        Parts of the eigenvectors.
    rows, columns, phases : (n,) array
    angular : (n, components) array
        Angular factors of the elements of the blocks.
    components : (components, 3) int array
        Row and column in the block, and integral, of each of them.
    n_integrals : int
    """
    n_states, width = real.shape[1], components[:, 1].max() + 1
    out = np.zeros((rows.size, n_integrals, n_states))
    turned_real, turned_imag = np.empty((width, n_states)), np.empty((width, n_states))
    for p in range(rows.size):
        cosine, sine = phases[p].real, phases[p].imag
        for b in range(width):
            at = columns[p] + b
            for s in range(n_states):
                turned_real[b, s] = cosine * real[at, s] - sine * imag[at, s]
                turned_imag[b, s] = cosine * imag[at, s] + sine * real[at, s]
        for c in range(components.shape[0]):
            at, b = rows[p] + components[c, 0], components[c, 1]
            integral, factor = components[c, 2], angular[p, c]
            for s in range(n_states):
                product = real[at, s] * turned_real[b, s] + imag[at, s] * turned_imag[b, s]
                out[p, integral, s] += factor * product
    return out
