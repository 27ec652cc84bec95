"""Convergence of the densities of states with k-points, as a Markdown table.

    python -m data.tools.convergence structures.extxyz runs/ [--density names ...]

For every family the largest and the median difference to the next denser k-point mesh, over all
its structures, as run_dft.py measured it. For the names given also what a density from a denser
self-consistent mesh (spacing * 0.7) and a real-space grid of 0.2 Angstrom change. RMSE in states
eV^-1/2 per atom after alignment, the measure in which errors of models are given, up to the
energy that ``--window`` of run_dft.py sets.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from ase.io import read

from ase_dos.spectra.kpoints import mesh_points
from ase_dos.spectra.states import ElectronicStates
from data.tools.gpaw_lcao import BlochMatrices, use_basis_path
from data.tools.pack_states import load_run
from data.tools.run_dft import Method, difference


def by_family(frames, runs):
    """Print the table of the k-point meshes."""
    rows = {}
    for atoms in frames:
        path = runs / f"{atoms.info['name']}.npz"
        if path.exists():
            convergence = load_run(path)[3]
            rows.setdefault(atoms.info["family"], []).append(
                (convergence["difference"], atoms.info["name"], convergence)
            )
    print("| family | structures | median | largest | of | mesh | next denser |")
    print("|---|---|---|---|---|---|---|")
    for family, entries in sorted(rows.items()):
        largest, name, worst = max(entries, key=lambda entry: entry[0])
        meshes = ("x".join(map(str, worst[key])) for key in ("mesh", "denser_mesh"))
        median = np.median([entry[0] for entry in entries])
        print(
            f"| {family} | {len(entries)} | {median:.4f} | {largest:.4f} | {name} | "
            f"{' | '.join(meshes)} |"
        )


def density(atoms, runs, log):
    """Print what the self-consistent mesh and the real-space grid change for one structure."""
    packed, _, settings, convergence = load_run(runs / f"{atoms.info['name']}.npz")
    points, weights = mesh_points(convergence["mesh"])
    method = Method.of(settings)

    def change(scf_spacing, **other_settings):
        calc = method.converge(atoms, scf_spacing, log, **other_settings)
        levels = BlochMatrices.from_gpaw(calc, log, method.reach).eigenvalues(points)
        levels = levels[..., method.semicore * len(atoms) :]
        other = ElectronicStates(levels, weights, packed.n_electrons, packed.spin_degeneracy)
        return difference(packed, other, len(atoms), method)

    spacing = float(atoms.info["scf_kspacing"])
    print(f"| {atoms.info['name']} | {change(spacing * 0.7):.4f} | {change(spacing, h=0.2):.4f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structures")
    parser.add_argument("runs", type=Path)
    parser.add_argument("--density", nargs="*", default=[], help="names to check for density too")
    parser.add_argument("--basis-path", help="as for run_dft.py")
    args = parser.parse_args()
    use_basis_path(args.basis_path)
    frames = read(args.structures, index=":")
    by_family(frames, args.runs)
    if args.density:
        print("\n| structure | denser self-consistent mesh | finer grid |\n|---|---|---|")
    for name in args.density:
        with tempfile.TemporaryDirectory() as folder:
            atoms = next(atoms for atoms in frames if atoms.info["name"] == name)
            density(atoms, args.runs, Path(folder, "log.txt"))


if __name__ == "__main__":
    main()
