"""Distortions, boxes and files that the structures of all data sets are made with."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write
from ase.neighborlist import neighbor_list
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray


def random_shear(rng: Generator, size: float) -> NDArray:
    """Symmetric strain (3, 3) without a trace, of elements of about ``size``."""
    strain = rng.normal(0, size, (3, 3))
    strain = (strain + strain.T) / 2
    return strain - np.eye(3) * np.trace(strain) / 3


def with_cell(atoms: Atoms, cell: ArrayLike) -> Atoms:
    """Copy in another cell (3, 3), atoms moved along."""
    atoms = atoms.copy()
    atoms.set_cell(cell, scale_atoms=True)
    return atoms


def rattled(atoms: Atoms, rng: Generator, width: float, shortest: float) -> Atoms:
    """Gaussian displacements of ``width`` (Angstrom), drawn again while a pair is too close.

    Pairs below ``shortest`` (Angstrom) are accidents of the rattling.
    """
    for _ in range(200):
        trial = atoms.copy()
        trial.positions += rng.normal(0, width, trial.positions.shape)
        if not len(neighbor_list("i", trial, shortest)):
            return trial
        width *= 0.97
    raise RuntimeError("no acceptable rattling found")


def random_box(symbol: str, mass: float, n_atoms: int, density: float, rng: Generator) -> Atoms:
    """Cubic box of ``n_atoms`` at ``density`` (g/cm^3), on random sites of a cubic lattice."""
    side = (n_atoms * mass / 0.602214 / density) ** (1 / 3)
    per_side = int(np.ceil(n_atoms ** (1 / 3) - 1e-9))
    sites = np.stack(np.meshgrid(*[np.arange(per_side)] * 3), -1).reshape(-1, 3) / per_side
    sites = sites[rng.permutation(len(sites))[:n_atoms]]
    return Atoms(f"{symbol}{n_atoms}", scaled_positions=sites, cell=[side] * 3, pbc=True)


def write_structures(
    path: str | Path,
    families: Iterable[tuple[str, Iterable[Atoms]]],
    first_spacing: Callable[[int], float],
    scf_spacing: Callable[[int], float],
) -> None:
    """Write all families to an extended xyz file, small cells first.

    ``info`` gets ``name``, ``family`` and, from the number of atoms, the k-point spacings
    (1/Angstrom) of the first dense and of the self-consistent mesh.
    """
    frames = []
    for family, structures in families:
        for number, atoms in enumerate(structures):
            frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
            frame.wrap()
            frame.info = {
                "name": f"{family}_{number:02d}",
                "family": family,
                "kspacing": first_spacing(len(frame)),
                "scf_kspacing": scf_spacing(len(frame)),
            }
            frames.append(frame)
    write(path, sorted(frames, key=len))


def structures_parser(description: str) -> argparse.ArgumentParser:
    """Command line of a script that makes structures."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("output", help="extended xyz file to write")
    return parser
