"""Report on a model: its numbers, error bars and figures."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from toy_model import toy_frames, toy_states

from ase_dos.model_selection.hyperparameters import DEFAULTS
from ase_dos.model_selection.learning import LearningCurve
from ase_dos.model_selection.report import Report, error_bars
from ase_dos.model_selection.search import Search
from ase_dos.model_selection.trials import Trial

pytestmark = pytest.mark.filterwarnings("ignore:.*surroundings unlike")


@pytest.fixture(scope="module")
def report(toy_model):
    frames = toy_frames(12, seed=9)
    states = [toy_states(atoms, seed=i) for i, atoms in enumerate(frames)]
    families = ["odd" if i % 2 else "even" for i in range(12)]
    trials = [
        Trial(DEFAULTS, 0.2, 1e-3, 252, 1.0),
        Trial({**DEFAULTS, "cutoff": 5.0}, 0.1, 1e-3, 252, 1.0),
    ]
    return Report(
        name="toy",
        model=toy_model,
        data="- toy data",
        shifts=np.linspace(-1, 1, 14),
        families=[""] * 14,
        curve=LearningCurve(np.array([7, 14]), np.array([0.2, 0.1]), np.array([0.3, 0.2])),
        search=Search(trials, False),
        evaluation=toy_model.evaluate(frames, states, families),
        bars=error_bars(toy_model, frames, n_members=8),
    )


def test_text_holds_the_numbers(report):
    text = report.text()
    for number in (
        f"`{report.model.info['hash']}`",
        f"RMSE        {report.evaluation.rmse:.4f} states",
        "| 2 | **0.1000** | 0.001 | 252 | 1.0 | cutoff 5.0 |",
        "| 7 | 0.2000 | 0.3000 |",
        "| 6 | ",  # structures of a family, and in a row of the calibration
        "between -1.00 and 1.00 eV",
    ):
        assert number in text, text
    assert "even" in text


def test_text_says_whether_structures_were_judged(report):
    assert "Not looked for: 14 structures do not show how errors spread, which takes 40" in (
        report.text()
    )
    model = copy(report.model)
    named = [{"label": "3 (file.out)", "structure": 3, "z_score": 4.26, "error": 0.5}]
    for found, text in (([], "None stands out."), (named, "| 3 (file.out) | 4.3 | 0.5000 |")):
        model.info = {**report.model.info, "outliers": found}
        assert text in replace(report, model=model).text()


def test_error_bars_are_those_of_the_ensembles(report, toy_model):
    atoms = toy_frames(12, seed=9)[3]
    ensemble = toy_model.predict_ensemble(atoms, 8)
    assert report.bars.expected[3] == ensemble.expected_error
    np.testing.assert_allclose(report.bars.dos[3], ensemble.error / 8)
    assert report.bars.values.shape == report.evaluation.true_values.shape


def test_figures(report):
    assert set(report.figures()) == {"learning_curve", "shifts", "spectra", "parity", "calibration"}


def test_report_without_validation(report):
    bare = replace(report, evaluation=None, bars=None, search=None)
    text = bare.text()
    assert "No structures were kept for validation" in text
    assert "Calibration" not in text
    assert set(bare.figures()) == {"learning_curve", "shifts"}
