"""Eigenvalues, number of electrons and Fermi level of an ASE calculator."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ase_dos.spectra.kpoints import PATH, follows_path
from ase_dos.utils.checks import as_array

__all__ = [
    "EigenvalueCalculator",
    "calculator_bands",
    "calculator_electrons",
    "calculator_fermi_level",
]


class EigenvalueCalculator(Protocol):
    """Calculator with eigenvalues: GPAW, or one that the file readers of ASE attach."""

    def get_eigenvalues(self, kpt: int, spin: int) -> NDArray | None:
        """Return the eigenvalues (bands,) of a k-point (eV)."""

    def get_k_point_weights(self) -> NDArray | None:
        """Return the weights (kpoints,)."""

    def get_number_of_spins(self) -> int | None:
        """Return the number of spin channels."""


def calculator_bands(calc: EigenvalueCalculator) -> tuple[NDArray, NDArray]:
    """Return eigenvalues (spins, kpoints, bands) and weights (kpoints,) of a calculator."""
    name = getattr(calc, "name", None) or type(calc).__name__
    for method in ("get_eigenvalues", "get_k_point_weights", "get_number_of_spins"):
        if not hasattr(calc, method):
            raise ValueError(
                f"calculator {name}: expected one with eigenvalues (GPAW, or a DFT output read "
                f"with ase.io.read), but it has no {method}"
            )
    weights, n_spins = calc.get_k_point_weights(), calc.get_number_of_spins()
    if weights is None or n_spins is None or len(weights) == 0:
        raise ValueError(
            f"calculator {name}: it has no k-points; run it first, or let the program "
            "print its eigenvalues and read the file with ase_dos.io.dft.read_states"
        )
    bands = [
        [calc.get_eigenvalues(kpt=k, spin=s) for k in range(len(weights))] for s in range(n_spins)
    ]
    if any(values is None or len(values) == 0 for channel in bands for values in channel):
        raise ValueError(f"calculator {name}: eigenvalues are missing for some k-points")
    get = getattr(calc, "get_ibz_k_points", None)
    kpoints = np.asarray([] if get is None else get())
    if kpoints.shape == (len(weights), 3) and follows_path(kpoints, weights):
        raise ValueError(f"calculator {name}: {PATH}")
    return as_array(bands, "eigenvalues", (None, None, None)), np.asarray(weights, dtype=float)


def calculator_electrons(
    calc: EigenvalueCalculator, eigenvalues: NDArray, weights: NDArray
) -> float:
    """Return the number of electrons of a calculator."""
    count = getattr(calc, "get_number_of_electrons", None)
    if count is not None:
        return float(count())
    get = getattr(calc, "get_occupation_numbers", lambda **_: None)
    occupations = [
        [get(kpt=k, spin=s) for k in range(len(weights))] for s in range(len(eigenvalues))
    ]
    if not any(values is None for channel in occupations for values in channel):
        f = np.asarray(occupations, dtype=float)
        # With one channel some readers count 0..1 and others 0..2; only a full 2 tells which.
        if len(f) == 2 or abs(f.max() - 2) < 1e-3:
            return float(np.einsum("k,skn->", weights / weights.sum(), f))
    raise ValueError(
        "n_electrons: this calculator does not give the number of electrons; pass n_electrons"
    )


def calculator_fermi_level(calc: EigenvalueCalculator) -> float | None:
    """Return the calculator's Fermi level (eV) if there is exactly one."""
    try:
        level = getattr(calc, "get_fermi_level", lambda: None)()
    except ValueError:  # GPAW, with two of them
        return None
    if level is None or np.size(level) != 1:
        return None
    level = float(np.ravel(level)[0])
    return level if np.isfinite(level) else None
