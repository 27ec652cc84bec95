"""Many structures at once: the tables they share give the numbers of each structure alone."""

import numba
import numpy as np
import pytest
import reference_thermo as reference
from ase.units import kB
from toy_dos import NAMES, free_electrons, rough_metal, semiconductor

from ase_dos.electrons.filling import Filling
from ase_dos.electrons.gas import gas_from_dos
from ase_dos.electrons.shared_tables import solve_with_tables
from ase_dos.kernels.fermi_tables import fill_table, table_shape
from ase_dos.kernels.smearing import curvatures
from ase_dos.kernels.thermo import hat_weights

MANY = 300  # structures, enough for a table at every temperature below
TEMPERATURES = np.array([0.0, 60.0, 300.0, 1000.0, 3000.0, 13000.0, 50000.0])


def metals(step):
    energies = rough_metal(step)[0]
    return energies, np.stack([rough_metal(step, seed)[1] for seed in range(MANY)])


def difference(bulk, alone, name):
    """Largest difference of (structures, temperatures), relative to what the quantity can be."""
    a = getattr(bulk, name)[: len(alone)]
    b = np.stack([getattr(gas, name) for gas in alone])
    scale = np.abs(b)
    if name == "fermi_level":  # an energy with an arbitrary zero
        scale = np.maximum(kB * TEMPERATURES[: b.shape[1]], 1e-3 * scale)
    elif name == "fermi_slope":  # a small difference
        scale = kB
    elif name == "internal_energy":  # F + TS, of either sign
        scale = np.abs(b) + kB * TEMPERATURES[: b.shape[1]]
    return np.max(np.abs(a - b) / np.where(a == b, 1.0, scale))


def tables_solve(energies, values, electrons, temperatures):
    """Share of the states that come from tables, for each temperature."""
    step = (energies[-1] - energies[0]) / (energies.size - 1)
    out = solve_with_tables(kB * temperatures, energies[0], step, values, electrons)
    return np.isfinite(out).all(axis=2).mean(axis=0)


def compare(energies, values, electrons, count=12, temperatures=TEMPERATURES, **options):
    bulk = gas_from_dos(energies, values, electrons, temperatures, **options)
    alone = [
        gas_from_dos(energies, values[i], electrons[i], temperatures, **options)
        for i in range(count)
    ]
    for name in NAMES:
        assert difference(bulk, alone, name) < 1e-10, name
    return bulk


# The table -------------------------------------------------------------------------------------


@pytest.mark.parametrize("warmth", [0.07, 0.3, 1.0, 8.0, 200.0])
@pytest.mark.parametrize("fraction", [0.0, 0.013, 0.5, 0.72, 1.0])
def test_table_holds_the_weights_of_hats(warmth, fraction):
    """Electrons above and holes below mu against the weights that are integrated one by one."""
    step, size, cell = 0.1, 41, 20
    start = -step * cell
    kt = warmth * step
    shape = tuple(int(n) for n in table_shape(kt, step, size))
    full, upper = np.empty((2, *shape))
    fill_table(kt, step, full, upper)
    pieces, points = shape[0], shape[3]
    want = np.empty((5, size))
    mu = fraction * step
    hat_weights(np.array([mu]), np.array([kt]), start, step, np.zeros(1), want[None])

    entropy, thermal, spread = np.zeros((3, size))
    # Electrons see the grid points from the one below mu upwards, holes from the one above down.
    up, down = np.arange(cell, size), np.arange(cell + 1, -1, -1)
    for r, places in ((fraction, up[:points]), (1 - fraction, down[:points])):
        piece = min(int(r * pieces), pieces - 1)
        series = np.moveaxis(full[piece], 1, 0)
        w = np.polynomial.chebyshev.chebval(2 * (r * pieces - piece) - 1, series)
        w = w[:, : places.size]
        y = (np.arange(places.size) - r) / warmth
        thermal[places] += w[1] / kt
        spread[places] += y**2 * w[1] + 2 * y * w[2] + w[3]
        entropy[places] += w[4]
    inner = slice(1, -1)  # the outermost hats are halves
    assert entropy[inner] == pytest.approx(want[1][inner], rel=1e-11, abs=1e-25)
    assert thermal[inner] == pytest.approx(want[3][inner], rel=1e-11, abs=1e-25)
    assert spread[inner] == pytest.approx(want[4][inner], rel=1e-10, abs=1e-20)


def test_series_stays_short_and_the_table_within_the_grid():
    for warmth in (1e-3, 0.1, 1.0, 10.0, 1e5):
        pieces, integrals, terms, points = table_shape(warmth, 1.0, 700)
        assert integrals == 6
        assert 3 <= terms <= 23
        assert points <= 700
        assert pieces == max(np.ceil(0.5 / warmth), 1)


# Against one by one ----------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0.05, 0.2])
def test_metals(step):
    e, g = metals(step)
    n = np.random.default_rng(0).uniform(6.0, 18.0, MANY)
    compare(e, g, n)
    solved = tables_solve(e, g, n, TEMPERATURES)
    assert solved[0] == 0
    assert (solved[2:-1] == 1).all()


def test_metal_with_states_at_both_ends_of_the_grid():
    e = np.linspace(-6, 6, 121)
    rng = np.random.default_rng(1)
    g = rng.uniform(1, 3, (MANY, 1)) * (2 + 0.2 * e)
    compare(e, g, rng.uniform(4, 8, MANY), temperatures=TEMPERATURES[:4])
    e, g = free_electrons()
    g = g * rng.uniform(0.8, 1.2, (MANY, 1))
    compare(e, g, rng.uniform(10, 30, MANY), temperatures=TEMPERATURES[:5], valid_to=15.0)


@pytest.mark.parametrize("gap", [0.2, 1.0, 6.0])
def test_semiconductors(gap):
    e, g, n = semiconductor(gap=gap)
    factor = np.random.default_rng(2).uniform(0.5, 2.0, (MANY, 1))
    g = np.where(e > 0, factor, 1.0) * g
    n = np.full(MANY, n)
    compare(e, g, n)
    solved = tables_solve(e, g, n, TEMPERATURES)
    # A gap too deep for the table is left; at 1000 K none is.
    assert solved[2] == (gap < 6)
    assert solved[3] == 1


@pytest.mark.parametrize("gap", [0.2, 2.0])
def test_doped_semiconductors(gap):
    e, g, n = semiconductor(gap=gap)
    rng = np.random.default_rng(3)
    doping = 10 ** rng.uniform(-9, -1, MANY) * rng.choice([-1, 1], MANY)
    compare(e, np.repeat(g[None], MANY, axis=0), n + doping, valence_tolerance=0)


@pytest.mark.filterwarnings("ignore::ase_dos.electrons.negative_dos.NegativeDOSWarning")
@pytest.mark.parametrize("noise", [1e-3, 0.1])
def test_negative_values_of_predictions(noise):
    e, g, n = semiconductor(gap=6.0)
    rng = np.random.default_rng(4)
    g = g + noise * rng.normal(size=(MANY, e.size)) * (e < 3.5)
    compare(e, g, np.full(MANY, n), count=100)


def test_metals_and_semiconductors_together():
    e, _ = rough_metal(0.1)
    edge, band, n = semiconductor(gap=1.0)
    gapped = np.interp(e, edge, band, left=0.0, right=0.0)
    gapped[e > 3.5] = 0
    rough = metals(0.1)[1]
    g = np.where(np.arange(MANY)[:, None] % 2, rough, gapped)
    compare(e, g, np.where(np.arange(MANY) % 2, 11.0, n), temperatures=TEMPERATURES[:6])


def test_tables_are_as_exact_as_fine_quadrature():
    e, g = metals(0.1)
    bulk = gas_from_dos(e, g, 11.0, TEMPERATURES)
    for i in (0, 7):
        for t in range(2, TEMPERATURES.size):
            want = reference.gas_of_dos(e, g[i], 11.0, TEMPERATURES[t])
            for name in NAMES:
                tolerance = 1e-10 if name == "fermi_slope" else 1e-12
                got = getattr(bulk, name)[i, t]
                assert got == pytest.approx(want[name], rel=tolerance, abs=0), name


def test_result_does_not_depend_on_the_number_of_threads():
    e, g = metals(0.1)
    before = numba.get_num_threads()
    results = []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            results.append(gas_from_dos(e, g, 11.0, TEMPERATURES, smearing=0.05))
    finally:
        numba.set_num_threads(before)
    for name in NAMES:
        assert (getattr(results[0], name) == getattr(results[1], name)).all(), name


def test_result_does_not_depend_on_the_order_of_structures_and_temperatures():
    e, g = metals(0.1)
    a = gas_from_dos(e, g, 11.0, TEMPERATURES)
    b = gas_from_dos(e, g[::-1], 11.0, TEMPERATURES[::-1])
    for name in NAMES:
        assert (getattr(a, name) == getattr(b, name)[::-1, ::-1]).all(), name


# What is done for all structures besides -------------------------------------------------------


def test_curvature_around_the_fermi_level():
    e, g = metals(0.1)
    mu = np.random.default_rng(5).uniform(-9, 12, (MANY, 2))
    widths = np.array([0.1, 0.4])
    out = np.empty((MANY, 2))
    curvatures(mu, widths, e[0], e[1] - e[0], g, out)
    for i in range(0, MANY, 37):
        for t in range(2):
            want = reference.curvature(e, g[i], mu[i, t], widths[t])
            assert out[i, t] == pytest.approx(want, rel=1e-9)


def test_repair_finds_the_gapped_structures_among_metals():
    e, gapped, n = semiconductor(gap=1.0)
    values = np.stack([gapped, np.ones_like(gapped), gapped])
    filling = Filling.of_dos(e, values, n * (1 + 1e-4))
    assert sorted(filling.repairs) == [0, 2]
    first, other = filling.repairs[0], filling.repairs[2]
    assert first.factor == other.factor == pytest.approx(1 + 1e-4, rel=1e-9)
    assert (filling.dos[1] == values[1]).all()
