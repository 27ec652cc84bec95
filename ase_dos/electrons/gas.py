"""Thermodynamics of independent electrons that fill a density of states.

With ``x = (E - mu)/kT`` and ``f = 1/(1 + exp(x))`` (both spins counted in g):

    N = int g f,   Omega = -kT int g ln(1 + exp(-x)),   F = Omega + mu N,   U = F + T S
    S = k int g [ln(1 + exp(-|x|)) + |x| f(|x|)]
    K_n = int g (E - mu)^n f(1 - f)/kT,   d mu/dT = -K_1/(T K_0),   C_V = (K_2 - K_1^2/K_0)/T

The DOS is the piecewise-linear function through its grid values, and that function is integrated
to rounding error whatever kT is next to the grid spacing. C_V is at fixed N.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from ase.units import kB
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ase_dos.electrons.filling import (
    MISSED_ELECTRONS,
    States,
    Window,
    check_window,
    highest_supported,
)
from ase_dos.electrons.gap import repair_valence
from ase_dos.electrons.smearing import SmearingWarning, check_correction, kinks, smearing_doubts
from ase_dos.electrons.weights import FunctionalWeights, functional_weights
from ase_dos.utils.checks import as_array, as_positive, as_temperature, uniform_grid

__all__ = [
    "ElectronGas",
    "gas_from_dos",
    "gas_from_eigenvalues",
    "highest_temperature",
]

HOTTEST = 1e6  # K: what `highest_temperature` gives where the known states set no limit


@dataclass(frozen=True, eq=False)
class ElectronGas:
    """Electrons of one cell in thermal equilibrium.

    Every attribute has the shape (structures..., temperatures...) of the inputs, and is a plain
    float when both are scalar.

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
        int g (-df/dE) (states/eV per cell): the DOS at mu as the temperature sees it.
    fermi_slope : float or array
        d mu/dT at fixed electron number (eV/K).
    valence_factor : float or array
        What the states below the gap were multiplied by to hold N electrons; 1 without a repair.
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

        They act on the DOS after `repair_valence` of `ase_dos.electrons.gap`, whose
        `repair_gradient` takes derivatives back through the repair. They know of no
        ``correct_smearing``.
        """
        return functional_weights(energies, self.fermi_level, self.temperature, self.fermi_slope)


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
        axes are structures.
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
        Largest relative error of the count below a gap that `repair_valence` mends. 0 takes the
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
        is supported), or ``correct_smearing`` is asked for at kT <= sigma.

    Warns
    -----
    SmearingWarning
        If the thermal excitations live on Gaussian tails of the smearing: ``sigma^2/2 g''`` is
        more than a quarter of g around mu. The states in such a tail are too many by up to
        exp(sigma^2 / 2(kT)^2).
    """
    temperature = as_temperature(temperature)
    smearing = as_positive(smearing, "smearing", zero=True)
    states, electrons, factor, shape, window = _fill(
        energies, values, n_electrons, valid_to, valence_tolerance
    )
    energies = np.asarray(energies, dtype=float)
    if smearing and correct_smearing:
        check_correction(smearing, temperature)
        # int g h'' = int g'' h, and g'' of a piecewise-linear g is a level at every kink.
        held = -0.5 * smearing**2 * kinks(states.g, states.step)
        states = States(states.start, states.step, states.g, energies, held)
    window = window.allowing(missed_electrons)
    gas = _solve(states, electrons, factor, temperature, shape, window, tables)
    if not correct_smearing:
        doubt = next(filter(None, smearing_doubts(energies, states.g, smearing, gas)), "")
        if doubt:
            warnings.warn(doubt, SmearingWarning, stacklevel=2)
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
    levels = np.ravel(bands)
    states = degeneracy * np.broadcast_to(share[:, None], bands.shape).ravel()
    order = np.argsort(levels, kind="stable")
    levels, states = levels[order], states[order]
    shape, electrons, _ = _broadcast_structures((), as_positive(n_electrons, "n_electrons"), 0.0)
    window = Window.of_levels(levels, states, electrons, float(top)).allowing(missed_electrons)
    return _solve(
        States(0.0, 1.0, np.empty((1, 0)), levels, states[None]),
        electrons,
        np.ones(1),
        temperature,
        shape,
        window,
    )


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
    states, electrons, _, _, window = _fill(energies, values, n_electrons, valid_to)
    return highest_supported(states, electrons, window, kB * HOTTEST)


def _fill(
    energies: ArrayLike,
    values: ArrayLike,
    n_electrons: ArrayLike,
    valid_to: ArrayLike | None,
    valence_tolerance: float = 1e-3,
) -> tuple[States, NDArray, NDArray, tuple[int, ...], Window]:
    """Return the states of many DOS, their electrons, repairs, common shape and windows."""
    energies, step = uniform_grid(energies)
    values = as_array(values, "values")
    if values.ndim < 1 or values.shape[-1] != energies.size or values.size == 0:
        raise ValueError(f"values: expected shape (..., {energies.size}), got {values.shape}")
    shape, electrons, top = _broadcast_structures(
        values.shape[:-1], n_electrons, energies[-1] if valid_to is None else valid_to
    )
    g = np.broadcast_to(values, (*shape, energies.size)).reshape(-1, energies.size)
    g, factor = repair_valence(energies, g, electrons, tolerance=valence_tolerance)
    states = States(energies[0], step, np.ascontiguousarray(g), np.empty(0), np.empty((len(g), 0)))
    window = Window.of_dos(energies, g, electrons, np.minimum(top, energies[-1]))
    return states, electrons, factor, shape, window


def _solve(
    states: States,
    electrons: NDArray,
    factor: NDArray,
    temperature: NDArray,
    shape: tuple[int, ...],
    window: Window,
    tables: bool = False,
) -> ElectronGas:
    """Solve every structure at every temperature, check the window, and shape the result."""
    kt = kB * temperature.ravel()
    result = states.solve(kt, electrons, tables=tables)
    lost = ~np.isfinite(result).all(axis=(0, 2))
    if lost.any():
        raise ValueError(
            f"no Fermi level found at {temperature.ravel()[lost][0]:g} K: is the DOS negative "
            "around it?"
        )
    check_window(states, electrons, window, result[..., 0], kt)
    full = (*shape, *temperature.shape)

    def shaped(array: NDArray):
        return float(array.reshape(())) if full == () else array.reshape(full)

    mu, free, entropy, capacity, thermal, slope = result.transpose(2, 0, 1)
    entropy = kB * entropy
    wide = np.ones((len(electrons), kt.size))
    return ElectronGas(
        temperature=shaped(wide * temperature.ravel()),
        fermi_level=shaped(mu),
        n_electrons=shaped(wide * electrons[:, None]),
        entropy=shaped(entropy),
        internal_energy=shaped(free + temperature.ravel() * entropy),
        free_energy=shaped(free),
        heat_capacity=shaped(kB * capacity),
        thermal_dos=shaped(thermal),
        fermi_slope=shaped(kB * slope),
        valence_factor=shaped(wide * factor[:, None]),
    )


def _broadcast_structures(
    shape: tuple[int, ...], n_electrons: ArrayLike, top: ArrayLike
) -> tuple[tuple[int, ...], NDArray, NDArray]:
    """Find the common shape of the structures; give N and the top (eV) one value for each."""
    electrons = as_array(n_electrons, "n_electrons")
    top = np.asarray(top, dtype=float)
    if (electrons <= 0).any():
        raise ValueError(f"n_electrons: expected > 0, got {electrons.min():g}")
    if np.isnan(top).any():
        raise ValueError("valid_to: expected energies in eV, got NaN")
    try:
        shape = np.broadcast_shapes(shape, electrons.shape, top.shape)
    except ValueError:
        raise ValueError(
            f"n_electrons {electrons.shape} and valid_to {top.shape}: expected shapes that "
            f"broadcast against the structures {shape}"
        ) from None
    electrons, top = np.broadcast_to(electrons, shape), np.broadcast_to(top, shape)
    return shape, electrons.reshape(-1).copy(), top.reshape(-1).copy()
