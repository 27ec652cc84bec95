"""Noise of the targets: denser k-point meshes, denser self-consistent meshes, finer grids.

    python data/silicon/convergence.py structures.extxyz runs/ convergence.json [names ...]

For each named structure (by default one of every family) the DOS of the data set is compared
with that of the next denser mesh (spacing * 0.8) and, with --density, with that of a density from
a denser self-consistent mesh (spacing * 0.7) and from a real-space grid of 0.2 Angstrom.
Figures are RMSE in states eV^-1/2 per atom after alignment, sigma 0.3 eV, from the band bottom
to 14 eV above the Fermi level: the definition by which models are judged. Restartable.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from ase.io import read

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pack_states import load_run
from run_dft import dense_eigenvalues, kpoint_mesh, self_consistent

from ase_dos.fit.scores import best_shift
from ase_dos.states import ElectronicStates
from ase_dos.targets import target_from_states

SIGMA = 0.3


def target(levels, electrons):
    return target_from_states(ElectronicStates(*levels, electrons, 2), SIGMA)


def difference(reference, other, n_atoms):
    """Aligned RMSE (states eV^-1/2 per atom) between two targets of one structure."""
    fermi = other.fermi_level
    energies = np.arange(reference.start, fermi + 14, 0.05)
    prediction = other(energies)[0]
    _, squared = best_shift(reference, prediction, energies, reference.fermi_level - fermi, 1.0)
    return float(np.sqrt(squared)) / n_atoms


def measure(atoms, run_path, log, checked_for_density):
    name = atoms.info["name"]
    states, _, settings = load_run(run_path)
    n, electrons, spacing = len(atoms), states.n_electrons, settings["kspacing"]
    packed = target_from_states(states, SIGMA)

    def against(calc, dense_spacing):
        return difference(packed, target(dense_eigenvalues(calc, dense_spacing, log), electrons), n)

    scf_spacing = float(atoms.info["scf_kspacing"])
    calc = self_consistent(atoms, scf_spacing, log)
    result = {"name": name, "family": atoms.info["family"], "atoms": n,
              "mesh": settings["mesh"], "denser_mesh": kpoint_mesh(atoms, spacing * 0.8),
              "k-points": against(calc, spacing * 0.8)}  # fmt: skip
    if name in checked_for_density:
        result["density"] = against(self_consistent(atoms, scf_spacing * 0.7, log), spacing)
        result["grid"] = against(self_consistent(atoms, scf_spacing, log, h=0.2), spacing)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structures")
    parser.add_argument("runs", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--density", nargs="*", default=[], help="names to check for density too")
    args = parser.parse_args()
    frames = {atoms.info["name"]: atoms for atoms in read(args.structures, index=":")}
    names = args.names or [name for name in frames if name.endswith("_01")]
    results = json.loads(args.output.read_text()) if args.output.exists() else []
    done = {entry["name"] for entry in results}
    for name in names:
        run = args.runs / f"{name}.npz"
        if name in done or not run.exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(frames[name], run, Path(folder, "log.txt"), args.density))
        partial = args.output.with_suffix(".partial")
        partial.write_text(json.dumps(results, indent=1))
        os.replace(partial, args.output)
        print(results[-1], flush=True)


if __name__ == "__main__":
    main()
