"""Levels at k-points without symmetry from the matrices that run_dft.py kept.

    python -m data.tools.pack_levels data/silicon/silicon.npz runs/ levels.npz

A structure of n atoms gets some 64 / n points, random and seeded, but two at least. Structures
whose run is missing are named and left out, so a part of the runs can be used early.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from ase import Atoms

from ase_dos.io.dataset import load_dataset
from ase_dos.tight_binding.levels import KnownLevels, save_levels
from data.tools.gpaw_lcao import BlochMatrices

HEADROOM = 14.0  # eV above the Fermi level up to which bands are kept


def known_levels(atoms: Atoms, path: Path, points_times_atoms: int, seed: int) -> KnownLevels:
    """Levels of one structure from its matrices."""
    count = max(2, points_times_atoms // len(atoms))
    kpoints = np.random.default_rng(seed).random((count, 3)) * atoms.pbc
    energies = BlochMatrices.load(path).eigenvalues(kpoints)[0]
    with np.load(path, allow_pickle=False) as run:
        fermi_level = float(run["fermi_level"])
    needed = energies.min(axis=0) < fermi_level + HEADROOM
    return KnownLevels(atoms, kpoints, energies[:, needed], fermi_level)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="data set that holds the structures")
    parser.add_argument("runs", type=Path, help="where run_dft.py --matrices wrote")
    parser.add_argument("output", type=Path)
    parser.add_argument("--points", type=int, default=64, help="k-points times atoms")
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()
    known, settings = {}, {}
    for number, atoms in enumerate(load_dataset(args.data).frames):
        name = atoms.info["name"]
        path = args.runs / f"{name}.matrices.npz"
        if not path.exists():
            print(f"{path}: missing, left out", file=sys.stderr)
            continue
        known[name] = known_levels(atoms, path, args.points, args.seed + number)
        with np.load(path, allow_pickle=False) as run:
            settings = json.loads(str(run["settings"]))
    for own in ("scf_mesh", "kspacing"):  # of each structure, see the data set
        settings.pop(own, None)
    save_levels(args.output, known, {"settings": settings, "seed": args.seed})
    size = args.output.stat().st_size / 1e6
    print(f"{len(known)} structures, {size:.2f} MB: {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
