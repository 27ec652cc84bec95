"""Errors of large structures of several species, each predicted from the others, with masks.

    python -m benchmarks.model.gaas FILE.extxyz [FILE.extxyz ...] [--cutoff 6]
        [--regressor ridge kernel] [--count-below -13.5]

Written for the ten Ga-As interfaces and melts that the `pet-mad-dos` recipe of the public
repository lab-cosmo/atomistic-cookbook has as samples (W. B. How et al. 2026,
doi:10.1039/D5DD00557D): two files, some 300 atoms a structure, DFT densities of states on 4606
points broadened by 0.3 eV, the Fermi level at point 2993. They are not in this repository; give
their paths. Any other files of this convention will do.

Each structure is predicted by models trained on all the others: regression on SOAP features, and
the mean of each species weighted with the composition, which is the same model without features.
Errors are those after the best rigid shift, in states eV^-1/2 per atom and in percent of the
spread of the truth; "expected" is the error that the model gives itself, "novel" the share of
atoms that it warns of, "valence" counts energies above the semicore levels only, after the same
shift. Two windows: energies that every structure knows, and up to the median of where the bands
of the structures end, with masks for those that end below. A last table predicts structures with
a gap above the semicore levels from each other, with and without their electrons below it fixed.
Prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import NamedTuple

import numpy as np

from ase_dos import SOAP, DOSModel
from ase_dos.fit.modes import count_below
from ase_dos.io.dft import read_dos_frames
from ase_dos.model.evaluation import DERIVED_QUANTITIES, evaluate_predictions
from ase_dos.model.options import REGRESSORS
from ase_dos.spectra.dos import DOS, EnergyGrid
from ase_dos.spectra.target import target_from_dos
from benchmarks.measure import print_head, print_row, use_threads

REFERENCES = ("adaptive", "fermi")
MEANS = "species means"
# States per atom and eV at the bottom of a gap between broadened bands.
GAP = 0.01


class LeftOut(NamedTuple):
    """Predictions of every structure by models of the others."""

    predictions: list
    expected: np.ndarray  # errors that the models expect, states eV^-1/2 per atom
    novel: np.ndarray  # share of the atoms unlike those of the training set
    seconds: float  # of all training


def read(args):
    """Structures and their DOS of all files."""
    grid = {"start": args.grid_start, "step": args.grid_step, "smearing": args.smearing}
    pairs = [pair for path in args.paths for pair in read_dos_frames(path, **grid)]
    return [atoms for atoms, _ in pairs], [dos for _, dos in pairs]


def windows(targets, smearing):
    """Energies (0 at the Fermi level) that all structures know, and that half of them know."""
    floor = np.floor(min(t.start - t.fermi_level for t in targets) - 1.5)
    tops = [t.valid_to - t.fermi_level for t in targets]
    return {
        name: EnergyGrid(floor, smearing / 6, int((top - floor) / (smearing / 6)) + 1)
        for name, top in (("known to all", min(tops)), ("masked", float(np.median(tops))))
    }


def descriptor(args, frames):
    species = sorted({int(z) for atoms in frames for z in atoms.numbers})
    return SOAP(cutoff=args.cutoff, species=tuple(species))


def leave_one_out(frames, dos, features, grid, args, predictor, reference="adaptive", top=None):
    """Every structure predicted from the others."""
    predictions, expected, novel, seconds = [], [], [], 0.0
    for out, atoms in enumerate(frames):
        rest = np.delete(np.arange(len(frames)), out)
        model = DOSModel(
            descriptor(args, frames),
            grid,
            reference=reference,
            smearing=args.smearing,
            count_below=top,
            # Means have nothing to regularise.
            **({"regularizations": [1.0]} if predictor == MEANS else {"regressor": predictor}),
        )
        rows = [features[i] * (predictor != MEANS) for i in rest]
        start = time.perf_counter()
        model.fit([frames[i] for i in rest], [dos[i] for i in rest], features=rows)
        seconds += time.perf_counter() - start
        if predictor == MEANS:
            predictions.append(prediction_of_means(model, atoms, dos[out].n_electrons))
            expected.append(np.nan)
            novel.append(np.nan)
        else:
            ensemble = model.predict_ensemble(atoms, n_members=2)
            predictions.append(ensemble.mean)
            expected.append(ensemble.expected_error)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                novel.append(np.mean(model.predict(atoms).novelty > 1))
    return LeftOut(predictions, np.array(expected), np.array(novel), seconds)


def prediction_of_means(model, atoms, n_electrons):
    """Sum of the species terms: the weights of a model without features are zero."""
    counts = [np.sum(atoms.numbers == z) for z in model.species]
    return DOS(model.grid.energies, counts @ model.predictor.species_terms, n_electrons)


def valence_errors(report, floor):
    """Errors of each structure above ``floor`` (eV), states eV^-1/2 per atom."""
    above = report.energies > floor
    squared = (report.prediction - report.truth)[:, above] ** 2
    step = report.energies[1] - report.energies[0]
    return np.sqrt(np.nanmean(squared, axis=1) * above.sum() * step)


def print_table(head, rows):
    print()
    print_head(*head)
    for row in rows:
        print_row(*row)


SUMMARY = [
    "RMSE",
    "expected",
    "%",
    "valence RMSE",
    *(f"MAE {quantity.label}" for quantity in DERIVED_QUANTITIES[:2]),
    "training (s)",
]


def summary_row(cell, report, found, floor):
    valence = np.sqrt(np.mean(valence_errors(report, floor) ** 2))
    errors = report.mean_absolute_errors[:2]
    return [
        *cell,
        f"{report.rmse:.4f}",
        f"{np.sqrt(np.mean(found.expected**2)):.4f}",
        f"{report.percent_rmse:.1f}",
        f"{valence:.4f}",
        *(f"{error:.3f}" for error in errors),
        f"{found.seconds:.1f}",
    ]


def print_structures(name, frames, targets, report, found, floor):
    """Errors of each structure by one predictor with the adaptive reference."""
    differences = report.predicted_values - report.true_values
    columns = {
        "RMSE": np.sqrt(report.errors.squared),
        "expected": found.expected,
        "novel (%)": 100 * found.novel,
        "valence RMSE": valence_errors(report, floor),
        "E_F - bottom error (eV)": differences[:, 0],
        "g(E_F) error": differences[:, 1],
    }
    rows = []
    for i, atoms in enumerate(frames):
        top = targets[i].valid_to - targets[i].fermi_level
        formula = atoms.get_chemical_formula()
        volume = atoms.get_volume() / len(atoms)
        cells = [f"{column[i]:.3f}" for column in columns.values()]
        rows.append([formula, f"{volume:.1f}", f"{top:.2f}", *cells])
    for label, average in (("mean of sizes", np.mean), ("median of sizes", np.median)):
        cells = [f"{average(np.abs(column)):.3f}" for column in columns.values()]
        rows.append([label, "", "", *cells])
    print(f"\n{name}, adaptive reference:")
    print_table(["structure", "A^3/atom", "known above E_F (eV)", *columns], rows)


def with_gap(targets, n_atoms, top):
    """Find the structures that have hardly any states at ``top`` (eV from E_F)."""
    at_top = [t(np.array([top]), t.fermi_level)[0][0] for t in targets]
    return np.flatnonzero(np.array(at_top) / n_atoms < GAP)


def print_counts(frames, dos, targets, features, grid, args):
    """Structures that have the gap, with and without the count below it."""
    top, n_atoms = args.count_below, np.array([len(atoms) for atoms in frames])
    try:
        DOSModel(descriptor(args, frames), grid, smearing=args.smearing, count_below=top).fit(
            frames, dos, features=features
        )
    except ValueError as error:
        print(f"\nAll structures: {error}")
    chosen = with_gap(targets, n_atoms, top)
    some = [[column[i] for i in chosen] for column in (frames, dos, targets, features)]
    rows = []
    for predictor in args.regressor:
        for fixed in (None, top):
            found = leave_one_out(*some[:2], some[3], grid, args, predictor, top=fixed)
            report = evaluate_predictions(some[2], found.predictions, n_atoms[chosen])
            weights = count_below(report.energies, top)
            counts = np.nan_to_num(report.prediction - report.truth) @ weights
            row = summary_row(
                (predictor, "no" if fixed is None else "yes"), report, found, args.valence
            )
            rows.append([*row, f"{np.sqrt(np.mean(counts**2)):.4f}"])
    print(f"\n{len(chosen)} structures with a gap at {top:g} eV, from each other:")
    print_table(["predicted by", "count fixed", *SUMMARY, "electrons per atom below"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", metavar="FILE")
    parser.add_argument("--regressor", nargs="+", choices=REGRESSORS, default=["ridge", "kernel"])
    parser.add_argument("--count-below", type=float, default=-13.5, help="a gap (eV)")
    parser.add_argument("--grid-start", type=float, default=-149.65)
    parser.add_argument("--grid-step", type=float, default=0.05)
    parser.add_argument("--smearing", type=float, default=0.3)
    parser.add_argument("--cutoff", type=float, default=6.0)
    parser.add_argument("--valence", type=float, default=-13.5, help="top of the semicore (eV)")
    args = parser.parse_args()
    use_threads(1)
    start = time.perf_counter()
    frames, dos = read(args)
    targets = [target_from_dos(one) for one in dos]
    n_atoms = np.array([len(atoms) for atoms in frames])
    middle = time.perf_counter()
    features = DOSModel(descriptor(args, frames)).compute_features(frames)
    end = time.perf_counter()
    print(
        f"{len(frames)} structures, {n_atoms.sum()} atoms: read in {middle - start:.1f} s, "
        f"{features[0].shape[1]} features (cutoff {args.cutoff:g} A) in {end - middle:.1f} s"
    )
    for name, grid in windows(targets, args.smearing).items():
        print(f"\n## Window {name}: {grid.start:.2f} to {grid.stop:.2f} eV")
        rows, adaptive = [], {}
        for predictor in (*args.regressor, MEANS):
            for reference in REFERENCES:
                found = leave_one_out(frames, dos, features, grid, args, predictor, reference)
                report = evaluate_predictions(targets, found.predictions, n_atoms)
                rows.append(summary_row((predictor, reference), report, found, args.valence))
                if reference == "adaptive":
                    adaptive[predictor] = report, found
        print_table(["predicted by", "reference", *SUMMARY], rows)
        for predictor, (report, found) in adaptive.items():
            print_structures(predictor, frames, targets, report, found, args.valence)
    print(f"\n## Electrons below {args.count_below:g} eV")
    print_counts(frames, dos, targets, features, grid, args)


if __name__ == "__main__":
    main()
