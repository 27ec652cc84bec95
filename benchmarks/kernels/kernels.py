"""Time, memory and arithmetic of the local DOS against featomic and dscribe.

    python -m benchmarks.kernels.kernels [--sizes 1000 8000 110592] [--threads 1 2] [--repeats 5]
        [--other-sizes 1000 8000] [--others featomic dscribe]

Rattled silicon, cutoff 6 Angstrom, n_max 8, l_max 6. Ours is the whole way: neighbours, features
and their map onto 32 outputs, in double and single precision, then everything that the shipped
model (cutoff 5 Angstrom) gives for a frame: local DOS, total DOS, E_F and C_el(T). The other
codes compute features only. Every measurement has a process of its own and is a median over
repeats. ``ratio`` is the time per atom against ours in double precision on one thread at the same
size. Also printed: the processor, with its vectors and caches; the time of the first call, with
nothing compiled, and with the compiled kernels on disk; and floating-point operations per second,
counted from the formulas, against what matrix products reach in the same process.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time

import numpy as np

from benchmarks.measure import (
    machine,
    peak_megabytes,
    print_head,
    print_row,
    rattled_silicon,
    run_child,
    times_in_turns,
)

OPTIONS = {"cutoff": 6.0, "max_radial": 8, "max_angular": 6, "width": 0.4, "species": (14,)}
OUTPUTS = 32


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


def matrix_product_rate(dtype):
    """Operations per second of a matrix product."""
    a = np.ones((1500, 1500), dtype)
    wall, _ = times_in_turns([lambda: a @ a], 4)
    return 2 * 1500**3 / wall.min()


def measure(code, size, dtype, repeats):
    """Run in a child: seconds of the first and of later calls, peak memory, matrix products."""
    atoms, small = rattled_silicon(size), rattled_silicon(64)
    compute = CODES[code](np.dtype(dtype))
    start = time.perf_counter()
    compute(small)
    first = time.perf_counter() - start
    before = peak_megabytes()
    (wall,), _ = times_in_turns([lambda: compute(atoms)], repeats)
    return {
        "atoms": len(atoms),
        "first": first,
        "seconds": float(np.median(wall)),
        "best": wall.min(),
        "megabytes": peak_megabytes() - before,
        "matrix product": matrix_product_rate(dtype),
    }


def child(code, size, dtype, threads, repeats, cache):
    """Run `measure` in a process of its own."""
    arguments = (code, size, dtype, repeats)
    return run_child(__spec__.name, arguments, threads, NUMBA_CACHE_DIR=cache)


def table(args, cache):
    """Measure and print row by row."""
    from ase_dos.descriptors.neighbors import find_pairs

    atoms = rattled_silicon(1000)
    work = operations(len(find_pairs(atoms, OPTIONS["cutoff"])) / len(atoms))
    print(f"{work / 1e3:.1f} thousand operations per atom\n")
    print_head(
        *[
            "code",
            "type",
            "threads",
            "atoms",
            "s",
            "us/atom",
            "best",
            "MB",
            "GFLOP/s",
            "of gemm",
            "ratio",
        ]
    )
    runs = [
        (code, dtype, threads, size)
        for size in args.sizes
        for threads in args.threads
        for code in ("ours", "everything")
        for dtype in ("float64", "float32")
    ]
    runs += [(code, "float64", 1, size) for size in args.other_sizes for code in args.others]
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
            counted = f"{rate / 1e9:.1f}", f"{rate / row['matrix product']:.2f}"
        ratio = f"{per_atom / reference[size]:.2f}" if size in reference else ""
        print_row(
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[512, 1000, 8000, 110592, 1000000])
    parser.add_argument("--other-sizes", type=int, nargs="*", default=[1000, 8000])
    parser.add_argument("--others", nargs="*", default=["featomic", "dscribe"])
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(*json.loads(args.child))))
        return
    print(machine())
    with tempfile.TemporaryDirectory() as cache:
        for dtype in ("float64", "float32"):
            compiled = child("ours", 64, dtype, 1, 1, cache)["first"]
            loaded = child("ours", 64, dtype, 1, 1, cache)["first"]
            print(f"first call, {dtype}: {compiled:.1f} s compiling, {loaded:.2f} s from the cache")
        table(args, cache)


if __name__ == "__main__":
    main()
