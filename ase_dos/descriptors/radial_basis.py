"""Optimal radial basis: the few radial functions that the atoms of a data set really need.

For every species of neighbours and every l the principal components of the density coefficients
c_nlm over the atoms, summed over m and not centred, are the n functions that lose least
of the density (Goscinski, Musil, Pozdnyakov, Nigam and Ceriotti, J. Chem. Phys. 155, 104106,
https://arxiv.org/abs/2105.08717). They are combinations of the primitive functions, so they are
folded into the radial table once, and every atom then pays for n functions only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos.descriptors.soap import SOAP
from ase_dos.utils.signs import signs_of

__all__ = ["check_size", "optimal_radial_basis", "principal_functions"]


def optimal_radial_basis(descriptor: SOAP, frames: Sequence[Atoms], n: int) -> SOAP:
    """Contract a descriptor to the radial functions that the atoms of some structures need.

    Parameters
    ----------
    descriptor : SOAP
        Descriptor with primitive radial functions.
    frames : sequence of Atoms
        The structures.
    n : int
        Functions to keep for every species and l.

    Returns
    -------
    SOAP
        The same descriptor with its ``contraction``.

    Raises
    ------
    ValueError
        If ``n`` is out of range, the descriptor is contracted already, or no structure holds
        one of its species.
    """
    check_size(descriptor, n)
    total = np.zeros(descriptor.n_features)
    for atoms in frames:
        for _, features in descriptor.blocks(atoms):
            total += features.sum(axis=0)
    return principal_functions(descriptor, total, n)


def principal_functions(descriptor: SOAP, total: NDArray, n: int) -> SOAP:
    """Contract a descriptor, given the sum of its features over atoms (n_features).

    Parameters and errors as in `optimal_radial_basis`.
    """
    check_size(descriptor, n)
    covariance = _covariance(descriptor, total)
    for z, of_species in zip(descriptor.species, covariance, strict=True):
        if not of_species.any():
            raise ValueError(
                f"radial basis: no structure holds {chemical_symbols[z]} ({z}); leave it out of "
                "the species or add structures that hold it"
            )
    vectors = np.linalg.eigh(covariance)[1]
    functions = vectors[..., ::-1][..., :n].swapaxes(-1, -2)
    return replace(descriptor, contraction=functions * signs_of(functions))


def _covariance(descriptor: SOAP, total: NDArray) -> NDArray:
    """Sum over m of c_nlm c_n'lm, (species, l_max + 1, n_max, n_max), each up to a factor > 0.

    That is what the power spectrum of one species holds, but for its factor
    (-1)^l / sqrt(2 l + 1).
    """
    full = descriptor.basis.unfold(total[None])[0]
    one_species = [a == b for a, b in descriptor.basis.species_pairs]
    signs = (-1.0) ** np.arange(descriptor.max_angular + 1)
    return full[one_species] * signs[:, None, None]


def check_size(descriptor: SOAP, n: int) -> None:
    """Refuse a number of contracted functions that the descriptor cannot give."""
    if descriptor.contraction is not None:
        raise ValueError(
            f"descriptor: its radial functions are contracted to {descriptor.n_radial} already; "
            "give one without contraction"
        )
    whole = isinstance(n, (int, np.integer)) and not isinstance(n, bool)
    if not whole or not 1 <= n <= descriptor.max_radial:
        raise ValueError(
            f"radial basis: expected an integer from 1 to {descriptor.max_radial}, the primitive "
            f"radial functions, got {n!r}"
        )
