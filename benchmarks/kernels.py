"""Time, memory and arithmetic of the local DOS against featomic and dscribe.

    python benchmarks/kernels.py [--sizes 1000 8000 110592 1000000] [--peer-sizes 1000 8000]
                                 [--peers featomic dscribe] [--threads 1 2] [--repeats 5]

Rattled silicon, cutoff 6 Angstrom, n_max 8, l_max 6. Ours is the whole way: neighbours, features
and their map onto 32 outputs, in double and single precision, then everything that the shipped
model (cutoff 5 Angstrom) gives for a frame: local DOS, total DOS, E_F and C_el(T). The peers
compute features only. Every measurement has a process of its own; medians over repeats, after a
first call on few atoms. ``ratio`` is the time per atom against ours in double precision on one
thread at the same size. Also printed: the time of the first call, with nothing compiled, and with
the compiled kernels on disk; and floating-point operations per second, counted from the formulas,
against what matrix products reach in the same process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

OPTIONS = {"cutoff": 6.0, "max_radial": 8, "max_angular": 6, "width": 0.4, "species": (14,)}
OUTPUTS = 32


def silicon(wanted):
    """Rattled diamond of about that many atoms."""
    from ase.build import bulk

    atoms = bulk("Si", cubic=True, a=5.43).repeat(round((wanted / 8) ** (1 / 3)))
    atoms.positions += np.random.default_rng(0).normal(0, 0.1, atoms.positions.shape)
    return atoms


def ours(dtype):
    """Positions to 32 numbers per atom."""
    from ase_dos import SOAP

    soap = SOAP(**OPTIONS)
    weights = np.random.default_rng(1).normal(size=(soap.n_features, OUTPUTS))
    return lambda atoms: soap.linear_map(atoms, weights, dtype=dtype)


def everything(dtype):
    """Positions to the local DOS, the DOS, E_F and C_el of the shipped model."""
    from ase_dos import DOSModel

    model = DOSModel.load("silicon")
    return lambda atoms: model.predict(atoms, dtype=dtype).total().electron_gas([0.0, 3000.0])


def featomic(dtype):
    """Features by featomic."""
    from featomic import SoapPowerSpectrum

    from ase_dos import SOAP
    from ase_dos.descriptors.backends import featomic_hypers

    calculator = SoapPowerSpectrum(**featomic_hypers(SOAP(**OPTIONS), spline_accuracy=1e-8))
    return calculator.compute


def dscribe(dtype):
    """Features by dscribe."""
    from dscribe.descriptors import SOAP

    soap = SOAP(
        species=["Si"],
        r_cut=OPTIONS["cutoff"],
        n_max=OPTIONS["max_radial"],
        l_max=OPTIONS["max_angular"],
        sigma=OPTIONS["width"],
        periodic=True,
    )
    return soap.create


CODES = {"ours": ours, "everything": everything, "featomic": featomic, "dscribe": dscribe}


def operations(n_neighbors):
    """Floating-point operations per atom of our way."""
    n, ell = OPTIONS["max_radial"], np.arange(OPTIONS["max_angular"] + 1)
    harmonics, functions, pairs = int((2 * ell + 1).sum()), n * ell.size, n * (n + 1) // 2
    per_neighbor = 6 * harmonics + 12 * functions + 2 * n * harmonics
    return n_neighbors * per_neighbor + 2 * pairs * harmonics + 2 * pairs * ell.size * OUTPUTS


def ceiling(dtype):
    """Operations per second of a matrix product."""
    a = np.ones((1500, 1500), dtype)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * 1500**3 / min(times)


def measure(code, size, dtype, repeats):
    """Run in a child: seconds of the first and the median later call, peak memory, ceiling."""
    atoms = silicon(size)
    small = silicon(64)
    compute = CODES[code](np.dtype(dtype))
    start = time.perf_counter()
    compute(small)
    first = time.perf_counter() - start
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        compute(atoms)
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "atoms": len(atoms),
        "first": first,
        "seconds": float(np.median(times)),
        "best": min(times),
        "megabytes": (peak - before) / 1e3,
        "ceiling": ceiling(dtype),
    }


def child(code, size, dtype, threads, repeats, cache):
    """Run `measure` in a process of its own."""
    environment = dict(os.environ, NUMBA_CACHE_DIR=cache)
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        environment[name] = str(threads)
    environment["RAYON_NUM_THREADS"] = str(threads)
    arguments = [
        sys.executable,
        "-W",
        "ignore",
        __file__,
        "--child",
        json.dumps([code, size, dtype, repeats]),
    ]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{code}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def table(args, cache):
    """Measure and print row by row."""
    from ase_dos.descriptors.neighbors import find_pairs

    atoms = silicon(1000)
    work = operations(len(find_pairs(atoms, OPTIONS["cutoff"])) / len(atoms))
    print(f"{work / 1e3:.1f} thousand operations per atom\n")
    print("| code | type | threads | atoms | s | us/atom | best | MB | GFLOP/s | of gemm | ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    runs = [
        (code, dtype, threads, size)
        for size in args.sizes
        for threads in args.threads
        for code in ("ours", "everything")
        for dtype in ("float64", "float32")
    ]
    runs += [(peer, "float64", 1, size) for size in args.peer_sizes for peer in args.peers]
    reference = {}
    for code, dtype, threads, size in runs:
        try:
            row = child(code, size, dtype, threads, args.repeats, cache)
        except RuntimeError as error:
            print(f"{code}: not measured ({error})", file=sys.stderr)
            continue
        per_atom = row["seconds"] / row["atoms"] * 1e6
        if (code, dtype, threads) == ("ours", "float64", 1):
            reference[size] = per_atom
        rate = work * row["atoms"] / row["seconds"]
        counted = ("", "")
        if code == "ours":
            counted = f"{rate / 1e9:.1f}", f"{rate / row['ceiling']:.2f}"
        ratio = f"{per_atom / reference[size]:.2f}" if size in reference else ""
        cells = (
            code,
            dtype,
            threads,
            row["atoms"],
            f"{row['seconds']:.4f}",
            f"{per_atom:.2f}",
            f"{row['best'] / row['atoms'] * 1e6:.2f}",
            f"{row['megabytes']:.0f}",
            *counted,
            ratio,
        )
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[512, 1000, 8000, 110592, 1000000])
    parser.add_argument("--peer-sizes", type=int, nargs="*", default=[1000, 8000])
    parser.add_argument("--peers", nargs="*", default=["featomic", "dscribe"])
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(*json.loads(args.child))))
        return
    with tempfile.TemporaryDirectory() as cache:
        for dtype in ("float64", "float32"):
            compiled = child("ours", 64, dtype, 1, 1, cache)["first"]
            loaded = child("ours", 64, dtype, 1, 1, cache)["first"]
            print(f"first call, {dtype}: {compiled:.1f} s compiling, {loaded:.2f} s from the cache")
        table(args, cache)


if __name__ == "__main__":
    main()
