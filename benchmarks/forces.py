"""What hot-electron forces cost, and how exact they are.

    python benchmarks/forces.py [--sizes 1000 110592] [--repeats 5] [--threads 1]

First table: energy, forces and stress by `DOSCalculator` with the shipped silicon model at 8000 K
against the local DOS alone (coefficients of every atom), rattled silicon; medians over repeats in
which the two take turns. The ratio is one of CPU times, which other work on the machine changes
less. Memory is the most that a process of its own held beyond what it held after a call for few
atoms.

Second table: largest deviation of forces and stress from central differences of the free energy
that the calculator reports, relative to the largest force and stress, for every kind of model and
for a crystal, a small skewed cell and a cluster. At 300 K the free energy itself is too small for
this; what is differentiated there is the linear functional of the DOS that belongs to it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

TEMPERATURE = 8000.0  # K
LINEAR_BELOW = 1000.0  # K


def silicon(wanted):
    """Rattled diamond of about that many atoms."""
    from ase.build import bulk

    atoms = bulk("Si", cubic=True).repeat(round((wanted / 8) ** (1 / 3)))
    atoms.positions += np.random.default_rng(0).normal(0, 0.1, atoms.positions.shape)
    return atoms


def ways():
    """Functions of a structure: the local DOS, and everything for a step of dynamics."""
    from ase_dos import DOSCalculator

    calculator = DOSCalculator("silicon", electronic_temperature=TEMPERATURE)

    def derivatives(atoms):
        calculator.reset()
        calculator.calculate(atoms, ["energy", "forces", "stress"])

    return {"local DOS": calculator.model.predict, "energy, forces, stress": derivatives}


def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def measure_time(size, repeats):
    """Seconds of each way, one after the other in turns, and the ratio of their CPU times."""
    atoms, functions = silicon(size), ways().values()
    for function in functions:
        function(silicon(64))
    wall, cpu = np.empty((2, len(functions), repeats))
    for turn in range(repeats):
        for way, function in enumerate(functions):
            start, busy = time.perf_counter(), time.process_time()
            function(atoms)
            wall[way, turn] = time.perf_counter() - start
            cpu[way, turn] = time.process_time() - busy
    return {
        "atoms": len(atoms),
        "seconds": np.median(wall, axis=1).tolist(),
        "ratio": float(np.median(cpu[1] / cpu[0])),
    }


def measure_memory(size, way):
    atoms, function = silicon(size), list(ways().values())[way]
    function(silicon(64))
    before = megabytes()
    function(atoms)
    return megabytes() - before


def child(threads, *arguments):
    """Run one of the measurements in a process of its own."""
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = dict(os.environ, **dict.fromkeys(names, str(threads)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--child", json.dumps(arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def cost_table(args):
    names = ("local DOS", "energy, forces, stress")
    print("| threads | atoms | " + " | ".join(f"{n} (us/atom) | MB" for n in names) + " | ratio |")
    print("|---" * 7 + "|")
    for threads in args.threads:
        for size in args.sizes:
            row = child(threads, "time", size, args.repeats)
            cells = [str(threads), str(row["atoms"])]
            for way, seconds in enumerate(row["seconds"]):
                memory = child(threads, "memory", size, way)
                cells += [f"{1e6 * seconds / row['atoms']:.1f}", f"{memory:.0f}"]
            print("| " + " | ".join([*cells, f"{row['ratio']:.2f}"]) + " |", flush=True)


def difference(function):
    """Differentiate at zero to fourth order, with the step at which halving changes least.

    Twice in a row, since longer steps may agree by chance: pairs that cross the cutoff make the
    function less smooth than the formula expects.
    """
    estimates = []
    for h in 0.002 * 0.5 ** np.arange(8):
        f = [function(k * h) for k in (-2, -1, 1, 2)]
        estimates.append((f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h))
    changes = np.abs(np.diff(estimates))
    return estimates[1 + int(np.argmin(np.maximum(changes[1:], changes[:-1])))]


def deviations(model, atoms, temperature):
    """Largest relative deviation of forces and of stress; the latter NaN without a volume."""
    from ase_dos import DOSCalculator

    calculator = DOSCalculator(model, electronic_temperature=temperature)
    functional = model.predict(atoms).total().excite(temperature).derivative

    def energy(structure):
        if temperature < LINEAR_BELOW:
            return functional @ model.predict(structure).total().values
        return calculator.get_property("energy", structure)

    def moved(atom, axis, step):
        other = atoms.copy()
        other.positions[atom, axis] += step
        return energy(other)

    def strained(a, b, step):
        other, strain = atoms.copy(), np.eye(3)
        strain[a, b] += step / 2
        strain[b, a] += step / 2
        other.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        return energy(other)

    forces = calculator.get_property("forces", atoms)
    expected = [[-difference(lambda h: moved(i, k, h)) for k in range(3)] for i in (0, 1)]  # noqa: B023
    errors = np.abs(forces[:2] - expected).max() / np.abs(forces).max()
    if not atoms.pbc.all():
        return errors, np.nan
    stress = calculator.get_property("stress", atoms)
    pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    expected = [difference(lambda h: strained(a, b, h)) for a, b in pairs]  # noqa: B023
    away = np.abs(stress - np.array(expected) / atoms.get_volume())
    return errors, away.max() / np.abs(stress).max()


def accuracy_table():
    tests = Path(__file__).resolve().parents[1] / "tests"
    sys.path[:0] = [str(tests / "support"), str(tests / "adapters")]
    from test_hot_electrons import STRUCTURES, trained

    from ase_dos import DOSModel
    from ase_dos.fit.network import Network
    from ase_dos.fit.sparse_kernel import SparseKernel

    kinds = {
        "ridge": lambda: trained("ridge"),
        "kernel": lambda: trained(SparseKernel(40, 3)),
        "network": lambda: trained(Network(width=8, committee=1, steps=20)),
        "shipped silicon": lambda: DOSModel.load("silicon"),
    }
    print("| model | structure | T (K) | forces | stress |\n|---|---|---|---|---|")
    for kind, make in kinds.items():
        try:
            model = make()
        except ImportError as error:
            print(f"{kind}: not measured ({error})", file=sys.stderr)
            continue
        for name, atoms in STRUCTURES.items():
            for temperature in (300.0, 3000.0, 20_000.0 if kind != "shipped silicon" else 12_000.0):
                try:
                    errors = deviations(model, atoms, temperature)
                except ValueError as error:
                    print(f"| {kind} | {name} | {temperature:g} | {error} | |")
                    continue
                cells = [f"{e:.0e}" if np.isfinite(e) else "" for e in errors]
                print(
                    "| " + " | ".join([kind, name, f"{temperature:g}", *cells]) + " |", flush=True
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 110592])
    parser.add_argument("--threads", type=int, nargs="*", default=[1])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        what, *rest = json.loads(args.child)
        print(json.dumps({"time": measure_time, "memory": measure_memory}[what](*rest)))
        return
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    cost_table(args)
    print()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        accuracy_table()


if __name__ == "__main__":
    main()
