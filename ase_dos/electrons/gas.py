"""Thermodynamics of independent electrons that fill a density of states.

With ``x = (E - mu)/kT`` and ``f = 1/(1 + exp(x))`` (both spins counted in g):

    N = int g f,   Omega = -kT int g ln(1 + exp(-x)),   F = Omega + mu N,   U = F + T S
    S = k int g [ln(1 + exp(-|x|)) + |x| f(|x|)]
    K_n = int g (E - mu)^n f(1 - f)/kT,   d mu/dT = -K_1/(T K_0),   C_V = (K_2 - K_1^2/K_0)/T

The DOS is the piecewise-linear function through its grid values, and that function is integrated
to rounding error whatever kT is next to the grid spacing. C_V is at fixed N. Where a DOS has
negative values, electrons fill the states of `ase_dos.electrons.rising_count`: S and C_V are never
negative and F falls with T, whatever the DOS.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from itertools import chain

import numpy as np
from ase.units import kB
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ase_dos.electrons.filling import Filling
from ase_dos.electrons.negative_dos import (
    NegativeDOSWarning,
    describe_negative,
    repaired_electrons,
)
from ase_dos.electrons.smearing import (
    SmearingWarning,
    check_corrected,
    check_correction,
    describe_tails,
    kinks,
)
from ase_dos.electrons.weights import FunctionalWeights
from ase_dos.electrons.window import MISSED_ELECTRONS
from ase_dos.utils.checks import as_array, as_positive, as_temperature, uniform_grid
from ase_dos.utils.short_repr import short_repr
from ase_dos.utils.warnings import CollectedWarning, warn

__all__ = [
    "ElectronGas",
    "gas_from_dos",
    "gas_from_eigenvalues",
    "gas_of_states",
    "highest_temperature",
]

# Results of `ase_dos.kernels.thermo.gas_state`, and what else a gas has.
_ATTRIBUTES = (
    "fermi_level",
    "free_energy",
    "entropy",
    "heat_capacity",
    "thermal_dos",
    "fermi_slope",
    "internal_energy",
    "temperature",
    "n_electrons",
    "valence_factor",
)
_UNITS = np.array([1.0, 1.0, kB, kB, 1.0, kB])
HOTTEST = 1e6  # K: what `highest_temperature` gives where the known states set no limit


@dataclass(frozen=True, eq=False)
class ElectronGas:
    """Electrons of cells in thermal equilibrium.

    Every attribute but the last has the shape (structures..., temperatures...) of the inputs, and
    is a plain float when both are scalar.

    Attributes
    ----------
    temperature : float or array
        Electronic temperature (K).
    fermi_level : float or array
        Chemical potential mu(T) (eV); at T = 0 the middle of the gap where there is one.
    n_electrons : float or array
        Electrons per cell.
    entropy : float or array
        S (eV/K per cell); 0 at T = 0.
    internal_energy, free_energy : float or array
        U = int g f E and F = U - T S (eV per cell), on the energy axis of the input.
    heat_capacity : float or array
        C_V at fixed electron number (eV/K per cell).
    thermal_dos : float or array
        int g (-df/dE) (states/eV per cell): mean of the DOS over kT around mu.
    fermi_slope : float or array
        d mu/dT at fixed electron number (eV/K).
    valence_factor : float or array
        Factor by which the states below the gap were multiplied to hold N electrons; 1 without
        a repair.
    filling : Filling
        The states that the electrons fill, after this repair.
    """

    temperature: float | NDArray
    fermi_level: float | NDArray
    n_electrons: float | NDArray
    entropy: float | NDArray
    internal_energy: float | NDArray
    free_energy: float | NDArray
    heat_capacity: float | NDArray
    thermal_dos: float | NDArray
    fermi_slope: float | NDArray
    valence_factor: float | NDArray
    filling: Filling = field(repr=False)

    __repr__ = short_repr

    @classmethod
    def of_filling(
        cls, filling: Filling, temperature: NDArray, *, tables: bool = False
    ) -> ElectronGas:
        """Solve every structure at every temperature (K); `gas_from_dos` explains ``tables``.

        Raises
        ------
        ValueError
            If there is no Fermi level, electrons would be in unknown states, or the correction of
            a smearing gives them a negative entropy or heat capacity.
        """
        flat = temperature.ravel()
        kt = kB * flat
        result = filling.solve(kt, tables=tables)
        if filling.levels.size and filling.capacities.min() < 0:
            check_corrected(flat, result)
        if not np.isfinite(result).all():
            lost = ~np.isfinite(result).all(axis=(0, 2))
            raise ValueError(f"no Fermi level found at {flat[lost][0]:g} K")
        filling.check_window(result[..., 0], kt)
        values = np.empty((len(_ATTRIBUTES), *result.shape[:2]))
        values[: len(_UNITS)] = (_UNITS * result).transpose(2, 0, 1)
        _, free, entropy = values[:3]
        values[-4], values[-3] = free + flat * entropy, flat
        values[-2], values[-1] = filling.electrons[:, None], filling.valence_factor[:, None]
        shape = (*filling.shape, *temperature.shape)
        shaped = values.reshape(-1, *shape) if shape else values.ravel().tolist()
        return cls(**dict(zip(_ATTRIBUTES, shaped, strict=True)), filling=filling)

    def split(self) -> list[ElectronGas]:
        """Return the electrons of every structure, where these have one axis."""
        names = [one.name for one in fields(self) if one.name != "filling"]
        return [
            ElectronGas(
                **{name: getattr(self, name)[i] for name in names},
                filling=replace(self.filling.take(np.array([i])), shape=()),
            )
            for i in range(len(self.filling.electrons))
        ]

    @property
    def grand_potential(self) -> float | NDArray:
        """Omega = F - mu N (eV per cell)."""
        return self.free_energy - self.fermi_level * self.n_electrons

    def occupations(self, energies: ArrayLike) -> NDArray:
        """Fermi-Dirac occupation (0 to 1) of states at ``energies`` (eV).

        Parameters
        ----------
        energies : array_like
            Energies (eV), any shape.

        Returns
        -------
        array
            Shape (structures..., temperatures..., *energies.shape). At T = 0 a step that is 1/2
            at the Fermi level.
        """
        energies = as_array(energies, "energies")
        tail = (np.ndim(self.temperature),) + (1,) * energies.ndim
        shape = np.shape(self.temperature) + tail[1:]
        above = energies - np.reshape(self.fermi_level, shape)
        kt = kB * np.reshape(self.temperature, shape)
        cold = np.broadcast_to(kt == 0, above.shape)
        with np.errstate(over="ignore"):
            warm = expit(-above / np.where(kt == 0, 1.0, kt))
        return np.where(cold, 0.5 * (1.0 - np.sign(above)), warm)

    def weights(self, energies: ArrayLike) -> FunctionalWeights:
        """Give the linear functionals of the DOS on a grid; see `ase_dos.electrons.weights`.

        They act on the DOS of ``filling``, which is repaired; its ``local_weights`` and
        ``derivatives`` lead to the DOS as it was given. They know of no ``correct_smearing``.
        """
        state = map(np.asarray, (self.fermi_level, self.temperature, self.fermi_slope))
        return FunctionalWeights.of_grid(*uniform_grid(energies), *state)

    def electron_weights(self, energies: NDArray) -> NDArray:
        """Weights (..., n) over the energies of a DOS as it was given, which count its electrons.

        Leading axes are those of the attributes. With the DOS of an atom, or of a spin channel,
        they give its electrons.
        """
        weights = self.weights(energies).electrons
        rows = weights.reshape(len(self.filling.electrons), -1, weights.shape[-1])
        return self.filling.local_weights(rows).reshape(weights.shape)

    @property
    def repaired_electrons(self) -> float | NDArray:
        """Electrons that negative values of the DOS may have misplaced, of the usual shape.

        The largest ``4 f(1 - f) |M - N|`` over the energies, N being the count of states of the
        DOS as it was given and M the one that never falls (`ase_dos.electrons.rising_count`).
        Negative values far from the Fermi level do not count; zero without any.
        """
        temperature, mu = self._in_rows(self.temperature), self._in_rows(self.fermi_level)
        electrons = np.zeros(mu.shape)
        which = np.flatnonzero(self.filling.negative_electrons)
        if which.size:
            electrons[which] = repaired_electrons(self.filling, which, temperature[0], mu[which])[0]
        shape = np.shape(self.fermi_level)
        return float(electrons[0, 0]) if shape == () else electrons.reshape(shape)

    def cautions(self, smearing: float) -> list[list[CollectedWarning]]:
        """Warnings of every structure: negative values, and tails of a smearing (eV), that matter.

        See `ase_dos.electrons.negative_dos.describe_negative` and
        `ase_dos.electrons.smearing.describe_tails`.
        """
        temperature, mu, entropy = map(
            self._in_rows, (self.temperature, self.fermi_level, self.entropy)
        )
        negative = describe_negative(self.filling, temperature[0], mu)
        tails = describe_tails(self.filling, smearing, temperature[0], mu, entropy)
        return [
            [
                CollectedWarning(text, category)
                for text, category in zip(texts, (NegativeDOSWarning, SmearingWarning), strict=True)
                if text
            ]
            for texts in zip(negative, tails, strict=True)
        ]

    def _in_rows(self, values: float | NDArray) -> NDArray:
        """Attribute with a row (temperatures,) for every structure."""
        return np.asarray(values).reshape(len(self.filling.electrons), -1)


def gas_from_dos(
    energies: ArrayLike,
    values: ArrayLike,
    n_electrons: ArrayLike,
    temperature: ArrayLike,
    *,
    valid_to: ArrayLike | None = None,
    smearing: float = 0.0,
    correct_smearing: bool = False,
    valence_tolerance: float = 1e-3,
    missed_electrons: float = MISSED_ELECTRONS,
    tables: bool = True,
) -> ElectronGas:
    """Thermodynamics of the electrons that fill a density of states.

    Many structures are best given at once: they then share tables of Fermi weights, which is some
    twenty times faster than one by one and agrees with it to 1e-10.

    Parameters
    ----------
    energies : (n,) array_like
        Uniform grid (eV). There are no states below its first point.
    values : (..., n) array_like
        Density of states per cell (states/eV, both spins), linear between grid points; leading
        axes are structures. Negative values, as of a prediction, are repaired:
        `ase_dos.electrons.rising_count`.
    n_electrons : array_like
        Electrons per cell, broadcast against the structures.
    temperature : array_like
        Temperatures (K), zero or above, any shape.
    valid_to : array_like, optional
        Highest energy (eV) up to which the values are complete, broadcast against the structures;
        the last grid point by default. The true states above it are taken to continue with the
        mean DOS of the last eV below it, and the electrons that these would hold must stay below
        ``missed_electrons``; values given above it hardly count then, and are integrated as they
        are. A DOS that is zero over that last eV is taken as complete.
    smearing : float
        Standard deviation (eV) of the Gaussian that the DOS is broadened with.
    correct_smearing : bool
        Remove the leading bias of the smearing: every integral int g h becomes
        int g (h - sigma^2/2 h''). Asymptotic in sigma/kT and refused for kT <= sigma.
    valence_tolerance : float
        Largest relative error of the count below a gap that `repair_gaps` repairs. 0 takes the
        count literally, for a doped cell.
    missed_electrons : float
        Share of the electrons that may be missed above the known states. With the default C_V
        lacks some 0.03 % where the check ends; with 1e-4 a few percent.
    tables : bool
        Let many structures share tables of Fermi weights. Without them every structure has the
        digits that it has alone.

    Returns
    -------
    ElectronGas
        Attributes of shape (structures..., temperatures...).

    Raises
    ------
    ValueError
        If the input is malformed, the known states cannot hold the electrons, electrons would be
        thermally excited beyond the known states (the message names the highest temperature that
        is supported), or ``correct_smearing`` is asked for at kT <= sigma or gives a negative
        entropy or heat capacity.

    Warns
    -----
    SmearingWarning
        If the thermal excitations live on Gaussian tails of the smearing: ``sigma^2/2 g''`` is
        more than a quarter of g around mu. The states in such a tail are too many by up to
        exp(sigma^2 / 2(kT)^2).
    NegativeDOSWarning
        If negative values of the DOS matter: `ElectronGas.repaired_electrons` above 1e-3 N.
    """
    temperature = as_temperature(temperature)
    smearing = as_positive(smearing, "smearing", zero=True)
    filling = Filling.of_dos(
        energies, values, n_electrons, valid_to, valence_tolerance, missed_electrons
    )
    return gas_of_states(
        filling, temperature, smearing, correct_smearing=correct_smearing, tables=tables
    )


def gas_of_states(
    filling: Filling,
    temperature: NDArray,
    smearing: float,
    *,
    correct_smearing: bool = False,
    tables: bool = True,
) -> ElectronGas:
    """Thermodynamics of the electrons of checked states; as `gas_from_dos`.

    Its warnings point to the caller's caller.
    """
    if smearing and correct_smearing:
        check_correction(smearing, temperature)
        # int g h'' = int g'' h, and g'' of a piecewise-linear g is a level at every kink.
        capacities = -0.5 * smearing**2 * kinks(filling.dos, filling.step)
        filling = replace(filling, levels=filling.energies, capacities=capacities)
    gas = ElectronGas.of_filling(filling, temperature, tables=tables)
    given = set()
    for text, category in chain.from_iterable(gas.cautions(0.0 if correct_smearing else smearing)):
        if category not in given:
            warn(text, category, stacklevel=3)
            given.add(category)
    return gas


def gas_from_eigenvalues(
    eigenvalues: ArrayLike,
    weights: ArrayLike,
    n_electrons: float,
    spin_degeneracy: float,
    temperature: ArrayLike,
    *,
    top: float | None = None,
    missed_electrons: float = MISSED_ELECTRONS,
) -> ElectronGas:
    """Thermodynamics of the electrons that fill discrete levels: exact sums, no broadening.

    Parameters
    ----------
    eigenvalues : (spins, kpoints, bands) array_like
        Energies (eV).
    weights : (kpoints,) array_like
        k-point weights that sum to 1.
    n_electrons : float
        Electrons per cell.
    spin_degeneracy : float
        Electrons that one eigenvalue holds: 2 for spin-paired, 1 per spin channel or spinor.
    temperature : array_like
        Temperatures (K), zero or above, any shape.
    top : float, optional
        Energy (eV) up to which the levels are complete: by default the lowest, over k-points and
        spins, of the highest band. ``numpy.inf`` says that there are no other levels. The same
        window check as in `gas_from_dos`.
    missed_electrons : float
        Share of the electrons that may be missed above ``top``.

    Returns
    -------
    ElectronGas
        Attributes of the shape of ``temperature``. S at T = 0 is 0 also when a degenerate level
        is partly filled (the limit T -> 0 is not).

    Raises
    ------
    ValueError
        If the input is malformed, the levels cannot hold the electrons, or the bands end too low
        for the temperature.
    """
    bands = as_array(eigenvalues, "eigenvalues", (None, None, None))
    share = as_array(weights, "weights", (bands.shape[1],))
    if bands.size == 0:
        raise ValueError(f"eigenvalues: expected at least one, got shape {bands.shape}")
    if (share < 0).any() or abs(share.sum() - 1) > 1e-6:
        raise ValueError(f"weights: expected >= 0 with sum 1, got sum {share.sum():.9g}")
    degeneracy = as_positive(spin_degeneracy, "spin_degeneracy")
    temperature = as_temperature(temperature)
    used = share > 0
    bands, share = bands[:, used], share[used] / share.sum()
    if top is None:
        top = float(bands.max(axis=2).min())
    elif np.isnan(top):
        raise ValueError("top: expected an energy in eV, or infinity, got NaN")
    capacities = degeneracy * np.broadcast_to(share[:, None], bands.shape).ravel()
    electrons = as_positive(n_electrons, "n_electrons")
    filling = Filling.of_levels(bands.ravel(), capacities, electrons, float(top), missed_electrons)
    return ElectronGas.of_filling(filling, temperature)


def highest_temperature(
    energies: ArrayLike,
    values: ArrayLike,
    n_electrons: ArrayLike,
    *,
    valid_to: ArrayLike | None = None,
) -> float:
    """Highest temperature (K) that `gas_from_dos` supports for every one of these structures.

    Parameters
    ----------
    energies, values, n_electrons, valid_to
        As in `gas_from_dos`.

    Returns
    -------
    float
        Rounded down to four digits, and at most `HOTTEST`; 0 where the known states are too few
        at any temperature.

    Raises
    ------
    ValueError
        If the input is malformed, or the known states cannot hold the electrons.
    """
    filling = Filling.of_dos(energies, values, n_electrons, valid_to)
    return filling.highest_temperature(kB * HOTTEST)
