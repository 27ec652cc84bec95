"""Fermi integrals over a piecewise-linear DOS and over discrete levels, and their Fermi level.

Every integral is split at mu into electrons (x > 0) and holes (x < 0) with x = (E - mu)/kT, so
that only decaying functions of ``y = |x|`` are summed. Each side is scaled by ``exp(reach)``,
``reach`` being the y of its first state: nothing underflows in a gap of ten thousand kT.
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.arrays import fill, first_not_below
from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.root import MAX_ITERATIONS, new_search, next_mu

# The nearest poles of the Fermi function lie at y = +-i pi. An n-point Gauss rule on a panel of
# width w errs by (2 pi/w + sqrt((2 pi/w)^2 + 1))^(-2n): 1e-13 for (8, w = 2), 2e-14 for (4, 1/4).
# Factors y^2 of large y bring that to 1e-11 of the largest weight of a second moment.
_PANEL, _NARROW = 2.0, 0.25
_X8, _W8 = np.polynomial.legendre.leggauss(8)
_X4, _W4 = np.polynomial.legendre.leggauss(4)
_NEGLIGIBLE = 1e-21  # of what a side has summed so far; leaves room for the factor y^2
_SNAP = 1e-11  # relative miscount in a gap that is rounding, not doping
# Not literals, for which numba would compile what they are passed to twice.
_LOGS, _NO_LOGS = np.bool_(True), np.bool_(False)


@inner_kernel
def fermi_terms(y, reach, unscale):
    """Hole or electron f and f(1 - f) at y >= reach, and exp(-y) itself; the first two scaled."""
    t = np.exp(reach - y)
    e = t * unscale
    f = t / (1.0 + e)
    return f, f / (1.0 + e), e


@inner_kernel
def log_term(f, e):
    """Logarithm ln(1 + exp(-y)) in the scale of f, from f = scale e/(1 + e)."""
    if e < 1e-5:
        return f * (1.0 + e * (0.5 - e / 6.0))
    return f * (1.0 + e) / e * np.log1p(e)


@inner_kernel
def _first_interval(mu, sign, start, step, size):
    """Interval that holds mu, or the outermost one on the far side of the grid."""
    place = (mu - start) / step
    j = np.floor(place) if sign > 0 else np.ceil(place) - 1.0
    return int(min(max(j, -1.0), float(size)))


@inner_kernel
def _nearest(mu, kt, sign, start, step, g, e, d):
    """Distance y from mu to the first state on one side, and where the two walks start."""
    size = g.size
    j = _first_interval(mu, sign, start, step, size)
    if sign > 0:
        j = max(j, 0)
        while j < size - 1 and g[j] == 0.0 and g[j + 1] == 0.0:
            j += 1
        near = start + step * j
        found = j < size - 1
    else:
        j = min(j, size - 2)
        while j >= 0 and g[j] == 0.0 and g[j + 1] == 0.0:
            j -= 1
        near = start + step * (j + 1)
        found = j >= 0
    reach = max(sign * (near - mu) / kt, 0.0) if found else np.inf
    # Levels at mu itself count as electrons.
    i = first_not_below(e, mu)
    if sign < 0:
        i -= 1
    if 0 <= i < e.size:
        reach = min(reach, sign * (e[i] - mu) / kt)
    return reach, j, i


@inner_kernel
def side_sums(mu, kt, sign, start, step, g, e, d, centre, logs):
    """Sum one side of mu, everything times exp(reach).

    Returns ``reach`` and the scaled integrals of f, f(1 - f), x f(1 - f),
    (x - centre)^2 f(1 - f), and, if ``logs``, of s and ln(1 + exp(-y)).
    """
    reach, j, i = _nearest(mu, kt, sign, start, step, g, e, d)
    n = k0 = k1 = k2 = entropy = log_sum = 0.0
    if reach == np.inf:
        return reach, n, k0, k1, k2, entropy, log_sum
    unscale = np.exp(-reach)
    size = g.size
    g_max = 0.0
    for value in g:
        g_max = max(g_max, value)
    running = True
    while running and 0 <= j < size - 1:
        near, far = (j, j + 1) if sign > 0 else (j + 1, j)
        y_near = sign * (start + step * near - mu) / kt
        y_far = sign * (start + step * far - mu) / kt
        slope = (g[far] - g[near]) * kt / step
        y0 = max(y_near, 0.0)
        empty = g[near] == 0.0 and g[far] == 0.0
        panels = 0 if empty or y_far <= y0 else int(np.ceil((y_far - y0) / _PANEL))
        width = (y_far - y0) / max(panels, 1)
        order = 4 if width <= _NARROW else 8
        for panel in range(panels):
            left = y0 + panel * width
            for q in range(order):
                x_q, w_q = (_X4[q], _W4[q]) if order == 4 else (_X8[q], _W8[q])
                y = left + 0.5 * width * (1.0 + x_q)
                f, k, exponential = fermi_terms(y, reach, unscale)
                # Measured from the nearer end: exact zero where g falls to zero.
                value = (
                    g[near] + slope * (y - y_near)
                    if y - y_near < y_far - y
                    else g[far] - slope * (y_far - y)
                )
                w = 0.5 * width * kt * w_q * value
                x = sign * y
                n += w * f
                k0 += w * k
                k1 += w * k * x
                k2 += w * k * (x - centre) ** 2
                if logs:
                    log = log_term(f, exponential)
                    entropy += w * (log + y * f)
                    log_sum += w * log
            # What is left is at most g_max kT exp(-y).
            if g_max * kt * np.exp(reach - left - width) < _NEGLIGIBLE * n:
                running = False
                break
        j += int(sign)
    while 0 <= i < e.size:
        y = sign * (e[i] - mu) / kt
        f, k, exponential = fermi_terms(y, reach, unscale)
        x = sign * y
        n += d[i] * f
        k0 += d[i] * k
        k1 += d[i] * k * x
        k2 += d[i] * k * (x - centre) ** 2
        if logs:
            log = log_term(f, exponential)
            entropy += d[i] * (log + y * f)
            log_sum += d[i] * log
        if y - reach > 100.0:
            break
        i += int(sign)
    return reach, n, k0, k1, k2, entropy, log_sum


@inner_kernel
def filled(mu, start, step, g, e, d):
    """Count of states below mu, their energy relative to mu, and g(mu) without the levels."""
    count = energy = here = 0.0
    for j in range(g.size - 1):
        low = start + step * j
        if low >= mu:
            break
        width = min(step, mu - low)
        top = g[j] + (g[j + 1] - g[j]) * (width / step) if width < step else g[j + 1]
        count += 0.5 * width * (g[j] + top)
        energy += width * (
            (low + 0.5 * width - mu) * 0.5 * (g[j] + top) + width * (top - g[j]) / 12.0
        )
        here = top if low + step >= mu else 0.0
    for i in range(e.size):
        if e[i] >= mu:
            break
        count += d[i]
        energy += d[i] * (e[i] - mu)
    return count, energy, here


@inner_kernel
def _ground_level_grid(start, step, g, electrons):
    """Fermi level at T = 0 of a piecewise-linear DOS: mid-gap, or where the count is N."""
    count = 0.0
    for j in range(g.size - 1):
        if j and count >= electrons * (1.0 - _SNAP) and g[j] == 0.0 and g[j + 1] == 0.0:
            top = j + 1
            while top < g.size - 1 and g[top + 1] == 0.0:
                top += 1
            return start + 0.5 * step * (j + top)
        more = 0.5 * step * (g[j] + g[j + 1])
        if count + more >= electrons and not (
            g[j + 1] == 0.0 and count + more <= electrons * (1.0 + _SNAP)
        ):
            # count + g_j t + (g_j+1 - g_j) t^2/(2 step) = N, in the form without cancellation
            need = electrons - count
            root = g[j] ** 2 + 2.0 * (g[j + 1] - g[j]) / step * need
            bottom = g[j] + np.sqrt(max(root, 0.0))
            return start + step * j + (2.0 * need / bottom if bottom > 0.0 else 0.0)
        count += more
    return start + step * (g.size - 1)


@inner_kernel
def _ground_level_levels(e, d, electrons):
    """Fermi level at T = 0 of discrete levels: mid-gap, or the level that is partly filled."""
    count = 0.0
    for i in range(e.size - 1):
        count += d[i]
        if abs(count - electrons) <= _SNAP * electrons:
            return 0.5 * (e[i] + e[i + 1])
        if count > electrons:
            return e[i]
    return e[-1]


@inner_kernel
def ground_level(start, step, g, e, d, electrons):
    """Fermi level at T = 0."""
    if g.size:
        return _ground_level_grid(start, step, g, electrons)
    return _ground_level_levels(e, d, electrons)


@inner_kernel
def _log_sum(value, reach, more):
    """Logarithm of ``value exp(-reach) + more`` (more >= 0); NaN where that is not positive."""
    if more == 0.0:
        return np.log(value) - reach if value > 0.0 else np.nan
    total = value * np.exp(-reach) + more
    return np.log(total) if total > 0.0 else np.nan


@inner_kernel
def lack_of_charge(electrons, count, here):
    """Electrons that the filled states below mu do not hold; rounding in a gap is none."""
    lack = electrons - count
    return 0.0 if here == 0.0 and abs(lack) <= _SNAP * electrons else lack


@inner_kernel
def imbalance(reach_e, n_e, d_e, reach_h, n_h, d_h, lack, here):
    """Logarithm of (electrons + missing filled states)/(holes + missing charge) and its slope.

    Takes the reach, the sum and its derivative by mu (towards the other side) of each side. Zero
    at the Fermi level; increasing. Linear in mu inside a gap, which is why the logarithm is
    solved rather than the count. Without a slope (0) only the sign of the value is meant.
    """
    more_e, more_h = max(-lack, 0.0), max(lack, 0.0)
    log_e, log_h = _log_sum(n_e, reach_e, more_e), _log_sum(n_h, reach_h, more_h)
    if np.isnan(log_e) or np.isnan(log_h):
        # An empty side, or a sum that the negative levels of a smearing correction have spoilt.
        if np.isnan(log_e) and np.isnan(log_h):
            lost = n_h * np.exp(-reach_h) + more_h > n_e * np.exp(-reach_e) + more_e
            return (-1.0 if lost else 1.0), 0.0
        return (-1.0 if np.isnan(log_e) else 1.0), 0.0
    slope = d_e * np.exp(-reach_e - log_e) + d_h * np.exp(-reach_h - log_h)
    if lack < 0.0:
        slope += here * np.exp(-log_e)
    elif here != 0.0:
        slope += here * np.exp(-log_h)
    return log_e - log_h, slope


@inner_kernel
def fermi_level(kt, start, step, g, e, d, electrons, guess):
    """Fermi level at kT > 0 by bracketed Newton steps; NaN if none is found."""
    mu, search = guess, new_search(kt)
    for iteration in range(MAX_ITERATIONS):
        reach_e, n_e, k_e = side_sums(mu, kt, 1.0, start, step, g, e, d, 0.0, _NO_LOGS)[:3]
        reach_h, n_h, k_h = side_sums(mu, kt, -1.0, start, step, g, e, d, 0.0, _NO_LOGS)[:3]
        count, _, here = filled(mu, start, step, g, e, d)
        # Both reaches are zero where g(mu) is not.
        d_e, d_h = k_e / kt - 0.5 * here, k_h / kt - 0.5 * here
        lack = lack_of_charge(electrons, count, here)
        value, slope = imbalance(reach_e, n_e, d_e, reach_h, n_h, d_h, lack, here)
        mu, found, search = next_mu(mu, value, slope, kt, iteration, search)
        if found:
            return mu
    return np.nan


@inner_kernel
def gas_state(mu, kt, start, step, g, e, d, electrons, out):
    """Fill out with mu, F, S/k, C/k, K_0 (1/eV) and the slope d mu/d(kT) at one temperature."""
    _, energy, here = filled(mu, start, step, g, e, d)
    out[0] = mu
    if kt == 0.0:
        out[1] = mu * electrons + energy
        out[2] = out[3] = out[5] = 0.0
        out[4] = here
        return
    reach_e, _, k0_e, k1_e, _, s_e, l_e = side_sums(mu, kt, 1.0, start, step, g, e, d, 0.0, _LOGS)
    reach_h, _, k0_h, k1_h, _, s_h, l_h = side_sums(mu, kt, -1.0, start, step, g, e, d, 0.0, _LOGS)
    # The common scale cancels in K_1/K_0 and keeps it finite deep inside a gap.
    reach = min(reach_e, reach_h)
    up, down = np.exp(reach - reach_e), np.exp(reach - reach_h)
    k0 = k0_e * up + k0_h * down
    centre = (k1_e * up + k1_h * down) / k0 if k0 != 0.0 else 0.0
    k2_e = side_sums(mu, kt, 1.0, start, step, g, e, d, centre, _NO_LOGS)[4]
    k2_h = side_sums(mu, kt, -1.0, start, step, g, e, d, centre, _NO_LOGS)[4]
    scale = np.exp(-reach)
    out[1] = mu * electrons + energy - kt * scale * (l_e * up + l_h * down)
    out[2] = scale * (s_e * up + s_h * down)
    out[3] = scale * (k2_e * up + k2_h * down)
    out[4] = scale * k0 / kt
    out[5] = -centre


@inner_kernel
def _solve_one(kt, start, step, g, e, d, electrons, out):
    """Fill the rows of out (temperatures, 6) that hold NaN."""
    ground = ground_level(start, step, g, e, d, electrons)
    for t in range(kt.size):
        if np.isnan(out[t, 0]):
            mu = ground
            if kt[t] > 0.0:
                mu = fermi_level(kt[t], start, step, g, e, d, electrons, ground)
            gas_state(mu, kt[t], start, step, g, e, d, electrons, out[t])


@kernel
def solve(kt, start, step, g, e, d, electrons, out):
    """Fill out (structures, temperatures, 6) with `gas_state` at the Fermi level of each.

    Parameters
    ----------
    kt : (temperatures,) array
        Thermal energies (eV), zero or above.
    start, step : float
        Energy grid (eV).
    g : (structures, n) array
        Piecewise-linear DOS (states/eV) on the grid, zero or above; n = 0 for none.
    e : (levels,) array
        Discrete levels in rising order (eV); may be empty.
    d : (structures, levels) array
        States in each level.
    electrons : (structures,) array
        Electron counts.
    out : (structures, temperatures, 6) array
        Result; only what is NaN is solved.
    """
    for a in range(g.shape[0]):
        _solve_one(kt, start, step, g[a], e, d[a], electrons[a], out[a])


@inner_kernel
def _add_panels(y0, y1, kt, sign, near, far, y_near, y_far, centre, out):
    """Add the hat weights of the decaying functions between y0 and y1 to two grid points."""
    panels = max(int(np.ceil((y1 - y0) / _PANEL)), 1)
    width = (y1 - y0) / panels
    narrow = width <= _NARROW
    slope = 1.0 / (y_far - y_near)
    for panel in range(panels):
        left = y0 + panel * width
        if left > 745.0:  # exp(-y) underflows
            break
        for q in range(4 if narrow else 8):
            x_q, w_q = (_X4[q], _W4[q]) if narrow else (_X8[q], _W8[q])
            y = left + 0.5 * width * (1.0 + x_q)
            f, k, exponential = fermi_terms(y, 0.0, 1.0)
            log = log_term(f, exponential)
            w = 0.5 * width * kt * w_q
            far_part = w * (y - y_near) * slope
            near_part = w - far_part
            entropy, spread = log + y * f, k * (sign * y - centre) ** 2
            out[0, near] += near_part * sign * f
            out[0, far] += far_part * sign * f
            out[1, near] += near_part * entropy
            out[1, far] += far_part * entropy
            out[2, near] -= near_part * kt * log
            out[2, far] -= far_part * kt * log
            out[3, near] += near_part * k / kt
            out[3, far] += far_part * k / kt
            out[4, near] += near_part * spread
            out[4, far] += far_part * spread


@kernel
def hat_weights(mu, kt, start, step, centre, out):
    """Fill out with integrals of hat functions times f, s, omega, -f', C-kernel.

    ``w @ g`` is then the exact integral of the piecewise-linear ``g``. The C-kernel is
    ``(x - centre)^2 f(1 - f)``, with ``centre = K_1/(kT K_0) = -d mu/d(kT)``.

    Parameters
    ----------
    mu, kt : (states,) array
        Fermi levels and thermal energies (eV).
    start, step : float
        Energy grid (eV).
    centre : (states,) array
        Of the C-kernel.
    out : (states, 5, n) array
        Result.
    """
    for i in range(mu.size):
        _hat_weights(mu[i], kt[i], start, step, centre[i], out[i])


@inner_kernel
def _hat_weights(mu, kt, start, step, centre, out):
    """Weights of one state, (5, n)."""
    size = out.shape[1]
    for k in range(5):
        fill(out[k], size, 0.0)
    for j in range(size - 1):
        low = start + step * j
        if low < mu:
            # Filled part: f = 1 and omega = E - mu below mu, polynomials on the hats.
            width = min(step, mu - low)
            c = width / step
            depth = low - mu
            out[0, j] += width * (1.0 - c / 2.0)
            out[0, j + 1] += width * c / 2.0
            out[2, j] += width * (depth * (1.0 - c / 2.0) + width * (0.5 - c / 3.0))
            out[2, j + 1] += width * c * (depth / 2.0 + width / 3.0)
        if kt > 0.0:
            y_low, y_high = (low - mu) / kt, (low + step - mu) / kt
            if y_high > 0.0:
                _add_panels(max(y_low, 0.0), y_high, kt, 1.0, j, j + 1, y_low, y_high, centre, out)
            if y_low < 0.0:
                _add_panels(
                    max(-y_high, 0.0), -y_low, kt, -1.0, j + 1, j, -y_high, -y_low, centre, out
                )
