"""Fit of a Hamiltonian to known levels by the method of Levenberg and Marquardt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_dos.kernels.threads import on_threads
from ase_dos.tight_binding.bloch import BlochHamiltonian, OverlapError
from ase_dos.tight_binding.form import HamiltonianForm
from ase_dos.tight_binding.hamiltonian import TightBindingHamiltonian
from ase_dos.tight_binding.levels import KnownLevels
from ase_dos.utils.checks import as_array, as_count, as_positive
from ase_dos.utils.short_repr import short_repr

__all__ = ["HamiltonianFit", "fit_hamiltonian", "level_errors"]

_DAMPING = 1e-2  # of the first step, as a share of the diagonal of the normal equations
_LARGEST_DAMPING = 1e8
_CALMER, _BOLDER = 4.0, 3.0  # factors of the damping after a step that failed or succeeded
_NEGLIGIBLE = 1e-6  # bands of less weight than this share of the largest are left out


@dataclass(frozen=True, eq=False)
class HamiltonianFit:
    """Result of a fit.

    Attributes
    ----------
    hamiltonian : TightBindingHamiltonian
    errors : (structures,) array
        Weighted root mean square error of the levels of every structure (eV), after its shift.
    shifts : (structures,) array
        Energy (eV) that the levels of every structure lie above those of the Hamiltonian.
    steps : int
        Steps that lowered the loss.
    converged : bool
        Whether the last step lowered it by less than the tolerance.
    """

    hamiltonian: TightBindingHamiltonian
    errors: NDArray
    shifts: NDArray
    steps: int
    converged: bool

    __repr__ = short_repr


class _Structure:
    """Levels of one structure, ready to be compared."""

    def __init__(self, known: KnownLevels, form: HamiltonianForm, top: float, width: float) -> None:
        self.bloch = BlochHamiltonian(known.atoms, form)
        weights = known.weights(top, width)
        used = np.flatnonzero(weights.max(axis=0) > _NEGLIGIBLE * weights.max())
        self.n_bands = min(int(used[-1]) + 1, self.bloch.atom_of.size)
        self.kpoints = known.kpoints
        self.energies = known.energies[:, : self.n_bands]
        weights = weights[:, : self.n_bands]
        self.weights = weights / weights.sum()

    def compare(self, levels: NDArray) -> tuple[NDArray, float]:
        """Return what the levels lack after the best shift, and the shift."""
        missing = self.energies - levels[:, : self.n_bands]
        shift = float(np.sum(self.weights * missing))
        return missing - shift, shift

    def error(self, parameters: NDArray) -> tuple[float, float]:
        """Weighted mean square error (eV^2) and shift."""
        missing, shift = self.compare(self.bloch.energies(parameters, self.kpoints))
        return float(np.sum(self.weights * missing**2)), shift

    def normal_equations(self, parameters: NDArray, *, overlaps: bool) -> tuple[NDArray, NDArray]:
        """Return J^T W J and J^T W r of its levels; the shift is eliminated."""
        states = self.bloch.solve(parameters, self.kpoints)
        missing, _ = self.compare(states.energies)
        slopes = self.bloch.level_slopes(states, self.kpoints, self.n_bands, overlaps=overlaps)
        slopes = slopes.reshape(-1, parameters.size)
        weights = self.weights.ravel()
        slopes -= weights @ slopes
        weighted = slopes * weights[:, None]
        return slopes.T @ weighted, weighted.T @ missing.ravel()


def fit_hamiltonian(
    form: HamiltonianForm,
    known: Sequence[KnownLevels],
    start: NDArray,
    *,
    top: float = 9.0,
    width: float = 1.5,
    ridge: float = 1e-5,
    overlaps: bool = True,
    max_steps: int = 100,
    tolerance: float = 1e-4,
    progress: Callable[[int, float], None] | None = None,
) -> HamiltonianFit:
    """Fit the parameters of a Hamiltonian to the levels of many structures.

    The loss is the mean over structures of the weighted mean square error of their levels, band by
    band, after the best rigid shift of each structure, and a ridge that holds the parameters near
    those of the start. K. Levenberg, https://doi.org/10.1090/qam/10666; D. W. Marquardt,
    https://doi.org/10.1137/0111030.

    Parameters
    ----------
    form : HamiltonianForm
    known : sequence of KnownLevels
        Structures with their levels. Bands beyond the number of orbitals do not count.
    start : (n,) array
        Parameters to begin with: those of `ase_dos.tight_binding.start`, or of an earlier fit,
        which this one then continues.
    top, width : float
        Levels count up to about ``top`` above the Fermi level (eV), see `KnownLevels.weights`.
    ridge : float
        Weight of the squared changes of the parameters, in units of what they change in the loss.
    overlaps : bool
        Whether overlaps are fitted too, which goes well from near the end only: begin without.
    max_steps : int
        Steps tried.
    tolerance : float
        Relative decline of the loss that ends the fit.
    progress : callable, optional
        Called after every step with its number and the root mean square error (eV).

    Raises
    ------
    ValueError
        If there is no structure, or the form lacks a species.
    """
    if not known:
        raise ValueError("known: expected the levels of at least one structure, got none")
    as_count(max_steps, "max_steps", 1)
    as_positive(tolerance, "tolerance")
    as_positive(ridge, "ridge", zero=True)
    top, width = float(as_array(top, "top", ())), as_positive(width, "width")
    start = as_array(start, "start", (form.n_parameters,))
    structures = [_Structure(one, form, top, width) for one in known]
    parameters, steps, converged, damping = start, 0, False, _DAMPING
    matrix, vector = _normal_equations(structures, parameters, overlaps=overlaps)
    # A parameter that no structure knows of stays where it is.
    least = np.finfo(float).eps * np.trace(matrix)
    stiff = ridge * np.maximum(np.diag(matrix), least)

    def loss(at: NDArray) -> float:
        return _mean_square(structures, at) + float(np.sum(stiff * (at - start) ** 2))

    def loss_of_trial(at: NDArray) -> float:
        try:
            return loss(at)
        except OverlapError:  # a step too far
            return np.inf

    lowest = loss(parameters)
    for _ in range(max_steps):
        system = matrix + np.diag(stiff + damping * np.maximum(np.diag(matrix), least))
        trial = parameters + np.linalg.solve(system, vector - stiff * (parameters - start))
        value = loss_of_trial(trial)
        if value >= lowest or not np.isfinite(value):
            damping *= _CALMER
            if damping > _LARGEST_DAMPING:
                break
            continue
        decline, lowest, parameters = 1.0 - value / lowest, value, trial
        damping /= _BOLDER
        steps += 1
        if progress is not None:
            progress(steps, float(np.sqrt(_mean_square(structures, parameters))))
        converged = decline < tolerance
        if converged:
            break
        matrix, vector = _normal_equations(structures, parameters, overlaps=overlaps)
    errors, shifts = np.array([one.error(parameters) for one in structures]).T
    hamiltonian = TightBindingHamiltonian(form, parameters)
    return HamiltonianFit(hamiltonian, np.sqrt(errors), shifts, steps, converged)


def level_errors(
    hamiltonian: TightBindingHamiltonian,
    known: Sequence[KnownLevels],
    *,
    top: float = 9.0,
    width: float = 1.5,
) -> NDArray:
    """Weighted root mean square errors (structures,) of levels (eV); see `fit_hamiltonian`."""
    return np.array(
        [
            np.sqrt(_Structure(one, hamiltonian.form, top, width).error(hamiltonian.parameters)[0])
            for one in known
        ]
    )


def _mean_square(structures: Sequence[_Structure], parameters: NDArray) -> float:
    parts = on_threads(
        len(structures),
        lambda begin, end: [one.error(parameters)[0] for one in structures[begin:end]],
    )
    return float(np.mean(np.concatenate(parts)))


def _normal_equations(
    structures: Sequence[_Structure], parameters: NDArray, *, overlaps: bool
) -> tuple[NDArray, NDArray]:
    """Mean of the normal equations of all structures."""

    def of_some(begin: int, end: int) -> tuple[NDArray, NDArray]:
        matrix, vector = np.zeros((parameters.size,) * 2), np.zeros(parameters.size)
        for one in structures[begin:end]:
            own_matrix, own_vector = one.normal_equations(parameters, overlaps=overlaps)
            matrix += own_matrix
            vector += own_vector
        return matrix, vector

    matrices, vectors = zip(*on_threads(len(structures), of_some), strict=True)
    return np.sum(matrices, axis=0) / len(structures), np.sum(vectors, axis=0) / len(structures)
