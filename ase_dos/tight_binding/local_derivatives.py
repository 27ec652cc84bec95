"""Derivatives of the DOS of groups of atoms by the elements of Hamiltonian and overlaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_dos.spectra.dos import EnergyGrid
from ase_dos.tight_binding.bloch import BlochStates

__all__ = ["local_density"]

# Levels closer than this share of the broadening have the slope for their divided difference:
# both are then good to 1e-9.
_DEGENERATE = 1e-4


def local_density(
    states: BlochStates, grid: EnergyGrid, smearing: float, weights: NDArray, labels: NDArray
) -> NDArray:
    r"""Differentiate a sum over energies of the DOS of groups, at one k-point.

    A broadened DOS of a group of orbitals is :math:`\mathrm{tr}[R_g (P_g S + S P_g)] / 2` with the
    projector P, the eigenvectors C in :math:`R_g = C \phi_g(\epsilon) C^\dagger` and, for weights w
    of the energies and Gaussians G, :math:`\phi_g(\epsilon) = \sum_E w_g(E) G(E - \epsilon)`. It
    changes by :math:`\mathrm{tr}(D\,dH + Q\,dS)`,

    .. math::

       D &= C \sum_g (L_g \circ W_g)\,C^\dagger, \qquad
       W_g = C^\dagger (P_g S + S P_g) C / 2, \\
       Q &= \sum_g (R_g P_g + P_g R_g) / 2 - C \sum_g (M_g \circ W_g)\,C^\dagger,

    where L and M are the divided differences of :math:`\phi` and :math:`\epsilon\phi`,

    .. math:: L_{mn} = \frac{\phi(\epsilon_m) - \phi(\epsilon_n)}{\epsilon_m - \epsilon_n}, \qquad
              M_{mn} = \frac{\epsilon_m + \epsilon_n}{2} L_{mn}
                       + \frac{\phi(\epsilon_m) + \phi(\epsilon_n)}{2},

    and L is the slope of :math:`\phi` where levels are degenerate (Yu. L. Daletskii and S. G.
    Krein; N. J. Higham, Functions of Matrices (2008), https://doi.org/10.1137/1.9780898717778,
    section 3.2).

    Parameters
    ----------
    states : BlochStates
        Of one k-point.
    grid : EnergyGrid
    smearing : float
        Standard deviation of the Gaussians (eV).
    weights : (groups, energies) array
        On the energies of the grid.
    labels : (orbitals,) int array
        Group of every orbital.

    Returns
    -------
    (2, orbitals, orbitals) array
        D and Q.
    """
    energies, vectors, duals = states.energies[0], states.vectors[0], states.duals[0]
    x = (grid.energies - energies[:, None]) / smearing
    gaussians = np.exp(-0.5 * x * x) / (smearing * np.sqrt(2.0 * np.pi))
    values, slopes = gaussians @ weights.T, (x * gaussians / smearing) @ weights.T
    apart = energies[:, None] - energies
    close = np.abs(apart) < _DEGENERATE * smearing
    apart[close] = 1.0
    mean = (energies[:, None] + energies) / 2
    inner = np.zeros((2, *vectors.shape), dtype=complex)
    outer = np.zeros(vectors.shape, dtype=complex)
    for group, (value, slope) in enumerate(zip(values.T, slopes.T, strict=True)):
        own = labels == group
        shares = _hermitian(vectors[own].conj().T @ duals[own])
        divided = np.where(close, (slope[:, None] + slope) / 2, (value[:, None] - value) / apart)
        inner[0] += divided * shares
        inner[1] -= (mean * divided + (value[:, None] + value) / 2) * shares
        outer[own] += (vectors[own] * value) @ vectors.conj().T
    density = vectors @ inner @ vectors.conj().T
    density[1] += _hermitian(outer)
    return density


def _hermitian(matrix: NDArray) -> NDArray:
    return (matrix + matrix.conj().T) / 2
