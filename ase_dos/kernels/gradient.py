"""Derivatives of a sum over atoms of one number each, made from their power spectra.

The way back of `ase_dos.kernels.soap.regress_atoms`: from the number, the only output of a
regressor, to the features, the density coefficients, the vectors to the neighbours, and from these
to positions and strain. Nothing of it is stored for more than LANES atoms. Sums go over parts of
the atoms, which are the same for any number of threads.
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.arrays import copy, fill, room_for
from ase_dos.kernels.expansion import LANES, expand_team, room_for_coefficients, table_of
from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.radial import (
    hermite_slope_rows,
    interpolate,
    neighbor_weight_slopes,
    node_weights,
)
from ase_dos.kernels.regression import regress_gradient, room_before
from ase_dos.kernels.soap import pair_size, present_features, spectrum
from ase_dos.kernels.team import TEAM, gather_team, make_scratch, most_candidates, whole_vectors
from ase_dos.kernels.vector import (
    WIDTH,
    add_parts,
    broadcast,
    cast,
    fma,
    get,
    interleave,
    load,
    put,
    repeat,
    splat,
    store,
    store_parts,
)

# Radial functions, side by side, of a team of atoms.
_ALL = TEAM * WIDTH


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
def _one_by_one(gradient, lane, species, mask, hypers, out):
    """Copy derivatives by the coefficients of TEAM atoms and one species, one atom after the other.

    ``out[atom * size + lm * padded + n]``, where ``padded`` is n_max in whole vectors and ``size``
    what one atom takes; times ``mask``, which is zero past n_max.
    """
    n_max, n_harmonics = hypers.n_max, (hypers.l_max + 1) * (hypers.l_max + 1)
    row, step = whole_vectors(n_max), n_harmonics * LANES
    for n in range(0, row, WIDTH):
        for lm in range(n_harmonics):
            at = ((species * n_max + n) * n_harmonics + lm) * LANES + lane
            first = interleave(load(gradient, at, TEAM), load(gradient, at + 4 * step, TEAM))
            third = interleave(
                load(gradient, at + 2 * step, TEAM), load(gradient, at + 6 * step, TEAM)
            )
            second = interleave(
                load(gradient, at + step, TEAM), load(gradient, at + 5 * step, TEAM)
            )
            fourth = interleave(
                load(gradient, at + 3 * step, TEAM), load(gradient, at + 7 * step, TEAM)
            )
            all_of_team = interleave(interleave(first, third), interleave(second, fourth))
            kept = all_of_team * repeat(mask, n, WIDTH, _ALL)
            store_parts(out, lm * row + n, n_harmonics * row, kept, WIDTH)


@inner_kernel
def _turn(derivatives, padded, turns, values, out):
    """Prepare the derivatives by the coefficients of one atom and species for all its neighbours.

    ``out[lm * padded + n]`` holds sum_i c'_ni D^k_i(lm), one block for each k (see
    `ase_dos.kernels.harmonics.gradient_terms`).
    """
    size = out.size // 3
    fill(out, out.size, 0.0)
    for term in range(values.size):
        target = get(turns, 3 * term) * size + get(turns, 3 * term + 2) * padded
        source = get(turns, 3 * term + 1) * padded
        factor = broadcast(values, term, WIDTH)
        for n in range(0, padded, WIDTH):
            total = load(out, target + n, WIDTH)
            store(out, target + n, fma(factor, load(derivatives, source + n, WIDTH), total))


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
def _pull_on_vectors(count, stride, hypers, turns, values, mask, scratch, gradient, tiles, pulls):
    """Take the derivatives by the coefficients of a block of atoms to the neighbours.

    ``pulls`` is filled as `_one_neighbor` says.
    """
    n_species, padded = hypers.n_species, whole_vectors(hypers.n_max)
    size = (hypers.l_max + 1) * (hypers.l_max + 1) * padded
    turned, derivatives = tiles[: 3 * size], tiles[3 * size :]
    for lane in range(0, count, TEAM):
        for s in range(n_species):
            table = table_of(s, hypers)
            _one_by_one(gradient, lane, s, mask, hypers, derivatives)
            for i in range(lane, min(lane + TEAM, count)):
                segment = i * n_species + s
                begin, end = scratch.starts[segment], scratch.starts[segment + 1]
                if begin == end:
                    continue
                derivative = derivatives[(i - lane) * size : (i - lane + 1) * size]
                _turn(derivative, padded, turns, values, turned)
                for j in range(begin, end):
                    _one_neighbor(j, stride, table, hypers, scratch, derivative, turned, pulls)


@inner_kernel
def _one_neighbor(j, stride, table, hypers, scratch, derivatives, turned, pulls):
    """Differentiate by the distance of neighbour j, and by the direction times the distance.

    With G_ln^k = sum_m c'_nlm (d/dx_k r^l Y_lm) at the unit vector u these are sums over l and n
    of V_ln R'_ln and of G_ln R_ln, where V_ln = sum_m c'_nlm Y_lm = u . G_ln / l. The former is at
    ``pulls[j]``, the three components of the latter in the next rows of that stride.
    """
    kind, harmonics = table.dtype.type, scratch.harmonics
    n_max, padded = hypers.n_max, whole_vectors(hypers.n_max)
    n_functions, size = n_max * (hypers.l_max + 1), derivatives.size
    x, y = get(scratch.directions, j), get(scratch.directions, stride + j)
    z = get(scratch.directions, 2 * stride + j)
    weights = node_weights(scratch.basis, j, stride)
    slopes = node_weights(scratch.basis, 6 * stride + j, stride)
    left = 3 * int(get(scratch.pieces, j)) * n_functions
    zero = splat(kind(0), WIDTH)
    total = total_x = total_y = total_z = zero
    for n0 in range(0, padded, WIDTH):
        # Past n_max the derivatives are zero, and the radial numbers of no meaning.
        value = load(derivatives, n0, WIDTH) * broadcast(harmonics, j, WIDTH)
        total = fma(value, interpolate(slopes, table, left + n0, n_functions), total)
        for ell in range(1, hypers.l_max + 1):
            value_x = value_y = value_z = zero
            for lm in range((ell - 1) * (ell - 1), ell * ell):
                harmonic, at = broadcast(harmonics, lm * stride + j, WIDTH), lm * padded + n0
                value_x = fma(load(turned, at, WIDTH), harmonic, value_x)
                value_y = fma(load(turned, size + at, WIDTH), harmonic, value_y)
                value_z = fma(load(turned, 2 * size + at, WIDTH), harmonic, value_z)
            at = left + ell * n_max + n0
            function = interpolate(weights, table, at, n_functions)
            total_x = fma(value_x, function, total_x)
            total_y = fma(value_y, function, total_y)
            total_z = fma(value_z, function, total_z)
            share = kind(1) / kind(ell)
            value = value_x * splat(x * share, WIDTH)
            value = fma(value_y, splat(y * share, WIDTH), value)
            value = fma(value_z, splat(z * share, WIDTH), value)
            total = fma(value, interpolate(slopes, table, at, n_functions), total)
    each = interleave(interleave(total, total_y), interleave(total_x, total_z))
    store_parts(pulls, j, stride, cast(add_parts(each, 4), pulls), 1)


@inner_kernel
def _finish_pulls(count, stride, scratch, pulls, virial):
    """Make derivatives by the vectors to ``count`` neighbours of the sums of `_one_neighbor`.

    They replace the last three of these; ``virial`` receives their sum with the vectors.
    """
    zero = splat(0.0, WIDTH)
    xx = yy = zz = yz = xz = xy = zero
    for k in range(4):
        store(pulls, k * stride + count, zero)
    for j in range(0, count, WIDTH):
        r = load(scratch.distances, j, WIDTH)
        inverse = 1.0 / r
        x = cast(load(scratch.directions, j, WIDTH), pulls)
        y = cast(load(scratch.directions, stride + j, WIDTH), pulls)
        z = cast(load(scratch.directions, 2 * stride + j, WIDTH), pulls)
        gx = load(pulls, stride + j, WIDTH) * inverse
        gy = load(pulls, 2 * stride + j, WIDTH) * inverse
        gz = load(pulls, 3 * stride + j, WIDTH) * inverse
        # Along the vector the harmonics do not change, but their solid forms do.
        along = load(pulls, j, WIDTH) - (x * gx + y * gy + z * gz)
        gx, gy, gz = fma(along, x, gx), fma(along, y, gy), fma(along, z, gz)
        store(pulls, stride + j, gx)
        store(pulls, 2 * stride + j, gy)
        store(pulls, 3 * stride + j, gz)
        x, y, z = r * x, r * y, r * z
        xx, yy, zz = fma(x, gx, xx), fma(y, gy, yy), fma(z, gz, zz)
        yz, xz, xy = yz + y * gz + z * gy, xz + x * gz + z * gx, xy + x * gy + y * gx
    for k, total in enumerate((xx, yy, zz, 0.5 * yz, 0.5 * xz, 0.5 * xy)):
        store(virial, k, load(virial, k, 1) + add_parts(total, 1))


@inner_kernel
def _add_forces(center, begin, end, stride, ids, pulls, forces):
    """Add the derivatives by the vectors to some neighbours of an atom to those by positions."""
    x = y = z = 0.0
    for j in range(begin, end):
        gx, gy = get(pulls, stride + j), get(pulls, 2 * stride + j)
        gz = get(pulls, 3 * stride + j)
        at = 3 * get(ids, j)
        put(forces, at, get(forces, at) + gx)
        put(forces, at + 1, get(forces, at + 1) + gy)
        put(forces, at + 2, get(forces, at + 2) + gz)
        x, y, z = x + gx, y + gy, z + gz
    forces[3 * center] -= x
    forces[3 * center + 1] -= y
    forces[3 * center + 2] -= z


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
        Which of the parts, into which ``places`` are divided evenly.
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
    begin, end = first_part * places.size // n_parts, last_part * places.size // n_parts
    n_max, l_max = hypers.n_max, hypers.l_max
    kind = hypers.table.dtype
    scratch = make_scratch(bins, hypers, most_candidates(places[begin:end], bins), LANES, 12)
    coefficients, pulled = room_for_coefficients(hypers), room_for_coefficients(hypers)
    weight_slopes = room_for(scratch.distances.size, np.float64)
    features, by_features = room_for(n_features * LANES, kind), room_for(n_features * LANES, kind)
    fill(features, features.size, 0.0)
    wide, by_wide = room_for(features.size, np.float64), room_for(features.size, np.float64)
    padded = whole_vectors(n_max)
    # Of three components for one atom, and the derivatives of a team.
    tiles = room_for((3 + TEAM) * (l_max + 1) * (l_max + 1) * padded, kind)
    mask = np.zeros(padded, kind)
    fill(mask, n_max, 1.0)
    by_vectors = room_for(4 * scratch.distances.size, np.float64)
    present = np.zeros(hypers.n_species, np.bool_)
    runs = np.empty(present.size * (present.size + 1), np.int64)
    room = room_before(regressor, regressor.sizes.size - 1) + 4 * LANES
    values, pulls = room_for(room, np.float64), room_for(2 * room, np.float64)
    for part in range(first_part, last_part):
        gradient, virial = gradients[part], virials[part]
        fill(gradient, gradient.size, 0.0)
        fill(virial, virial.size, 0.0)
        end = (part + 1) * places.size // n_parts
        for first in range(part * places.size // n_parts, end, LANES):
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
            _pull_on_vectors(
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
            _finish_pulls(starts[(last - first) * n_species], stride, scratch, by_vectors, virial)
            for i in range(last - first):
                _add_forces(
                    places[first + i],
                    starts[i * n_species],
                    starts[(i + 1) * n_species],
                    stride,
                    scratch.ids,
                    by_vectors,
                    gradient,
                )
    return -1
