"""Errors of predictions: aligned, and of the quantities that users take from a DOS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.fit.scores import AlignedErrors, aligned_errors
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.spectra.target import DOSTarget
from ase_dos.utils.quantities import QUANTITIES
from ase_dos.utils.short_repr import short_repr
from ase_dos.utils.structure_errors import of_structure

__all__ = [
    "DERIVED_QUANTITIES",
    "Evaluation",
    "derived_quantities",
    "evaluate_predictions",
    "evaluate_structures",
]

TEMPERATURES = (300.0, 1000.0, 3000.0, 10_000.0)
FREE_ENERGY_TEMPERATURE = 3000.0
# By how many electrons two counts of a cell may differ, and how well a model knows a valence.
_ELECTRONS, _ROUNDED_VALENCE = 1e-3, 1e-6
# What is compared for each structure, in the unit of the values.
DERIVED_QUANTITIES = (
    QUANTITIES["occupied_width"],
    QUANTITIES["dos_at_fermi_level"].per_atom,
    QUANTITIES["band_energy"].per_atom,
    *(QUANTITIES["heat_capacity"].per_atom.at(temperature) for temperature in TEMPERATURES),
    QUANTITIES["free_energy"].per_atom.at(FREE_ENERGY_TEMPERATURE),
    QUANTITIES["magnetic_moment"].per_atom,
)
_MOMENT = DERIVED_QUANTITIES.index(QUANTITIES["magnetic_moment"].per_atom)


def derived_quantities(dos: DOS, n_atoms: int) -> NDArray:
    """Quantities of one DOS that a shift of all energies does not change.

    Returns
    -------
    (quantities,) array
        As `DERIVED_QUANTITIES` lists them. NaN where the known states do not reach high enough
        for a temperature, or the spin channels are not known; all NaN where they cannot hold the
        electrons.
    """
    # The prediction is compared with the broadened DOS it was trained on, without a repair; what
    # broadening does to thermal quantities is another matter (`ase_dos.electrons.gas` warns of it).
    plain = replace(dos, smearing=0.0)
    try:
        cold = plain.electron_gas(0.0)
        bottom = dos.band_bottom
    except ValueError:
        return np.full(len(DERIVED_QUANTITIES), np.nan)
    fermi = cold.fermi_level
    free_energy, _ = _thermal(plain, FREE_ENERGY_TEMPERATURE)
    per_atom = [
        cold.thermal_dos,
        cold.internal_energy - fermi * dos.n_electrons,
        *(_thermal(plain, temperature)[1] for temperature in TEMPERATURES),
        free_energy - cold.free_energy,
        np.nan if dos.spin is None else plain.magnetic_moment(),
    ]
    return np.array([fermi - bottom, *(np.array(per_atom) / n_atoms)])


def _thermal(dos: DOS, temperature: float) -> tuple[float, float]:
    """Free energy (eV) and heat capacity (eV/K); NaN where electrons would leave the window."""
    try:
        gas = dos.electron_gas(temperature)
    except ValueError:
        return np.nan, np.nan
    return float(gas.free_energy), float(gas.heat_capacity)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions against the truth, structure by structure.

    Parameters
    ----------
    energies : (m,) array
        Energies of the model (eV).
    truth, prediction : (n, m) array
        DOS in states/eV per atom, the truth shifted onto the prediction and NaN where it is not
        known.
    errors : AlignedErrors
        Errors after alignment.
    true_values, predicted_values : (n, quantities) array
        Rows of `derived_quantities`; all NaN for a prediction that cannot hold the electrons.
    families : (n,) array of str
        Family of each structure; empty strings when unknown.
    """

    energies: NDArray
    truth: NDArray
    prediction: NDArray
    errors: AlignedErrors
    true_values: NDArray
    predicted_values: NDArray
    families: NDArray

    __repr__ = short_repr

    @property
    def rmse(self) -> float:
        """Root-mean-square error after alignment, states eV^-1/2 per atom."""
        return self.errors.rmse

    @property
    def percent_rmse(self) -> float:
        """`rmse` in percent of the spread of the aligned truth."""
        return self.errors.percent_rmse

    @property
    def mean_absolute_errors(self) -> NDArray:
        """Mean absolute errors (quantities,), in the order of `DERIVED_QUANTITIES`.

        Each over the structures for which truth and prediction give it; NaN if there is none.
        """
        errors = np.abs(self.predicted_values - self.true_values)
        count = np.isfinite(errors).sum(axis=0)
        return np.where(count > 0, np.nansum(errors, axis=0) / np.maximum(count, 1), np.nan)

    @property
    def has_values(self) -> NDArray:
        """Whether the predicted DOS of each structure (n,) gives the derived quantities at all."""
        return ~np.isnan(self.predicted_values).all(axis=1)

    def family_rmse(self) -> dict[str, tuple[int, float]]:
        """Return number of structures and RMSE (states eV^-1/2 per atom) of each family."""
        return {
            str(family): (
                int(np.sum(self.families == family)),
                float(np.sqrt(self.errors.squared[self.families == family].mean())),
            )
            for family in np.unique(self.families)
        }

    def header(self) -> dict[str, float]:
        """Plain values that a model file keeps; that of the moment with spin channels only."""
        values = {
            "n_structures": len(self.prediction),
            "rmse": self.rmse,
            "percent_rmse": self.percent_rmse,
        }
        moment = float(self.mean_absolute_errors[_MOMENT])
        return values if np.isnan(moment) else {**values, "magnetic_moment_mae": moment}

    def summary(self) -> str:
        """Human-readable table."""
        lines = [
            f"{len(self.truth)} structures, errors after the best rigid shift of each",
            f"RMSE        {self.rmse:.4f} states eV^-1/2 per atom "
            f"({self.percent_rmse:.1f} % of the spread of the truth)",
        ]
        for quantity, error in zip(DERIVED_QUANTITIES, self.mean_absolute_errors, strict=True):
            if not np.isnan(error):
                lines.append(f"MAE {quantity.symbol:<18} {error:.3g} {quantity.unit}")
        if not self.has_values.all():
            lines.append(
                f"MAE without {np.sum(~self.has_values)} predictions that hold no electrons"
            )
        if np.unique(self.families).size > 1:
            lines.append("RMSE by family:")
            for family, (count, rmse) in self.family_rmse().items():
                lines.append(f"  {family:<20} {count:>4}  {rmse:.4f}")
        return "\n".join(lines)


def _check_electrons(target: DOSTarget, prediction: DOS, n_atoms: int) -> None:
    """Refuse to compare other electrons: those of another pseudopotential, or of a charged cell."""
    away = abs(target.n_electrons - prediction.n_electrons)
    if away > _ELECTRONS + _ROUNDED_VALENCE * n_atoms:
        raise ValueError(
            f"{target.n_electrons:g} electrons, but the model has {prediction.n_electrons:g} for "
            "it; a charged cell, or another pseudopotential than that of the training set"
        )


def evaluate_structures(
    predict: Callable[[Atoms], LocalDOS],
    frames: Sequence[Atoms],
    targets: Sequence[DOSTarget],
    families: Sequence[str] | None = None,
) -> Evaluation:
    """Predict structures and compare them with their targets.

    Raises
    ------
    ValueError
        If there is no structure.
    StructureError
        If one cannot be predicted or compared.
    """
    if not len(frames):
        raise ValueError("evaluation: expected at least one structure, got none")
    predictions = []
    for index, atoms in enumerate(frames):
        with of_structure(index):
            predictions.append(predict(atoms).total())
    n_atoms = np.array([len(atoms) for atoms in frames])
    return evaluate_predictions(targets, predictions, n_atoms, families)


def evaluate_predictions(
    targets: Sequence[DOSTarget],
    predictions: Sequence[DOS],
    n_atoms: NDArray,
    families: Sequence[str] | None = None,
) -> Evaluation:
    """Compare predicted DOS of cells with targets of the same cells.

    Raises
    ------
    StructureError
        If a target has other electrons than the prediction, or cannot be aligned with it.
    """
    energies = predictions[0].energies
    per_atom = np.array([p.values / n for p, n in zip(predictions, n_atoms, strict=True)])
    # Half of the electrons lie below an energy deep in the bands: unlike the Fermi level of an
    # insulator, it hardly feels small errors of the prediction, so the scan starts close.
    start = np.empty(len(targets))
    for index, (target, prediction) in enumerate(zip(targets, predictions, strict=True)):
        with of_structure(index):
            _check_electrons(target, prediction, n_atoms[index])
            half = target.dos(target.nodes).filling_energy(0.5)
            start[index] = half - prediction.filling_energy(0.5)
    errors = aligned_errors(targets, per_atom, n_atoms, energies, start)
    true = [t.dos(energies, s) for t, s in zip(targets, errors.shifts, strict=True)]
    return Evaluation(
        energies=energies,
        truth=np.array(
            [
                np.where(energies <= dos.valid_to, dos.values / n, np.nan)
                for dos, n in zip(true, n_atoms, strict=True)
            ]
        ),
        prediction=per_atom,
        errors=errors,
        true_values=np.array(
            [derived_quantities(t.dos(t.nodes), n) for t, n in zip(targets, n_atoms, strict=True)]
        ),
        predicted_values=np.array(
            [derived_quantities(*pair) for pair in zip(predictions, n_atoms, strict=True)]
        ),
        families=np.array(families if families is not None else [""] * len(targets)),
    )
