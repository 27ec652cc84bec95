"""Compare the three energy references on data/silicon: test set, families, held-out family.

    python benchmarks/references.py [--sizes 25 50 100] [--subsets 3]

Prints tables in Markdown: aligned RMSE in states eV^-1/2 per atom and in percent of the spread of
the truth, mean absolute errors of derived quantities, and the dependence on the training set's
size (mean over seeded subsets).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from ase_dos import DOSModel
from ase_dos.dataset import load_dataset
from ase_dos.evaluation import QUANTITIES
from ase_dos.model import REFERENCES

DATA = Path(__file__).resolve().parents[1] / "data" / "silicon" / "silicon.npz"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[])
    parser.add_argument("--subsets", type=int, default=3)
    args = parser.parse_args()
    data = load_dataset(DATA)
    soap = DOSModel.load("silicon").descriptor
    frames, states = data.select("train")
    features = DOSModel(soap).compute_features(frames)
    splits = {}
    for split in ("test", "heldout"):
        chosen = np.flatnonzero(data.split == split)
        splits[split] = (*data.select(split), data.families[chosen])

    reports, seconds = {}, {}
    for reference in REFERENCES:
        start = time.perf_counter()
        model = DOSModel(soap, reference=reference).fit(frames, states, features=features)
        seconds[reference] = time.perf_counter() - start
        reports[reference] = {name: model.evaluate(*rest) for name, rest in splits.items()}
        print(
            f"{reference}: regularisation {model.info['regularization']:.1e}, "
            f"penalty {model.info['shift_penalty']:g}, "
            f"leave-one-out {model.info['leave_one_out_rmse']:.4f}",
            flush=True,
        )

    print("\n| reference | test RMSE | % | held-out RMSE | % | fit (s) |")
    print("|---|---|---|---|---|---|")
    for reference, report in reports.items():
        test, out = report["test"], report["heldout"]
        print(
            f"| {reference} | {test.rmse:.4f} | {test.percent_rmse:.1f} | {out.rmse:.4f} | "
            f"{out.percent_rmse:.1f} | {seconds[reference]:.1f} |"
        )
    print("\n| mean absolute error, test | " + " | ".join(reports) + " |")
    print("|---" * (len(reports) + 1) + "|")
    for i, (name, unit) in enumerate(QUANTITIES):
        cells = [f"{report['test'].mean_absolute_errors[i]:.3g}" for report in reports.values()]
        print(f"| {name} ({unit}) | " + " | ".join(cells) + " |")
    print("\n| family (structures in test) | " + " | ".join(reports) + " |")
    print("|---" * (len(reports) + 1) + "|")
    tables = {reference: report["test"].family_rmse() for reference, report in reports.items()}
    for family, (count, _) in tables[REFERENCES[0]].items():
        cells = [f"{table[family][1]:.4f}" for table in tables.values()]
        print(f"| {family} ({count}) | " + " | ".join(cells) + " |")

    if args.sizes:
        print("\n| training structures | " + " | ".join(REFERENCES) + " |")
        print("|---" * (len(REFERENCES) + 1) + "|")
    for size in args.sizes:
        errors = {reference: [] for reference in REFERENCES}
        for seed in range(args.subsets):
            rows = np.random.default_rng(seed).permutation(len(frames))[:size]
            subset = ([frames[i] for i in rows], [states[i] for i in rows])
            for reference in REFERENCES:
                model = DOSModel(soap, reference=reference)
                model.fit(*subset, features=[features[i] for i in rows])
                errors[reference].append(model.evaluate(*splits["test"]).rmse)
        cells = [f"{np.mean(e):.4f}" for e in errors.values()]
        print(f"| {size} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
