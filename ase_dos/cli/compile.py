"""``ase-dos compile``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ase_dos.cli.arguments import integer
from ase_dos.cli.main import reports_user_errors

if TYPE_CHECKING:
    from ase import Atoms


class CLICommand:
    """Compile all kernels ahead, so that no later run waits for it.

    They are kept in a directory beside the installed package, or in that of NUMBA_CACHE_DIR, for
    the kind of processor that this runs on. For images of containers, and once before many jobs of
    a cluster begin.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--processes",
            type=integer(1),
            default=2,
            metavar="N",
            help="compile in so many processes (default: %(default)s)",
        )

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Compile, and say what is done."""
        import time

        from ase_dos.utils.parallel import parallel_map

        begun = time.monotonic()
        for name in parallel_map(compile_for, JOBS, args.processes):
            print(f"{name:<28} {time.monotonic() - begun:6.1f} s")


def compile_for(job: str) -> str:
    """Run one of `JOBS` on a few atoms; return its name."""
    from ase_dos.kernels.progress import silence

    silence()  # the command says what is done
    JOBS[job]()
    return job


def _crystal() -> Atoms:
    from ase.build import bulk

    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.05, seed=0)
    return atoms


def _dos(dtype: str) -> None:
    from ase_dos.model.dos_model import DOSModel

    model = DOSModel.load("silicon")
    dos = model.predict(_crystal(), dtype=dtype).total()
    dos.electron_gas([0.0, 3000.0]).weights(dos.energies)


def _forces(dtype: str) -> None:
    import numpy as np

    from ase_dos.model.dos_model import DOSModel

    model = DOSModel.load("silicon")
    model.differentiate(_crystal(), np.ones(model.grid.size), dtype=dtype)


def _training() -> None:
    import numpy as np

    from ase_dos.descriptors.neighbors import find_pairs
    from ase_dos.descriptors.soap import SOAP
    from ase_dos.fit.scores import best_shift
    from ase_dos.spectra.states import ElectronicStates
    from ase_dos.spectra.target import TargetStack, target_from_states

    atoms = _crystal()
    find_pairs(atoms, 3.0)
    SOAP(cutoff=3.0).compute(atoms)
    levels = np.linspace(-8.0, 12.0, 40)[None]
    target = target_from_states(ElectronicStates(levels, np.ones(1), 32.0, 2), 0.3)
    energies = np.linspace(-9.0, 5.0, 281)
    TargetStack([target])(energies, np.zeros(1))
    best_shift(target, target(energies)[0], energies, 0.0)


def _equivariant_features() -> None:
    from ase_dos.descriptors.lambda_soap import LambdaSOAP

    descriptor = LambdaSOAP(cutoff=3.0, max_radial=2, max_angular=2)
    points = descriptor.points(_crystal())
    descriptor.features(points)
    descriptor.products(points, points)


def _densities() -> None:
    import numpy as np

    from ase_dos.density.basis import AuxiliaryBasis, Shell
    from ase_dos.density.density import Density

    basis = AuxiliaryBasis("one s function", {1: (Shell.normalized(0, [1.0], [1.0]),)})
    density = Density(basis, np.ones(1), np.zeros((1, 3)), 1 / basis.charges([1]))
    density.hartree_energy()
    density.evaluate(np.ones((1, 3)))


def _many_structures() -> None:
    import numpy as np

    from ase_dos.electrons.filling import Filling
    from ase_dos.electrons.gas import gas_from_dos
    from ase_dos.kernels import inversion

    energies = np.linspace(-10.0, 10.0, 201)
    flat = np.ones((2000, energies.size))
    gas_from_dos(energies, flat, 10.0, 3000.0, smearing=0.3)
    cells = Filling.of_dos(energies, flat[:2], 10.0)
    cells.invert(inversion.TEMPERATURE, np.full(2, 0.3), np.full(2, 0.3))


def _packed_coordinates() -> None:
    import numpy as np

    from ase_dos.kernels.xtc import RANGES, unpack_coordinates

    corner, out = np.zeros(3, np.int64), np.zeros((1, 3), np.int64)
    unpack_coordinates(np.frombuffer(bytes(2), np.uint8), corner, corner, 9, RANGES, out)


# The longest first.
JOBS = {
    "DOS, double precision": lambda: _dos("float64"),
    "forces, double precision": lambda: _forces("float64"),
    "DOS, single precision": lambda: _dos("float32"),
    "forces, single precision": lambda: _forces("float32"),
    "many structures and cells": _many_structures,
    "equivariant features": _equivariant_features,
    "electron densities": _densities,
    "training": _training,
    "XTC files": _packed_coordinates,
}
