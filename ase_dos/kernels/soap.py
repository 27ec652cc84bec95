"""SOAP power spectrum of atoms, and regressors on it that never store it.

LANES atoms go side by side: from their density coefficients on, the atom is the fast index, so that
every loop is a full vector whatever n_max, l_max and the species are. Regressors are those of
`ase_dos.kernels.regression`.
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.arrays import copy, fill, room_for
from ase_dos.kernels.expansion import LANES, expand, room_for_coefficients
from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.regression import regress
from ase_dos.kernels.team import TEAM, make_scratch
from ase_dos.kernels.vector import fma, load, splat, store


@inner_kernel
def spectrum(coefficients, present, n_max, l_max, factors, out):
    """Power spectra of LANES atoms, ``out[feature * LANES + lane]``, as `PowerSpectrumBasis` says.

    Pairs of species that no atom sees are left out; `present_features` says which.
    """
    n_harmonics = (l_max + 1) * (l_max + 1)
    n_species = present.size
    at = 0
    for a in range(n_species):
        for b in range(a, n_species):
            if not (present[a] and present[b]):
                at += pair_size(a, b, n_max, l_max)
                continue
            for n1 in range(n_max):
                for n2 in range(n1 if a == b else 0, n_max):
                    # Features left out by symmetry count twice in any dot product.
                    fold = 1.0 if a == b and n1 == n2 else np.sqrt(2.0)
                    first = coefficients[(a * n_max + n1) * n_harmonics * LANES :]
                    second = coefficients[(b * n_max + n2) * n_harmonics * LANES :]
                    for ell in range(l_max + 1):
                        factor = out.dtype.type(factors[ell] * fold)
                        sum_over_m(
                            first[ell * ell * LANES :],
                            second[ell * ell * LANES :],
                            2 * ell + 1,
                            factor,
                            out[at * LANES :],
                        )
                        at += 1


@inner_kernel
def pair_size(a, b, n_max, l_max):
    """Features of one pair of species."""
    return (l_max + 1) * (n_max * (n_max + 1) // 2 if a == b else n_max * n_max)


@inner_kernel
def sum_over_m(first, second, count, factor, out):
    """Sum over m for LANES atoms: ``out = factor * sum_m first[m] * second[m]``."""
    zero = splat(out.dtype.type(0), LANES)
    total = zero
    for m in range(count):
        total = fma(load(first, m * LANES, LANES), load(second, m * LANES, LANES), total)
    store(out, 0, fma(total, splat(factor, LANES), zero))


@inner_kernel
def present_features(present, n_max, l_max, runs):
    """Write begin and end of the runs of features that are not zero; return their number."""
    found = at = 0
    for a in range(present.size):
        for b in range(a, present.size):
            end = at + pair_size(a, b, n_max, l_max)
            if present[a] and present[b]:
                runs[2 * found] = at
                runs[2 * found + 1] = end
                found += 1
            at = end
    return found


@kernel
def power_spectrum(places, bins, kinds, hypers, out):
    """Power spectra of some atoms of a sorted frame.

    Parameters
    ----------
    places : int array
        Places of the atoms in ``bins``.
    bins : ase_dos.kernels.neighbors.Bins
        The frame.
    kinds : (atoms,) int array
        Index of the species of every sorted atom.
    hypers : ase_dos.kernels.expansion.Expansion
    out : (places * features) array
        Filled.

    Returns
    -------
    int
        Place of an atom at whose position another one stands, or -1.
    """
    n_features = out.size // places.size
    scratch, coefficients, features, present = _prepare(places, bins, hypers, n_features)
    for first in range(0, places.size, LANES):
        last = min(first + LANES, places.size)
        found = expand(first, last, places, bins, kinds, hypers, scratch, present, coefficients)
        if found >= 0:
            return found
        fill(features, features.size, 0.0)
        spectrum(coefficients, present, hypers.n_max, hypers.l_max, hypers.factors, features)
        for i in range(first, last):
            for f in range(n_features):
                out[i * n_features + f] = features[f * LANES + i - first]
    return -1


@kernel
def regress_atoms(places, rows, bins, kinds, hypers, regressor, out):
    """Apply a regressor to the power spectra of some atoms, which are never stored.

    Parameters
    ----------
    places, bins, kinds, hypers
        As in `power_spectrum`.
    rows : (places,) int array
        Row of ``out`` for each of them.
    regressor : ase_dos.kernels.regression.Regressor
    out : (rows * outputs) array
        Filled in these rows.

    Returns
    -------
    int
        As `power_spectrum`.
    """
    n_outputs, n_maps = regressor.sizes[-1], regressor.sizes.size - 1
    scratch, coefficients, features, present = _prepare(places, bins, hypers, regressor.sizes[0])
    runs = np.empty(present.size * (present.size + 1), np.int64)
    room = 0
    for number in range(1, n_maps + 1):
        room = max(room, (regressor.sizes[number] + 3) * LANES)
    values, more = room_for(room, np.float64), room_for(room, np.float64)
    wide = room_for(features.size, np.float64)
    for first in range(0, places.size, LANES):
        last = min(first + LANES, places.size)
        found = expand(first, last, places, bins, kinds, hypers, scratch, present, coefficients)
        if found >= 0:
            return found
        spectrum(coefficients, present, hypers.n_max, hypers.l_max, hypers.factors, features)
        n_runs = present_features(present, hypers.n_max, hypers.l_max, runs)
        for run in range(n_runs):  # from here on in double precision
            begin, end = runs[2 * run] * LANES, runs[2 * run + 1] * LANES
            copy(features[begin:], end - begin, wide[begin:])
        regress(wide, runs, n_runs, regressor, values, more)
        for i in range(first, last):
            for k in range(n_outputs):
                out[rows[i] * n_outputs + k] = values[k * LANES + i - first]
    return -1


@inner_kernel
def _prepare(places, bins, hypers, n_features):
    """Scratch memory of one chunk of atoms."""
    scratch = make_scratch(places, bins, hypers, TEAM, 6)
    coefficients = room_for_coefficients(hypers)
    features = room_for(n_features * LANES, hypers.table.dtype)
    fill(features, features.size, 0.0)
    return scratch, coefficients, features, np.empty(hypers.n_species, np.bool_)
