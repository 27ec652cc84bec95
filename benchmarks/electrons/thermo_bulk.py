"""Thermodynamics of many DOS at once, in time against one structure after the other.

    python -m benchmarks.electrons.thermo_bulk [--structures 10000] [--temperatures 20]
        [--points 721] [--subset 100] [--threads 1 2] [--repeats 3]

The DOS are smooth metals with states from one end of the grid to the other, at 300 to 13 000 K.
Prints wall and CPU time (the least of the repeats), both per solution in microseconds, the ratio
of CPU times to `gas_from_dos` called for each structure of a subset, and the largest relative
differences from it; that of the slope d mu/dT relative to k, that of mu relative to kT.
"""

from __future__ import annotations

import argparse

import numpy as np
from ase.units import kB

from ase_dos.electrons.gas import gas_from_dos
from benchmarks.measure import print_head, print_row, times_in_turns, use_threads

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

    def one_by_one():
        return [solve(g) for g in subset]

    def print_times(name, threads, function, count, base=None):
        use_threads(threads)
        wall, busy = (times.min() for times in times_in_turns([function], args.repeats))
        each = 1e6 / (count * args.temperatures)
        ratio = 1.0 if base is None else base / (busy * each)
        cells = (f"{wall:.2f}", f"{busy:.2f}", f"{wall * each:.1f}", f"{busy * each:.1f}")
        print_row(f"{name} ({count})", threads, *cells, f"{ratio:.1f}")
        return busy * each

    print_head("way", "threads", "wall (s)", "CPU (s)", "wall (us each)", "CPU (us each)", "ratio")
    base = print_times("one by one", 1, one_by_one, len(subset))
    for threads in args.threads:
        print_times("at once", threads, lambda: solve(values), len(values), base)
    bulk, alone = solve(values), one_by_one()
    print("largest differences: " + ", ".join(f"{n} {d:.0e}" for n, d in differences(bulk, alone)))


if __name__ == "__main__":
    main()
