"""Report on a trained model: one text and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ase_dos.fit.outliers import too_few_to_judge
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.evaluation import DERIVED_QUANTITIES, Evaluation, derived_quantities
from ase_dos.model_selection.hyperparameters import DEFAULTS, describe
from ase_dos.model_selection.learning import LearningCurve
from ase_dos.model_selection.plots import (
    plot_calibration,
    plot_learning_curve,
    plot_parities,
    plot_shifts,
    plot_spectra,
)
from ase_dos.model_selection.search import Search
from ase_dos.plot.style import figure_of
from ase_dos.spectra.calibration import decile_table, miscalibration_area
from ase_dos.spectra.dos import DOS
from ase_dos.utils.short_repr import short_repr
from ase_dos.utils.structure_errors import of_structure

__all__ = ["ErrorBars", "Report", "error_bars"]

UNIT = "states eV^-1/2 per atom"
# Structures in each row of the table of expected and observed errors, at least.
_IN_ROW = 5
# Share of the largest expected error; below the bands there is none.
_NOTHING = 1e-4


@dataclass(frozen=True, eq=False)
class ErrorBars:
    """Errors that a model expects of its predictions.

    Parameters
    ----------
    expected : (n,) array
        Root-mean-square error of every structure after alignment (states eV^-1/2 per atom).
    dos : (n, m) array
        Standard deviation of the DOS (states/eV per atom).
    values : (n, quantities) array
        Of the `DERIVED_QUANTITIES`; NaN where members of the ensemble do not give them.
    """

    expected: NDArray
    dos: NDArray
    values: NDArray


def error_bars(model: DOSModel, frames: Sequence[Atoms], n_members: int = 32) -> ErrorBars:
    """Predict structures with their errors."""
    rows = []
    for index, atoms in enumerate(frames):
        with of_structure(index):
            ensemble = model.predict_ensemble(atoms, n_members)
        size = len(atoms)

        def quantities(dos: DOS, size: int = size) -> NDArray:
            return derived_quantities(dos, size)

        rows.append(
            (ensemble.expected_error, ensemble.error / size, ensemble.spread(quantities)[1])
        )
    expected, dos, values = zip(*rows, strict=True)
    return ErrorBars(np.array(expected), np.array(dos), np.array(values))


@dataclass(frozen=True, eq=False)
class Report:
    """Report on a trained model: its data, its search, its errors.

    Parameters
    ----------
    name : str
        Of the model.
    model : DOSModel
    data : str
        Lines on the structures and how they were split.
    shifts : (n,) array
        Energy references found, relative to the Fermi levels of the training structures (eV).
    families : sequence of str
        Of the training structures.
    curve : LearningCurve, optional
    search : Search, optional
    evaluation : Evaluation, optional
        Of structures outside the training set.
    bars : ErrorBars, optional
        Errors expected of these, as they were before the model was calibrated on them.
    """

    name: str
    model: DOSModel
    data: str
    shifts: NDArray
    families: Sequence[str]
    curve: LearningCurve | None = None
    search: Search | None = None
    evaluation: Evaluation | None = None
    bars: ErrorBars | None = None

    __repr__ = short_repr

    def text(self) -> str:
        """Return the report in Markdown."""
        parts = [f"# {self.name}", self._model(), self.data, self._outliers(), self._validation()]
        parts += [self._search()]
        parts += [self._calibration(), self._learning(), self._shifts()]
        return "\n\n".join(part for part in parts if part) + "\n"

    def figures(self) -> dict[str, Figure]:
        """Figures by name."""
        figures = {"shifts": figure_of(plot_shifts(self.shifts, self.families))}
        if self.curve is not None:
            figures["learning_curve"] = figure_of(plot_learning_curve(self.curve))
        if self.evaluation is not None and self.bars is not None:
            spectra = plot_spectra(self.evaluation, count=3, errors=self.bars.dos)
            figures["spectra"] = figure_of(spectra)
            parities = plot_parities(self.evaluation)
            if parities.size:
                figures["parity"] = figure_of(parities[0])
            figures["calibration"] = figure_of(plot_calibration(self._deciles()))
        return figures

    def _model(self) -> str:
        info, options = self.model.info, self.model.options
        lines = [
            f"model `{info['hash']}`, ase_dos {info['version']}",
            f"training set `{info['training_set_hash']}`: {info['n_structures']} structures"
            + (f" in {info['n_groups']} groups that are left out whole" * ("n_groups" in info)),
            f"{options.kind} regression of {self.model.descriptor.n_features} features for "
            f"{', '.join(info['species'])}, reference {options.reference}, broadening "
            f"{info['smearing']:g} eV",
            f"regularisation {info['regularization']:.2g}, penalty on shifts "
            f"{info['shift_penalty']:g}",
            f"leave-one-out RMSE {info['leave_one_out_rmse']:.4f} {UNIT}",
        ]
        return "\n".join(f"- {line}" for line in lines)

    def _outliers(self) -> str:
        info, title = self.model.info, "## Structures that contradict the others"
        if "outliers" not in info:  # a model of an early release
            return ""
        found = info["outliers"]
        if found is None:
            return f"{title}\n\nNot looked for: {too_few_to_judge(info['n_structures'])}."
        if not found:
            return f"{title}\n\nNone stands out."
        rows = [(one["label"], f"{one['z_score']:.1f}", f"{one['error']:.4f}") for one in found]
        return (
            f"{title}\n\nTheir errors, predicted from the others, are far above what is expected. "
            "Do their levels\nbelong to their positions?\n\n"
            + _table(("structure", "z score", "leave-one-out error"), rows)
        )

    def _validation(self) -> str:
        if self.evaluation is None:
            none = "No structures were kept for validation, or they could not be compared."
            return f"## Validation\n\n{none}"
        figures = ""
        if self.bars is not None:
            figures = "![](spectra.png)"
        if self.bars is not None and np.isfinite(self.evaluation.mean_absolute_errors).any():
            figures += "\n![](parity.png)"
        return f"## Validation\n\n```\n{self.evaluation.summary()}\n```\n\n{figures}"

    def _search(self) -> str:
        if self.search is None:
            return ""
        best = self.search.best
        end = "nothing is left to try" if self.search.ended else "ended by its limit"
        rows = [
            (
                str(number),
                ("**%s**" if trial is best else "%s") % f"{trial.rmse:.4f}",
                f"{trial.regularization:.1g}",
                str(trial.n_features),
                f"{trial.seconds:.1f}",
                describe(trial.choice, DEFAULTS) or "defaults",
            )
            for number, trial in enumerate(self.search.trials, start=1)
        ]
        head = ("trial", "leave-one-out RMSE", "regularisation", "features", "s", "not default")
        return (
            f"## Hyperparameters\n\n{self.search.summary()}; {end}.\n"
            f"Trials use the training set only, and one penalty.\n\n{_table(head, rows)}"
        )

    def _deciles(self) -> NDArray:
        assert self.evaluation is not None
        assert self.bars is not None
        observed = np.sqrt(self.evaluation.errors.squared)
        rows = min(10, max(len(observed) // _IN_ROW, 1))
        return decile_table(self.bars.expected, observed, rows)

    def _areas(self) -> list[tuple[str, str]]:
        """Miscalibration area of the DOS and of every quantity that has enough values."""
        assert self.evaluation is not None
        assert self.bars is not None
        report = self.evaluation
        scores = [("DOS at every energy", _scores(report.prediction - report.truth, self.bars.dos))]
        wrong = report.predicted_values - report.true_values
        scores += [
            (quantity.symbol, _scores(wrong[:, i], self.bars.values[:, i]))
            for i, quantity in enumerate(DERIVED_QUANTITIES)
        ]
        return [(name, f"{miscalibration_area(some):.3f}") for name, some in scores if some.size]

    def _calibration(self) -> str:
        if self.evaluation is None or self.bars is None:
            return ""
        rows = [(f"{n:.0f}", f"{e:.4f}", f"{o:.4f}") for n, e, o in self._deciles()]
        deciles = _table(("structures", "expected RMSE", "observed RMSE"), rows)
        return (
            "## Calibration\n\n"
            "Expected and observed errors of the validation structures. The size of the expected\n"
            "errors comes from leave-one-out errors here. In the model file it comes from the\n"
            "validation errors, unless the model was trained again with these structures.\n\n"
            f"{deciles}"
            "\n\n![](calibration.png)\n\n"
            "Miscalibration area: 0 where errors are as large as expected and normal, 0.5 at worst."
            f"\n\n{_table(('quantity', 'area'), self._areas())}"
        )

    def _learning(self) -> str:
        if self.curve is None:
            return ""
        sizes, left_out = self.curve.mean(self.curve.leave_one_out)
        validated = self.curve.mean(self.curve.validation)[1]
        rows = [
            (str(n), f"{one:.4f}", f"{other:.4f}" if np.isfinite(other) else "")
            for n, one, other in zip(sizes, left_out, validated, strict=True)
        ]
        head = ("training structures", "leave-one-out RMSE", "validation RMSE")
        return f"## Learning curve\n\n{_table(head, rows)}\n\n![](learning_curve.png)"

    def _shifts(self) -> str:
        low, high = self.shifts.min(), self.shifts.max()
        return (
            "## Energy references\n\nThe zero of the model's energies lies "
            f"between {low:.2f} and {high:.2f} eV\nfrom the Fermi levels of the training structures"
            f", with a standard deviation of {self.shifts.std():.2f} eV.\n\n![](shifts.png)"
        )


def _scores(wrong: NDArray, expected: NDArray) -> NDArray:
    """Errors over what was expected of them, where both are known and there is any to expect."""
    known = np.isfinite(wrong) & np.isfinite(expected)
    known &= expected > _NOTHING * np.max(expected[known], initial=0.0)
    return wrong[known] / expected[known]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
