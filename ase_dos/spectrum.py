"""Densities of states as frozen values that carry their axis, electron count and validity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.checks import as_array, as_positive, uniform_grid

__all__ = ["DOS", "EnergyGrid", "LocalDOS", "align_spectra"]

# A broadened band has no sharp edge; its onset is where this share of the electrons is reached.
_BOTTOM_SHARE = 0.005
_ROWS = 64  # spectra splined at a time


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
    """

    energies: NDArray
    values: NDArray
    n_electrons: float
    smearing: float = 0.0
    valid_to: float = np.inf

    def __post_init__(self) -> None:
        energies, _ = uniform_grid(self.energies)
        object.__setattr__(self, "energies", energies)
        object.__setattr__(self, "values", as_array(self.values, "values", energies.shape))
        as_positive(self.n_electrons, "n_electrons")
        as_positive(self.smearing, "smearing", zero=True)
        object.__setattr__(self, "valid_to", float(min(self.valid_to, energies[-1])))

    def shifted(self, shift: float) -> DOS:
        """Return the same states with every energy raised by ``shift`` (eV)."""
        return replace(self, energies=self.energies + shift, valid_to=self.valid_to + shift)

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

    def electron_gas(self, temperature: ArrayLike, **options: Any):
        """Thermodynamics of the electrons; see `ase_dos.thermo.gas_from_dos`."""
        from ase_dos.thermo import gas_from_dos

        return gas_from_dos(
            self.energies,
            self.values,
            self.n_electrons,
            temperature,
            valid_to=self.valid_to,
            smearing=self.smearing,
            **options,
        )

    def plot(self, ax=None, **options: Any):
        """Draw the DOS; see `ase_dos.plot.plot_dos`."""
        from ase_dos.plot import plot_dos

        return plot_dos(self, ax=ax, **options)

    def to_ase(self):
        """Return the values as `ase.spectrum.dosdata.GridDOSData` (unit width, not resampled)."""
        from ase.spectrum.dosdata import GridDOSData

        info: dict[str, Any] = {"n_electrons": self.n_electrons}  # ASE's annotation says str
        return GridDOSData(self.energies, self.values, info=info)

    @classmethod
    def from_ase(cls, data, n_electrons: float) -> DOS:
        """Take energies and weights of an `ase.spectrum.dosdata.GridDOSData` as they are."""
        return cls(data.get_energies(), data.get_weights(), n_electrons)


@dataclass(frozen=True, eq=False)
class LocalDOS:
    """Density of states of every atom, kept as coefficients on a few energy modes.

    Parameters
    ----------
    coefficients : (atoms, modes) array
        Mode coefficients of every atom.
    basis : (modes, n) array
        Energy modes (states/eV).
    energies : (n,) array
        Uniformly spaced energies (eV).
    valence : (atoms,) array
        Valence electrons that each atom brings.
    smearing : float
        Standard deviation of the Gaussian broadening (eV).
    novelty : (atoms,) array, optional
        How far the surroundings of each atom are from those a model was trained on, in units of
        the farthest that one training structure is from the rest: above 1, an extrapolation.
    """

    coefficients: NDArray
    basis: NDArray
    energies: NDArray
    valence: NDArray
    smearing: float = 0.0
    novelty: NDArray | None = None

    def __post_init__(self) -> None:
        energies = as_array(self.energies, "energies", (None,))
        basis = as_array(self.basis, "basis", (None, energies.size))
        coefficients = as_array(self.coefficients, "coefficients", (None, len(basis)))
        valence = as_array(self.valence, "valence", (len(coefficients),))
        for name, value in (
            ("energies", energies),
            ("basis", basis),
            ("coefficients", coefficients),
            ("valence", valence),
        ):
            object.__setattr__(self, name, value)
        if self.novelty is not None:
            novelty = as_array(self.novelty, "novelty", (len(coefficients),))
            object.__setattr__(self, "novelty", novelty)

    def __len__(self) -> int:
        return len(self.coefficients)

    def shifted(self, shift: float) -> LocalDOS:
        """Return the same states with every energy raised by ``shift`` (eV)."""
        return replace(self, energies=self.energies + shift)

    @property
    def values(self) -> NDArray:
        """Local DOS (atoms, n) in states/eV. Memory grows with atoms times energies."""
        return self.coefficients @ self.basis

    def project(self, weights: ArrayLike) -> NDArray:
        """Per-atom sums of ``weights`` (..., n) over energies, shape (atoms, ...).

        Gives local scalars (g(E_F), charges, entropies) without the (atoms, n) array.
        """
        weights = np.asarray(weights, dtype=float)
        rows = weights.reshape(-1, weights.shape[-1])
        sums = self.coefficients @ (self.basis @ rows.T)
        return sums.reshape(len(self), *weights.shape[:-1])

    def total(self, which: Any = slice(None)) -> DOS:
        """Density of states of all atoms together, or of some, as their mask or indices say.

        The (atoms, n) array is never made. ``local.total(atoms.numbers == 14)`` is the part of
        one species.
        """
        return DOS(
            self.energies,
            self.coefficients[which].sum(axis=0) @ self.basis,
            float(self.valence[which].sum()),
            self.smearing,
        )


def align_spectra(
    energies: ArrayLike, values: ArrayLike, references: ArrayLike
) -> tuple[NDArray, NDArray]:
    """Put spectra on one axis, each with its own reference at zero.

    Parameters
    ----------
    energies : (n,) array_like
        Uniformly spaced energies (eV).
    values : (spectra, n) array_like
        One spectrum per row.
    references : (spectra,) array_like
        Energies (eV) that become zero.

    Returns
    -------
    energies : (k,) array
        Multiples of the step at which all spectra are known (eV).
    values : (spectra, k) array
        Interpolated with cubic splines.

    Raises
    ------
    ValueError
        If the references are so far apart that no energy is left.
    """
    from scipy.interpolate import CubicSpline

    energies = as_array(energies, "energies", (None,))
    references = as_array(references, "references", (None,))
    values = as_array(values, "values", (references.size, energies.size))
    step = (energies[-1] - energies[0]) / (energies.size - 1)
    first = np.ceil((energies[0] - references.min()) / step)
    last = np.floor((energies[-1] - references.max()) / step)
    if last - first < 1:
        raise ValueError(
            f"align: references from {references.min():.2f} to {references.max():.2f} eV leave no "
            f"common part of {energies[0]:.2f} to {energies[-1]:.2f} eV"
        )
    axis = step * np.arange(first, last + 1)
    places = (axis + references[:, None] - energies[0]) / step
    rows = np.empty(places.shape)
    for start in range(0, len(rows), _ROWS):
        some = slice(start, start + _ROWS)
        coefficients = CubicSpline(energies, values[some], axis=1).c  # (4, intervals, spectra)
        interval = np.clip(places[some].astype(int), 0, energies.size - 2)
        x = step * (places[some] - interval)
        a, b, c, d = coefficients[:, interval, np.arange(len(x))[:, None]]
        rows[some] = ((a * x + b) * x + c) * x + d
    return axis, rows
