"""Temperature of electrons whose entropy or energy is known, every cell with its own."""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.root import MAX_ITERATIONS, new_search, next_mu
from ase_dos.kernels.thermo import fermi_level, gas_state, ground_level

TEMPERATURE, ENTROPY, ENERGY = 0, 1, 2
_COLDEST, _HOTTEST = np.log(1e-9), np.log(1e3)  # of kT in eV


@inner_kernel
def _state_at(kt, ground, start, step, g, none, electrons, out):
    """Fill out with `gas_state` at kT (eV), mu solved."""
    mu = ground
    if kt > 0.0:
        mu = fermi_level(kt, start, step, g, none, none, electrons, ground)
    gas_state(mu, kt, start, step, g, none, none, electrons, out)


@inner_kernel
def _solve_cell(kind, value, guess, start, step, g, none, electrons, out):
    """Fill out (6,) with the state that has this kT, S/k or U - U(0); return kT and U(0).

    Entropy and energy rise with T as powers of it in a metal and as exp(-gap/2kT) in an
    insulator: Newton steps in the logarithm of either by ln T take few turns with both. kT is
    infinite where no temperature holds as much.
    """
    ground = ground_level(start, step, g, none, none, electrons)
    _state_at(0.0, ground, start, step, g, none, electrons, out)
    base = out[1]
    if value <= 0.0:
        return 0.0, base
    if kind == TEMPERATURE:
        _state_at(value, ground, start, step, g, none, electrons, out)
        return value, base
    x, search = np.log(guess), new_search(1.0)
    for iteration in range(MAX_ITERATIONS):
        kt = np.exp(x)
        _state_at(kt, ground, start, step, g, none, electrons, out)
        have, rise = out[2], out[3]
        if kind == ENERGY:
            have, rise = out[1] + kt * out[2] - base, kt * out[3]
        # Where nothing is excited yet only the side is known.
        low = not have > 0.0
        error, slope = (-1.0, 0.0) if low else (np.log(have / value), rise / have)
        x, found, search = next_mu(x, error, slope, 1.0, iteration, search)
        if x < _COLDEST:
            _state_at(0.0, ground, start, step, g, none, electrons, out)
            return 0.0, base
        if x > _HOTTEST:
            return np.inf, base
        if found:
            break
    _state_at(np.exp(x), ground, start, step, g, none, electrons, out)
    return np.exp(x), base


@kernel
def solve_cells(kind, value, guess, start, step, g, none, electrons, kt, base, out):
    """Find the state of every cell from one number of each.

    Parameters
    ----------
    kind : int
        What the values are: `TEMPERATURE` (kT in eV), `ENTROPY` (S/k) or `ENERGY` (U - U(0) in
        eV).
    value, guess : (cells,) arrays
        The values, zero or above, and a first kT (eV) above zero.
    start, step : float
        Energy grid (eV).
    g : (cells, n) array
        Piecewise-linear DOS (states/eV).
    none : (0,) array
        There are no levels beside the DOS.
    electrons : (cells,) array
        Electron counts.
    kt, base : (cells,) arrays
        Result: kT and U(0) (eV).
    out : (cells, 6) array
        Result: `gas_state`.
    """
    for a in range(g.shape[0]):
        kt[a], base[a] = _solve_cell(
            kind, value[a], guess[a], start, step, g[a], none, electrons[a], out[a]
        )
