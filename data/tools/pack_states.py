"""One small data set of structures and the eigenvalues that run_dft.py stored.

python -m data.tools.pack_states structures.extxyz runs/ data/silicon/silicon.npz --heldout surface
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from ase.io import read

from ase_dos.io.dataset import Dataset, save_dataset, seeded_split
from ase_dos.spectra.states import ElectronicStates

# Bands of the self-consistent runs that begin higher above the Fermi level (eV) are left out:
# at the runs' smearing of 0.1 eV they are empty.
EMPTY = 10.0


def load_run(path: Path):
    """Dense states, self-consistent states with printed values, settings, and convergence."""
    with np.load(path, allow_pickle=False) as run:
        settings = json.loads(str(run["settings"]))
        electrons = float(run["n_electrons"])
        levels = np.array(run["eigenvalues"], ndmin=3)  # older runs have no axis of spins
        degeneracy = 2 // len(levels)
        dense = ElectronicStates(levels, run["weights"], electrons, degeneracy)
        levels = np.array(run["scf_eigenvalues"], ndmin=3)
        needed = levels.min(axis=(0, 1)) < float(run["fermi_level"]) + EMPTY
        printed = ElectronicStates(
            levels[..., needed],
            run["scf_weights"],
            electrons,
            degeneracy,
            fermi_level=float(run["fermi_level"]),
            smearing_width=settings["width"],
            entropy_term=float(run["entropy_term"]),
        )
        convergence = {
            "mesh": run["mesh"].tolist(),
            "denser_mesh": run["denser_mesh"].tolist(),
            "difference": round(float(run["difference"]), 5),
        }
        if degeneracy == 1:
            convergence["magnetic_moment"] = round(float(run["magnetic_moment"]), 4)
    return dense, printed, settings, convergence


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structures")
    parser.add_argument("runs", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--heldout", default="surface", help="family kept out of training")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument(
        "--test", nargs="+", help="names of the test part; all others are for training then"
    )
    parser.add_argument("--resolution", type=float, default=0.0005, help="of the levels (eV)")
    args = parser.parse_args()
    frames, dense, printed, meshes, settings = [], [], [], [], {}
    for number, atoms in enumerate(read(args.structures, index=":")):
        atoms.info.setdefault("name", f"{number:05d}")  # as run_dft.py names it
        atoms.info.setdefault("family", "all")
        path = args.runs / f"{atoms.info['name']}.npz"
        if not path.exists():
            print(f"{path}: missing, left out", file=sys.stderr)
            continue
        states, run, settings, convergence = load_run(path)
        own = {key: settings.pop(key) for key in ("scf_mesh", "kspacing")}
        meshes.append({"name": atoms.info["name"], **own, **convergence})
        frames.append(atoms)
        dense.append(states)
        printed.append(run)
    if args.test:
        split = np.array(["test" if a.info["name"] in args.test else "train" for a in frames])
        how = {"test": args.test}
    else:
        split = seeded_split([a.info["family"] for a in frames], args.heldout, args.seed)
        how = {"split_seed": args.seed, "heldout": args.heldout}
    provenance = {"settings": settings, **how, "meshes": meshes}
    data = Dataset(frames, dense, printed, split)
    save_dataset(args.output, data, provenance=provenance, resolution=args.resolution)
    size = args.output.stat().st_size / 1e6
    print(f"{len(frames)} structures, {size:.2f} MB: {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
