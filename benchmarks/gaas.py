"""Leave one structure out of a few large ones that carry a DOS, with masks, of several species.

    python benchmarks/gaas.py FILE.extxyz [FILE.extxyz ...] [--cutoff 6]

Written for the ten Ga-As interfaces and melts that the `pet-mad-dos` recipe of the public
repository lab-cosmo/atomistic-cookbook has as samples (W. B. How et al. 2026,
doi:10.1039/D5DD00557D): two files, some 300 atoms a structure, DFT densities of states on 4606
points broadened by 0.3 eV, the Fermi level at point 2993. They are not in this repository; give
their paths. Any other files of this convention will do.

Each structure is predicted by models trained on all the others: SOAP ridge regression, and the
mean of each species weighted with the composition, which is the same model without features.
Errors are those after the best rigid shift, in states eV^-1/2 per atom and in percent of the
spread of the truth; "valence" counts energies above the semicore levels only, after the same
shift. Two windows: energies that every structure knows, and up to the median of where the bands
of the structures end, with masks for those that end below. Prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from ase_dos import SOAP, DOSModel
from ase_dos.evaluation import QUANTITIES, evaluate_predictions
from ase_dos.readers import read_dos_frames
from ase_dos.spectrum import EnergyGrid
from ase_dos.targets import target_from_dos

REFERENCES = ("adaptive", "fermi")
PREDICTORS = ("SOAP ridge", "species means")
CELLS = [(predictor, reference) for predictor in PREDICTORS for reference in REFERENCES]


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


def leave_one_out(frames, dos, features, grid, args, reference):
    """DOS of every structure predicted from the others, and seconds of all the training."""
    predictions, seconds = [], 0.0
    soap = descriptor(args, frames)
    options = {} if features.any() else {"regularizations": [1.0]}  # nothing to regularise
    for out, atoms in enumerate(frames):
        rest = np.delete(np.arange(len(frames)), out)
        model = DOSModel(soap, grid, reference=reference, smearing=args.smearing, **options)
        start = time.perf_counter()
        model.fit([frames[i] for i in rest], [dos[i] for i in rest], features=features[rest])
        seconds += time.perf_counter() - start
        predictions.append(model.predict(atoms).total())
    return predictions, seconds


def valence_errors(report, floor):
    """Errors of each structure above ``floor`` (eV), states eV^-1/2 per atom."""
    above = report.energies > floor
    squared = (report.prediction - report.truth)[:, above] ** 2
    step = report.energies[1] - report.energies[0]
    return np.sqrt(np.nanmean(squared, axis=1) * above.sum() * step)


def print_table(head, rows):
    print("\n| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def print_summary(reports, seconds, floor):
    rows = []
    for cell, report in reports.items():
        errors = report.mean_absolute_errors[:2]
        valence = np.sqrt(np.mean(valence_errors(report, floor) ** 2))
        rows.append(
            [*cell, f"{report.rmse:.4f}", f"{report.percent_rmse:.1f}", f"{valence:.4f}",
             *(f"{error:.3f}" for error in errors), f"{seconds[cell]:.1f}"]
        )  # fmt: skip
    quantities = [f"MAE {name} ({unit})" for name, unit in QUANTITIES[:2]]
    head = ["predicted by", "reference", "RMSE", "%", "valence RMSE", *quantities, "training (s)"]
    print_table(head, rows)


def print_structures(frames, targets, reports, floor):
    """Errors of each structure with the adaptive reference, of both predictors."""
    pair = [reports[predictor, "adaptive"] for predictor in PREDICTORS]
    columns = [
        *(np.sqrt(report.errors.squared) for report in pair),
        *(valence_errors(report, floor) for report in pair),
        *(r.predicted_values[:, q] - r.true_values[:, q] for q in (0, 1) for r in pair),
    ]
    rows = []
    for i, atoms in enumerate(frames):
        top = targets[i].valid_to - targets[i].fermi_level
        formula = atoms.get_chemical_formula()
        volume = atoms.get_volume() / len(atoms)
        rows.append([formula, f"{volume:.1f}", f"{top:.2f}", *(f"{c[i]:.3f}" for c in columns)])
    for name, average in (("mean of sizes", np.mean), ("median of sizes", np.median)):
        rows.append([name, "", "", *(f"{average(np.abs(c)):.3f}" for c in columns)])
    short = ("RMSE", "valence RMSE", "E_F - bottom error (eV)", "g(E_F) error")
    names = [f"{name}, {predictor}" for name in short for predictor in ("SOAP", "means")]
    print_table(["structure", "A^3/atom", "known above E_F (eV)", *names], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", metavar="FILE")
    parser.add_argument("--grid-start", type=float, default=-149.65)
    parser.add_argument("--grid-step", type=float, default=0.05)
    parser.add_argument("--smearing", type=float, default=0.3)
    parser.add_argument("--cutoff", type=float, default=6.0)
    parser.add_argument("--valence", type=float, default=-13.5, help="top of the semicore (eV)")
    args = parser.parse_args()
    start = time.perf_counter()
    frames, dos = read(args)
    targets = [target_from_dos(one) for one in dos]
    n_atoms = np.array([len(atoms) for atoms in frames])
    middle = time.perf_counter()
    soap = DOSModel(descriptor(args, frames)).mean_features(frames)
    end = time.perf_counter()
    print(
        f"{len(frames)} structures, {n_atoms.sum()} atoms: read in {middle - start:.1f} s, "
        f"{soap.shape[1]} features (cutoff {args.cutoff:g} A) in {end - middle:.1f} s"
    )
    nothing = np.zeros_like(soap)
    for name, grid in windows(targets, args.smearing).items():
        print(f"\n## Window {name}: {grid.start:.2f} to {grid.stop:.2f} eV")
        reports, seconds = {}, {}
        for cell in CELLS:
            features = soap if cell[0] == PREDICTORS[0] else nothing
            found, seconds[cell] = leave_one_out(frames, dos, features, grid, args, cell[1])
            reports[cell] = evaluate_predictions(targets, found, n_atoms)
        print_summary(reports, seconds, args.valence)
        print_structures(frames, targets, reports, args.valence)


if __name__ == "__main__":
    main()
