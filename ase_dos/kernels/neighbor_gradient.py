"""Derivatives by the vectors to neighbours, from those by the density coefficients of atoms."""

from __future__ import annotations

from ase_dos.kernels.arrays import fill
from ase_dos.kernels.expansion import LANES, table_of
from ase_dos.kernels.jit import inner_kernel
from ase_dos.kernels.radial import interpolate, node_weights
from ase_dos.kernels.team import TEAM, whole_vectors
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
def pull_on_vectors(count, stride, hypers, turns, values, mask, scratch, gradient, tiles, pulls):
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
    row, size = hypers.row, derivatives.size
    x, y = get(scratch.directions, j), get(scratch.directions, stride + j)
    z = get(scratch.directions, 2 * stride + j)
    zero = splat(kind(0), WIDTH)
    weights = node_weights(scratch.basis, j, stride, zero)
    slopes = node_weights(scratch.basis, 6 * stride + j, stride, zero)
    left = 3 * int(get(scratch.pieces, j)) * row
    total = total_x = total_y = total_z = zero
    for n0 in range(0, padded, WIDTH):
        # Past n_max the derivatives are zero, and the radial numbers of no meaning.
        value = load(derivatives, n0, WIDTH) * broadcast(harmonics, j, WIDTH)
        total = fma(value, interpolate(slopes, table, left + n0, row), total)
        for ell in range(1, hypers.l_max + 1):
            value_x = value_y = value_z = zero
            for lm in range((ell - 1) * (ell - 1), ell * ell):
                harmonic, at = broadcast(harmonics, lm * stride + j, WIDTH), lm * padded + n0
                value_x = fma(load(turned, at, WIDTH), harmonic, value_x)
                value_y = fma(load(turned, size + at, WIDTH), harmonic, value_y)
                value_z = fma(load(turned, 2 * size + at, WIDTH), harmonic, value_z)
            at = left + ell * n_max + n0
            function = interpolate(weights, table, at, row)
            total_x = fma(value_x, function, total_x)
            total_y = fma(value_y, function, total_y)
            total_z = fma(value_z, function, total_z)
            share = kind(1) / kind(ell)
            value = value_x * splat(x * share, WIDTH)
            value = fma(value_y, splat(y * share, WIDTH), value)
            value = fma(value_z, splat(z * share, WIDTH), value)
            total = fma(value, interpolate(slopes, table, at, row), total)
    each = interleave(interleave(total, total_y), interleave(total_x, total_z))
    store_parts(pulls, j, stride, cast(add_parts(each, 4), pulls), 1)


@inner_kernel
def finish_pulls(count, stride, scratch, pulls, virial):
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
def add_forces(center, begin, end, stride, ids, pulls, forces):
    """Add the derivatives by the vectors to some neighbours of an atom to those by positions."""
    x = y = z = 0.0
    for j in range(begin, end):
        gx, gy = get(pulls, stride + j), get(pulls, 2 * stride + j)
        gz = get(pulls, 3 * stride + j)
        at = 3 * int(get(ids, j))
        put(forces, at, get(forces, at) + gx)
        put(forces, at + 1, get(forces, at + 1) + gy)
        put(forces, at + 2, get(forces, at + 2) + gz)
        x, y, z = x + gx, y + gy, z + gz
    forces[3 * center] -= x
    forces[3 * center + 1] -= y
    forces[3 * center + 2] -= z
