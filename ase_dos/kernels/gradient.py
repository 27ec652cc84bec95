"""Derivatives of a sum over atoms of one number each, made from their power spectra.

The way back of `ase_dos.kernels.soap.regress_atoms`: from the number, the only output of a
regressor, to the features, the density coefficients, the vectors to the neighbours, and from these
to positions and strain. Nothing of it is stored for more than LANES atoms. Sums go over parts of
the atoms, which are the same for any number of threads.
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.arrays import copy, fill, room_for
from ase_dos.kernels.expansion import LANES, expand_team, room_for_coefficients
from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.neighbor_gradient import add_forces, finish_pulls, pull_on_vectors
from ase_dos.kernels.radial import hermite_slope_rows, neighbor_weight_slopes
from ase_dos.kernels.regression import regress_gradient, room_before
from ase_dos.kernels.soap import pair_size, present_features, spectrum
from ase_dos.kernels.team import TEAM, gather_team, make_scratch, whole_vectors
from ase_dos.kernels.vector import fma, load, splat, store


@inner_kernel
def _to_coefficients(gradient, coefficients, present, n_max, l_max, factors, out):
    """From derivatives by the features of LANES atoms to those by their density coefficients.

    Order as in `spectrum` and `expand`.
    """
    n_harmonics = (l_max + 1) * (l_max + 1)
    fill(out, out.size, 0.0)
    at = 0
    for a in range(present.size):
        for b in range(a, present.size):
            if not (present[a] and present[b]):
                at += pair_size(a, b, n_max, l_max)
                continue
            for n1 in range(n_max):
                for n2 in range(n1 if a == b else 0, n_max):
                    fold = 1.0 if a == b and n1 == n2 else np.sqrt(2.0)
                    first = (a * n_max + n1) * n_harmonics * LANES
                    second = (b * n_max + n2) * n_harmonics * LANES
                    for ell in range(l_max + 1):
                        begin = ell * ell * LANES
                        _spread(
                            gradient[at * LANES :],
                            factors[ell] * fold,
                            2 * ell + 1,
                            coefficients[first + begin :],
                            coefficients[second + begin :],
                            out[first + begin :],
                            out[second + begin :],
                        )
                        at += 1


@inner_kernel
def _spread(gradient, factor, count, first, second, out_first, out_second):
    """Backward step of a sum over m of products of two rows of coefficients."""
    zero = splat(out_first.dtype.type(0), LANES)
    scale = splat(out_first.dtype.type(factor), LANES)
    pull = fma(load(gradient, 0, LANES), scale, zero)
    for m in range(count):
        at = m * LANES
        store(out_first, at, fma(pull, load(second, at, LANES), load(out_first, at, LANES)))
        # Both rows may be the same: then it receives both contributions.
        store(out_second, at, fma(pull, load(first, at, LANES), load(out_second, at, LANES)))


@inner_kernel
def _set_slopes(count, stride, hypers, scratch, weight_slopes):
    """Add to ``scratch.basis`` what derivatives of radial integrals are interpolated with."""
    neighbor_weight_slopes(
        count,
        scratch.distances,
        hypers.cutoff,
        hypers.smoothing,
        hypers.rate,
        hypers.scale,
        hypers.exponent,
        weight_slopes,
    )
    hermite_slope_rows(
        count,
        scratch.distances,
        scratch.weights,
        weight_slopes,
        hypers.length,
        stride,
        scratch.pieces,
        scratch.basis,
    )


@inner_kernel
def _expand_block(first, last, places, bins, kinds, hypers, scratch, weight_slopes, present, out):
    """`expand`, keeping what is needed of the neighbours for the way back.

    Returns the stride of the rows of ``scratch``, and an atom as `expand` does.
    """
    stride, shared = gather_team(first, last, places, bins, kinds, hypers, scratch)
    if shared >= 0:
        return stride, shared
    count = scratch.starts[(last - first) * hypers.n_species]
    _set_slopes(count, stride, hypers, scratch, weight_slopes)
    fill(present, present.size, False)
    for lane in range(0, last - first, TEAM):
        team = min(TEAM, last - first - lane)
        expand_team(lane, team, lane, places[first:], kinds, stride, hypers, scratch, present, out)
    return stride, -1


@inner_kernel
def _start_of(part, n_parts, n_atoms):
    """First atom of a part: parts are whole blocks of LANES atoms, as long as there are any."""
    blocks = (n_atoms + LANES - 1) // LANES
    return min(part * blocks // n_parts * LANES, n_atoms)


@kernel
def differentiate_parts(
    first_part,
    last_part,
    places,
    bins,
    kinds,
    hypers,
    turns,
    turn_values,
    regressor,
    gradients,
    virials,
):
    """Differentiate the sum over some parts of the atoms of a regressor with one output.

    Scratch memory is made once for all these parts: made for each, the system may take it back and
    hand it out again page by page, which costs a quarter of the time of a small frame.

    Parameters
    ----------
    first_part, last_part : int
        Which of the parts, into which ``places`` are divided by blocks.
    places, bins, kinds, hypers, regressor
        As in `ase_dos.kernels.soap.regress_atoms`.
    turns : (3 terms,) int array
    turn_values : (terms,) array
        From `ase_dos.kernels.harmonics.gradient_terms`.
    gradients : (parts, 3 atoms) array
        Filled for these parts: derivatives by the positions of the sorted atoms, to be summed over
        the parts, whose number is not that of the threads: sums then do not depend on it.
    virials : (parts, 6) array
        Filled for these parts: derivatives by strain, xx yy zz yz xz xy.

    Returns
    -------
    int
        Place of an atom at whose position another one stands, or -1.
    """
    n_parts, n_features = len(gradients), regressor.sizes[0]
    begin = _start_of(first_part, n_parts, places.size)
    end = _start_of(last_part, n_parts, places.size)
    n_max, l_max = hypers.n_max, hypers.l_max
    kind = hypers.table.dtype
    scratch = make_scratch(places[begin:end], bins, hypers, LANES, 12)
    # Vectors read past the last function, where zero coefficients meet whatever there is.
    fill(scratch.radial, scratch.radial.size, 0.0)
    coefficients, pulled = room_for_coefficients(hypers), room_for_coefficients(hypers)
    weight_slopes = room_for(scratch.distances.size, np.float64)
    features, by_features = room_for(n_features * LANES, kind), room_for(n_features * LANES, kind)
    fill(features, features.size, 0.0)
    wide, by_wide = room_for(features.size, np.float64), room_for(features.size, np.float64)
    padded = whole_vectors(n_max)
    # Of three components for one atom, and the derivatives of a team.
    tiles = room_for((3 + TEAM) * (l_max + 1) * (l_max + 1) * padded, kind)
    mask = room_for(padded, kind)
    fill(mask, padded, 0.0)
    fill(mask, n_max, 1.0)
    by_vectors = room_for(4 * scratch.distances.size, np.float64)
    present = np.empty(hypers.n_species, np.bool_)
    runs = np.empty(present.size * (present.size + 1), np.int64)
    room = room_before(regressor, regressor.sizes.size - 1) + 4 * LANES
    values, pulls = room_for(room, np.float64), room_for(2 * room, np.float64)
    for part in range(first_part, last_part):
        gradient, virial = gradients[part], virials[part]
        fill(gradient, gradient.size, 0.0)
        fill(virial, virial.size, 0.0)
        end = _start_of(part + 1, n_parts, places.size)
        for first in range(_start_of(part, n_parts, places.size), end, LANES):
            last = min(first + LANES, end)
            stride, found = _expand_block(
                first,
                last,
                places,
                bins,
                kinds,
                hypers,
                scratch,
                weight_slopes,
                present,
                coefficients,
            )
            if found >= 0:
                return found
            spectrum(coefficients, present, n_max, l_max, hypers.factors, features)
            n_runs = present_features(present, n_max, l_max, runs)
            for run in range(n_runs):
                begin, stop = runs[2 * run] * LANES, runs[2 * run + 1] * LANES
                copy(features[begin:], stop - begin, wide[begin:])
            regress_gradient(wide, runs, n_runs, regressor, values, pulls, by_wide)
            copy(by_wide, by_wide.size, by_features)
            _to_coefficients(
                by_features, coefficients, present, n_max, l_max, hypers.factors, pulled
            )
            pull_on_vectors(
                last - first,
                stride,
                hypers,
                turns,
                turn_values,
                mask,
                scratch,
                pulled,
                tiles,
                by_vectors,
            )
            starts, n_species = scratch.starts, hypers.n_species
            finish_pulls(starts[(last - first) * n_species], stride, scratch, by_vectors, virial)
            for i in range(last - first):
                add_forces(
                    places[first + i],
                    starts[i * n_species],
                    starts[(i + 1) * n_species],
                    stride,
                    scratch.ids,
                    by_vectors,
                    gradient,
                )
    return -1
