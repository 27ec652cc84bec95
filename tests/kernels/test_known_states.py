"""Gap and window of a DOS, against loops over all intervals."""

import numpy as np
import pytest

from ase_dos.kernels.known_states import close_states

N = 40
ENERGIES = np.linspace(-4.0, 4.0, N)
STEP = ENERGIES[1] - ENERGIES[0]


def find_gap(g, electrons, tolerance):
    """First point, the one after the last, and factor: of all gaps the one closest to N."""
    low = g <= 1e-6 * g.max()
    found = [(tolerance, 0, 0, 1.0)]
    for first in range(1, N):
        for end in range(first + 2, N):
            inside = low[first:end].all() and not low[first - 1] and not low[end]
            count = STEP * (g[:first].sum() - 0.5 * g[0])
            if inside and abs(count / electrons - 1) <= tolerance:
                found.append((abs(count / electrons - 1), first, end, electrons / count))
    return min(found)[1:]


def densities():
    """DOS with gaps of one and of several points, tails far below, and dips below zero."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        given = rng.exponential(size=N)
        for first, width in zip(rng.integers(0, N, 3), rng.integers(1, 6, 3), strict=True):
            given[first : first + width] = rng.choice([0.0, 1e-9])
        given[rng.integers(0, N, 2)] *= -0.3
        yield given, rng


@pytest.mark.parametrize("tolerance", [0.0, 0.3])
def test_plain_twin(tolerance):
    repaired = 0
    for given, rng in densities():
        dos = np.maximum(given, 0.0)
        electrons, last = rng.uniform(0.2, 0.6) * STEP * dos.sum(), int(rng.integers(30, N))
        top = ENERGIES[last] + rng.uniform(0.0, 0.9) * STEP
        first, end, factor = find_gap(dos, electrons, tolerance) if tolerance else (0, 0, 1.0)
        want = np.where(np.arange(N) < first, factor * dos, dos)
        want[first:end] = 0.0
        near = (min(top - 1.0, ENERGIES[last]) <= ENERGIES) & (np.arange(N) <= last)
        sums = [
            np.maximum(want, -given)[near].mean(),
            np.trapezoid(want[: last + 1], dx=STEP),
            -STEP * np.minimum(given, 0.0).sum(),
        ]
        gaps, factors, found = np.empty((1, 2), np.int64), np.empty(1), np.empty((3, 1))
        close_states(
            given[None],
            ENERGIES,
            STEP,
            np.array([electrons]),
            np.array([top]),
            np.array([last]),
            tolerance,
            1.0,
            dos[None],
            gaps,
            factors,
            found,
        )
        np.testing.assert_array_equal(gaps[0], [first, end])
        assert factors[0] == pytest.approx(factor, rel=1e-13)
        np.testing.assert_allclose(dos, want, rtol=1e-13)
        np.testing.assert_allclose(found[:, 0], sums, rtol=1e-12)
        repaired += end > 0
    assert (repaired > 5) == (tolerance > 0)
