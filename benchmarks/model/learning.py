"""Accuracy of all models on data/silicon against the published procedure, on the same splits.

    pip install torch featomic
    python -m benchmarks.model.learning --store learning.json [--tables curve quantities ...]

Tables (Markdown; errors after the best rigid shift of each structure, in states eV^-1/2 per atom
and in percent of the spread of the truth):

- curve: test error by model, energy reference and number of training structures, mean over seeded
  subsets; for all training structures also the held-out family and the time of training
- quantities: mean absolute errors of derived quantities by model, and for the kernel by metric and
  energy basis
- sizes: error on the largest cells of a kernel trained on cells of up to 16 atoms
- calibration: expected against observed errors, of validation, test and held-out structures
- families: the same for every family of the training set, by a kernel that has not seen it
- splits: test error on other random splits, of the kernel and of the published procedure, with the
  same training structures and with the same structures in all: the kernel needs none to tell it
  when to stop, so that it can learn from those too (means over splits; their errors are lower
  bounds, because the splits share structures)

Everything learns the same energies (up to 14 eV above the mean Fermi level), with one thread unless
``--threads`` says otherwise. Published: `published_network.py`, which is stopped by the validation
structures; our models never see these. Finished trainings are in the store, so a run that was
interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from ase_dos import SOAP, DOSModel
from ase_dos.fit.metric import METRICS
from ase_dos.io.dataset import load_dataset
from ase_dos.model.evaluation import DERIVED_QUANTITIES, derived_quantities
from ase_dos.model.options import REFERENCES
from ase_dos.spectra.calibration import decile_table, miscalibration_area
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.utils.files import replace_file
from benchmarks.measure import dataset_path, print_head, print_row, use_threads

GRID = EnergyGrid(-22.0, 0.05, 721)  # eV, 0 at the mean Fermi level
DESCRIPTOR = SOAP(6.0, 8, 6, 0.5, ("Si",), radial_scaling=(1.0, 3.5, 6))
MODELS = ("ridge", "kernel", "network")


class Store:
    """Results of finished trainings in a JSON file, by name."""

    def __init__(self, path):
        self.path = Path(path)
        self.results = json.loads(self.path.read_text()) if self.path.exists() else {}

    def get(self, name, compute):
        """Return the result of that name, computed only if it is not there yet."""
        if name not in self.results:
            self.results[name] = compute()
            text = json.dumps(self.results, indent=1)
            replace_file(self.path, lambda file: file.write(text.encode()))
        return self.results[name]


class Data:
    """Splits of the data set, with the features of the training structures."""

    def __init__(self):
        data = load_dataset(dataset_path("silicon"))
        self.parts = {split: data.select(split) for split in sorted(set(data.split.tolist()))}
        frames = self.parts["train"][0]
        self.features = [DESCRIPTOR.compute(atoms) for atoms in frames]
        self.silicon = {}

    def published(self, soap):
        """Give the splits with the features of the published procedure."""
        from benchmarks.model.published_procedure import Silicon  # which needs PyTorch

        if soap not in self.silicon:
            self.silicon[soap] = Silicon(soap)
        return self.silicon[soap]

    def fit(self, regressor, reference="adaptive", rows=None, **options):
        """Train one of our models, on some structures or all; return it and the seconds."""
        frames, states = self.parts["train"]
        rows = range(len(frames)) if rows is None else rows
        model = DOSModel(DESCRIPTOR, GRID, regressor=regressor, reference=reference, **options)
        start = time.perf_counter()
        model.fit(
            *([some[i] for i in rows] for some in (frames, states)),
            features=[self.features[i] for i in rows],
        )
        return model, time.perf_counter() - start

    def errors(self, model, seconds, features=None):
        """Errors on validation, test and held-out structures, as plain numbers."""
        found = {"seconds": seconds}
        for split in ("validation", "test", "heldout"):
            more = {} if features is None else {"features": features[split]}
            report = model.evaluate(*self.parts[split], **more)
            found[split] = [report.rmse, report.percent_rmse]
            found[f"{split} quantities"] = report.mean_absolute_errors.tolist()
        return found


def train(data, model, reference, rows, seed):
    """Errors of one model once trained; names of the published ones say which features."""
    if model in MODELS:
        return data.errors(*data.fit(model, reference, rows))
    silicon = data.published(model.split()[1])
    found = silicon.train(rows, reference=reference, grid=GRID, seed=seed)
    return data.errors(found, found.seconds, silicon.features)


def show(title, columns, rows):
    """Print a table in Markdown."""
    print()
    print_head(title, *columns)
    for row in rows:
        print_row(*row)


def curve(data, store, args):
    """Errors by model, reference and size of the training set."""
    n = len(data.features)
    sizes = [size for size in args.sizes if size < n]
    columns = [f"{size}" for size in sizes] + [f"{n}: test", "%", "held out", "%", "training (s)"]
    rows = []
    for model in args.models:
        for reference in args.references:
            cells = []
            for size in sizes:
                of_subsets = []
                for seed in range(args.subsets):
                    some = np.random.default_rng(seed).permutation(n)[:size]
                    name = f"{model} {reference} {size} {seed}"
                    errors = store.get(name, partial(train, data, model, reference, some, seed))
                    of_subsets.append(errors["test"][0])
                cells.append(f"{np.mean(of_subsets):.4f}")
            errors = store.get(
                f"{model} {reference} {n} 0", partial(train, data, model, reference, None, 0)
            )
            cells += [
                f"{errors['test'][0]:.4f}",
                f"{errors['test'][1]:.1f}",
                f"{errors['heldout'][0]:.4f}",
                f"{errors['heldout'][1]:.1f}",
                f"{errors['seconds']:.1f}",
            ]
            rows.append((f"{model}, {reference}", *cells))
    show("model, reference; training structures", columns, rows)


def quantities(data, store, args):
    """Mean absolute errors of derived quantities."""
    n = len(data.features)
    cases = {
        model: store.get(f"{model} adaptive {n} 0", lambda: train(data, model, "adaptive", None, 0))  # noqa: B023
        for model in args.models
    }
    for metric in METRICS:
        for n_modes in (32, None):
            name = f"kernel, {metric}, " + ("principal" if n_modes else "pointwise")
            cases[name] = store.get(
                name,
                lambda: data.errors(*data.fit("kernel", metric=metric, n_modes=n_modes)),  # noqa: B023
            )
    columns = ["validation RMSE", "test RMSE", *(quantity.label for quantity in DERIVED_QUANTITIES)]
    for split in ("validation", "test"):
        rows = [
            (
                name,
                f"{errors['validation'][0]:.4f}",
                f"{errors['test'][0]:.4f}",
                *(f"{error:.3g}" for error in errors[f"{split} quantities"]),
            )
            for name, errors in cases.items()
        ]
        show(f"mean absolute errors, {split}", columns, rows)


def sizes(data, store, args):
    """Errors on large cells of a model that has seen small ones."""
    frames, states = (
        [one for split in data.parts for one in data.parts[split][part]] for part in (0, 1)
    )
    large = [i for i, atoms in enumerate(frames) if len(atoms) >= 32]
    small = np.array([i for i, atoms in enumerate(data.parts["train"][0]) if len(atoms) <= 16])
    model, _ = data.fit("kernel", rows=small)
    rows = []
    for count in sorted({len(frames[i]) for i in large}):
        some = [i for i in large if len(frames[i]) == count]
        report = model.evaluate([frames[i] for i in some], [states[i] for i in some])
        rows.append((f"{count}", f"{len(some)}", f"{report.rmse:.4f}"))
    show(f"atoms (trained on {len(small)} cells of up to 16)", ["structures", "RMSE"], rows)


CALIBRATION = (
    "expected RMSE",
    "observed",
    "correlation",
    "derived quantities within 1 sigma",
    "within 2",
    "miscalibration area",
    "structures flagged",
)


def calibration(data, store, args):
    """Compare expected with observed errors."""
    for regressor in MODELS[: 3 if args.networks else 2]:
        model, _ = data.fit(regressor)
        model.calibrate(*data.parts["validation"])
        rows, errors = [], {}
        for split in ("validation", "test", "heldout"):
            cells, errors[split] = calibration_of(model, *data.parts[split])
            rows.append((split, *cells))
        show(regressor, CALIBRATION, rows)
        both = [
            np.concatenate(some) for some in zip(errors["validation"], errors["test"], strict=True)
        ]
        show(
            f"{regressor}: deciles of validation and test",
            ["expected", "observed"],
            [(f"{int(k)}", f"{e:.3f}", f"{o:.3f}") for k, e, o in decile_table(*both)],
        )


def calibration_of(model, frames, states):
    """Cells of `CALIBRATION` for some structures, and their expected and observed errors."""
    report = model.evaluate(frames, states)
    ensembles = [model.predict_ensemble(atoms, 64) for atoms in frames]
    expected = np.array([one.expected_error for one in ensembles])
    observed = np.sqrt(report.errors.squared)
    rows = zip(ensembles, report.true_values, frames, strict=True)
    scores = np.array([_scores(ensemble, truth, len(atoms)) for ensemble, truth, atoms in rows])
    scores = scores[np.isfinite(scores)]
    flagged = [model.predictor.predict(atoms).novelty.max() > 1 for atoms in frames]
    cells = (
        f"{np.sqrt(np.mean(expected**2)):.3f}",
        f"{np.sqrt(np.mean(observed**2)):.3f}",
        f"{np.corrcoef(expected, observed)[0, 1]:.2f}",
        f"{np.mean(np.abs(scores) < 1):.2f}",
        f"{np.mean(np.abs(scores) < 2):.2f}",
        f"{miscalibration_area(scores):.3f}",
        f"{np.mean(flagged):.2f}",
    )
    return cells, (expected, observed)


def families(data, store, args):
    """Compare expected with observed errors of families that a model knows nothing of."""
    frames, states = data.parts["train"]
    family = np.array([atoms.info["family"] for atoms in frames])
    rows = []
    for name in sorted(set(family)):
        model, _ = data.fit("kernel", rows=np.flatnonzero(family != name))
        some = np.flatnonzero(family == name)
        left_out = [frames[i] for i in some]
        observed = model.evaluate(left_out, [states[i] for i in some]).rmse
        expected = [model.predict_ensemble(atoms, 2).expected_error for atoms in left_out]
        rows.append(
            (
                name,
                f"{some.size}",
                f"{np.sqrt(np.mean(np.square(expected))):.3f}",
                f"{observed:.3f}",
            )
        )
    show("family left out", ["structures", "expected RMSE", "observed"], rows)


def splits(data, store, args):
    """Compare the kernel with the published procedure on random splits of all but the held out."""
    parts = ("train", "validation", "test")
    frames, states = ([one for part in parts for one in data.parts[part][k]] for k in (0, 1))
    ours = [DESCRIPTOR.compute(atoms) for atoms in frames]
    silicon = data.published("large")
    theirs = [some for part in parts for some in silicon.features[part]]

    def errors(model, rows, features=None):
        more = {} if features is None else {"features": [features[i] for i in rows]}
        return model.evaluate([frames[i] for i in rows], [states[i] for i in rows], **more).rmse

    def kernel(rows, test):
        model = DOSModel(DESCRIPTOR, GRID, regressor="kernel").fit(
            [frames[i] for i in rows], [states[i] for i in rows], features=[ours[i] for i in rows]
        )
        return errors(model, test)

    def published(rows, validation, test, seed):
        from benchmarks.model.published_network import train as train_published

        first, second = (
            [[some[i] for i in which] for some in (frames, states, theirs)]
            for which in (rows, validation)
        )
        model = train_published(
            *first[:2],
            *second[:2],
            soap="large",
            grid=GRID,
            seed=seed,
            features=first[2],
            validation_features=second[2],
        )
        return errors(model, test, theirs)

    table = []
    for size in (*args.sizes, None):
        found = []
        for seed in range(args.splits):
            train, validation, test = _random_split(frames, seed)
            some = train[:size]
            both = np.concatenate([some, validation])
            name = f"split {seed} {len(some)}"
            found.append(
                [
                    store.get(f"{name} published", lambda: published(some, validation, test, seed)),  # noqa: B023
                    store.get(f"{name} kernel", lambda: kernel(some, test)),  # noqa: B023
                    store.get(f"{name} kernel, both", lambda: kernel(both, test)),  # noqa: B023
                ]
            )
        found = np.array(found)
        less = 100 * (1 - found[:, 1:] / found[:, :1])
        error = less.std(axis=0, ddof=1) / np.sqrt(len(found))
        shares = [f"{m:.1f} +- {e:.1f}" for m, e in zip(less.mean(axis=0), error, strict=True)]
        rmse = [f"{mean:.4f}" for mean in found.mean(axis=0)]
        table.append((f"{len(some)} + {len(validation)}", *rmse, *shares))
    show(
        "training + validation structures",
        ["published", "kernel, training", "kernel, all", "% less, training", "% less, all"],
        table,
    )


def _random_split(frames, seed):
    """Training (in random order), validation and test rows; families of three or more in each."""
    rng = np.random.default_rng(seed)
    family = np.array([atoms.info["family"] for atoms in frames])
    parts = [[], [], []]
    for name in sorted(set(family)):
        rows = rng.permutation(np.flatnonzero(family == name))
        share = max(1, round(0.15 * len(rows)))
        for part, some in zip(parts, np.split(rows, [-2 * share, -share]), strict=True):
            part.extend(some)
    return [rng.permutation(part) for part in parts]


def _scores(ensemble, truth, n_atoms):
    """Errors of derived quantities in units of the expected ones."""
    value, error = ensemble.spread(lambda dos: derived_quantities(dos, n_atoms))
    return (truth - value) / error


TABLES = {
    "curve": curve,
    "quantities": quantities,
    "sizes": sizes,
    "calibration": calibration,
    "families": families,
    "splits": splits,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", default="learning.json")
    parser.add_argument("--tables", nargs="*", choices=TABLES, default=list(TABLES))
    parser.add_argument("--models", nargs="*", default=[*MODELS, "published small"])
    parser.add_argument("--references", nargs="*", choices=REFERENCES, default=REFERENCES)
    parser.add_argument("--sizes", type=int, nargs="*", default=[25, 50, 100])
    parser.add_argument("--subsets", type=int, default=5)
    parser.add_argument("--splits", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--networks", action="store_true", help="calibrate networks too")
    args = parser.parse_args()
    # The DOS of a crystal in its gap is the tail of the smearing; here only differences count.
    warnings.simplefilter("ignore")
    use_threads(args.threads)
    data, store = Data(), Store(args.store)
    for name in args.tables:
        TABLES[name](data, store, args)


if __name__ == "__main__":
    main()
