"""Time that a step of dynamics with few atoms takes outside of compiled kernels.

    python -m benchmarks.adapters.overhead [--size 64] [--steps 400] [--repeats 3]

Rattled silicon with the shipped model, one thread, atoms moved before every step: the local DOS
alone, the DOS with its Fermi level by `DOSCalculator`, and energy and forces at 8000 K. Each has a
process of its own, as a run of dynamics has; the kinds take turns. Microseconds of wall time, the
shortest and the median step, and those inside of kernels, from their call to their return.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings

import numpy as np

from benchmarks.measure import print_head, print_row, rattled_silicon, run_child

KINDS = {
    "local DOS": (),
    "DOS, Fermi level": ("dos", "fermi_level"),
    "energy, forces": ("energy", "forces"),
}


class TimedKernel:
    """Kernel that adds up the seconds that its calls take."""

    seconds = 0.0

    def __init__(self, kernel):
        self._kernel = kernel

    def __call__(self, *args):
        """Call the kernel."""
        start = time.perf_counter()
        result = self._kernel(*args)
        TimedKernel.seconds += time.perf_counter() - start
        return result


def time_kernels():
    """Put a `TimedKernel` in the place of every kernel that modules know."""
    from numba.core.registry import CPUDispatcher

    timed = {}
    for name, module in list(sys.modules.items()):
        if not name.startswith("ase_dos"):
            continue
        for key, value in list(vars(module).items()):
            if isinstance(value, CPUDispatcher):
                setattr(module, key, timed.setdefault(id(value), TimedKernel(value)))


def measure(kind, size, n_steps):
    """Run in a child: microseconds outside and inside of kernels, shortest and median."""
    from ase_dos import DOSCalculator

    warnings.simplefilter("ignore")
    atoms, names = rattled_silicon(size), KINDS[kind]
    calculator = DOSCalculator("silicon", electronic_temperature=8000.0)
    moves = np.random.default_rng(1).normal(0, 1e-3, (16, *atoms.positions.shape))

    def step(number):
        atoms.positions += moves[number % 16] * (-1) ** (number // 16)
        TimedKernel.seconds = 0.0
        start = time.perf_counter()
        if not names:
            calculator.model.predict(atoms)
        for name in names:
            calculator.get_property(name, atoms)
        return time.perf_counter() - start - TimedKernel.seconds, TimedKernel.seconds

    step(0)
    time_kernels()
    outside, inside = 1e6 * np.array([step(number) for number in range(1, n_steps + 1)]).T
    return [f(part) for part in (outside, inside) for f in (np.min, np.median)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps({"times": measure(*json.loads(args.child))}))
        return
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print_head("step", "outside (us)", "median", "kernels (us)", "median")
    for kind in [kind for _ in range(args.repeats) for kind in KINDS]:
        times = run_child(__spec__.name, (kind, args.size, args.steps), 1)["times"]
        print_row(kind, *(f"{t:.0f}" for t in times))


if __name__ == "__main__":
    main()
