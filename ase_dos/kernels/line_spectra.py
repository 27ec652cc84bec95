"""Poisson likelihood of photoemission spectra that are sums of lines, and its derivatives.

A spectrum is a row of counts n(e) in energy bins, with -1 where the detector saw nothing. Its
expected counts are a sum over bands,

    rate(e) = sum_b A_b [v(e - E_b) f(e) + s c(e - E_b)] + background,

with v the counts that a line of one count puts in a bin, f the occupation at the bin, c(x) the part
of a line above x (1 far below it): each count of a line leaves s counts of inelastic background in
every bin below. All spectra of a map have the same line, which kernels take as a table
(`line_table`).
"""

from __future__ import annotations

import math

import numpy as np

from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.threads import on_threads

__all__ = [
    "amplitude_sums",
    "expected_counts",
    "line_table",
    "position_costs",
    "position_score",
    "spectrum_losses",
]

# A rate below this is none: where there are counts, it keeps the logarithm finite.
TINY = 1e-9


def line_table(density, reach, spacing, step):
    """Table of a line: columns are counts in a bin, their slope, and the part above.

    Parameters
    ----------
    density : callable
        Line of area one (1/eV) at an array of offsets (eV), even.
    reach : float
        Offset (eV) at which it is cut.
    spacing : float
        Distance (eV) of the rows.
    step : float
        Width of an energy bin (eV).

    Returns
    -------
    (rows, 3) array
        At offsets 0, ``spacing``, ... up to ``reach``; slope per eV. Less a constant, so that the
        line is 0 at the reach, and then normalised to one.
    """
    offsets = spacing * np.arange(int(reach / spacing) + 3)
    values = density(offsets)
    # From zero at the cut: the likelihood would jump where a bin enters the reach.
    values -= values[-2]
    values[-1] = 0.0
    area = np.concatenate([[0.0], np.cumsum(0.5 * spacing * (values[1:] + values[:-1]))])
    whole = 2.0 * area[-1]
    table = np.empty((offsets.size, 3))
    table[:, 0] = values * step / whole
    table[:, 1] = np.gradient(values, spacing, edge_order=2) * step / whole
    table[0, 1] = 0.0
    table[:, 2] = 0.5 - area / whole
    return table


def expected_counts(counts, first, step, positions, amplitudes, background, model):
    """Return the expected counts of every spectrum in every bin.

    Parameters
    ----------
    counts : (spectra, bins) float32 array
        What was counted; -1 where there are no data. Here only its shape matters.
    first, step : float
        Centre of the first energy bin, and width of all (eV).
    positions, amplitudes : (spectra, bands) array
        Energy (eV) and counts of every line.
    background : (spectra,) array
        Counts per bin.
    model : tuple
        ``(table, spacing, inelastic, occupation)``: `line_table` and its spacing, s, and f (bins,).

    Returns
    -------
    (spectra, bins) array
    """
    rates = np.empty(counts.shape)
    on_threads(
        len(rates),
        lambda i, j: _expected(
            first, step, positions[i:j], amplitudes[i:j], background[i:j], *model, rates[i:j]
        ),
    )
    return rates


def spectrum_losses(counts, first, step, positions, amplitudes, background, model):
    """Loss -log L of every spectrum: that of `position_score`, alone."""
    loss = np.empty(len(positions))
    on_threads(
        len(loss),
        lambda i, j: _losses(
            counts[i:j],
            first,
            step,
            positions[i:j],
            amplitudes[i:j],
            background[i:j],
            *model,
            loss[i:j],
        ),
    )
    return loss


def position_score(counts, first, step, positions, amplitudes, background, model):
    """Loss -log L of every spectrum, its gradient in the positions, and their Fisher information.

    Takes what `expected_counts` takes.

    Returns
    -------
    loss : (spectra,) array
        sum_e rate - n log(rate / n) - n, so 0 is the best that any rate can do.
    gradient : (spectra, bands) array
        Per eV.
    information : (spectra, bands, bands) array
        Per eV^2: sum_e (d rate / d E_b) (d rate / d E_c) / rate.
    """
    n, bands = positions.shape
    loss, gradient = np.empty(n), np.empty((n, bands))
    information = np.empty((n, bands, bands))
    on_threads(
        n,
        lambda i, j: _score(
            counts[i:j],
            first,
            step,
            positions[i:j],
            amplitudes[i:j],
            background[i:j],
            *model,
            loss[i:j],
            gradient[i:j],
            information[i:j],
        ),
    )
    return loss, gradient, information


def amplitude_sums(counts, first, step, positions, amplitudes, background, model):
    """Sum up for a step of expectation maximisation for amplitudes and background.

    Returns
    -------
    observed, expected : (spectra, bands + 1) array
        sum_e n shape / rate and sum_e shape, the last column for the background: amplitudes times
        their ratio are the next.
    """
    n, bands = positions.shape
    observed, expected = np.zeros((2, n, bands + 1))
    on_threads(
        n,
        lambda i, j: _amplitudes(
            counts[i:j],
            first,
            step,
            positions[i:j],
            amplitudes[i:j],
            background[i:j],
            *model,
            observed[i:j],
            expected[i:j],
        ),
    )
    return observed, expected


def position_costs(counts, first, step, positions, amplitudes, background, model, band, offsets):
    """Loss -log L of every spectrum with one band moved, relative to its least.

    Parameters
    ----------
    band : int
        Band that is moved; the others stay.
    offsets : (spectra, labels) array
        Energies (eV) that the band takes, in turn.

    Returns
    -------
    (spectra, labels) float32 array
        Least value of every spectrum 0.
    """
    costs = np.empty(offsets.shape, np.float32)
    on_threads(
        len(costs),
        lambda i, j: _costs(
            counts[i:j],
            first,
            step,
            positions[i:j],
            amplitudes[i:j],
            background[i:j],
            *model,
            band,
            offsets[i:j],
            costs[i:j],
        ),
    )
    return costs


@inner_kernel
def _window(position, first, step, reach, size):
    """Bins that a line at a position reaches."""
    begin = max(0, math.ceil((position - reach - first) / step))
    end = min(size, math.floor((position + reach - first) / step) + 1)
    return min(begin, size), max(end, 0)


@inner_kernel
def _add_rates(
    first, step, positions, amplitudes, background, table, spacing, inelastic, occupation, rates
):
    """Put the expected counts of one spectrum into ``rates``."""
    size = rates.size
    reach = (table.shape[0] - 2) * spacing
    rates[:] = 0.0
    below = 0.0  # inelastic counts of lines whose reach lies above the bin
    for b in range(positions.size):
        begin, end = _window(positions[b], first, step, reach, size)
        a, tail = amplitudes[b], inelastic * amplitudes[b]
        if begin > 0:
            if begin < size:
                rates[begin] -= tail
            below += tail
    # What was subtracted where a line's reach begins, summed from below, leaves its tail under it.
    for e in range(size):
        below += rates[e]
        rates[e] = background + below
    for b in range(positions.size):
        begin, end = _window(positions[b], first, step, reach, size)
        a, tail = amplitudes[b], inelastic * amplitudes[b]
        for e in range(begin, end):
            x = (first + e * step - positions[b]) / spacing
            row = int(abs(x))
            t = abs(x) - row
            above = table[row, 2] + t * (table[row + 1, 2] - table[row, 2])
            line = table[row, 0] + t * (table[row + 1, 0] - table[row, 0])
            rates[e] += a * line * occupation[e] + tail * (above if x >= 0.0 else 1.0 - above)
    for e in range(size):
        rates[e] = max(rates[e], TINY)


@kernel
def _expected(
    first, step, positions, amplitudes, background, table, spacing, inelastic, occupation, rates
):
    for i in range(rates.shape[0]):
        _add_rates(
            first,
            step,
            positions[i],
            amplitudes[i],
            background[i],
            table,
            spacing,
            inelastic,
            occupation,
            rates[i],
        )


@inner_kernel
def _loss(n, rate):
    if n <= 0.0:
        return rate
    return rate - n - n * math.log(rate / n)


@kernel
def _losses(
    counts,
    first,
    step,
    positions,
    amplitudes,
    background,
    table,
    spacing,
    inelastic,
    occupation,
    loss,
):
    rates = np.empty(counts.shape[1])
    for i in range(counts.shape[0]):
        _add_rates(
            first,
            step,
            positions[i],
            amplitudes[i],
            background[i],
            table,
            spacing,
            inelastic,
            occupation,
            rates,
        )
        loss[i] = _total_loss(counts[i], rates)


@inner_kernel
def _total_loss(counts, rates):
    """Loss of one spectrum, where there are data."""
    total = 0.0
    for e in range(rates.size):
        if counts[e] >= 0.0:
            total += _loss(float(counts[e]), rates[e])
    return total


@kernel
def _score(
    counts,
    first,
    step,
    positions,
    amplitudes,
    background,
    table,
    spacing,
    inelastic,
    occupation,
    loss,
    gradient,
    information,
):
    n, size = counts.shape
    bands = positions.shape[1]
    reach = (table.shape[0] - 2) * spacing
    rates = np.empty(size)
    slopes = np.empty((bands, size))
    begins, ends = np.empty(bands, np.int64), np.empty(bands, np.int64)
    for i in range(n):
        _add_rates(
            first,
            step,
            positions[i],
            amplitudes[i],
            background[i],
            table,
            spacing,
            inelastic,
            occupation,
            rates,
        )
        loss[i] = _total_loss(counts[i], rates)
        for b in range(bands):
            begins[b], ends[b] = _window(positions[i, b], first, step, reach, size)
            slope_sum = 0.0
            for e in range(begins[b], ends[b]):
                x = (first + e * step - positions[i, b]) / spacing
                row = int(abs(x))
                t = abs(x) - row
                line = table[row, 0] + t * (table[row + 1, 0] - table[row, 0])
                slope = table[row, 1] + t * (table[row + 1, 1] - table[row, 1])
                if x < 0.0:
                    slope = -slope
                # d above / d E_b is the density: counts in a bin over its width.
                rise = amplitudes[i, b] * (inelastic * line / step - slope * occupation[e])
                if counts[i, e] < 0.0:
                    rise = 0.0
                slopes[b, e] = rise
                slope_sum += rise * (1.0 - counts[i, e] / rates[e])
            gradient[i, b] = slope_sum
            for c in range(b + 1):
                common = 0.0
                for e in range(max(begins[b], begins[c]), min(ends[b], ends[c])):
                    common += slopes[b, e] * slopes[c, e] / rates[e]
                information[i, b, c] = common
                information[i, c, b] = common


@kernel
def _amplitudes(
    counts,
    first,
    step,
    positions,
    amplitudes,
    background,
    table,
    spacing,
    inelastic,
    occupation,
    observed,
    expected,
):
    n, size = counts.shape
    bands = positions.shape[1]
    reach = (table.shape[0] - 2) * spacing
    rates = np.empty(size)
    ratio_below, known_below = np.empty(size + 1), np.empty(size + 1)
    for i in range(n):
        _add_rates(
            first,
            step,
            positions[i],
            amplitudes[i],
            background[i],
            table,
            spacing,
            inelastic,
            occupation,
            rates,
        )
        ratio_below[0] = known_below[0] = 0.0
        for e in range(size):
            known = counts[i, e] >= 0.0
            rates[e] = counts[i, e] / rates[e] if known else 0.0
            ratio_below[e + 1] = ratio_below[e] + rates[e]
            known_below[e + 1] = known_below[e] + (1.0 if known else 0.0)
        observed[i, bands] = ratio_below[size]
        expected[i, bands] = known_below[size]
        for b in range(bands):
            begin, end = _window(positions[i, b], first, step, reach, size)
            seen = inelastic * ratio_below[begin]
            all_ = inelastic * known_below[begin]
            for e in range(begin, end):
                x = (first + e * step - positions[i, b]) / spacing
                row = int(abs(x))
                t = abs(x) - row
                above = table[row, 2] + t * (table[row + 1, 2] - table[row, 2])
                line = table[row, 0] + t * (table[row + 1, 0] - table[row, 0])
                shape = line * occupation[e] + inelastic * (above if x >= 0.0 else 1.0 - above)
                seen += shape * rates[e]
                if counts[i, e] >= 0.0:
                    all_ += shape
            observed[i, b] = seen
            expected[i, b] = all_


@kernel
def _costs(
    counts,
    first,
    step,
    positions,
    amplitudes,
    background,
    table,
    spacing,
    inelastic,
    occupation,
    band,
    offsets,
    costs,
):
    n, size = counts.shape
    labels = offsets.shape[1]
    reach = (table.shape[0] - 2) * spacing
    rates, totals = np.empty(size), np.empty(labels)
    others = np.empty(positions.shape[1])
    for i in range(n):
        others[:] = amplitudes[i]
        others[band] = 0.0
        _add_rates(
            first,
            step,
            positions[i],
            others,
            background[i],
            table,
            spacing,
            inelastic,
            occupation,
            rates,
        )
        low, _ = _window(offsets[i].min(), first, step, reach, size)
        _, high = _window(offsets[i].max(), first, step, reach, size)
        a, tail = amplitudes[i, band], inelastic * amplitudes[i, band]
        for k in range(labels):
            begin, end = _window(offsets[i, k], first, step, reach, size)
            total = 0.0
            for e in range(low, high):
                if counts[i, e] < 0.0:
                    continue
                rate = rates[e]
                if e < begin:
                    rate += tail
                elif e < end:
                    x = (first + e * step - offsets[i, k]) / spacing
                    row = int(abs(x))
                    t = abs(x) - row
                    above = table[row, 2] + t * (table[row + 1, 2] - table[row, 2])
                    line = table[row, 0] + t * (table[row + 1, 0] - table[row, 0])
                    rate += a * line * occupation[e] + tail * (above if x >= 0.0 else 1.0 - above)
                total += rate
                if counts[i, e] > 0.0:
                    total -= counts[i, e] * math.log(rate)
            totals[k] = total
        least = totals.min()
        for k in range(labels):
            costs[i, k] = totals[k] - least
