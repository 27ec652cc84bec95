"""Errors of density models by metric, treatment of the electron number, and size of training set.

    python -m benchmarks.density.metrics --store metrics.json [--sets water mixed] [--seeds 0 1 2]

Data of `data/molecules`. Water: of 130, some for training and 30 for the test. Mixed: of 75 small
molecules, some for training and 20 for the test; foreign ones as a test of extrapolation. Targets
are fits in the metric of the column "fit", with the exact number of electrons where the model's is.
Errors are those of held-out molecules, means over seeds:

- J %, S %: mean of 100 (dc^T M dc / c^T M c)^1/2 against the fit
- dN: mean of |N - q^T c|
- dipole: mean length of the error against the calculation (D)
- potential: root of the mean square error against the calculation, on layers at 1.4 to 2 van der
  Waals radii (kcal/mol/e)

What a fit itself misses is in the rows "fit". Finished trainings are in the store, so a run that
was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.evaluation import evaluate_densities
from ase_dos.density.options import DensityOptions
from ase_dos.density.training import train
from ase_dos.descriptors.lambda_soap import LambdaSOAP
from benchmarks.measure import print_head, print_row
from data.molecules.pack_densities import Molecules, load

# species, sizes of the training set, size of the test set, other families
SETS = {
    "water": (("H", "O"), (10, 20, 40), 30, ()),
    "mixed": (("H", "C", "N", "O"), (14, 28, 55), 20, ("foreign",)),
}
# fit, metric of the training, electron number
MODELS = (
    ("overlap", "overlap", "free"),
    ("overlap", "overlap", "a_posteriori"),
    ("overlap", "overlap", "exact"),
    ("coulomb", "identity", "a_posteriori"),
    ("coulomb", "coulomb", "free"),
    ("coulomb", "coulomb", "a_posteriori"),
    ("coulomb", "coulomb", "exact"),
)
COLUMNS = ("J %", "S %", "dN", "dipole", "potential")


def options_of(species: tuple[str, ...], basis: AuxiliaryBasis, **others) -> DensityOptions:
    """Hyperparameters that all models share."""
    descriptor = LambdaSOAP(4.0, 5, 4, 0.4, species, max_lambda=4)
    return DensityOptions(descriptor, basis, n_points=40, **others)


def errors(data: Molecules, chosen, fit: str, number: str, predictor) -> dict[str, float]:
    """Compute the columns of the table for some molecules."""
    truths, guesses = [], []
    kind = "free" if number == "free" else "exact"
    for index in chosen:
        truths.append(data.density(index, fit, kind))
        if predictor is None:
            guesses.append(truths[-1])
        else:
            atoms = data.frames[index]
            guesses.append(predictor.predict(atoms, atoms.info["charge"])[0])
    report = evaluate_densities(
        truths, guesses, [data.dipoles[i] for i in chosen], [data.potentials[i] for i in chosen]
    )
    inside = np.abs(report.dipole_scores) < 1.0
    return {
        "J %": float(report.coulomb.mean()),
        "S %": float(report.overlap.mean()),
        "dN": float(np.abs(report.electrons).mean()),
        "dipole": report.dipole_error,
        "potential": float(np.sqrt(np.mean(report.potentials**2))),
        "within one sigma": float(inside.mean()),
    }


def run(data: Molecules, name: str, size: int, seed: int) -> dict[str, dict]:
    """Train all models on one split; return their errors."""
    species, _, n_test, others = SETS[name]
    order = np.random.default_rng(seed).permutation(data.of(name))
    chosen, test = order[:size], order[-n_test:]
    frames = [data.frames[i] for i in chosen]
    basis = data.fits["coulomb"][0].basis
    found, groups = {}, np.arange(size)
    for fit, metric, number in MODELS:
        if number == "a_posteriori" and (fit, metric, "free") in MODELS:
            predictor = replace(predictor, electron_number=number)  # noqa: F821  the one before
        else:
            options = options_of(species, basis, metric=metric, electron_number=number)
            kind = "free" if number == "free" else "exact"
            densities = [data.density(i, fit, kind) for i in chosen]
            predictor = train(frames, densities, options, groups, False).predictor
        row = {"test": errors(data, test, fit, number, predictor)}
        for family in others:
            try:
                row[family] = errors(data, data.of(family), fit, number, predictor)
            except ValueError as error:  # a density that misses too many electrons is refused
                row[family] = {"refused": str(error)}
        found[f"{fit} / {metric} / {number}"] = row
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    given = parser.parse_args()
    data = load()
    store = json.loads(given.store.read_text()) if given.store.exists() else {}
    for name in given.sets:
        for size in SETS[name][1]:
            for seed in given.seeds:
                key = f"{name} {size} {seed}"
                if key not in store:
                    store[key] = run(data, name, size, seed)
                    given.store.write_text(json.dumps(store, indent=1))
    for name in given.sets:
        for family in ("test", *SETS[name][3]):
            print(f"\n{name}, {family}")
            print_head("fit", "loss", "N", "training", *COLUMNS)
            chosen = data.of(name if family == "test" else family)
            for fit in ("overlap", "coulomb"):
                row = errors(data, chosen, fit, "exact", None)
                print_row(fit, "fit", "exact", "-", *(f"{row[c]:.3g}" for c in COLUMNS))
            for model in MODELS:
                for size in SETS[name][1]:
                    rows = [
                        store[f"{name} {size} {seed}"][" / ".join(model)][family]
                        for seed in given.seeds
                    ]
                    cells = [
                        f"{np.mean([row.get(c, np.nan) for row in rows]):.3g}" for c in COLUMNS
                    ]
                    print_row(*model, size, *cells)


if __name__ == "__main__":
    main()
