"""Poisson likelihood of photoemission spectra that are sums of lines, and its derivatives.

A spectrum is a row of counts n(e) in energy bins, with -1 where the detector saw nothing. Its
expected counts are a sum over bands,

    rate(e) = sum_b A_b [v(e - E_b) f(e) + s c(e - E_b)] + background,

with v the counts that a line of one count puts in a bin, f the occupation at the bin, c(x) the part
of a line above x (1 far below it): each count of a line leaves s counts of inelastic background in
every bin below. All spectra of a map have the same line, which kernels take as a table
(`line_table`).

All functions take ``counts`` (spectra, bins), of single precision, and for each spectrum
``positions`` (eV) and ``amplitudes`` (counts) of its lines (spectra, bands), ``background``
(spectra,) in counts per bin, and a `LineModel`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.threads import on_threads

__all__ = [
    "LineModel",
    "amplitude_sums",
    "expected_counts",
    "line_table",
    "position_costs",
    "position_score",
    "spectrum_losses",
]

# A rate below this is none: where there are counts, it keeps the logarithm finite.
TINY = 1e-9


class LineModel(NamedTuple):
    """Energy bins, and the line that all bands have.

    Attributes
    ----------
    first, step : float
        Centre of the first bin, and width of all (eV).
    table : (rows, 3) array
        `line_table`.
    spacing : float
        Distance (eV) of its rows.
    inelastic : float
        Counts that each count of a line leaves in every bin below it.
    occupation : (bins,) array
        Part of the states at each bin that is occupied.
    """

    first: float
    step: float
    table: np.ndarray
    spacing: float
    inelastic: float
    occupation: np.ndarray


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


def expected_counts(counts, positions, amplitudes, background, model):
    """Return the expected counts of every spectrum in every bin, (spectra, bins)."""
    rates = np.empty(counts.shape)
    on_threads(
        len(rates),
        lambda i, j: _expected(positions[i:j], amplitudes[i:j], background[i:j], model, rates[i:j]),
    )
    return rates


def spectrum_losses(counts, positions, amplitudes, background, model):
    """Return -log L of every spectrum: that of `position_score`, alone."""
    loss = np.empty(len(positions))
    on_threads(
        len(loss),
        lambda i, j: _losses(
            counts[i:j], positions[i:j], amplitudes[i:j], background[i:j], model, loss[i:j]
        ),
    )
    return loss


def position_score(counts, positions, amplitudes, background, model):
    """Return -log L of every spectrum, its gradient in the positions, and their Fisher information.

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
            positions[i:j],
            amplitudes[i:j],
            background[i:j],
            model,
            loss[i:j],
            gradient[i:j],
            information[i:j],
        ),
    )
    return loss, gradient, information


def amplitude_sums(counts, positions, amplitudes, background, model):
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
            positions[i:j],
            amplitudes[i:j],
            background[i:j],
            model,
            observed[i:j],
            expected[i:j],
        ),
    )
    return observed, expected


def position_costs(counts, positions, amplitudes, background, model, band, energies):
    """Return -log L of every spectrum with one band moved, relative to its least.

    Parameters
    ----------
    band : int
        Band that is moved; the others stay.
    energies : (spectra, labels) array
        Where it goes, in turn (eV).

    Returns
    -------
    (spectra, labels) float32 array
        Least value of every spectrum 0.
    """
    costs = np.empty(energies.shape, np.float32)
    on_threads(
        len(costs),
        lambda i, j: _costs(
            counts[i:j],
            positions[i:j],
            amplitudes[i:j],
            background[i:j],
            model,
            band,
            energies[i:j],
            costs[i:j],
        ),
    )
    return costs


@inner_kernel
def _window(position, model):
    """Bins that a line at a position reaches: the first, and the one after the last."""
    reach = (model.table.shape[0] - 2) * model.spacing
    size = model.occupation.size
    begin = max(0, math.ceil((position - reach - model.first) / model.step))
    end = min(size, math.floor((position + reach - model.first) / model.step) + 1)
    return min(begin, size), max(end, 0)


@inner_kernel
def _line(model, position, bin_):
    """Find what a line of one count has in a bin, the slope of that, and the part above."""
    table = model.table
    x = (model.first + bin_ * model.step - position) / model.spacing
    row = int(abs(x))
    t = abs(x) - row
    line = table[row, 0] + t * (table[row + 1, 0] - table[row, 0])
    slope = table[row, 1] + t * (table[row + 1, 1] - table[row, 1])
    above = table[row, 2] + t * (table[row + 1, 2] - table[row, 2])
    if x < 0.0:
        return line, -slope, 1.0 - above
    return line, slope, above


@inner_kernel
def _add_rates(positions, amplitudes, background, model, rates):
    """Put the expected counts of one spectrum into ``rates``."""
    rates[:] = 0.0
    below = 0.0  # inelastic counts of lines whose reach lies above the bin
    for b in range(positions.size):
        begin, _ = _window(positions[b], model)
        if begin > 0:
            if begin < rates.size:
                rates[begin] -= model.inelastic * amplitudes[b]
            below += model.inelastic * amplitudes[b]
    # What was subtracted where a line's reach begins, summed from below, leaves its tail under it.
    for e in range(rates.size):
        below += rates[e]
        rates[e] = background + below
    for b in range(positions.size):
        begin, end = _window(positions[b], model)
        for e in range(begin, end):
            line, _, above = _line(model, positions[b], e)
            rates[e] += amplitudes[b] * (line * model.occupation[e] + model.inelastic * above)
    for e in range(rates.size):
        rates[e] = max(rates[e], TINY)


@inner_kernel
def _total_loss(counts, rates):
    """Loss of one spectrum, where there are data."""
    total = 0.0
    for e in range(rates.size):
        n, rate = float(counts[e]), rates[e]
        if n > 0.0:
            total += rate - n - n * math.log(rate / n)
        elif n == 0.0:
            total += rate
    return total


@kernel
def _expected(positions, amplitudes, background, model, rates):
    """`expected_counts` of some spectra."""
    for i in range(rates.shape[0]):
        _add_rates(positions[i], amplitudes[i], background[i], model, rates[i])


@kernel
def _losses(counts, positions, amplitudes, background, model, loss):
    """`spectrum_losses` of some spectra."""
    rates = np.empty(counts.shape[1])
    for i in range(counts.shape[0]):
        _add_rates(positions[i], amplitudes[i], background[i], model, rates)
        loss[i] = _total_loss(counts[i], rates)


@kernel
def _score(counts, positions, amplitudes, background, model, loss, gradient, information):
    """`position_score` of some spectra."""
    bands = positions.shape[1]
    rates = np.empty(counts.shape[1])
    slopes = np.empty((bands, rates.size))
    begins, ends = np.empty(bands, np.int64), np.empty(bands, np.int64)
    for i in range(counts.shape[0]):
        _add_rates(positions[i], amplitudes[i], background[i], model, rates)
        loss[i] = _total_loss(counts[i], rates)
        for b in range(bands):
            begins[b], ends[b] = _window(positions[i, b], model)
            total = 0.0
            for e in range(begins[b], ends[b]):
                line, slope, _ = _line(model, positions[i, b], e)
                # d above / d E_b is the density: counts in a bin over its width.
                rise = model.inelastic * line / model.step - slope * model.occupation[e]
                rise *= amplitudes[i, b] if counts[i, e] >= 0.0 else 0.0
                slopes[b, e] = rise
                total += rise * (1.0 - counts[i, e] / rates[e])
            gradient[i, b] = total
            for c in range(b + 1):
                common = 0.0
                for e in range(max(begins[b], begins[c]), min(ends[b], ends[c])):
                    common += slopes[b, e] * slopes[c, e] / rates[e]
                information[i, b, c] = common
                information[i, c, b] = common


@kernel
def _amplitudes(counts, positions, amplitudes, background, model, observed, expected):
    """`amplitude_sums` of some spectra."""
    size = counts.shape[1]
    bands = positions.shape[1]
    rates = np.empty(size)
    ratio_below, known_below = np.empty(size + 1), np.empty(size + 1)
    for i in range(counts.shape[0]):
        _add_rates(positions[i], amplitudes[i], background[i], model, rates)
        ratio_below[0] = known_below[0] = 0.0
        for e in range(size):
            known = counts[i, e] >= 0.0
            rates[e] = counts[i, e] / rates[e] if known else 0.0
            ratio_below[e + 1] = ratio_below[e] + rates[e]
            known_below[e + 1] = known_below[e] + (1.0 if known else 0.0)
        observed[i, bands] = ratio_below[size]
        expected[i, bands] = known_below[size]
        for b in range(bands):
            begin, end = _window(positions[i, b], model)
            seen = model.inelastic * ratio_below[begin]
            whole = model.inelastic * known_below[begin]
            for e in range(begin, end):
                line, _, above = _line(model, positions[i, b], e)
                shape = line * model.occupation[e] + model.inelastic * above
                seen += shape * rates[e]
                if counts[i, e] >= 0.0:
                    whole += shape
            observed[i, b] = seen
            expected[i, b] = whole


@kernel
def _costs(counts, positions, amplitudes, background, model, band, energies, costs):
    """`position_costs` of some spectra."""
    labels = energies.shape[1]
    rates, totals = np.empty(counts.shape[1]), np.empty(labels)
    others = np.empty(positions.shape[1])
    for i in range(counts.shape[0]):
        others[:] = amplitudes[i]
        others[band] = 0.0
        _add_rates(positions[i], others, background[i], model, rates)
        low, _ = _window(energies[i].min(), model)
        _, high = _window(energies[i].max(), model)
        a = amplitudes[i, band]
        for k in range(labels):
            begin, end = _window(energies[i, k], model)
            total = 0.0
            for e in range(low, high):
                if counts[i, e] < 0.0:
                    continue
                rate = rates[e]
                if e < begin:
                    rate += model.inelastic * a
                elif e < end:
                    line, _, above = _line(model, energies[i, k], e)
                    rate += a * (line * model.occupation[e] + model.inelastic * above)
                total += rate
                if counts[i, e] > 0.0:
                    total -= counts[i, e] * math.log(rate)
            totals[k] = total
        least = totals.min()
        for k in range(labels):
            costs[i, k] = totals[k] - least
