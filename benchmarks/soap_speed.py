"""Time the SOAP power spectrum of silicon against featomic, side by side in one run.

    python benchmarks/soap_speed.py [--atoms 1000 8000] [--repeats 5]

Prints microseconds per atom (median over repeats) of the numba backend, of featomic, their ratio,
and the largest difference relative to the largest feature. One thread each.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ.setdefault("RAYON_NUM_THREADS", "1")

import numpy as np
from ase.build import bulk

from ase_dos import SOAP


def median_time(compute, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = compute()
        times.append(time.perf_counter() - start)
    return float(np.median(times)), result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atoms", type=int, nargs="*", default=[1000, 8000])
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    options = {"cutoff": 6.0, "max_radial": 8, "max_angular": 6, "species": ("Si",)}
    ours, peer = SOAP(**options), SOAP(**options, backend="featomic")
    ours.compute(bulk("Si"))  # compile
    print("| atoms | numba (us/atom) | featomic (us/atom) | ratio | difference |")
    print("|---|---|---|---|---|")
    for wanted in args.atoms:
        cells = round((wanted / 8) ** (1 / 3))
        atoms = bulk("Si", cubic=True).repeat(cells)
        atoms.rattle(0.1, seed=1)
        seconds, features = median_time(lambda a=atoms: ours.compute(a), args.repeats)
        peer_seconds, reference = median_time(lambda a=atoms: peer.compute(a), args.repeats)
        difference = np.abs(features - reference).max() / np.abs(reference).max()
        scale = 1e6 / len(atoms)
        print(f"| {len(atoms)} | {seconds * scale:.1f} | {peer_seconds * scale:.1f} | "
              f"{peer_seconds / seconds:.1f} | {difference:.1e} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
