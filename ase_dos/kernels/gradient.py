"""Derivatives of a sum over atoms of one number each, made from their power spectra.

The way back of `ase_dos.kernels.soap.regress_atoms`: from the number, the only output of a
regressor, to the features, the density coefficients, the vectors to the neighbours, and from these
to positions and strain. Nothing of it is stored for more than LANES atoms. Sums go over parts of
the atoms, which are the same for any number of threads.
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.arrays import copy, fill, room_for
from ase_dos.kernels.expansion import (
    LANES,
    add_center,
    expand_one,
    integrate_neighbors,
    table_of,
)
from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.radial import hermite_slope_rows, neighbor_weight_slopes
from ase_dos.kernels.regression import regress_gradient, room_before
from ase_dos.kernels.soap import pair_size, present_features, spectrum
from ase_dos.kernels.team import gather_team, make_scratch, most_candidates, whole_vectors
from ase_dos.kernels.vector import WIDTH, broadcast, fma, get, load, put, splat, store


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
def _turn(gradient, lane, at, n_max, n_harmonics, padded, turns, values, out):
    """Prepare the derivatives by the coefficients of one atom and species for all its neighbours.

    ``out[lm * padded + n]`` holds sum_i c'_ni D^k_i(lm), one block for each k (see
    `ase_dos.kernels.harmonics.gradient_terms`), and the derivatives themselves in the last one.
    """
    size = n_harmonics * padded
    fill(out, 3 * size, 0.0)
    for n in range(n_max):
        for lm in range(n_harmonics):
            pull = get(gradient, at + (n * n_harmonics + lm) * LANES + lane)
            put(out, 3 * size + lm * padded + n, pull)
    for term in range(values.size):
        target = turns[3 * term] * size + turns[3 * term + 2] * padded
        source = 3 * size + turns[3 * term + 1] * padded
        factor = broadcast(values, term, WIDTH)
        for n in range(0, padded, WIDTH):
            total = fma(factor, load(out, source + n, WIDTH), load(out, target + n, WIDTH))
            store(out, target + n, total)


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
    n_species = hypers.n_species
    stride, shared = gather_team(first, last, places, bins, kinds, hypers, scratch)
    if shared >= 0:
        return stride, shared
    _set_slopes(scratch.starts[(last - first) * n_species], stride, hypers, scratch, weight_slopes)
    fill(present, n_species, False)
    for i in range(first, last):
        species = kinds[places[i]]
        for s in range(n_species):
            segment = (i - first) * n_species + s
            begin, end = scratch.starts[segment], scratch.starts[segment + 1]
            if end > begin or s == species:
                present[s] = True
            expand_one(begin, end, stride, s, i - first, hypers, scratch, out)
        add_center(species, i - first, hypers, out)
    return stride, -1


@inner_kernel
def _pull_on_vectors(
    first,
    last,
    stride,
    places,
    hypers,
    turns,
    values,
    scratch,
    slopes,
    gradient,
    tile,
    sums,
    forces,
    virial,
):
    """Add what the coefficients of a block of atoms say about positions and strain."""
    n_species, n_max, l_max = hypers.n_species, hypers.n_max, hypers.l_max
    n_harmonics, n_functions = (l_max + 1) * (l_max + 1), n_max * (l_max + 1)
    for i in range(first, last):
        for s in range(n_species):
            segment = (i - first) * n_species + s
            begin, end = scratch.starts[segment], scratch.starts[segment + 1]
            if begin == end:
                continue
            table = table_of(s, hypers)
            # Made here, and from the first place on, as they then stay in the nearest cache.
            integrate_neighbors(begin, end, begin, stride, 6, table, n_functions, scratch, slopes)
            _turn(
                gradient,
                i - first,
                s * n_max * n_harmonics * LANES,
                n_max,
                n_harmonics,
                whole_vectors(n_max),
                turns,
                values,
                tile,
            )
            for j in range(begin, end):
                _one_neighbor(
                    j,
                    (j - begin) * n_functions,
                    stride,
                    n_max,
                    l_max,
                    whole_vectors(n_max),
                    scratch.directions,
                    scratch.harmonics,
                    scratch.radial,
                    slopes,
                    tile,
                    sums,
                )
                _add_force(
                    places[i],
                    scratch.ids[j],
                    j,
                    stride,
                    scratch.distances,
                    scratch.directions,
                    sums,
                    forces,
                    virial,
                )


@inner_kernel
def _one_neighbor(
    j, at_slopes, stride, n_max, l_max, padded, directions, harmonics, radial, slopes, tile, sums
):
    """Differentiate by the distance of neighbour j, and by the direction times the distance.

    With G_ln^k = sum_m c'_nlm (d/dx_k r^l Y_lm) at the unit vector u these are sums over l and n
    of V_ln R'_ln and of G_ln R_ln, where V_ln = sum_m c'_nlm Y_lm = u . G_ln / l. The sums over
    the lanes of n are left to do. R'_ln of the neighbour begin at ``at_slopes``.
    """
    kind = radial.dtype.type
    zero = splat(kind(0), WIDTH)
    x, y = get(directions, j), get(directions, stride + j)
    z = get(directions, 2 * stride + j)
    total = total_x = total_y = total_z = zero
    n_functions, size = n_max * (l_max + 1), tile.size // 4
    for n0 in range(0, padded, WIDTH):
        # Past n_max the coefficients are zero, and the radial numbers of no meaning.
        value = fma(load(tile, 3 * size + n0, WIDTH), broadcast(harmonics, j, WIDTH), zero)
        total = fma(value, load(slopes, at_slopes + n0, WIDTH), total)
        for ell in range(1, l_max + 1):
            value_x = value_y = value_z = zero
            for lm in range((ell - 1) * (ell - 1), ell * ell):
                harmonic = broadcast(harmonics, lm * stride + j, WIDTH)
                at = lm * padded + n0
                value_x = fma(load(tile, at, WIDTH), harmonic, value_x)
                value_y = fma(load(tile, size + at, WIDTH), harmonic, value_y)
                value_z = fma(load(tile, 2 * size + at, WIDTH), harmonic, value_z)
            at = ell * n_max + n0
            function = load(radial, j * n_functions + at, WIDTH)
            total_x = fma(value_x, function, total_x)
            total_y = fma(value_y, function, total_y)
            total_z = fma(value_z, function, total_z)
            share = kind(1) / kind(ell)
            value = fma(value_x, splat(x * share, WIDTH), zero)
            value = fma(value_y, splat(y * share, WIDTH), value)
            value = fma(value_z, splat(z * share, WIDTH), value)
            total = fma(value, load(slopes, at_slopes + at, WIDTH), total)
    store(sums, 0, total)
    store(sums, WIDTH, total_x)
    store(sums, 2 * WIDTH, total_y)
    store(sums, 3 * WIDTH, total_z)


@inner_kernel
def _add_force(i, neighbor, j, stride, distances, directions, sums, gradient, virial):
    """Finish neighbour j of atom i, from the sums of `_one_neighbor`."""
    along = gx = gy = gz = 0.0
    for n in range(WIDTH):
        along += get(sums, n)
        gx += get(sums, WIDTH + n)
        gy += get(sums, 2 * WIDTH + n)
        gz += get(sums, 3 * WIDTH + n)
    r, x = get(distances, j), get(directions, j)
    y, z = get(directions, stride + j), get(directions, 2 * stride + j)
    # Along the vector the harmonics do not change, but their solid forms do.
    along -= (x * gx + y * gy + z * gz) / r
    gx = along * x + gx / r
    gy = along * y + gy / r
    gz = along * z + gz / r
    _add_vector(gradient, 3 * neighbor, gx, gy, gz)
    _add_vector(gradient, 3 * i, -gx, -gy, -gz)
    _add_vector(virial, 0, r * x * gx, r * y * gy, r * z * gz)
    yz, xz, xy = y * gz + z * gy, x * gz + z * gx, x * gy + y * gx
    _add_vector(virial, 3, 0.5 * r * yz, 0.5 * r * xz, 0.5 * r * xy)


@inner_kernel
def _add_vector(out, at, x, y, z):
    """Add three numbers to those from ``at`` on."""
    put(out, at, get(out, at) + x)
    put(out, at + 1, get(out, at + 1) + y)
    put(out, at + 2, get(out, at + 2) + z)


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
    n_harmonics = (l_max + 1) * (l_max + 1)
    kind = hypers.table.dtype
    scratch = make_scratch(bins, hypers, most_candidates(places[begin:end], bins), LANES, 12)
    # Vectors read past the last function, where zero coefficients meet whatever there is.
    fill(scratch.radial, scratch.radial.size, 0.0)
    slopes, sums = room_for(scratch.radial.size, kind), room_for(4 * WIDTH, kind)
    fill(slopes, slopes.size, 0.0)
    coefficients = room_for(hypers.n_species * n_max * n_harmonics * LANES, kind)
    fill(coefficients, coefficients.size, 0.0)
    pulled = room_for(coefficients.size, kind)
    weight_slopes = room_for(scratch.distances.size, np.float64)
    features, by_features = room_for(n_features * LANES, kind), room_for(n_features * LANES, kind)
    fill(features, features.size, 0.0)
    wide, by_wide = room_for(features.size, np.float64), room_for(features.size, np.float64)
    tile = room_for(4 * whole_vectors(n_max) * n_harmonics, kind)
    fill(tile, tile.size, 0.0)
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
                first,
                last,
                stride,
                places,
                hypers,
                turns,
                turn_values,
                scratch,
                slopes,
                pulled,
                tile,
                sums,
                gradient,
                virial,
            )
    return -1
