"""Electronic quantities as linear functionals of the DOS on its grid, at a given mu and T."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.units import kB
from numpy.typing import ArrayLike, NDArray

from ase_dos.kernels import thermo as kernels
from ase_dos.utils.checks import as_array, as_temperature, uniform_grid
from ase_dos.utils.short_repr import short_repr

__all__ = ["FunctionalWeights", "functional_weights"]


@dataclass(frozen=True, eq=False)
class FunctionalWeights:
    """Vectors over the energy grid whose product with a DOS gives an electronic quantity.

    Each has the shape (..., n), leading axes as those of mu and T. The product with the
    piecewise-linear DOS of a cell is exact; with the DOS of each atom
    (`ase_dos.spectra.local_dos.LocalDOS.project`) it gives parts that sum to the total.

    Attributes
    ----------
    electrons : array
        int g f: electrons.
    internal_energy : array
        int g f E: U (eV).
    entropy : array
        Entropy (eV/K).
    grand_potential : array
        Omega (eV). At fixed N this is dF/dg as well: the change of mu drops out because
        dOmega/dmu + N = 0. At imposed mu, dF/dg is ``grand_potential + mu * electrons``.
    heat_capacity : array
        C_V at fixed N of the whole cell (eV/K), for the d mu/dT of the whole cell.
    thermal_dos : array
        int g (-df/dE) (states/eV).
    dos_at_fermi_level : array
        g(mu) by linear interpolation (states/eV).
    """

    electrons: NDArray
    internal_energy: NDArray
    entropy: NDArray
    grand_potential: NDArray
    heat_capacity: NDArray
    thermal_dos: NDArray
    dos_at_fermi_level: NDArray

    __repr__ = short_repr


def functional_weights(
    energies: ArrayLike,
    fermi_level: ArrayLike,
    temperature: ArrayLike,
    fermi_slope: ArrayLike = 0.0,
) -> FunctionalWeights:
    """Weights on the grid for the linear functionals of a piecewise-linear DOS.

    The kernel of a free-energy change F(T) - F(0) at fixed N, ``omega_T - min(E - mu_0, 0)``, is
    the difference of two ``grand_potential`` weights, at (mu_T, T) and at (mu_0, 0).

    Parameters
    ----------
    energies : (n,) array_like
        Uniform energy grid (eV).
    fermi_level, temperature : array_like
        mu (eV) and T (K), broadcast against each other.
    fermi_slope : array_like
        d mu/dT (eV/K) at fixed N; enters the heat capacity only.

    Raises
    ------
    ValueError
        If an input is not finite, the grid is not uniform, or T < 0.
    """
    energies, step = uniform_grid(energies)
    mu, temperature, slope = np.broadcast_arrays(
        as_array(fermi_level, "fermi_level"),
        as_temperature(temperature),
        as_array(fermi_slope, "fermi_slope"),
    )
    n = energies.size
    out = np.empty((mu.size, 5, n))
    for i, (m, t, s) in enumerate(zip(mu.flat, temperature.flat, slope.flat, strict=True)):
        kernels.hat_weights(float(m), kB * float(t), energies[0], step, n, -float(s) / kB, out[i])
    f, s, omega, thermal, c = out.swapaxes(0, 1).reshape((5, *mu.shape, n))
    at_mu = np.maximum(1.0 - np.abs(energies - mu[..., None]) / step, 0.0)
    cold = (temperature == 0)[..., None]
    return FunctionalWeights(
        electrons=f,
        internal_energy=omega + mu[..., None] * f + (kB * temperature)[..., None] * s,
        entropy=kB * s,
        grand_potential=omega,
        heat_capacity=kB * c,
        thermal_dos=np.where(cold, at_mu, thermal),
        dos_at_fermi_level=at_mu,
    )
