"""Time the thermodynamics of many DOS at once against one structure at a time.

    python benchmarks/thermo_bulk.py [--structures 10000] [--temperatures 20] [--points 721]
                                     [--subset 100] [--threads 1 2] [--repeats 3]

The DOS are smooth metals with states from one end of the grid to the other, at 300 to 13 000 K.
Prints wall and CPU time (the least of the repeats), both per solution in microseconds, the ratio
of CPU times to `gas_from_dos` called for each structure of a subset, and the largest relative
differences from it; that of the slope d mu/dT relative to k, that of mu relative to kT.
"""

from __future__ import annotations

import argparse
import time

import numba
import numpy as np
from ase.units import kB

from ase_dos.electrons.gas import gas_from_dos

NAMES = ("fermi_level", "entropy", "free_energy", "heat_capacity", "thermal_dos", "fermi_slope")


def smooth_metals(structures, points, seed=0):
    """DOS (states/eV) like those of 16 silicon atoms: 16 random Gaussians on a square root."""
    rng = np.random.default_rng(seed)
    energies = np.linspace(-14.0, 22.0, points)
    values = 4.0 * np.sqrt(np.clip(energies + 12.0, 0.0, None)) * np.ones((structures, 1))
    for _ in range(16):
        center, width = (
            rng.uniform(-11, 22, (structures, 1)),
            rng.uniform(0.3, 1.5, (structures, 1)),
        )
        bump = rng.uniform(-1, 1, (structures, 1)) * np.exp(-(((energies - center) / width) ** 2))
        values *= 1.0 + 0.5 * bump
    return energies, values


def least_time(compute, repeats):
    wall, cpu = [], []
    for _ in range(repeats):
        start, busy = time.perf_counter(), time.process_time()
        result = compute()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - busy)
    return min(wall), min(cpu), result


def differences(bulk, alone):
    """Largest relative difference of each quantity."""
    for name in NAMES:
        b = np.stack([getattr(gas, name) for gas in alone])
        scale = {"fermi_level": kB * alone[0].temperature, "fermi_slope": kB}.get(name, np.abs(b))
        yield name, np.max(np.abs(getattr(bulk, name)[: len(b)] - b) / scale)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--structures", type=int, default=10000)
    parser.add_argument("--temperatures", type=int, default=20)
    parser.add_argument("--points", type=int, default=721)
    parser.add_argument("--subset", type=int, default=100)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    energies, values = smooth_metals(args.structures, args.points)
    temperatures = np.linspace(300.0, 13000.0, args.temperatures)
    subset = values[: args.subset]

    def solve(some):
        return gas_from_dos(energies, some, 64.0, temperatures)

    solve(values[: min(200, args.structures)])  # compile
    print("| way | threads | wall (s) | CPU (s) | wall (us each) | CPU (us each) | ratio |")
    print("|---|---|---|---|---|---|---|")
    numba.set_num_threads(1)
    wall, cpu, alone = least_time(lambda: [solve(g) for g in subset], args.repeats)
    each = 1e6 / (len(subset) * args.temperatures)
    one_by_one = cpu * each
    print(
        f"| one by one ({len(subset)}) | 1 | {wall:.2f} | {cpu:.2f} | {wall * each:.1f} | "
        f"{cpu * each:.1f} | 1 |",
        flush=True,
    )
    for threads in args.threads:
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        wall, cpu, bulk = least_time(lambda: solve(values), args.repeats)
        each = 1e6 / (args.structures * args.temperatures)
        print(
            f"| at once ({args.structures}) | {threads} | {wall:.2f} | {cpu:.2f} | "
            f"{wall * each:.1f} | {cpu * each:.1f} | {one_by_one / (cpu * each):.1f} |",
            flush=True,
        )
    print("largest differences: " + ", ".join(f"{n} {d:.0e}" for n, d in differences(bulk, alone)))


if __name__ == "__main__":
    main()
