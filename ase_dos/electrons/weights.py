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

    Parameters
    ----------
    energies : (n,) array
        Uniform energy grid (eV).
    fermi_level, temperature : (...) array
        mu (eV) and T (K).
    hats : (..., 5, n) array
        Integrals of hat functions, see `ase_dos.kernels.thermo.hat_weights`.
    """

    energies: NDArray
    fermi_level: NDArray
    temperature: NDArray
    hats: NDArray

    @classmethod
    def of_grid(
        cls,
        energies: NDArray,
        step: float,
        fermi_level: NDArray,
        temperature: NDArray,
        fermi_slope: NDArray,
    ) -> FunctionalWeights:
        """Integrate over a checked grid; as `functional_weights`, for arrays of one shape."""
        hats = np.empty((*fermi_level.shape, 5, energies.size))
        kernels.hat_weights(
            fermi_level.flatten(),  # a copy: what is broadcast cannot be written to
            (kB * temperature).ravel(),
            energies[0],
            step,
            (-fermi_slope / kB).ravel(),
            hats.reshape(-1, 5, energies.size),
        )
        return cls(energies, fermi_level, temperature, hats)

    @property
    def electrons(self) -> NDArray:
        """Weights of int g f: electrons."""
        return self.hats[..., 0, :]

    @property
    def internal_energy(self) -> NDArray:
        """Weights of int g f E: U (eV)."""
        mu, kt = self.fermi_level[..., None], kB * self.temperature[..., None]
        return self.grand_potential + mu * self.electrons + kt * self.hats[..., 1, :]

    @property
    def entropy(self) -> NDArray:
        """Weights of the entropy (eV/K)."""
        return kB * self.hats[..., 1, :]

    @property
    def grand_potential(self) -> NDArray:
        """Weights of Omega (eV).

        At fixed N this is dF/dg as well: the change of mu drops out because dOmega/dmu + N = 0. At
        imposed mu, dF/dg is ``grand_potential + mu * electrons``.
        """
        return self.hats[..., 2, :]

    @property
    def heat_capacity(self) -> NDArray:
        """Weights of C_V at fixed N of the whole cell (eV/K), for its d mu/dT."""
        return kB * self.hats[..., 4, :]

    @property
    def thermal_dos(self) -> NDArray:
        """Weights of int g (-df/dE) (states/eV)."""
        cold = (self.temperature == 0)[..., None]
        return np.where(cold, self.dos_at_fermi_level, self.hats[..., 3, :])

    @property
    def dos_at_fermi_level(self) -> NDArray:
        """Weights of g(mu) by linear interpolation (states/eV)."""
        step = (self.energies[-1] - self.energies[0]) / (self.energies.size - 1)
        return np.maximum(1.0 - np.abs(self.energies - self.fermi_level[..., None]) / step, 0.0)

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
    return FunctionalWeights.of_grid(energies, step, mu, temperature, slope)
