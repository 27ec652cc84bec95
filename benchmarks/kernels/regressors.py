"""Sparse kernels and networks: fused with the features, or on blocks of features with BLAS.

    python -m benchmarks.kernels.regressors [--atoms 8000]

Rattled silicon, cutoff 5 Angstrom, n_max 8, l_max 6 (252 features), double precision, 32 outputs.
Times are microseconds per atom on one thread, medians over repeats, the two ways taking turns:
everything from positions, and the regressor's own part, which is the time beyond a map onto one
output.
"""

from __future__ import annotations

import argparse

import numpy as np

from ase_dos import SOAP
from ase_dos.descriptors.feature_map import FeatureMap
from benchmarks.measure import (
    print_head,
    print_row,
    rattled_silicon,
    times_in_turns,
    use_threads,
)

OUTPUTS = 32


def in_blocks(soap, regressor, atoms):
    """Features of 1024 atoms at a time, and matrix products by BLAS."""
    out = np.empty((len(atoms), OUTPUTS))
    for where, features in soap.blocks(atoms, 1024):
        out[where] = regressor(features)
    return out


def cases(n_features):
    """Name and map of some regressors."""
    rng = np.random.default_rng(0)

    def regressor(*sizes, **options):
        shapes = zip((n_features, *sizes), (*sizes, OUTPUTS), strict=True)
        *weights, mix = (rng.normal(size=shape) / np.sqrt(shape[0]) for shape in shapes)
        return FeatureMap(weights, [np.zeros(size) for size in sizes], mix=mix, **options)

    yield "linear", regressor()
    for points in (100, 500, 2000):
        yield f"kernel, {points} points", regressor(points, degree=2, unit_length=True)
    for width in (64, 128):
        yield f"network, 2 x {width}", regressor(width, width, activation="tanh")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atoms", type=int, default=8000)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    use_threads(1)
    soap = SOAP(cutoff=5.0, species=("Si",))
    atoms = rattled_silicon(args.atoms)
    one = FeatureMap(mix=np.ones((soap.n_features, 1)))
    print(f"{len(atoms)} atoms, one thread, us per atom")
    print_head("regressor", "fused", "blocks and BLAS", "ratio", "fused, own part")
    for name, regressor in cases(soap.n_features):
        ways = (
            lambda: soap.regress(atoms, regressor),  # noqa: B023
            lambda: in_blocks(soap, regressor, atoms),  # noqa: B023
        )
        assert np.allclose(ways[0](), ways[1]())
        wall, _ = times_in_turns((*ways, lambda: soap.regress(atoms, one)), args.repeats)
        fused, blas, bare = 1e6 / len(atoms) * np.median(wall, axis=1)
        cells = (f"{fused:.1f}", f"{blas:.1f}", f"{blas / fused:.2f}", f"{fused - bare:.1f}")
        print_row(name, *cells)


if __name__ == "__main__":
    main()
