"""Parameters to begin a fit with: universal two-centre integrals of solids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos.tight_binding.form import (
    HamiltonianForm,
    independent_integrals,
    integral_name,
    level_name,
    radii,
)
from ase_dos.utils.checks import as_array

__all__ = ["universal_parameters"]

# Of hbar^2 / (m r^2): W. A. Harrison, Electronic Structure and the Properties of Solids (1980),
# for s and p; those of d shells are of the sign of his, and of the size of the others.
_UNIVERSAL = {
    (0, 0): (-1.40,),
    (0, 1): (1.84,),
    (1, 1): (3.24, -0.81),
    (0, 2): (-1.5,),
    (1, 2): (-1.5, 0.7),
    (2, 2): (-1.5, 0.8, 0.0),
}
_HBAR2_OVER_M = 7.62  # eV Angstrom^2
_DISTANCES = (0.8, 2.5)  # in sums of covalent radii, between which they are fitted
# They hold for nearest neighbours: beyond, orthogonal orbitals reach less far.
_DECAY = 0.5  # Angstrom


def universal_parameters(form: HamiltonianForm, levels: Mapping[int, Sequence[float]]) -> NDArray:
    """Parameters (n,) of a form: universal integrals, given levels, and nothing else.

    Parameters
    ----------
    form : HamiltonianForm
    levels : mapping of int to sequence of float
        Energy of every shell of a species (eV); only their differences matter.

    Raises
    ------
    ValueError
        If a species lacks levels, or has another number of them than shells.
    """
    parameters = np.zeros(form.n_parameters)
    arrays = form.split(parameters)
    for a in form.species:
        if a not in levels:
            raise ValueError(f"levels: none for {chemical_symbols[a]}")
        name = f"levels of {chemical_symbols[a]}"
        arrays[level_name(a)][:, 0, 0] = as_array(levels[a], name, (len(form.shells[a]),))
        for b in form.species:
            if a <= b:
                _fill(arrays[integral_name(a, b)], form, a, b)
    return parameters


def _fill(parameters: NDArray, form: HamiltonianForm, a: int, b: int) -> None:
    """Fit the radial functions of a pair to the universal integrals."""
    d = float(radii(np.array([a, b])).sum())
    distances = np.linspace(_DISTANCES[0] * d, _DISTANCES[1] * d, 40)
    functions, _ = form.integral_functions(distances, form.n_radial, d)
    integrals = _HBAR2_OVER_M / d**2 * np.exp((d - distances) / _DECAY)
    coefficients = np.linalg.lstsq(functions, integrals, rcond=None)[0]
    blocks = form.pair(a, b)
    rows, _ = independent_integrals(blocks, a == b)
    for row, (i, j, order) in zip(rows, blocks.integrals, strict=True):
        if a == b and i > j:
            continue  # follows from the integral of the shells swapped
        low, high = sorted((blocks.first[i], blocks.second[j]))
        sizes = _UNIVERSAL.get((low, high), ())
        sign = 1.0 if blocks.first[i] == low else (-1.0) ** (low + high)
        if order < len(sizes):
            parameters[row, 0] = sign * sizes[order] * coefficients
