"""Accuracy and speed of contracted radial functions on the silicon data.

    python -m benchmarks.descriptors.radial_basis [--primitives 8 12] [--sizes 3 4 5 6]

Trains with plain GTO functions and with the optimal radial basis of every size, and prints the
leave-one-out, validation and test RMSE (aligned, states eV^-1/2 per atom), the features per atom,
and microseconds per atom from positions to coefficients of the local DOS on one thread (medians).
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from ase_dos import SOAP, DOSModel
from ase_dos.io.dataset import load_dataset
from benchmarks.measure import (
    dataset_path,
    print_head,
    print_row,
    rattled_silicon,
    times_in_turns,
    use_threads,
)


def train(data, primitives, sizes):
    """Models with ``primitives`` functions, plain and contracted to every size."""
    frames, states = data.select("train")
    soap = SOAP(max_radial=primitives, species=("Si",))
    features = DOSModel(soap).compute_features(frames)
    return [
        DOSModel(soap, radial_basis=size).fit(frames, states, features=features)
        for size in (None, *sizes)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--primitives", type=int, nargs="*", default=[8, 12])
    parser.add_argument("--sizes", type=int, nargs="*", default=[3, 4, 5, 6])
    parser.add_argument("--atoms", type=int, default=8000)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    use_threads(1)
    data = load_dataset(dataset_path("silicon"))
    models = [model for n in args.primitives for model in train(data, n, args.sizes)]
    atoms = rattled_silicon(args.atoms)
    wall, _ = times_in_turns([partial(model.predict, atoms) for model in models], args.repeats)
    print(f"{len(atoms)} atoms, median of {args.repeats}")
    print_head("radial functions", "features", "leave-one-out", "validation", "test", "us/atom")
    for model, seconds in zip(models, np.median(wall, axis=1), strict=True):
        soap = model.descriptor
        name = f"{soap.max_radial} GTO" + (f" -> {soap.n_radial}" if soap.contraction else "")
        validation, test = (model.evaluate(*data.select(s)).rmse for s in ("validation", "test"))
        errors = (model.info["leave_one_out_rmse"], validation, test)
        cells = (*(f"{error:.4f}" for error in errors), f"{seconds / len(atoms) * 1e6:.1f}")
        print_row(name, soap.n_features, *cells)


if __name__ == "__main__":
    main()
