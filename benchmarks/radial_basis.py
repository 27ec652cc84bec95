"""Accuracy and speed of contracted radial functions on the silicon data.

    python benchmarks/radial_basis.py [--primitives 8 12] [--kept 3 4 5 6] [--atoms 8000]

Trains with plain GTO functions and with the optimal radial basis of every size, and prints the
leave-one-out, validation and test RMSE (aligned, states eV^-1/2 per atom), the features per atom,
and microseconds per atom from positions to coefficients of the local DOS on one thread. The
models take turns, and the median over repeats is printed, so that other load on the machine
hits all alike.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase.build import bulk

from ase_dos import SOAP, DOSModel
from ase_dos.io.dataset import load_dataset

DATA = Path(__file__).resolve().parents[1] / "data" / "silicon" / "silicon.npz"


def train(data, primitives, sizes):
    """Models with ``primitives`` functions, plain and contracted to every size."""
    frames, states = data.select("train")
    soap = SOAP(max_radial=primitives, species=("Si",))
    features = DOSModel(soap).compute_features(frames)
    return [
        DOSModel(soap, radial_basis=size).fit(frames, states, features=features)
        for size in (None, *sizes)
    ]


def seconds_of_all(models, atoms, repeats):
    """Median seconds of a prediction by each model."""
    times = np.empty((repeats + 1, len(models)))
    for turn in range(repeats + 1):  # the first compiles and fills the tables
        for number, model in enumerate(models):
            start = time.perf_counter()
            model.predict(atoms)
            times[turn, number] = time.perf_counter() - start
    return np.median(times[1:], axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--primitives", type=int, nargs="*", default=[8, 12])
    parser.add_argument("--kept", type=int, nargs="*", default=[3, 4, 5, 6])
    parser.add_argument("--atoms", type=int, default=8000)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    data = load_dataset(DATA)
    models = [model for n in args.primitives for model in train(data, n, args.kept)]
    atoms = bulk("Si", cubic=True).repeat(round((args.atoms / 8) ** (1 / 3)))
    atoms.rattle(0.1, seed=1)
    seconds = seconds_of_all(models, atoms, args.repeats)
    print(f"{len(atoms)} atoms, median of {args.repeats}")
    print("| radial functions | features | leave-one-out | validation | test | us/atom |")
    print("|---|---|---|---|---|---|")
    for model, time_taken in zip(models, seconds, strict=True):
        soap = model.descriptor
        name = f"{soap.max_radial} GTO" + (f" -> {soap.n_radial}" if soap.contraction else "")
        validation, test = (model.evaluate(*data.select(s)).rmse for s in ("validation", "test"))
        print(
            f"| {name} | {soap.n_features} | {model.info['leave_one_out_rmse']:.4f} | "
            f"{validation:.4f} | {test:.4f} | {time_taken / len(atoms) * 1e6:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
