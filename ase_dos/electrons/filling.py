"""Filling of known states with electrons: their Fermi level, and the temperatures it allows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from ase.units import kB
from numpy.typing import ArrayLike, NDArray

from ase_dos.electrons.gap import ValenceRepair
from ase_dos.electrons.rising_count import (
    change_of_count,
    differentiate,
    divide,
    make_non_negative,
)
from ase_dos.electrons.shared_tables import solve_with_tables
from ase_dos.electrons.window import MISSED_ELECTRONS, TOP_WIDTH, Window, last_known
from ase_dos.kernels import inversion
from ase_dos.kernels import thermo as kernels
from ase_dos.kernels.known_states import close_states
from ase_dos.kernels.threads import on_threads
from ase_dos.utils.checks import as_array, as_positive, uniform_grid
from ase_dos.utils.short_repr import short_repr

__all__ = ["Filling"]

GRAIN = 16  # structures that are worth a thread


@dataclass(frozen=True, eq=False)
class Filling:
    """States of some structures, each with its number of electrons.

    The states are a DOS that is linear between the points of a grid, and levels; either may be
    empty.

    Parameters
    ----------
    shape : tuple of int
        Shape of the structures, which stand in one row below.
    electrons : (structures,) array
        Electrons of every structure.
    window : Window
        Up to where the states are known.
    energies : (n,) array
        Uniform grid (eV).
    step : float
        Its spacing (eV).
    given : (structures, n) array
        DOS (states/eV) as it was given.
    last : (structures,) int array
        Last point of the grid that is known.
    dos : (structures, n) array
        DOS (states/eV) that the electrons fill: without negative values
        (`ase_dos.electrons.rising_count`), its states below a gap repaired.
    levels : (m,) array
        Energies (eV) of the levels of all structures, rising.
    capacities : (structures, m) array
        Electrons that each level holds.
    negative_electrons : (structures,) array
        Electrons that the negative values of the given DOS stand for.
    valence_factor : (structures,) array
        Factor by which the states below a gap were multiplied; 1 for no repair.
    repairs : dict
        Repairs of the states below a gap, by the number of the structure.
    """

    shape: tuple[int, ...]
    electrons: NDArray
    window: Window
    energies: NDArray
    step: float
    given: NDArray
    last: NDArray
    dos: NDArray
    levels: NDArray
    capacities: NDArray
    negative_electrons: NDArray
    valence_factor: NDArray
    repairs: dict[int, ValenceRepair] = field(default_factory=dict)

    __repr__ = short_repr

    @classmethod
    def of_dos(
        cls,
        energies: ArrayLike,
        values: ArrayLike,
        n_electrons: ArrayLike,
        valid_to: ArrayLike | None = None,
        valence_tolerance: float = 1e-3,
        missed_electrons: float = MISSED_ELECTRONS,
    ) -> Filling:
        """Take densities of states; parameters as in `ase_dos.electrons.gas.gas_from_dos`.

        Raises
        ------
        ValueError
            If the input is malformed, or the known states cannot hold the electrons.
        """
        energies, step = uniform_grid(energies)
        values = as_array(values, "values")
        if values.ndim < 1 or values.shape[-1] != energies.size or values.size == 0:
            raise ValueError(f"values: expected shape (..., {energies.size}), got {values.shape}")
        top = energies[-1] if valid_to is None else valid_to
        shape, electrons, top = _broadcast_structures(values[..., 0], n_electrons, top)
        given = np.empty((*shape, energies.size))
        given[...] = values
        return cls.of_rows(
            energies,
            step,
            given.reshape(-1, energies.size),
            electrons,
            np.minimum(top, energies[-1]),
            shape=shape,
            valence_tolerance=valence_tolerance,
            missed_electrons=missed_electrons,
        )

    @classmethod
    def of_rows(
        cls,
        energies: NDArray,
        step: float,
        given: NDArray,
        electrons: NDArray,
        top: NDArray,
        *,
        shape: tuple[int, ...],
        valence_tolerance: float = 1e-3,
        missed_electrons: float = MISSED_ELECTRONS,
    ) -> Filling:
        """Take checked densities of states (structures, n); as `of_dos`.

        Raises
        ------
        ValueError
            If the known states cannot hold the electrons, or an option is out of range.
        """
        last = last_known(energies, top)
        tolerance = as_positive(valence_tolerance, "valence_tolerance", zero=True)
        dos = make_non_negative(given, electrons / step, last)
        gaps, factors, sums = (
            np.empty((len(dos), 2), np.int64),
            np.empty(len(dos)),
            np.empty((3, len(dos))),
        )
        close_states(
            given,
            energies,
            step,
            electrons,
            top,
            last,
            tolerance,
            TOP_WIDTH,
            dos,
            gaps,
            factors,
            sums,
        )
        density, capacity, negative = sums
        return cls(
            shape=shape,
            electrons=electrons,
            window=Window.of_dos(top, density, capacity, electrons, missed_electrons),
            energies=energies,
            step=step,
            given=given,
            last=last,
            dos=dos,
            levels=np.empty(0),
            capacities=np.empty((len(dos), 0)),
            negative_electrons=negative,
            valence_factor=factors,
            repairs={
                i: ValenceRepair.of_gap(gaps[i], float(factors[i]), step / float(electrons[i]))
                for i in gaps[:, 1].nonzero()[0].tolist()
            },
        )

    @classmethod
    def of_levels(
        cls,
        levels: NDArray,
        capacities: NDArray,
        n_electrons: float,
        top: float,
        missed_electrons: float = MISSED_ELECTRONS,
    ) -> Filling:
        """Take the levels (m,) of one structure (eV), which are complete up to ``top`` (eV).

        Raises
        ------
        ValueError
            If the known levels cannot hold the electrons.
        """
        order = np.argsort(levels, kind="stable")
        levels, capacities, electrons = levels[order], capacities[order], np.array([n_electrons])
        window = Window.of_levels(levels, capacities, electrons, top, missed_electrons)
        return cls(
            shape=(),
            electrons=electrons,
            window=window,
            energies=np.empty(0),
            step=1.0,
            given=np.empty((1, 0)),
            last=np.zeros(1, dtype=int),
            dos=np.empty((1, 0)),
            levels=levels,
            capacities=capacities[None],
            negative_electrons=np.zeros(1),
            valence_factor=np.ones(1),
        )

    @property
    def start(self) -> float:
        """First energy of the grid (eV); 0 without one."""
        return float(self.energies[0]) if self.energies.size else 0.0

    def change_of_count(self, which: NDArray) -> NDArray:
        """Electrons (which, n) by which the count up to each energy was changed to never fall."""
        electrons = self.electrons[which] / self.step
        return self.step * change_of_count(self.given[which], electrons, self.last[which])

    def derivatives(self, weights: NDArray) -> NDArray:
        """Carry derivatives by the DOS that is filled back to the DOS as it was given.

        Parameters
        ----------
        weights : (structures, quantities, n) array
            Derivatives of quantities by `dos`.
        """
        weights = np.array(weights)
        for structure, repair in self.repairs.items():
            before = self.dos[structure] / repair.factor
            weights[structure] = repair.derivative(before, weights[structure])
        return differentiate(self.given, self.electrons / self.step, self.last, weights)

    def local_weights(self, weights: NDArray) -> NDArray:
        """Weights over the energies of a local DOS, for its part of sums over the DOS filled.

        Parameters
        ----------
        weights : (structures, quantities, n) array
            Weights over the energies of `dos`.

        Returns
        -------
        (structures, quantities, n) array
            With the DOS as it was given they have the sums that ``weights`` have with `dos`.
        """
        weights = np.array(weights)
        for structure, repair in self.repairs.items():
            weights[structure] *= repair.ratio(weights.shape[-1])
        return divide(self.given, self.electrons / self.step, self.last, weights)

    def solve(self, kt: NDArray, *, tables: bool = False) -> NDArray:
        """Fermi level and what follows from it, at temperatures kT (eV).

        Parameters
        ----------
        kt : (temperatures,) array
            Zero or above.
        tables : bool
            Let many structures share tables of Fermi weights.

        Returns
        -------
        (structures, temperatures, 6) array
            Results of `ase_dos.kernels.thermo.gas_state`.
        """
        if tables and self.levels.size == 0 and len(self.electrons) > 1:
            out = solve_with_tables(kt, self.start, self.step, self.dos, self.electrons)
        else:
            out = np.full((len(self.electrons), kt.size, 6), np.nan)

        def solve_range(a: int, b: int) -> None:
            kernels.solve(
                kt,
                self.start,
                self.step,
                self.dos[a:b],
                self.levels,
                self.capacities[a:b],
                self.electrons[a:b],
                out[a:b],
            )

        on_threads(len(out), solve_range, grain=GRAIN)
        return out

    def invert(self, kind: int, value: NDArray, guess: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Temperature of every structure from one number of each, for states without levels.

        Parameters
        ----------
        kind : int
            What the values are: `TEMPERATURE` (kT in eV), `ENTROPY` (S/k) or `ENERGY` (U - U(0) in
            eV) of `ase_dos.kernels.inversion`.
        value, guess : (structures,) arrays
            The values, and a first kT (eV) above zero.

        Returns
        -------
        kt, ground_energy : (structures,) arrays
            kT and U(0) (eV); kT is not finite where no temperature gives the value.
        (structures, 6) array
            Results of `ase_dos.kernels.thermo.gas_state`.
        """
        count = len(self.electrons)
        kt, ground_energy = np.empty((2, count))
        out = np.empty((count, 6))
        value = np.ascontiguousarray(value)

        def solve_range(a: int, b: int) -> None:
            inversion.solve_cells(
                kind,
                value[a:b],
                guess[a:b],
                self.start,
                self.step,
                self.dos[a:b],
                self.levels,
                self.electrons[a:b],
                kt[a:b],
                ground_energy[a:b],
                out[a:b],
            )

        on_threads(count, solve_range, grain=GRAIN)
        return kt, ground_energy, out

    def check_window(self, mu: NDArray, kt: NDArray) -> None:
        """Refuse temperatures at which too many electrons would be in unknown states.

        Parameters
        ----------
        mu : (structures, temperatures) array
            Fermi levels (eV).
        kt : array
            kT (eV), broadcast against them.

        Raises
        ------
        ValueError
            With the highest temperature at which no structure misses too many electrons.
        """
        missed, limit = self.window.missed(mu, kt), self.window.share * self.electrons[:, None]
        if not (missed > limit).any():
            return
        worst = np.unravel_index(np.argmax(missed / limit), missed.shape)
        what = (
            f"at {np.broadcast_to(kt, mu.shape)[worst] / kB:g} K some {missed[worst]:.2g} of "
            f"{self.electrons[worst[0]]:g} electrons would be in unknown states above "
            f"{self.window.top[worst[0]]:g} eV"
        )
        highest = self.highest_temperature(float(kt.max()))
        if highest == 0:
            raise ValueError(f"{what}; these are too few states even at 0 K")
        raise ValueError(
            f"{what}; this window supports up to {highest:.4g} K: "
            "lower the temperature, or give states up to a higher energy"
        )

    def highest_temperature(self, upper: float) -> float:
        """Highest temperature (K) below ``upper`` (kT in eV) that the windows of all allow.

        Rounded down to four digits, so that a printed number works; 0 where none is supported.
        """
        rest = self

        def supports(thermal: float) -> bool:
            nonlocal rest
            trial = np.array([thermal])
            missed = rest.window.missed(rest.solve(trial, tables=True)[..., 0], trial)[:, 0]
            bad = missed > rest.window.share * rest.electrons
            if bad.any():  # the others support this and all lower temperatures
                rest = rest.take(np.flatnonzero(bad))
            return not bad.any()

        low, high = (upper if supports(upper) else 0.0), upper
        if low == 0.0 and not supports(0.0):
            return 0.0
        while high - low > max(1e-6 * high, 1e-12):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if supports(middle) else (low, middle)
        unit = 10.0 ** (np.floor(np.log10(max(low / kB, 1e-9))) - 3)
        return float(np.floor(low / kB / unit) * unit)

    def take(self, which: NDArray) -> Filling:
        """Return some of the structures, in one row."""
        return replace(
            self,
            shape=(len(which),),
            electrons=self.electrons[which],
            window=self.window.take(which),
            given=self.given[which],
            last=self.last[which],
            dos=self.dos[which],
            capacities=self.capacities[which],
            negative_electrons=self.negative_electrons[which],
            valence_factor=self.valence_factor[which],
            repairs={
                i: self.repairs[old] for i, old in enumerate(which.tolist()) if old in self.repairs
            },
        )


def _broadcast_structures(
    structures: NDArray, n_electrons: ArrayLike, top: ArrayLike
) -> tuple[tuple[int, ...], NDArray, NDArray]:
    """Find the common shape of the structures; give N and the top (eV) one value for each.

    ``structures`` is any array of their shape.
    """
    electrons = as_array(n_electrons, "n_electrons")
    top = np.asarray(top, dtype=float)
    if (electrons <= 0).any():
        raise ValueError(f"n_electrons: expected > 0, got {electrons.min():g}")
    if np.isnan(top).any():
        raise ValueError("valid_to: expected energies in eV, got NaN")
    try:
        shape = np.broadcast(electrons, top, structures).shape
    except ValueError:
        raise ValueError(
            f"n_electrons {electrons.shape} and valid_to {top.shape}: expected shapes that "
            f"broadcast against the structures {structures.shape}"
        ) from None
    rows = np.empty((2, *shape))
    rows[0], rows[1] = electrons, top
    electrons, top = rows.reshape(2, -1)
    return shape, electrons, top
