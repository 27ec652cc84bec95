"""Markov fields: seconds per iteration, memory, and the gap that is reached.

    python -m benchmarks.kernels.markov_fields [--nodes 256]

A smooth band seen through counts, on a square grid. Each line is a process of its own. Wall and
processor seconds of one iteration, forth and back; memory of costs and messages; gap of
tree-reweighted messages after ten iterations, and how many they take to a gap of 1e-4.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from ase_dos.kernels.iterated_modes import iterated_modes
from ase_dos.kernels.markov_field import make_field
from ase_dos.kernels.tree_reweighted import least_energy, no_messages
from benchmarks.measure import machine, print_head, print_row, run_child

ITERATIONS = 10


def band_field(nodes, labels):
    """Field of a band on a background, one count in three of the labels' width."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(*2 * [np.linspace(-1, 1, nodes)], indexing="ij")
    band = labels / 2 + labels / 4 * np.sin(3 * x) * np.cos(4 * y)
    axis = np.arange(labels)
    line = np.exp(-((axis[:, None] - axis) ** 2) / 12.5) + 0.05
    rate = 3.0 * (np.exp(-((axis - band[..., None]) ** 2) / 12.5) + 0.05)
    costs = 3.0 * line.sum(1) - rng.poisson(rate) @ np.log(line)
    return make_field(costs, 0.5, 0.5, 0.0, 0.0)


def timed(function):
    """Return what a function does, and its wall and processor seconds."""
    start = np.array([time.perf_counter(), time.process_time()])
    result = function()
    return result, np.array([time.perf_counter(), time.process_time()]) - start


def measure(nodes, labels):
    """Return the numbers of one line."""
    small = band_field(8, 9)
    least_energy(small, 0.0, 1, no_messages(small))
    iterated_modes(small, np.zeros((8, 8), int), 1)
    field = band_field(nodes, labels)
    found, spent = timed(lambda: least_energy(field, 0.0, ITERATIONS, no_messages(field)))
    enough = least_energy(field, 1e-4, 500, no_messages(field)).iterations
    start = field.costs.reshape(nodes, nodes, -1).argmin(2)
    modes, time_modes = timed(lambda: iterated_modes(field, start, 100))
    coupling = found.energy - field.costs.reshape(nodes * nodes, -1).min(1).sum()
    return {
        "messages": list(spent / ITERATIONS),
        "memory": (field.costs.nbytes + found.messages.nbytes) / 1e6,
        "gap": found.gap,
        "enough": enough,
        "modes": list(time_modes),
        "excess": (modes.energy - found.energy) / coupling,
    }


def seconds(spent):
    """Return wall and processor seconds as they are printed."""
    return " / ".join(f"{one:.3f}" for one in spent)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=256)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(*json.loads(args.child))))
        return
    print(machine() + "\n")
    print_head(
        "labels",
        "threads",
        "messages, s",
        "memory, MB",
        "gap",
        "iterations to 1e-4",
        "all of ICM, s",
        "its energy above, of the coupling's",
    )
    for labels in (16, 31, 51):
        for threads in (1, 2):
            one = run_child("benchmarks.kernels.markov_fields", [args.nodes, labels], threads)
            print_row(
                labels,
                threads,
                seconds(one["messages"]),
                f"{one['memory']:.0f}",
                f"{one['gap']:.0e}",
                one["enough"],
                seconds(one["modes"]),
                f"{one['excess']:.1%}",
            )


if __name__ == "__main__":
    main()
