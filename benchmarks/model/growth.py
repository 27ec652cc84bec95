"""Processor time and memory of a training against the number of structures.

    python -m benchmarks.model.growth [--sizes 200 1000 10000] [--regressor ridge] [--threads 1]

Structures of 8 atoms with levels of a tight-binding model of two orbitals, which cost next to
nothing; 252 features. Every training has a process of its own, and only `DOSModel.fit` is timed.
The last column is the exponent of the growth from the size before.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from ase.build import bulk
from ase.neighborlist import neighbor_list

from ase_dos import SOAP, DOSModel
from ase_dos.spectra.states import ElectronicStates
from benchmarks.measure import peak_megabytes, print_head, print_row, run_child, use_threads

_CELLS = (("sc", 2.6, (2, 2, 2)), ("bcc", 3.0, (2, 2, 1)), ("fcc", 4.05, (2, 1, 1)))
_CUTOFF = 5.0  # Angstrom
_LEVELS = np.array([-4.0, 5.0])  # eV
_HOPPING = np.array([[-1.2, 0.5], [0.5, 0.9]])  # eV at 2.6 Angstrom
_KPOINTS = (np.stack(np.meshgrid(*[[0.25, 0.75]] * 3), axis=-1).reshape(-1, 3))[:4]


def structure(rng):
    """Eight atoms of one of three lattices, strained and displaced."""
    name, constant, repeats = _CELLS[rng.integers(3)]
    atoms = bulk("Al", name, a=constant * rng.uniform(0.92, 1.1), cubic=True).repeat(repeats)
    atoms.set_cell(atoms.cell @ (np.eye(3) + rng.uniform(-0.06, 0.06, (3, 3))), scale_atoms=True)
    atoms.positions += rng.normal(0, rng.uniform(0.02, 0.35), atoms.positions.shape)
    return atoms


def states(atoms):
    """Levels of two orbitals per atom that hop to their neighbours."""
    first, second, distance, cells = neighbor_list("ijdS", atoms, _CUTOFF)
    reach = np.exp(-1.5 * (distance / 2.6 - 1.0)) * (1.0 - distance / _CUTOFF) ** 2 / 0.23
    n, levels = len(atoms), []
    for k in _KPOINTS:
        hops = np.zeros((n, n), complex)
        np.add.at(hops, (first, second), reach * np.exp(2j * np.pi * cells @ k))
        levels.append(np.linalg.eigvalsh(np.kron(hops, _HOPPING) + np.diag(np.tile(_LEVELS, n))))
    return ElectronicStates(np.array(levels), np.full(len(levels), 1 / len(levels)), 1.0 * n, 2)


def child(arguments):
    """Train on some structures; print seconds and megabytes."""
    use_threads(arguments["threads"])
    rng = np.random.default_rng(0)
    frames = [structure(rng) for _ in range(arguments["size"])]
    levels = [states(atoms) for atoms in frames]
    soap = SOAP(4.5, 8, 6, 0.5, ("Al",))
    DOSModel(soap, regularizations=[1e-2], penalties=[0.01]).fit(
        frames[:30], levels[:30]
    )  # compile
    start = time.process_time()
    model = DOSModel(soap, regressor=arguments["regressor"]).fit(frames, levels)
    found = {"seconds": time.process_time() - start, "megabytes": peak_megabytes()}
    found["rmse"] = model.info["leave_one_out_rmse"]
    print(json.dumps(found))


def main():
    """Print one row for every size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 1000, 10_000])
    parser.add_argument("--regressor", default="ridge", choices=["ridge", "kernel"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        child(args.child)
        return
    print_head("structures", "CPU (s)", "memory (MB)", "leave-one-out RMSE", "exponent")
    before = None
    for size in args.sizes:
        arguments = {"size": size, "regressor": args.regressor, "threads": args.threads}
        found = run_child("benchmarks.model.growth", arguments, args.threads)
        exponent = ""
        if before:
            exponent = f"{np.log(found['seconds'] / before[1]) / np.log(size / before[0]):.2f}"
        print_row(
            size,
            f"{found['seconds']:.1f}",
            f"{found['megabytes']:.0f}",
            f"{found['rmse']:.4f}",
            exponent,
        )
        before = size, found["seconds"]


if __name__ == "__main__":
    main()
