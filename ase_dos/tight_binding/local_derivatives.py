"""Derivatives of the density of states of groups of atoms by the elements of the Hamiltonian."""

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

    A broadened DOS of a group of orbitals is :math:`\mathrm{tr}[P_g \phi_g(H)]` with the projector
    P and, for weights w of the energies and Gaussians G, :math:`\phi_g(\epsilon) = \sum_E w_g(E)
    G(E - \epsilon)`. It changes by tr(D dH),

    .. math:: D = C \Bigl(\sum_g L_g \circ C^\dagger P_g C\Bigr) C^\dagger, \qquad
              L_{g,mn} = \frac{\phi_g(\epsilon_m) - \phi_g(\epsilon_n)}{\epsilon_m - \epsilon_n},

    with the eigenvectors C, and the slope of :math:`\phi_g` where levels are degenerate (Yu. L.
    Daletskii and S. G. Krein; N. J. Higham, Functions of Matrices (2008),
    https://doi.org/10.1137/1.9780898717778, section 3.2).

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
    (orbitals, orbitals) array
    """
    energies, vectors = states.energies[0], states.vectors[0]
    x = (grid.energies - energies[:, None]) / smearing
    gaussians = np.exp(-0.5 * x * x) / (smearing * np.sqrt(2.0 * np.pi))
    values, slopes = gaussians @ weights.T, (x * gaussians / smearing) @ weights.T
    apart = energies[:, None] - energies
    close = np.abs(apart) < _DEGENERATE * smearing
    apart[close] = 1.0
    inner = np.zeros(vectors.shape, dtype=complex)
    for group, (value, slope) in enumerate(zip(values.T, slopes.T, strict=True)):
        own = vectors[labels == group]
        divided = np.where(close, (slope[:, None] + slope) / 2, (value[:, None] - value) / apart)
        inner += divided * (own.conj().T @ own)
    return vectors @ inner @ vectors.conj().T
