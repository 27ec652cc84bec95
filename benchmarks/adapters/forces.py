"""Cost and exactness of the forces of hot electrons.

    python -m benchmarks.adapters.forces [--sizes 1000 110592] [--repeats 5] [--threads 1]

First table: energy, forces and stress by `DOSCalculator` with the shipped silicon model at 8000 K
against the local DOS alone (coefficients of every atom), rattled silicon; medians over repeats in
which the two take turns. The ratio is one of CPU times, which other work on the machine changes
less. Memory is the most that a process of its own held beyond what it held after a call for few
atoms.

Second table: largest deviation of forces and stress from central differences of the free energy
that the calculator reports, relative to the largest force and stress, for every kind of model,
trained on data/aluminium, and for a crystal, a small skewed cell and a cluster. At 300 K the free
energy itself is too small for this; what is differentiated there is the linear functional of the
DOS that belongs to it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from functools import partial

import numpy as np
from ase.build import bulk

from benchmarks.measure import (
    dataset_path,
    peak_megabytes,
    print_head,
    print_row,
    rattled_silicon,
    run_child,
    times_in_turns,
)

TEMPERATURE = 8000.0  # K
LINEAR_BELOW = 1000.0  # K


def ways():
    """Functions of a structure: the local DOS, and everything for a step of dynamics."""
    from ase_dos import DOSCalculator

    calculator = DOSCalculator("silicon", electronic_temperature=TEMPERATURE)

    def derivatives(atoms):
        calculator.reset()
        calculator.calculate(atoms, ["energy", "forces", "stress"])

    return {"local DOS": calculator.model.predict, "energy, forces, stress": derivatives}


def measure_time(size, repeats):
    """Median seconds of each way, which take turns, and the ratio of their CPU times."""
    atoms = rattled_silicon(size)
    wall, busy = times_in_turns([partial(way, atoms) for way in ways().values()], repeats)
    return {
        "atoms": len(atoms),
        "seconds": np.median(wall, axis=1).tolist(),
        "ratio": float(np.median(busy[1] / busy[0])),
    }


def measure_memory(size, way):
    """Memory that a call takes beyond what a call for few atoms took."""
    function = list(ways().values())[way]
    function(rattled_silicon(64))
    atoms, before = rattled_silicon(size), peak_megabytes()
    function(atoms)
    return peak_megabytes() - before


MEASUREMENTS = {"time": measure_time, "memory": measure_memory}


def cost_table(args):
    names = ("local DOS", "energy, forces, stress")
    columns = [column for name in names for column in (f"{name} (us/atom)", "MB")]
    print_head("threads", "atoms", *columns, "ratio")
    for threads in args.threads:
        for size in args.sizes:
            row = run_child(__spec__.name, ("time", size, args.repeats), threads)
            cells = [str(threads), str(row["atoms"])]
            for way, seconds in enumerate(row["seconds"]):
                memory = run_child(__spec__.name, ("memory", size, way), threads)
                cells += [f"{1e6 * seconds / row['atoms']:.1f}", f"{memory:.0f}"]
            print_row(*cells, f"{row['ratio']:.2f}")


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


def trained(regressor):
    """Model of some structures of data/aluminium, whose DOS is known far above E_F."""
    from ase_dos import SOAP, DOSModel
    from ase_dos.io.dataset import load_dataset

    frames, states = load_dataset(dataset_path("aluminium")).select("train")
    soap = SOAP(4.5, 4, 3, 0.5, ("Al",), radial_scaling=(1.0, 2.5, 4))
    model = DOSModel(soap, regressor=regressor, reference="fermi", headroom=41.0)
    return model.fit(frames[::4], states[::4])


def models():
    """Name of every kind of model and the function that makes it."""
    from ase_dos import DOSModel
    from ase_dos.fit.network import Network
    from ase_dos.fit.sparse_kernel import SparseKernel

    return {
        "ridge": partial(trained, "ridge"),
        "kernel": partial(trained, SparseKernel(40, 3)),
        "network": partial(trained, Network(width=8, committee=1, steps=20)),
        "shipped aluminium": partial(DOSModel.load, "aluminium"),
        "shipped silicon": partial(DOSModel.load, "silicon"),
    }


def structures(symbol, a):
    """Rattled cube, cluster, and small skewed cell."""
    rng = np.random.default_rng(2)
    cube = bulk(symbol, a=a, cubic=True)
    cube.positions += rng.normal(0, 0.1, (len(cube), 3))
    cluster = cube.copy()
    cluster.pbc = False
    skewed = bulk(symbol, a=a) * (2, 1, 1)
    skewed.set_cell(skewed.cell.array @ (np.eye(3) + rng.normal(0, 0.05, (3, 3))), scale_atoms=True)
    skewed.rattle(0.1, rng=rng)
    return {"crystal": cube, "cluster": cluster, "small and skewed": skewed}


def accuracy_table():
    print_head("model", "structure", "T (K)", "forces", "stress")
    for kind, make in models().items():
        try:
            model = make()
        except ImportError as error:
            print(f"{kind}: not measured ({error})", file=sys.stderr)
            continue
        silicon = kind == "shipped silicon"
        systems = structures("Si", 5.43) if silicon else structures("Al", 4.05)
        for name, atoms in systems.items():
            for temperature in (300.0, 3000.0, 12_000.0 if silicon else 20_000.0):
                errors = deviations(model, atoms, temperature)
                cells = [f"{e:.0e}" if np.isfinite(e) else "" for e in errors]
                print_row(kind, name, f"{temperature:g}", *cells)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 110592])
    parser.add_argument("--threads", type=int, nargs="*", default=[1])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        what, *rest = json.loads(args.child)
        print(json.dumps(MEASUREMENTS[what](*rest)))
        return
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    cost_table(args)
    print()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        accuracy_table()


if __name__ == "__main__":
    main()
