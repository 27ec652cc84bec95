"""Error and cost of what follows from a density, beside PySCF, on clusters of water.

    python -m benchmarks.density.against_pyscf [--atoms 3 30 99] [--points 2000]

Prints the largest difference to PySCF, of integrals relative to the largest that two functions
could have, of fields relative to their largest value, and processor milliseconds of both (medians
of some turns; one thread each).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from ase import Atoms, units
from ase.build import molecule
from numpy.typing import NDArray
from pyscf import gto, lib
from pyscf.df import make_auxmol

from ase_dos.density import AuxiliaryBasis
from ase_dos.density.fields import potentials, values
from ase_dos.density.integrals import coulomb, overlap
from ase_dos.density.pyscf import pyscf_order
from benchmarks.measure import machine, print_head, print_row, times_in_turns, use_threads

Pair = tuple[str, Callable[[], NDArray], Callable[[], NDArray], Callable[[NDArray], NDArray]]


def waters(atoms: int) -> Atoms:
    """Cluster of turned waters, 3.1 Angstrom apart."""
    rng = np.random.default_rng(0)
    cells = [(i, j, k) for i in range(8) for j in range(8) for k in range(8)]
    cluster = Atoms()
    for place in cells[: atoms // 3]:
        one = molecule("H2O")
        one.euler_rotate(*rng.uniform(0, 180, 3), center="COM")
        one.positions += 3.1 * np.array(place)
        cluster += one
    return cluster


def pairs(atoms: Atoms, n_points: int) -> Iterator[Pair]:
    """Name, our function, that of PySCF, and the scale of errors."""
    basis = AuxiliaryBasis.from_pyscf(species=set(atoms.numbers.tolist()))
    where = (basis, atoms.numbers, atoms.positions)
    order = pyscf_order(basis.layout(atoms.numbers))
    places = [(int(z), tuple(r / units.Bohr)) for z, r in zip(*where[1:], strict=True)]
    reference = make_auxmol(gto.M(atom=places, unit="Bohr"), basis.name)
    rng = np.random.default_rng(1)
    coefficients = rng.normal(size=order.size)
    points = rng.uniform(atoms.positions.min() - 3, atoms.positions.max() + 3, size=(n_points, 3))
    charges = gto.fakemol_for_charges(points / units.Bohr)
    ours = coefficients[order]

    def norms(matrix: NDArray) -> NDArray:
        return np.sqrt(np.outer(matrix.diagonal(), matrix.diagonal()))

    def largest(field: NDArray) -> NDArray:
        return np.abs(field).max()

    yield (
        "S",
        lambda: overlap(*where)[np.ix_(order, order)],
        lambda: reference.intor("int1e_ovlp"),
        norms,
    )
    yield (
        "J",
        lambda: coulomb(*where)[np.ix_(order, order)],
        lambda: reference.intor("int2c2e"),
        norms,
    )
    yield (
        "density",
        lambda: values(*where, coefficients[None], points)[0],
        lambda: reference.eval_gto("GTOval_sph", points / units.Bohr) @ ours,
        largest,
    )
    yield (
        "potential",
        lambda: -potentials(*where, coefficients[None], points, np.zeros(len(atoms)))[0],
        lambda: gto.intor_cross("int2c2e", charges, reference) @ ours,
        largest,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atoms", type=int, nargs="*", default=[3, 30, 99])
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    use_threads(1)
    lib.num_threads(1)
    print(machine())
    print_head("atoms", "functions", "", "difference", "ase_dos (ms)", "PySCF (ms)")
    for count in args.atoms:
        for name, own, other, scale in pairs(waters(count), args.points):
            found, expected = own(), other()
            difference = np.abs((found - expected) / scale(expected)).max()
            _, busy = times_in_turns([own, other], args.repeats)
            milliseconds = (f"{1e3 * t:.1f}" for t in np.median(busy, axis=1))
            print_row(count, 113 * count // 3, name, f"{difference:.1e}", *milliseconds)


if __name__ == "__main__":
    main()
