"""Density of states as a frozen value with its energies, electron count and validity."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.electrons.band_gap import gap_of_dos
from ase_dos.electrons.excitation import Excitation
from ase_dos.electrons.filling import Filling
from ase_dos.electrons.gas import ElectronGas, gas_of_states
from ase_dos.electrons.smearing import SmearingWarning
from ase_dos.utils.checks import as_array, as_positive, as_temperature, uniform_grid
from ase_dos.utils.frozen import changed
from ase_dos.utils.short_repr import short_repr

if TYPE_CHECKING:
    from ase.spectrum.dosdata import GridDOSData
    from matplotlib.axes import Axes

__all__ = ["DOS", "EnergyGrid"]

# A broadened band has no sharp edge; its onset is where the DOS holds this share of the electrons.
_BOTTOM_SHARE = 0.005


@dataclass(frozen=True)
class EnergyGrid:
    """Uniform grid of energies.

    Parameters
    ----------
    start : float
        First energy (eV).
    step : float
        Spacing (eV), above zero.
    size : int
        Number of points, two or more.
    """

    start: float
    step: float
    size: int

    def __post_init__(self) -> None:
        as_array(self.start, "grid start", ())
        as_positive(self.step, "grid step")
        if self.size < 2:
            raise ValueError(f"grid size: expected at least 2 points, got {self.size}")

    @classmethod
    def spanning(cls, start: float, stop: float, step: float) -> EnergyGrid:
        """Grid from ``start`` to at least ``stop`` (eV)."""
        as_positive(step, "grid step")
        if not stop > start:
            raise ValueError(f"energy grid: expected stop > start, got {start:g} to {stop:g} eV")
        return cls(float(start), float(step), int(np.ceil((stop - start) / step - 1e-9)) + 1)

    @property
    def energies(self) -> NDArray:
        """Grid points (size,) in eV."""
        return self.start + self.step * np.arange(self.size)

    @property
    def stop(self) -> float:
        """Last energy (eV)."""
        return self.start + self.step * (self.size - 1)


@dataclass(frozen=True, eq=False)
class DOS:
    """Electronic density of states of one cell, both spins counted.

    Values may be negative, as predicted ones are. They stay as they are; the electrons of
    `electron_gas` and `excite` fill states without negative values
    (`ase_dos.electrons.rising_count`).

    Parameters
    ----------
    energies : (n,) array
        Uniformly spaced energies (eV).
    values : (n,) array
        Density of states of the whole cell (states/eV).
    n_electrons : float
        Electrons in the cell that these states hold.
    smearing : float
        Standard deviation of the Gaussian the states are broadened with (eV); 0 for none.
    valid_to : float
        Highest energy (eV) up to which the values are complete; by default the last energy.
    label : str
        What it is the density of, where it is not that of the whole cell; legends show it.
    spin : (n,) array, optional
        Spin DOS (states/eV): that of the majority less that of the minority, where the two spin
        channels are known. Both have one chemical potential.

    Attributes
    ----------
    step : float
        Spacing of the energies (eV).
    """

    energies: NDArray
    values: NDArray
    n_electrons: float
    smearing: float = 0.0
    valid_to: float = np.inf
    label: str = ""
    spin: NDArray | None = None
    step: float = field(init=False, repr=False)

    __repr__ = short_repr

    def __post_init__(self) -> None:
        energies, step = uniform_grid(self.energies)
        object.__setattr__(self, "energies", energies)
        object.__setattr__(self, "step", step)
        object.__setattr__(self, "values", as_array(self.values, "values", energies.shape))
        as_positive(self.n_electrons, "n_electrons")
        as_positive(self.smearing, "smearing", zero=True)
        if np.isnan(self.valid_to):
            raise ValueError("valid_to: expected an energy in eV, got NaN")
        object.__setattr__(self, "valid_to", float(min(self.valid_to, energies[-1])))
        if self.spin is not None:
            object.__setattr__(self, "spin", as_array(self.spin, "spin", energies.shape))

    def shifted(self, shift: float) -> DOS:
        """Return the same states with every energy raised by ``shift`` (eV)."""
        shift = float(as_array(shift, "shift", ()))
        return changed(self, energies=self.energies + shift, valid_to=self.valid_to + shift)

    @property
    def band_bottom(self) -> float:
        """Energy (eV) below which 0.5 % of the electrons lie, the onset of a broadened band."""
        return self.filling_energy(_BOTTOM_SHARE)

    def filling_energy(self, share: float) -> float:
        """Energy (eV) below which the states hold this share (0 to 1) of the electrons.

        Small predicted values of either sign below the band cancel; what counts is the last
        energy at which the count rises through the share.
        """
        steps = (self.values[1:] + self.values[:-1]) / 2 * np.diff(self.energies)
        count = np.append(0.0, np.cumsum(steps)) - share * self.n_electrons
        below = np.flatnonzero((count[:-1] < 0) & (count[1:] >= 0))
        if not below.size:
            raise ValueError(
                f"DOS: its states from {self.energies[0]:.2f} to {self.energies[-1]:.2f} eV never "
                f"rise through {share:g} of {self.n_electrons:g} electrons"
            )
        i = below[-1]
        step = self.energies[i + 1] - self.energies[i]
        return float(self.energies[i] - step * count[i] / (count[i + 1] - count[i]))

    def at(self, energy: ArrayLike) -> NDArray:
        """Linear interpolation of the DOS (states/eV) at ``energy`` (eV); zero off the grid."""
        energy = np.asarray(energy, dtype=float)
        return np.interp(energy, self.energies, self.values, left=0.0, right=0.0)

    def get_fermi_level(self, temperature: float = 0.0) -> float:
        """Fermi level (eV) of its electrons at a temperature (K).

        At T = 0 it is the middle of a gap. Of a predicted DOS it stands on the energy axis of the
        model, whose zero has no meaning of its own; on that of `DOSCalculator.get_dos` it is 0.
        """
        return float(self.electron_gas(float(temperature)).fermi_level)

    def band_gap(self, threshold: float) -> float:
        """Width (eV) of the interval around the Fermi level in which the DOS is low.

        Take it with caution where the DOS is broadened: the bands then reach into the gap from
        both sides. A threshold of half of the DOS beside the gap leaves sharp edges in their
        place; with a lower one the gap comes out too small, by up to some six times the smearing,
        and gaps narrower than that are lost. `ElectronicStates.band_gap` is exact.

        Parameters
        ----------
        threshold : float
            DOS (states/eV per cell) below which the interval counts as empty.

        Returns
        -------
        float
            0 where the DOS is not below the threshold at the Fermi level.

        Raises
        ------
        ValueError
            If the threshold is not above zero, or the DOS does not reach it on both sides of the
            Fermi level.

        Warns
        -----
        SmearingWarning
            If the DOS is broadened.
        """
        threshold = as_positive(threshold, "threshold")
        if self.smearing > 0:
            warnings.warn(
                f"band gap of a DOS that is broadened by {self.smearing:g} eV: right only to a few "
                "times this width; the gap of eigenvalues is exact",
                SmearingWarning,
                stacklevel=2,
            )
        known = self.energies <= self.valid_to
        fermi_level = self.get_fermi_level()
        return gap_of_dos(self.energies[known], self.values[known], fermi_level, threshold)

    def electron_gas(
        self,
        temperature: ArrayLike,
        *,
        correct_smearing: bool = False,
        tables: bool = True,
        **options: Any,
    ) -> ElectronGas:
        """Thermodynamics of the electrons; see `ase_dos.electrons.gas.gas_from_dos`."""
        return gas_of_states(
            self.filling(**options),
            as_temperature(temperature),
            self.smearing,
            correct_smearing=correct_smearing,
            tables=tables,
        )

    def excite(self, temperature: float, ground_temperature: float = 0.0) -> Excitation:
        """Heat the electrons; see `ase_dos.electrons.excitation.excite`."""
        temperatures = as_temperature([ground_temperature, temperature])
        return Excitation.of_gas(gas_of_states(self.filling(), temperatures, self.smearing))

    @property
    def channels(self) -> NDArray:
        """DOS (2, n) of the majority and of the minority (states/eV).

        Raises
        ------
        ValueError
            If they are not known.
        """
        spin = self._known_spin()
        return np.stack([self.values + spin, self.values - spin]) / 2

    def magnetic_moment(self, temperature: ArrayLike = 0.0) -> float | NDArray:
        """Electrons of the majority less those of the minority, in Bohr magnetons per cell.

        They fill these states with one chemical potential, whatever the temperature: a moment
        that falls because exchange falls is another DOS.

        Parameters
        ----------
        temperature : float or array
            Electronic temperatures (K).

        Raises
        ------
        ValueError
            If the spin channels are not known, or as `electron_gas`.
        """
        self._known_spin()
        moment = self.moment_of(gas_of_states(self.filling(), as_temperature(temperature), 0.0))
        return float(moment) if np.ndim(temperature) == 0 else moment

    def moment_of(self, gas: ElectronGas) -> NDArray:
        """`magnetic_moment` at the temperatures of a gas of these electrons."""
        return gas.electron_weights(self.energies) @ self._known_spin()

    def _known_spin(self) -> NDArray:
        if self.spin is None:
            raise ValueError(
                "spin: the channels of this DOS are not known; take a model trained with "
                "spin='channels' (--spin channels)"
            )
        return self.spin

    def filling(self, **options: float) -> Filling:
        """Fill the states; options are those of `ase_dos.electrons.filling.Filling.of_rows`."""
        return Filling.of_rows(
            self.energies,
            self.step,
            self.values[None],
            np.array([self.n_electrons], dtype=float),
            np.array([self.valid_to]),
            shape=(),
            **options,
        )

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the DOS; see `ase_dos.plot.curve.plot_dos`."""
        from ase_dos.plot.curve import plot_dos

        if self.label:
            options = {"label": self.label, **options}
        return plot_dos(self, ax=ax, **options)

    def to_ase(self) -> GridDOSData:
        """Return the values as `ase.spectrum.dosdata.GridDOSData` (unit width, not resampled)."""
        from ase.spectrum.dosdata import GridDOSData

        info: dict[str, Any] = {"n_electrons": self.n_electrons}  # ASE's annotation says str
        if self.label:
            info["label"] = self.label
        return GridDOSData(self.energies, self.values, info=info)

    @classmethod
    def from_ase(cls, data: GridDOSData, n_electrons: float) -> DOS:
        """Take energies and weights of an `ase.spectrum.dosdata.GridDOSData`, unchanged."""
        return cls(data.get_energies(), data.get_weights(), n_electrons)
