"""Derivatives by the vectors to neighbours, from those by the density coefficients of atoms."""

from __future__ import annotations

from ase_dos.kernels.arrays import fill
from ase_dos.kernels.expansion import LANES, functions_of
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
    lanes_of,
    load,
    put,
    repeat,
    splat,
    store,
    store_parts,
    zero_register,
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

    ``pulls`` is filled as `_two_neighbors` says.
    """
    n_species, padded = hypers.n_species, whole_vectors(hypers.n_max)
    size = (hypers.l_max + 1) * (hypers.l_max + 1) * padded
    turned, derivatives = tiles[: 3 * size], tiles[3 * size :]
    here, there = (
        scratch.radial[: scratch.radial.size // 2],
        scratch.radial[scratch.radial.size // 2 :],
    )
    for lane in range(0, count, TEAM):
        for s in range(n_species):
            table = hypers.table[functions_of(s, hypers)]
            _one_by_one(gradient, lane, s, mask, hypers, derivatives)
            for i in range(lane, min(lane + TEAM, count)):
                segment = i * n_species + s
                begin, end = scratch.starts[segment], scratch.starts[segment + 1]
                if begin == end:
                    continue
                derivative = derivatives[(i - lane) * size : (i - lane + 1) * size]
                _turn(derivative, padded, turns, values, turned)
                for j in range(begin, end, 2):
                    other = min(j + 1, end - 1)
                    _integrate(j, stride, table, hypers.row, scratch, here)
                    _integrate(other, stride, table, hypers.row, scratch, there)
                    _two_neighbors(
                        j, other, stride, hypers, scratch, here, there, derivative, turned, pulls
                    )


@inner_kernel
def _integrate(j, stride, table, row, scratch, out):
    """Radial integrals of neighbour j, and from ``row`` on their derivatives by distance."""
    like = zero_register(table)
    weights = node_weights(scratch.basis, j, stride, like)
    slopes = node_weights(scratch.basis, 6 * stride + j, stride, like)
    left = 3 * int(get(scratch.pieces, j)) * row
    for k in range(0, row, lanes_of(like)):
        at = left + 3 * k
        value = interpolate(weights, table, at, at + 3 * row)
        slope = interpolate(slopes, table, at, at + 3 * row)
        store(out, k, value)
        store(out, row + k, slope)


@inner_kernel
def _two_neighbors(i, j, stride, hypers, scratch, radial_i, radial_j, derivatives, turned, pulls):
    """Differentiate by the distances of two neighbours, and by the directions times the distances.

    With G_ln^k = sum_m c'_nlm (d/dx_k r^l Y_lm) at the unit vector u these are sums over l and n
    of V_ln R'_ln and of G_ln R_ln, where V_ln = sum_m c'_nlm Y_lm = u . G_ln / l. The former is at
    ``pulls[j]``, the three components of the latter in the next rows of that stride. Two go
    together, as they need the same derivatives, and do not wait for one another.
    """
    kind, harmonics = turned.dtype.type, scratch.harmonics
    n_max, padded, row = hypers.n_max, whole_vectors(hypers.n_max), hypers.row
    size, zero = derivatives.size, splat(kind(0), WIDTH)
    total_i = ix = iy = iz = along_ix = along_iy = along_iz = zero
    total_j = jx = jy = jz = along_jx = along_jy = along_jz = zero
    for n0 in range(0, padded, WIDTH):
        # Past n_max the derivatives are zero, and the radial numbers of no meaning.
        value = load(derivatives, n0, WIDTH) * broadcast(harmonics, i, WIDTH)
        total_i = fma(value, load(radial_i, row + n0, WIDTH), total_i)
        value = load(derivatives, n0, WIDTH) * broadcast(harmonics, j, WIDTH)
        total_j = fma(value, load(radial_j, row + n0, WIDTH), total_j)
        for ell in range(1, hypers.l_max + 1):
            gix = giy = giz = gjx = gjy = gjz = zero
            for lm in range((ell - 1) * (ell - 1), ell * ell):
                yi = broadcast(harmonics, lm * stride + i, WIDTH)
                yj = broadcast(harmonics, lm * stride + j, WIDTH)
                at = lm * padded + n0
                x, y = load(turned, at, WIDTH), load(turned, size + at, WIDTH)
                z = load(turned, 2 * size + at, WIDTH)
                gix, giy, giz = fma(x, yi, gix), fma(y, yi, giy), fma(z, yi, giz)
                gjx, gjy, gjz = fma(x, yj, gjx), fma(y, yj, gjy), fma(z, yj, gjz)
            at, share = ell * n_max + n0, splat(kind(1) / kind(ell), WIDTH)
            value, slope = load(radial_i, at, WIDTH), load(radial_i, row + at, WIDTH) * share
            ix, along_ix = fma(gix, value, ix), fma(gix, slope, along_ix)
            iy, along_iy = fma(giy, value, iy), fma(giy, slope, along_iy)
            iz, along_iz = fma(giz, value, iz), fma(giz, slope, along_iz)
            value, slope = load(radial_j, at, WIDTH), load(radial_j, row + at, WIDTH) * share
            jx, along_jx = fma(gjx, value, jx), fma(gjx, slope, along_jx)
            jy, along_jy = fma(gjy, value, jy), fma(gjy, slope, along_jy)
            jz, along_jz = fma(gjz, value, jz), fma(gjz, slope, along_jz)
    _add_up(i, stride, total_i, ix, iy, iz, along_ix, along_iy, along_iz, scratch, pulls)
    _add_up(j, stride, total_j, jx, jy, jz, along_jx, along_jy, along_jz, scratch, pulls)


@inner_kernel
def _add_up(j, stride, total, x, y, z, along_x, along_y, along_z, scratch, pulls):
    """Add up the lanes of the sums of one neighbour."""
    total = fma(along_x, broadcast(scratch.directions, j, WIDTH), total)
    total = fma(along_y, broadcast(scratch.directions, stride + j, WIDTH), total)
    total = fma(along_z, broadcast(scratch.directions, 2 * stride + j, WIDTH), total)
    each = interleave(interleave(total, y), interleave(x, z))
    store_parts(pulls, j, stride, cast(add_parts(each, 4), pulls), 1)


@inner_kernel
def finish_pulls(count, stride, scratch, pulls, virial):
    """Make derivatives by the vectors to ``count`` neighbours of the sums of `_two_neighbors`.

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
