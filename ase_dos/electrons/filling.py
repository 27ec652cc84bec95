"""Fermi level of electrons in given states, and the window of the states that are known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase.units import kB
from numpy.typing import NDArray

from ase_dos.kernels import fermi_tables as tables
from ase_dos.kernels import thermo as kernels
from ase_dos.utils.checks import as_positive

__all__ = ["States", "Window", "check_window", "highest_supported"]

MISSED_ELECTRONS = 1e-6  # share of N that may lie above the known states
MANY = 32  # structures from which on threads are worth their start
TOP_WIDTH = 1.0  # eV below the top over which the DOS that continues above it is taken


@dataclass(frozen=True)
class States:
    """What the kernels sum: a grid of piecewise-linear values and a list of levels."""

    start: float
    step: float
    g: NDArray
    levels: NDArray
    held: NDArray

    def solve(
        self, kt: NDArray, electrons: NDArray, which=slice(None), *, tables: bool = True
    ) -> NDArray:
        """Return (structures, temperatures, 6) results of `kernels.thermo.gas_state`."""
        g, held, electrons = self.g[which], self.held[which], electrons[which]
        out = np.full((len(electrons), kt.size, 6), np.nan)
        if tables and self.levels.size == 0:
            self._solve_with_tables(kt, g, electrons, out)
        solve = kernels.solve_many if len(g) >= MANY else kernels.solve
        solve(kt, self.start, self.step, g, self.levels, held, electrons, out)
        return out

    def _solve_with_tables(self, kt: NDArray, g: NDArray, electrons: NDArray, out: NDArray) -> None:
        """Solve what tables can, temperature by temperature, where there are enough structures."""
        grounds = counts = None
        for t in np.flatnonzero(kt > 0):
            shape = tables.table_shape(kt[t], self.step, g.shape[1])
            # Filling a table costs about as much as this many solutions without one.
            if shape[0] * shape[2] > len(g):
                continue
            if grounds is None or counts is None:
                grounds, counts = np.empty(len(g)), np.empty_like(g)
                tables.prepare(self.start, self.step, g, electrons, grounds, counts)
            full, upper = np.empty((2, *map(int, shape)))
            tables.fill_table(kt[t], self.step, full, upper)
            tables.solve_with_table(
                kt[t], self.start, self.step, g, electrons, grounds, counts, full, upper, out[:, t]
            )


@dataclass(frozen=True)
class Window:
    """Top of the known states, and the DOS (states/eV) that is assumed to continue above it.

    ``share`` of the electrons may be missed above the top.
    """

    top: NDArray
    density: NDArray
    share: float = MISSED_ELECTRONS

    @classmethod
    def of_dos(cls, energies: NDArray, g: NDArray, electrons: NDArray, top: NDArray) -> Window:
        """Window of a DOS g (structures, n) that is complete up to ``top`` (structures,)."""
        known = energies <= top[:, None] + 1e-9 * (energies[1] - energies[0])
        end = known.sum(axis=1) - 1
        near = known & (energies >= np.minimum(top - TOP_WIDTH, energies[end])[:, None])
        if not known.any(axis=1).all():
            raise ValueError(
                f"valid_to: expected an energy on the grid of {energies[0]:g} to "
                f"{energies[-1]:g} eV, got {top.min():g}"
            )
        density = np.where(near, g, 0.0).sum(axis=1) / near.sum(axis=1)
        # Trapezoid up to the last known grid point.
        kept = np.where(known, g, 0.0)
        ends = 0.5 * (g[:, 0] + g[np.arange(len(g)), end])
        _check_capacity(electrons, (energies[1] - energies[0]) * (kept.sum(axis=1) - ends), top)
        return cls(top, np.maximum(density, 0.0))

    @classmethod
    def of_levels(cls, levels: NDArray, held: NDArray, electrons: NDArray, top: float) -> Window:
        """Window of levels (eV) that hold ``held`` states each; infinite ``top`` for no limit."""
        if top == np.inf:
            _check_capacity(electrons, held.sum()[None], np.array([top]))
            return cls(np.array([top]), np.zeros(1))
        known = levels <= top
        _check_capacity(electrons, held[known].sum()[None], np.array([top]))
        density = held[known & (levels >= top - TOP_WIDTH)].sum() / TOP_WIDTH
        return cls(np.array([top]), density[None])

    def allowing(self, missed_electrons: float) -> Window:
        """Return the same window with another share of electrons that may be missed."""
        return replace(self, share=as_positive(missed_electrons, "missed_electrons"))

    def missed(self, mu: NDArray, kt: NDArray) -> NDArray:
        """Electrons that states above the top would hold: density * int_top f dE."""
        above = mu - self.top[:, None]
        thermal = np.where(kt > 0, kt, 1.0)
        spread = thermal * np.logaddexp(0.0, above / thermal)
        return self.density[:, None] * np.where(kt > 0, spread, np.maximum(above, 0.0))


def check_window(
    states: States, electrons: NDArray, window: Window, mu: NDArray, kt: NDArray
) -> None:
    """Refuse temperatures (kT in eV) at which too many electrons would be in unknown states.

    ``mu`` has the shape (structures, temperatures).
    """
    missed = window.missed(mu, kt)
    if (missed > window.share * electrons[:, None]).any():
        _raise_window(states, electrons, window, missed, kt)


def _raise_window(
    states: States, electrons: NDArray, window: Window, missed: NDArray, kt: NDArray
) -> None:
    """Name the highest temperature at which no structure misses too many electrons."""
    limit = window.share * electrons[:, None]
    worst = np.unravel_index(np.argmax(missed / limit), missed.shape)
    what = (
        f"at {kt[worst[1]] / kB:g} K some {missed[worst]:.2g} of {electrons[worst[0]]:g} electrons "
        f"would be in unknown states above {window.top[worst[0]]:g} eV"
    )
    highest = highest_supported(states, electrons, window, float(kt.max()))
    if highest == 0:
        raise ValueError(f"{what}; the window is too small even at 0 K: compute more bands")
    raise ValueError(
        f"{what}; this window supports up to {highest:.4g} K: "
        "lower the temperature, or compute more bands and raise valid_to"
    )


def highest_supported(states: States, electrons: NDArray, window: Window, upper: float) -> float:
    """Highest temperature (K) below ``upper`` (kT in eV) that the window of all structures allows.

    Rounded down to four digits, so that a printed number works; 0 where none is supported.
    """
    which = np.arange(len(electrons))

    def supports(thermal: float) -> bool:
        nonlocal which
        trial = np.array([thermal])
        mu = states.solve(trial, electrons, which)[..., 0]
        known = replace(window, top=window.top[which], density=window.density[which])
        bad = (known.missed(mu, trial) > window.share * electrons[which, None])[:, 0]
        if bad.any():  # the others support this and all lower temperatures
            which = which[bad]
        return not bad.any()

    low, high = (upper if supports(upper) else 0.0), upper
    if low == 0.0 and not supports(0.0):
        return 0.0
    while high - low > max(1e-6 * high, 1e-12):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if supports(middle) else (low, middle)
    unit = 10.0 ** (np.floor(np.log10(max(low / kB, 1e-9))) - 3)
    return float(np.floor(low / kB / unit) * unit)


def _check_capacity(electrons: NDArray, held: NDArray, top: NDArray) -> None:
    """Refuse more electrons than the known states hold, or no empty state above them."""
    short = held <= electrons * (1.0 + 1e-9)
    if short.any():
        i = int(np.argmax(short))
        raise ValueError(
            f"n_electrons = {electrons[i]:g}, but the states known up to {top[i]:g} eV hold "
            f"{held[i]:.10g}: expected room for all electrons and empty states above them"
        )
