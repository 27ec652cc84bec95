"""Run DFT on any frames and keep the eigenvalues: one file per structure, restartable.

    python data/run_dft.py frames.extxyz runs/ --kspacing 0.12 --shard 0/2

GPAW (PBE, PAW, LCAO basis dzp): a self-consistent run on a coarse k-point mesh fixes the
density, then the eigenvalues of a dense mesh follow at fixed density. A localised basis makes
the dense mesh cheap, and the dense mesh is what decides the noise of a density of states.

Every structure needs a unique ``name`` in its ``info`` (else its number in the file is taken).
``info["kspacing"]`` and ``info["scf_kspacing"]`` override the options for one frame. A structure
whose result exists is skipped; results are renamed into place only when complete, so a killed run
loses one structure.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path

import numpy as np
from ase.io import read

SETTINGS = {"mode": "lcao", "basis": "dzp", "xc": "PBE", "h": 0.25}
WIDTH = 0.1  # Fermi-Dirac width (eV)
SMALL = 4  # cells up to this size may have symmetry that a shifted mesh would break
HEADROOM = 16.5  # bands are kept up to this much above the Fermi level (eV)


def kpoint_mesh(atoms, spacing: float) -> tuple[int, int, int]:
    """Gamma-centred mesh with at most ``spacing`` (1/Angstrom, 2 pi included) between points."""
    lengths = 2 * np.pi * np.linalg.norm(atoms.cell.reciprocal(), axis=1)
    mesh = np.maximum(1, np.ceil(lengths / spacing - 1e-9)).astype(int)
    return tuple(int(n) if periodic else 1 for n, periodic in zip(mesh, atoms.pbc, strict=True))


def self_consistent(atoms, spacing: float, log: Path | str, **settings):
    """Converge the density on a coarse mesh and return the calculator.

    The coarse mesh of larger cells is a shifted (Monkhorst-Pack) one: half the points of a
    Gamma-centred mesh that is even, and a better density.
    """
    from gpaw import GPAW, FermiDirac

    calc = GPAW(
        **{**SETTINGS, **settings},
        nbands="nao",
        kpts={"size": kpoint_mesh(atoms, spacing), "gamma": len(atoms) <= SMALL},
        occupations=FermiDirac(WIDTH),
        txt=str(log),
    )
    atoms = atoms.copy()
    atoms.calc = calc
    atoms.get_potential_energy()
    return calc


def dense_eigenvalues(calc, spacing: float, log: Path | str):
    """Eigenvalues (kpoints, bands) in eV and k-point weights of a denser mesh, same density."""
    dense = calc.fixed_density(
        kpts={"size": kpoint_mesh(calc.atoms, spacing), "gamma": True}, txt=str(log)
    )
    return eigenvalues_of(dense)


def eigenvalues_of(calc):
    """All eigenvalues (kpoints, bands) in eV and the weights of the irreducible k-points."""
    if calc.get_number_of_spins() != 1:
        raise ValueError("spin-polarised: these data sets are spin-paired; remove initial moments")
    weights = np.asarray(calc.get_k_point_weights())
    return np.array([calc.get_eigenvalues(kpt=k) for k in range(len(weights))]), weights


def printed_values(log: Path) -> dict[str, float]:
    """Fermi level and entropy term -TS (eV) as the program printed them."""
    text = log.read_text()
    fermi = re.findall(r"^Fermi level:\s+(\S+)", text, re.MULTILINE)
    entropy = re.findall(r"^\s*Entropy[^:]*:\s+(\S+)", text, re.MULTILINE)
    if not fermi or not entropy:
        raise ValueError(f"{log}: no printed Fermi level or entropy; did the run converge?")
    return {"fermi_level": float(fermi[-1]), "entropy_term": float(entropy[-1])}


def settings_of(atoms, spacing: float, scf_spacing: float) -> dict:
    """Collect what decides the result of a structure."""
    return {
        "program": "GPAW", **SETTINGS, "width": WIDTH, "kspacing": spacing,
        "mesh": list(kpoint_mesh(atoms, spacing)),
        "scf_mesh": list(kpoint_mesh(atoms, scf_spacing)),
    }  # fmt: skip


def is_done(target: Path, settings: dict) -> bool:
    """Whether the result exists; an error if it was computed with other settings."""
    if not target.exists():
        return False
    with np.load(target, allow_pickle=False) as old:
        stored = json.loads(str(old["settings"]))
    if stored != settings:
        raise ValueError(f"{target}: computed with {stored}, wanted {settings}; move it away")
    return True


def run(atoms, target: Path, spacing: float, scf_spacing: float) -> None:
    """Compute one structure and write ``target`` (npz) in one step."""
    log = target.with_suffix(".txt")
    calc = self_consistent(atoms, scf_spacing, log)
    scf_eigenvalues, scf_weights = eigenvalues_of(calc)
    fermi = calc.get_fermi_level()
    eigenvalues, weights = dense_eigenvalues(calc, spacing, target.with_suffix(".dense.txt"))
    n_bands = 1 + int(np.argmax(np.append(eigenvalues.min(axis=0) > fermi + HEADROOM, True)))
    partial = target.with_suffix(".partial")
    with open(partial, "wb") as file:
        np.savez(
            file,
            eigenvalues=eigenvalues[:, :n_bands],
            weights=weights,
            scf_eigenvalues=scf_eigenvalues,
            scf_weights=scf_weights,
            n_electrons=calc.get_number_of_electrons(),
            settings=json.dumps(settings_of(atoms, spacing, scf_spacing)),
            **printed_values(log),
        )
    os.replace(partial, target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", help="any file that ase.io.read understands")
    parser.add_argument("output", type=Path)
    parser.add_argument("--kspacing", type=float, default=0.12)
    parser.add_argument("--scf-kspacing", type=float, default=0.6)
    parser.add_argument("--shard", default="0/1", help="i/n: take every n-th frame from the i-th")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    part, parts = map(int, args.shard.split("/"))
    frames = read(args.frames, index=":")
    failed = 0
    for number, atoms in list(enumerate(frames))[part::parts]:
        name = atoms.info.get("name", f"{number:05d}")
        target = args.output / f"{name}.npz"
        start = time.perf_counter()
        try:
            spacing = float(atoms.info.get("kspacing", args.kspacing))
            scf_spacing = float(atoms.info.get("scf_kspacing", args.scf_kspacing))
            if is_done(target, settings_of(atoms, spacing, scf_spacing)):
                continue
            run(atoms, target, spacing, scf_spacing)
        except Exception as error:  # one structure that fails must not end the others
            failed += 1
            print(f"{name}: failed: {error}", file=sys.stderr, flush=True)
        else:
            print(f"{name}: {len(atoms)} atoms, {time.perf_counter() - start:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
