"""Errors of the published adaptive energy reference on data/silicon, by its own procedure.

    pip install torch featomic
    python -m benchmarks.model.published_procedure [--soap small large] [--sizes 25 50 100] [--scan]

Errors of test and held-out structures by energy reference, and by number of training structures;
with ``--scan`` the validation errors of candidates for the settings.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import torch

from ase_dos.io.dataset import load_dataset
from ase_dos.model.evaluation import Evaluation
from ase_dos.model.options import REFERENCES
from ase_dos.spectra.dos import EnergyGrid
from benchmarks.measure import dataset_path, print_head, print_row
from benchmarks.model.published_network import (
    SETTINGS,
    SOAPS,
    STEP,
    PublishedModel,
    Settings,
    compute_features,
    train,
)

# The published window, or the default grid of DOSModel on data/silicon (0 at the mean Fermi level).
WINDOWS = {"published": None, "full": EnergyGrid(-22.0, STEP, 721)}
CANDIDATES = (
    SETTINGS,
    Settings(weight_decay=1e-5),
    Settings(weight_decay=1e-4),
    Settings(batch_size=8),
    Settings(learning_rate=1e-3, batch_size=8),
    Settings(n_hidden=256),
    Settings(n_hidden=1024, learning_rate=1e-3),
    Settings(n_hidden=1024, learning_rate=1e-3, batch_size=4),
)


class Silicon:
    """Splits of data/silicon with the features of one SOAP, computed once."""

    def __init__(self, soap: str) -> None:
        data = load_dataset(dataset_path("silicon"))
        self.soap = soap
        self.parts = {split: data.select(split) for split in sorted(set(data.split.tolist()))}
        self.features = {
            split: compute_features(frames, soap) for split, (frames, _) in self.parts.items()
        }

    def train(self, rows=None, **options) -> PublishedModel:
        """Train on the training structures, or some of them; all validation structures decide."""
        frames, states = self.parts["train"]
        rows = range(len(frames)) if rows is None else rows
        return train(
            [frames[i] for i in rows],
            [states[i] for i in rows],
            *self.parts["validation"],
            soap=self.soap,
            features=[self.features["train"][i] for i in rows],
            validation_features=self.features["validation"],
            **options,
        )

    def evaluate(self, model: PublishedModel, split: str) -> Evaluation:
        """Errors on one split."""
        return model.evaluate(*self.parts[split], self.features[split])


def print_scan(silicon: Silicon, grid, reference: str) -> None:
    """Print the validation errors, aligned, of the candidates for the settings."""
    print()
    print_head("setting", "hidden width", "validation RMSE", "best epoch", "epochs", "training (s)")
    for settings in CANDIDATES:
        model = silicon.train(reference=reference, settings=settings, grid=grid)
        rmse = silicon.evaluate(model, "validation").rmse
        print_row(
            f"rate {settings.learning_rate:g}, batch {settings.batch_size}, "
            f"L2 {settings.weight_decay:g}",
            model.network.out.in_features,
            f"{rmse:.4f}",
            model.best_epoch,
            len(model.history),
            f"{model.seconds:.0f}",
        )


def print_errors(silicon: Silicon, grid, references: Sequence[str], seeds: int) -> None:
    """Print the errors of the references, means over seeds and the spread of the test error."""
    print()
    print_head(
        f"reference ({silicon.soap})",
        "test RMSE",
        "%",
        "held-out RMSE",
        "%",
        "validation RMSE",
        "training (s)",
        "best epoch",
        "epochs",
    )
    for reference in references:
        rows = []
        for seed in range(seeds):
            model = silicon.train(reference=reference, grid=grid, seed=seed)
            test, out, other = (
                silicon.evaluate(model, split) for split in ("test", "heldout", "validation")
            )
            errors = (test.rmse, test.percent_rmse, out.rmse, out.percent_rmse, other.rmse)
            rows.append((*errors, model.seconds, model.best_epoch, len(model.history)))
        formats = (".4f", ".1f", ".4f", ".1f", ".4f", ".0f", ".0f", ".0f")
        cells = [f"{x:{form}}" for x, form in zip(np.mean(rows, axis=0), formats, strict=True)]
        if seeds > 1:
            cells[0] += f" +- {np.std([row[0] for row in rows], ddof=1):.4f}"
        print_row(reference, *cells)


def print_curve(silicon: Silicon, grid, references: Sequence[str], sizes, subsets: int) -> None:
    """Print test errors against the size of the training set, means over seeded subsets."""
    print()
    print_head(f"training structures ({silicon.soap})", *references)
    n = len(silicon.parts["train"][0])
    for size in sizes:
        cells = []
        for reference in references:
            errors = []
            for seed in range(subsets):
                rows = np.random.default_rng(seed).permutation(n)[:size]
                model = silicon.train(rows, reference=reference, grid=grid, seed=seed)
                errors.append(silicon.evaluate(model, "test").rmse)
            cells.append(f"{np.mean(errors):.4f}")
        print_row(size, *cells)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--soap", nargs="*", choices=SOAPS, default=["small"])
    parser.add_argument("--references", nargs="*", choices=REFERENCES, default=REFERENCES)
    parser.add_argument("--window", choices=WINDOWS, default="published")
    parser.add_argument("--sizes", type=int, nargs="*", default=[])
    parser.add_argument("--subsets", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--scan", action="store_true", help="validation errors of settings only")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    grid = WINDOWS[args.window]
    for soap in args.soap:
        silicon = Silicon(soap)
        if args.scan:
            print_scan(silicon, grid, args.references[0])
            continue
        print_errors(silicon, grid, args.references, args.seeds)
        if args.sizes:
            print_curve(silicon, grid, args.references, args.sizes, args.subsets)


if __name__ == "__main__":
    main()
