"""Processor time and memory of density models: training by molecules, prediction by atoms.

    python -m benchmarks.density.growth [--set water] [--sizes 40 80 160 320] [--atoms 3 30 300]

Molecules of `data/molecules`; where these are too few, displaced ones with densities that a model
of the first 40 predicts. Every training has a process of its own, and only `DensityModel.fit` and
`DensityModel.predict` are timed, after a first call that compiles. Predictions are of clusters of
waters on a lattice, by the model of the first size.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

import numpy as np
from ase import Atoms

from ase_dos.density.model import DensityModel
from ase_dos.descriptors.lambda_soap import LambdaSOAP
from benchmarks.measure import peak_megabytes, print_head, print_row, run_child, use_threads
from data.molecules.pack_densities import load

SPECIES = {"water": ("H", "O"), "mixed": ("H", "C", "N", "O")}
FIRST = 40
SPACING = 3.1  # Angstrom between molecules of a cluster


def model_of(name: str, basis) -> DensityModel:
    """Return a model that is not trained."""
    return DensityModel(LambdaSOAP(4.0, 5, 4, 0.4, SPECIES[name]), basis, n_points=40)


def cluster(monomer: Atoms, n_molecules: int) -> Atoms:
    """Return copies of a molecule on a cubic lattice, each turned."""
    rng = np.random.default_rng(0)
    side = int(np.ceil(n_molecules ** (1 / 3) - 1e-9))
    sites = np.stack(np.meshgrid(*[np.arange(side)] * 3), -1).reshape(-1, 3)[:n_molecules]
    whole = Atoms()
    for site in sites:
        one = monomer.copy()
        one.rotate(rng.uniform(0, 360), rng.normal(size=3), center="COM")
        one.positions += SPACING * site
        whole += one
    return whole


def child(arguments: dict) -> None:
    """Train on some molecules; print seconds and megabytes of that and of predictions."""
    use_threads(arguments["threads"])
    name, size = arguments["set"], arguments["size"]
    data = load()
    chosen = np.random.default_rng(0).permutation(data.of(name)).tolist()
    frames = [data.frames[i] for i in chosen]
    densities = [data.fits["coulomb"][i] for i in chosen]
    basis = densities[0].basis
    first = model_of(name, basis).fit(frames[:FIRST], densities[:FIRST], progress=False)
    rng = np.random.default_rng(1)
    while len(frames) < size:
        moved = frames[len(frames) - len(chosen)].copy()
        moved.positions += rng.normal(0, 0.01, moved.positions.shape)
        frames.append(moved)
        densities.append(first.predict(moved))
    start = time.process_time()
    model = model_of(name, basis).fit(frames[:size], densities[:size], progress=False)
    found = {
        "seconds": time.process_time() - start,
        "megabytes": peak_megabytes(),
        "weights": model.info["n_weights"],
        "predictions": [],
    }
    for n_atoms in arguments["atoms"]:
        atoms = cluster(data.frames[data.of("water")[0]], n_atoms // 3)
        start = time.process_time()
        model.predict(atoms)
        seconds = time.process_time() - start
        found["predictions"].append((len(atoms), 1e3 * seconds / len(atoms), peak_megabytes()))
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=SPECIES, default="water")
    parser.add_argument("--sizes", type=int, nargs="+", default=[40, 80, 160, 320])
    parser.add_argument("--atoms", type=int, nargs="+", default=[3, 30, 300])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        warnings.simplefilter("ignore")
        child(given.child)
        return
    print_head("molecules", "weights", "CPU (s)", "memory (MB)")
    predictions = []
    for size in given.sizes:
        arguments = {
            "set": given.set,
            "size": size,
            "threads": given.threads,
            "atoms": given.atoms if size == given.sizes[0] else [],
        }
        found = run_child("benchmarks.density.growth", arguments, given.threads)
        predictions = predictions or found["predictions"]
        print_row(size, found["weights"], f"{found['seconds']:.1f}", f"{found['megabytes']:.0f}")
    print_head("atoms", "CPU (ms per atom)", "memory (MB)")
    for n_atoms, milliseconds, megabytes in predictions:
        print_row(n_atoms, f"{milliseconds:.2f}", f"{megabytes:.0f}")


if __name__ == "__main__":
    main()
