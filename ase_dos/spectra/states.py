"""Eigenvalues, k-point weights and electron count of one electronic-structure calculation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.electrons.band_gap import gap_of_levels
from ase_dos.electrons.gas import ElectronGas, gas_from_eigenvalues
from ase_dos.spectra.calculator_states import (
    EigenvalueCalculator,
    calculator_bands,
    calculator_electrons,
    calculator_fermi_level,
)
from ase_dos.utils.checks import as_array, as_positive
from ase_dos.utils.short_repr import short_repr

__all__ = ["ElectronicStates"]


@dataclass(frozen=True, eq=False)
class ElectronicStates:
    r"""Kohn-Sham eigenvalues of one structure and how to sum over them.

    A sum over states is :math:`\sum_{snk} g_s w_k h(\epsilon_{snk})` with :math:`g_s` the
    `spin_degeneracy`; so `n_electrons` :math:`= \sum g_s w_k f(\epsilon_{snk})`.

    Parameters
    ----------
    eigenvalues : (spins, kpoints, bands) or (kpoints, bands) array
        Energies (eV) with one or two spin channels; stored three-dimensional, bands ascending.
    weights : (kpoints,) array
        k-point weights, summing to 1, or to 2 where a program counts both spins of spin-paired
        states in them (Quantum ESPRESSO). Stored normalised to 1.
    n_electrons : float
        Electrons in the cell that these states hold.
    spin_degeneracy : int
        Electrons that one eigenvalue holds: 2 for spin-paired states, 1 for each of two spin
        channels and for spinors.
    fermi_level : float, optional
        Fermi level (eV) as the program printed it; None if it printed none or several.
    smearing_width : float, optional
        kT (eV) of the Fermi-Dirac occupations the program used, with the digits it printed;
        None for any other occupation scheme.
    entropy_term : float, optional
        The program's -TS (eV per cell, zero or below); None unless it used Fermi-Dirac.

    Raises
    ------
    ValueError
        If shapes disagree, values are not finite, weights are negative or sum to something
        else, or electron count, spin channels and degeneracy contradict each other.
    """

    eigenvalues: NDArray
    weights: NDArray
    n_electrons: float
    spin_degeneracy: int
    fermi_level: float | None = None
    smearing_width: float | None = None
    entropy_term: float | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        eigenvalues = as_array(self.eigenvalues, "eigenvalues")
        if eigenvalues.ndim == 2:
            eigenvalues = eigenvalues[None]
        if eigenvalues.ndim != 3 or eigenvalues.shape[0] not in (1, 2) or 0 in eigenvalues.shape:
            raise ValueError(
                "eigenvalues: expected shape (kpoints, bands) or (1 or 2 spins, kpoints, bands), "
                f"got {np.shape(self.eigenvalues)}"
            )
        degeneracy = _checked_degeneracy(self.spin_degeneracy, len(eigenvalues))
        weights = as_array(self.weights, "weights", (eigenvalues.shape[1],))
        weights = _normalised(weights, degeneracy)
        n_electrons = as_positive(self.n_electrons, "n_electrons")
        capacity = degeneracy * eigenvalues.shape[0] * eigenvalues.shape[2]
        # Completely filled bands (n == capacity) are a legitimate insulator without empty bands.
        if n_electrons > capacity * (1 + 1e-9):
            raise ValueError(
                f"n_electrons: {n_electrons:g} electrons do not fit into {capacity} states "
                f"({eigenvalues.shape[0]} spin channels x {eigenvalues.shape[2]} bands x "
                f"{degeneracy}); check the electron count and spin_degeneracy"
            )
        # The sort copies: a frozen value must not follow later changes of the caller's array.
        values = {
            "eigenvalues": np.sort(eigenvalues, axis=-1),
            "weights": weights,
            "n_electrons": n_electrons,
            "spin_degeneracy": degeneracy,
        }
        for name in ("fermi_level", "smearing_width", "entropy_term"):
            value = getattr(self, name)
            if value is not None:
                values[name] = float(as_array(value, name, ()))
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def n_spins(self) -> int:
        """Number of spin channels."""
        return self.eigenvalues.shape[0]

    @property
    def n_kpoints(self) -> int:
        """Number of k-points."""
        return self.eigenvalues.shape[1]

    @property
    def n_bands(self) -> int:
        """Number of bands in every spin channel."""
        return self.eigenvalues.shape[2]

    @property
    def spin_treatment(self) -> str:
        """Spin of the calculation: "spin-paired", "spin-polarised" (two channels) or "spinors"."""
        if self.n_spins == 2:
            return "spin-polarised"
        return "spin-paired" if self.spin_degeneracy == 2 else "spinors"

    @property
    def valid_to(self) -> float:
        """Energy (eV) up to which the bands are complete: the lowest top band of any k-point.

        No smearing is subtracted. k-points of weight zero do not count.
        """
        return float(self.eigenvalues[:, self.weights > 0, -1].min())

    @property
    def bottom(self) -> float:
        """Lowest eigenvalue (eV) of any k-point that has weight."""
        return float(self.eigenvalues[:, self.weights > 0, 0].min())

    @property
    def band_gap(self) -> float:
        """Gap (eV) between the highest filled and the lowest empty level of all k-points.

        Both spin channels together; 0 for a metal, in which the number of filled bands is not the
        same at all k-points. With one k-point alone that cannot be told: the result is the
        distance of the two levels.

        Raises
        ------
        ValueError
            If the bands end too low for empty levels.
        """
        fermi_level = float(self.electron_gas(0.0).fermi_level)
        used = self.eigenvalues[:, self.weights > 0]
        return gap_of_levels(used, fermi_level, self.n_electrons / self.spin_degeneracy)

    def electron_gas(self, temperature: ArrayLike, **options: Any) -> ElectronGas:
        """Thermodynamics of the electrons; see `ase_dos.electrons.gas.gas_from_eigenvalues`.

        Parameters
        ----------
        temperature : float or array
            Electronic temperatures (K).
        """
        return gas_from_eigenvalues(
            self.eigenvalues,
            self.weights,
            self.n_electrons,
            self.spin_degeneracy,
            temperature,
            **options,
        )

    def magnetic_moment(self, temperature: float = 0.0) -> float:
        """Electrons of the first spin channel less those of the second (Bohr magnetons per cell).

        Both channels have one chemical potential. The moment of spin-paired states is zero.

        Parameters
        ----------
        temperature : float
            Electronic temperature (K).

        Raises
        ------
        ValueError
            Of spinors, whose eigenvalues do not tell the moment, or as `electron_gas`.
        """
        if self.spin_treatment == "spinors":
            raise ValueError("magnetic moment: the eigenvalues of spinors do not tell it")
        if self.n_spins == 1:
            return 0.0
        return self.moment_of(self.electron_gas(float(temperature)))

    def moment_of(self, gas: ElectronGas) -> float:
        """`magnetic_moment` of two spin channels at the temperature of a gas of these electrons."""
        first, second = self.weights @ gas.occupations(self.eigenvalues).sum(axis=-1).T
        return float(first - second)

    @classmethod
    def from_arrays(
        cls,
        eigenvalues: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        n_electrons: float,
        spin_degeneracy: int | None = None,
        **printed: float | None,
    ) -> ElectronicStates:
        """Take plain arrays, with the usual assumptions made for what is left out.

        Parameters
        ----------
        eigenvalues : (spins, kpoints, bands), (kpoints, bands) or (bands,) array
            Energies (eV).
        weights : (kpoints,) array, optional
            k-point weights; equal weights by default.
        n_electrons : float
            Electrons in the cell.
        spin_degeneracy : int, optional
            By default 1 with two spin channels and 2 with one (spinors need an explicit 1).
        **printed
            `fermi_level`, `smearing_width`, `entropy_term`.
        """
        values = as_array(eigenvalues, "eigenvalues")
        if values.ndim == 1:
            values = values[None]
        if weights is None:
            n_kpoints = values.shape[-2] if values.ndim > 1 else 0
            weights = np.full(n_kpoints, 1 / max(n_kpoints, 1))
        if spin_degeneracy is None:
            spin_degeneracy = 1 if values.ndim == 3 and len(values) == 2 else 2
        return cls(values, np.asarray(weights), n_electrons, spin_degeneracy, **printed)

    @classmethod
    def from_calculator(
        cls,
        calc: EigenvalueCalculator,
        n_electrons: float | None = None,
        spin_degeneracy: int | None = None,
    ) -> ElectronicStates:
        """Take the eigenvalues of an ASE calculator.

        Parameters
        ----------
        calc : ase.calculators.calculator.Calculator
            A finished calculation with `get_eigenvalues` and `get_k_point_weights`: GPAW, or
            the `SinglePointDFTCalculator` that ASE's file readers attach.
        n_electrons : float, optional
            Electrons in the cell. By default the calculator's own number, or the sum of its
            occupation numbers where their meaning is certain.
        spin_degeneracy : int, optional
            By default 1 with two spin channels and 2 with one. Pass 1 for spinors.

        Raises
        ------
        ValueError
            If the calculator has no eigenvalues, or the electron count cannot be known.
        """
        eigenvalues, weights = calculator_bands(calc)
        if spin_degeneracy is None:
            spin_degeneracy = 1 if len(eigenvalues) == 2 else 2
        if n_electrons is None:
            n_electrons = calculator_electrons(calc, eigenvalues, weights)
        return cls(
            eigenvalues,
            weights,
            n_electrons,
            spin_degeneracy,
            fermi_level=calculator_fermi_level(calc),
        )


def _checked_degeneracy(value: int, n_spins: int) -> int:
    """Return the electrons per eigenvalue; reject what the number of spin channels rules out."""
    if value not in (1, 2):
        raise ValueError(
            "spin_degeneracy: expected 2 (spin-paired) or 1 (spin channels, spinors), "
            f"got {value!r}"
        )
    if n_spins == 2 and value == 2:
        raise ValueError(
            "spin_degeneracy: got 2 with two spin channels; an eigenvalue of one channel holds "
            "1 electron. Pass spin_degeneracy=1, or one channel if both are the same"
        )
    return int(value)


def _normalised(weights: NDArray, degeneracy: int) -> NDArray:
    """Return weights with sum 1; accept the sum 2 of programs that count both spins in them."""
    if (weights < 0).any():
        worst = int(weights.argmin())
        raise ValueError(
            f"weights: expected none below zero, got {weights[worst]:g} at index {worst}"
        )
    total = math.fsum(weights)  # the same on every machine, whatever its vectors
    # Programs print 7 digits or more, so every k-point may be off by half of the last one.
    tolerance = 1e-5 + 1e-7 * weights.size
    for expected in (1, 2):
        if abs(total - expected) > tolerance * expected:
            continue
        if expected == 2 and degeneracy == 1:
            raise ValueError(
                "weights: they sum to 2, which counts both spins of spin-paired states, but "
                "spin_degeneracy is 1; halve the weights, or pass spin_degeneracy=2"
            )
        return weights / total
    raise ValueError(
        f"weights: expected a sum of 1 (or 2 for spin-paired states), got {total:.6g}; "
        "a k-point may be missing. Divide by the sum if they are only rounded or unnormalised"
    )
