"""Equivariant features and their products with sparse points, beside featomic and BLAS.

    python -m benchmarks.descriptors.lambda_soap [--points 100] [--repeats 5]

A droplet of 51 atoms (four methanol and three acetamide molecules: H, C, N, O), cutoff 4 Angstrom,
n_max 6, l_max 4, lambda up to 4, one thread. All take turns in one process; the times are CPU
milliseconds per atom, medians over repeats. featomic is its ``EquivariantPowerSpectrum`` of a
``SphericalExpansion``. Products are with sparse points of every species: from expansions, or by
matrix products of features that are made for it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.build import molecule
from numpy.typing import NDArray

from ase_dos import SOAP, LambdaSOAP
from ase_dos.descriptors.backends import featomic_hypers
from ase_dos.descriptors.equivariant_points import EquivariantPoints
from benchmarks.measure import print_head, print_row, times_in_turns, use_threads

OPTIONS = {"cutoff": 4.0, "max_radial": 6, "max_angular": 4, "width": 0.3}


def droplet(seed: int) -> Atoms:
    """Seven molecules around each other, turned and displaced at random."""
    rng = np.random.default_rng(seed)
    places = 4.0 * np.array([(x, y, z) for z in range(2) for y in range(2) for x in range(2)])
    atoms = Atoms()
    for name, place in zip(4 * ["CH3OH"] + 3 * ["CH3CONH2"], places, strict=False):
        one = molecule(name)
        one.euler_rotate(*rng.uniform(0, 180, 3), center="COM")
        one.positions += place + rng.normal(0, 0.1, (len(one), 3))
        atoms += one
    return atoms


def by_featomic(descriptor: LambdaSOAP, atoms: Atoms) -> Callable[[], object]:
    """Calculate the same features with featomic."""
    from featomic import SphericalExpansion
    from featomic.clebsch_gordan import EquivariantPowerSpectrum

    soap = SOAP(**OPTIONS, species=descriptor.species)
    calculator = EquivariantPowerSpectrum(SphericalExpansion(**featomic_hypers(soap)))
    keys = [[ell, 1] for ell in range(descriptor.max_lambda + 1)]

    def compute() -> object:
        from metatensor import Labels

        selected = Labels(["o3_lambda", "o3_sigma"], np.array(keys))
        return calculator.compute(atoms, selected_keys=selected, neighbors_to_properties=True)

    return compute


def by_blas(
    descriptor: LambdaSOAP, atoms: Atoms, points: EquivariantPoints, features: list[NDArray]
) -> None:
    """Multiply the features of the atoms with those of the points, by species."""
    for of_atoms, of_points in zip(descriptor.compute(atoms), features, strict=True):
        for z in descriptor.species:
            here, there = of_atoms[atoms.numbers == z], of_points[points.species == z]
            _ = here.reshape(-1, here.shape[-1]) @ there.reshape(-1, there.shape[-1]).T


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=100, help="of every species")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    use_threads(1)
    atoms = droplet(0)
    descriptor = LambdaSOAP(**OPTIONS, species=("H", "C", "N", "O"))
    others = EquivariantPoints.join(
        [descriptor.points(droplet(seed)) for seed in range(1, 1 + args.points)]
    )
    points = others.take(
        np.concatenate([np.flatnonzero(others.species == z)[: args.points] for z in (1, 6, 7, 8)])
    )
    features = descriptor.features(points)
    ways = {
        "featomic": by_featomic(descriptor, atoms),
        "features": lambda: descriptor.compute(atoms),
        "expansion alone": lambda: descriptor.points(atoms),
        f"products with {args.points} points": lambda: descriptor.products(atoms, points),
        "the same by features and BLAS": lambda: by_blas(descriptor, atoms, points, features),
    }
    _, busy = times_in_turns(list(ways.values()), args.repeats)
    milliseconds = 1e3 * np.median(busy, axis=1) / len(atoms)
    size = sum(array.nbytes for array in features) / len(points)
    print(f"{len(atoms)} atoms; features {size / 1e3:.0f} kB per atom, expansions ", end="")
    print(f"{points.coefficients.nbytes / len(points) / 1e3:.1f} kB")
    print_head("way", "CPU ms/atom", "featomic / this")
    for name, value in zip(ways, milliseconds, strict=True):
        print_row(name, f"{value:.3f}", f"{milliseconds[0] / value:.0f}")


if __name__ == "__main__":
    main()
