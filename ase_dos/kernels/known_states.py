"""Known states of a DOS that is zero or above: gap above N electrons, and window of energies."""

from __future__ import annotations

from ase_dos.kernels.jit import inner_kernel, kernel

_LOW = 1e-6  # of the largest DOS: what counts as zero inside a gap


@kernel
def close_states(
    given, energies, step, electrons, top, last, tolerance, width, dos, gaps, factors, sums
):
    """Repair the count of states below gaps, and sum what is known of the states.

    `ase_dos.electrons.gap` explains the repair, `ase_dos.electrons.window` the sums.

    Parameters
    ----------
    given : (structures, n) array
        Densities of states (states/eV), with their negative values.
    energies : (n,) array
        Their energies (eV).
    step : float
        Spacing (eV).
    electrons, top : (structures,) array
        Electrons, and the energy (eV) up to which states are known.
    last : (structures,) int array
        Last grid point that is known.
    tolerance : float
        Largest relative error of a count that is repaired; 0 for no repair.
    width : float
        Energies (eV) below the top over which the DOS is averaged.
    dos : (structures, n) array
        Densities of states without negative values; repaired.
    gaps : (structures, 2) int array
        Filled: first grid point of the gap and the one after its last; 0 twice for no repair.
    factors : (structures,) array
        Filled: factor of the states below; 1 for no repair.
    sums : (3, structures) array
        Filled: mean DOS below the top (states/eV), electrons that the known states hold, and the
        integral of the negative values.
    """
    for a in range(dos.shape[0]):
        g = dos[a]
        first, end, factors[a] = _find_gap(g, step, electrons[a], tolerance)
        gaps[a, 0], gaps[a, 1] = first, end
        for i in range(end):
            g[i] = g[i] * factors[a] if i < first else 0.0
        sums[0, a], sums[1, a], sums[2, a] = _sum_states(
            given[a], energies, step, top[a], last[a], width, g
        )


@inner_kernel
def _find_gap(g, step, electrons, tolerance):
    """Gap (first point, one after the last) below which are closest to N states, and N over these.

    0, 0 and 1 where they are not within the tolerance.
    """
    largest = 0.0
    for value in g:
        largest = max(largest, value)
    zero = _LOW * largest
    first, end, factor = 0, 0, 1.0
    least = tolerance if tolerance > 0.0 else -1.0
    begin, below, count = -1, 0.0, 0.0
    for i in range(g.size):
        if g[i] > zero:
            # A gap has two points or more, and states on both sides.
            if begin > 0 and i - begin > 1:
                # The trapezoid below a gap whose points are zero.
                states = step * (below - 0.5 * g[0])
                error = abs(states / electrons - 1.0)
                if error <= least:
                    first, end, factor, least = begin, i, electrons / states, error
            begin = -1
        elif begin < 0:
            begin, below = i, count
        count += g[i]
    return first, end, factor


@inner_kernel
def _sum_states(given, energies, step, top, last, width, g):
    """Mean DOS, electrons and integral of negative values, as `close_states` has them."""
    lowest = min(top - width, energies[last])
    density = negative = count = 0.0
    points = 0
    for i in range(g.size):
        negative -= min(given[i], 0.0)
        if i <= last:
            count += g[i]
            if energies[i] >= lowest:
                # A DOS that is negative there is not known to be zero.
                density += max(g[i], -given[i])
                points += 1
    # The count is the trapezoid up to the last known grid point.
    return density / points, step * (count - 0.5 * (g[0] + g[last])), step * negative
