"""DFT eigenvalues of any frames: one file per structure, restartable.

    python -m data.tools.run_dft frames.extxyz runs/ --kspacing 0.12 --shard 0/2

GPAW (PBE, PAW, LCAO, dzp unless ``--basis`` says otherwise): a self-consistent run on a coarse
k-point mesh fixes the density. In a localised basis the Hamiltonian has a finite range, so its
matrices on one more coarse mesh give it at every k-point exactly. The mesh is then refined until
the density of states no longer changes: spacings start * 0.8^n, until the next one differs by at
most --noise. What mesh that takes, and the difference left, is stored with the eigenvalues.

Every structure needs a unique ``name`` in its ``info`` (else its number in the file is taken).
Spacings of meshes that are not given as options are those in its ``info``, ``kspacing`` and
``scf_kspacing``, or else 0.12 and 0.6. A structure whose result exists is skipped; results are
renamed into place only when complete, so a killed run loses one structure.

``--moment`` asks for collinear spin-polarised states, all moments parallel to begin with; without
it states are spin-paired, whatever moments the frames carry.

With ``--matrices`` the Hamiltonian and overlap themselves are written, in single precision (0.2 MB
per atom of silicon), and no dense mesh is sought: eigenvalues at any k-point follow from them.

Bands up to ``--headroom`` (eV) above the Fermi level are stored, and meshes are compared up to
``--window`` above it. PAW data may hold deep shells, such as 3p of nickel, that no electron ever
leaves: ``--semicore 3`` takes the three lowest bands of each atom, and their electrons, out of what
is stored. A basis of short functions needs less ``--reach``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read

from ase_dos.fit.scores import best_shift
from ase_dos.spectra.kpoints import kpoint_mesh, mesh_points
from ase_dos.spectra.states import ElectronicStates
from ase_dos.spectra.target import target_from_states
from ase_dos.utils.files import replace_file
from data.tools.gpaw_lcao import (
    REACH,
    SETTINGS,
    WIDTH,
    BlochMatrices,
    levels_of,
    self_consistent,
    use_basis_path,
)

DENSER = 0.8  # from one k-point spacing to the next
STORED_NAMES = {"window": "judged"}  # in results, where they are not those of `Method`


@dataclass(frozen=True)
class Method:
    """Settings that may differ between data sets."""

    basis: str = SETTINGS["basis"]
    headroom: float = 16.5  # eV above the Fermi level up to which bands are stored
    window: float = 14.0  # eV above it up to which the DOS of meshes is compared
    reach: float = REACH  # of matrices (Angstrom)
    moment: float = 0.0  # Bohr magnetons an atom that a spin-polarised run begins with
    setup: str = "paw"  # name of the PAW data
    smearing: float = 0.3  # Gaussian broadening of the DOS of which meshes are compared (eV)
    semicore: int = 0  # deep bands an atom that are left out, with their electrons
    noise: float = 0.009  # see `difference`

    @classmethod
    def of(cls, settings: dict) -> Method:
        """Return the method by which a result was computed, from the settings stored with it."""
        stored = {field.name: STORED_NAMES.get(field.name, field.name) for field in fields(cls)}
        return cls(**{name: settings[key] for name, key in stored.items() if key in settings})

    def settings(self) -> dict:
        """Return what to store with a result; of windows and range only what is not default."""
        own = {
            STORED_NAMES.get(f.name, f.name): getattr(self, f.name)
            for f in fields(self)[1:-1]
            if getattr(self, f.name) != f.default
        }
        return {**SETTINGS, "basis": self.basis, "width": WIDTH, "noise": self.noise, **own}

    def converge(self, atoms: Atoms, scf_spacing: float, log: Path | str, **settings: object):
        """Self-consistent calculator of a structure; other settings may be given."""
        own = {"basis": self.basis, "setups": self.setup, **settings}
        return self_consistent(atoms, scf_spacing, log, moment=self.moment, **own)


def difference(
    states: ElectronicStates,
    denser: ElectronicStates,
    n_atoms: int,
    method: Method,
) -> float:
    """RMSE (states eV^-1/2 per atom) between the DOS of two meshes after alignment.

    Broadened by ``method.smearing``, from the band bottom to ``method.window`` above the Fermi
    level: the measure in which errors of models are given.
    """
    one, other = (target_from_states(s, method.smearing) for s in (states, denser))
    energies = np.arange(one.start, other.fermi_level + method.window, method.smearing / 6)
    shift = one.fermi_level - other.fermi_level
    _, squared = best_shift(one, other(energies)[0], energies, shift, 1.0)
    return float(np.sqrt(squared)) / n_atoms


def converged_states(matrices: BlochMatrices, atoms, n_electrons, start: float, method: Method):
    """States on the first mesh that the next denser one changes by at most ``method.noise``.

    Returns the states, the mesh, the denser mesh, and the difference; there is no denser mesh
    without periodic boundaries.
    """
    deep = method.semicore * len(atoms)

    def on(mesh):
        points, weights = mesh_points(mesh)
        levels = matrices.eigenvalues(points)[..., deep:]
        return ElectronicStates(levels, weights, n_electrons - 2 * deep, 2 // len(levels))

    spacing, mesh = start, kpoint_mesh(atoms, start)
    states = on(mesh)
    if not atoms.pbc.any():
        return states, mesh, mesh, 0.0
    while True:
        spacing *= DENSER
        denser = kpoint_mesh(atoms, spacing)
        if denser == mesh:
            continue
        finer = on(denser)
        left = difference(states, finer, len(atoms), method)
        if left <= method.noise:
            return states, mesh, denser, left
        states, mesh = finer, denser


def printed_values(log: Path) -> dict[str, float]:
    """Fermi level and entropy term -TS (eV) as the program printed them."""
    text = log.read_text()
    fermi = re.findall(r"^Fermi level:\s+(\S+)", text, re.MULTILINE)
    entropy = re.findall(r"^\s*Entropy[^:]*:\s+(\S+)", text, re.MULTILINE)
    if not fermi or not entropy:
        raise ValueError(f"{log}: no printed Fermi level or entropy; did the run converge?")
    return {"fermi_level": float(fermi[-1]), "entropy_term": float(entropy[-1])}


def settings_of(atoms, spacing: float, scf_spacing: float, method: Method) -> dict:
    """Collect what decides the result of a structure."""
    return {
        "program": "GPAW",
        **method.settings(),
        "kspacing": spacing,
        "scf_mesh": list(kpoint_mesh(atoms, scf_spacing)),
    }


def is_done(target: Path, settings: dict) -> bool:
    """Whether the result exists; an error if it was computed with other settings."""
    if not target.exists():
        return False
    with np.load(target, allow_pickle=False) as old:
        stored = json.loads(str(old["settings"]))
    if stored != settings:
        raise ValueError(f"{target}: computed with {stored}, wanted {settings}; move it away")
    return True


def run(atoms, target: Path, spacing: float, scf_spacing: float, method: Method) -> str:
    """Compute one structure, write ``target`` (npz) in one step, and say how it converged."""
    log = target.with_suffix(".txt")
    calc = method.converge(atoms, scf_spacing, log)
    matrices = BlochMatrices.from_gpaw(calc, target.with_suffix(".dense.txt"), method.reach)
    electrons = calc.get_number_of_electrons()
    states, mesh, denser, left = converged_states(matrices, atoms, electrons, spacing, method)
    levels = states.eigenvalues
    above = levels.min(axis=(0, 1)) > calc.get_fermi_level() + method.headroom
    n_bands = 1 + int(np.argmax(np.append(above, True)))
    result = {
        "eigenvalues": levels[..., :n_bands],
        "weights": states.weights,
        "scf_eigenvalues": levels_of(calc)[..., method.semicore * len(atoms) :],
        "scf_weights": calc.get_k_point_weights(),
        "n_electrons": states.n_electrons,
        "settings": json.dumps(settings_of(atoms, spacing, scf_spacing, method)),
        "mesh": mesh,
        "denser_mesh": denser,
        "difference": left,
        "magnetic_moment": calc.get_magnetic_moment(),
        **printed_values(log),
    }
    replace_file(target, lambda file: np.savez(file, **result))
    return f"mesh {mesh}, {left:.4f} to {denser}"


def run_matrices(atoms, target: Path, spacing: float, scf_spacing: float, method: Method) -> str:
    """Compute one structure and write its matrices to ``target`` (npz) in one step."""
    log = target.with_suffix(".txt")
    calc = method.converge(atoms, scf_spacing, log)
    matrices = BlochMatrices.from_gpaw(calc, target.with_suffix(".dense.txt"), method.reach)
    matrices.save(
        target,
        n_electrons=calc.get_number_of_electrons(),
        settings=json.dumps(settings_of(atoms, spacing, scf_spacing, method)),
        **printed_values(log),
    )
    return f"{len(matrices.lattice)} lattice vectors"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", help="any file that ase.io.read understands")
    parser.add_argument("output", type=Path)
    parser.add_argument("--kspacing", type=float, help="of the first mesh tried (1/Angstrom)")
    parser.add_argument("--scf-kspacing", type=float, help="of the self-consistent mesh")
    parser.add_argument("--noise", type=float, default=Method.noise, help="see `difference`")
    parser.add_argument("--basis", default=Method.basis, help="name of the basis")
    parser.add_argument("--setup", default=Method.setup, help="name of GPAW's PAW data")
    parser.add_argument("--basis-path", help="directory of a basis that is not GPAW's own")
    parser.add_argument("--headroom", type=float, default=Method.headroom, help="of the bands (eV)")
    parser.add_argument(
        "--window",
        type=float,
        default=Method.window,
        help="energy above the Fermi level up to which meshes are compared (eV)",
    )
    parser.add_argument(
        "--smearing",
        type=float,
        default=Method.smearing,
        help="broadening of the DOS of which meshes are compared (eV)",
    )
    parser.add_argument(
        "--semicore",
        type=int,
        default=Method.semicore,
        help="deep bands an atom to leave out, with their electrons",
    )
    parser.add_argument("--reach", type=float, default=Method.reach, help="of matrices (Angstrom)")
    parser.add_argument(
        "--moment",
        type=float,
        default=Method.moment,
        help="magnetic moment an atom (Bohr magnetons) to begin with; 0 for spin-paired states",
    )
    parser.add_argument(
        "--matrices", action="store_true", help="write Hamiltonian and overlap, not eigenvalues"
    )
    parser.add_argument("--shard", default="0/1", help="i/n: take every n-th frame from the i-th")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    method = Method(**{field.name: getattr(args, field.name) for field in fields(Method)})
    use_basis_path(args.basis_path)
    compute, ending = (run_matrices, ".matrices.npz") if args.matrices else (run, ".npz")
    part, parts = map(int, args.shard.split("/"))
    frames = read(args.frames, index=":")
    failed = 0
    for number, atoms in list(enumerate(frames))[part::parts]:
        name = atoms.info.get("name", f"{number:05d}")
        target = args.output / f"{name}{ending}"
        start = time.perf_counter()
        try:
            spacing = args.kspacing or atoms.info.get("kspacing", 0.12)
            scf_spacing = args.scf_kspacing or atoms.info.get("scf_kspacing", 0.6)
            if is_done(target, settings_of(atoms, spacing, scf_spacing, method)):
                continue
            convergence = compute(atoms, target, spacing, scf_spacing, method)
        except Exception as error:  # one structure that fails must not end the others
            failed += 1
            print(f"{name}: failed: {error}", file=sys.stderr, flush=True)
        else:
            seconds = time.perf_counter() - start
            print(f"{name}: {len(atoms)} atoms, {seconds:.0f} s, {convergence}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
