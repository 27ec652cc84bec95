"""Errors of the shipped models of silicon: by tight binding, and local.

    python -m benchmarks.tight_binding.shipped [--models silicon-tb silicon] [--parts validation]

For every part of data/silicon: RMSE of the DOS in states eV^-1/2 per atom, aligned, in the whole
window and up to E_F + 5 eV; the error that the model expects; mean absolute errors of what follows
from the DOS. With ``--surfaces``, those of data/silicon/surfaces.npz.
"""

from __future__ import annotations

import argparse

import numpy as np

from ase_dos.io.dataset import load_dataset
from ase_dos.model import load_model
from ase_dos.model.evaluation import DERIVED_QUANTITIES
from ase_dos.model.training_set import make_targets
from benchmarks.measure import dataset_path, print_head, print_row
from benchmarks.tight_binding.accuracy import rmse

PARTS = ("validation", "test", "heldout")


def errors_of(model, frames, states):
    """Row of one model: errors of the DOS, expected error, errors of what follows."""
    report = model.evaluate(frames, states)
    targets = make_targets(states, model.smearing)
    atoms = np.array([len(one) for one in frames])
    curves = report.prediction * atoms[:, None]
    low = rmse(targets, curves, model.grid.energies, atoms, 5.0)
    expected = [model.predict_ensemble(one, 2).expected_error for one in frames]
    known = ~np.isnan(report.mean_absolute_errors)
    return [
        f"{report.rmse:.4f}",
        f"{report.percent_rmse:.1f}",
        f"{low:.4f}",
        f"{np.sqrt(np.mean(np.square(expected))):.4f}",
        *(f"{error:.3g}" for error in report.mean_absolute_errors[known]),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["silicon-tb", "silicon"])
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=("train", *PARTS))
    parser.add_argument("--surfaces", action="store_true")
    args = parser.parse_args()
    path = dataset_path("silicon")
    data = load_dataset(path.with_name("surfaces.npz") if args.surfaces else path)
    models = {name: load_model(name) for name in args.models}
    quantities = [q.symbol for q in DERIVED_QUANTITIES if q.symbol != "M"]
    for part in args.parts:
        rows = np.flatnonzero(data.split == part)
        if not rows.size:
            continue
        frames, states = [data.frames[i] for i in rows], [data.states[i] for i in rows]
        print(f"\n{part}, {rows.size} structures\n")
        print_head("", "whole", "%", "to E_F + 5 eV", "expected", *quantities)
        for name, model in models.items():
            print_row(name, *errors_of(model, frames, states))


if __name__ == "__main__":
    main()
