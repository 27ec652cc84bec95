"""Errors of the DOS: Hamiltonian of silicon alone, with what a regression adds, and without it.

    python -m benchmarks.tight_binding.accuracy [--training 25] [--seed 0] [--validation 19]
        [--largest 8]

On validation structures of data/silicon of up to so many atoms: RMSE in states eV^-1/2 per atom,
aligned, in the whole window and up to E_F + 5 eV. Regressions learn from random training structures
of that size. Then free energies of hot electrons from the levels of the Hamiltonian, errors against
self-consistent DFT in meV per atom.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from ase_dos.fit.scores import aligned_errors
from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.io.dataset import load_dataset
from ase_dos.model import DOSModel, ModelOptions, TightBindingModel
from ase_dos.model.training_set import make_targets
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.kpoints import kpoint_mesh
from ase_dos.tight_binding import load_hamiltonian
from benchmarks.dynamics.hot_electrons import MISSED, heating, text
from benchmarks.measure import dataset_path, print_head, print_row
from data.silicon.train_tight_binding import DESCRIPTOR, NOISE, RESIDUAL, TOP

LOCAL = ModelOptions(DESCRIPTOR, regressor=SparseKernel(200, 8), radial_basis=5)
WINDOWS = (("whole", np.inf), ("to E_F + 5 eV", 5.0))
SPACING = 0.2  # 1/Angstrom, of the meshes of hot electrons


def rmse(targets, curves, energies, atoms, above):
    """Error of curves (n, energies) up to ``above`` the Fermi level (eV) of each."""
    squared = []
    for target, curve, count in zip(targets, curves, atoms, strict=True):
        electrons = DOS(energies, curve, target.n_electrons)
        fermi_level = float(electrons.electron_gas(0.0).fermi_level)
        use = energies < fermi_level + above
        part = (curve[use] / count)[None], np.array([count]), energies[use]
        start = np.array([target.fermi_level - fermi_level])
        squared.append(aligned_errors([target], *part, start).squared[0])
    return np.sqrt(np.mean(squared))


def both_parts(predictor, frame):
    """DOS of a structure with atoms as close as they may be: the Hamiltonian knows close pairs."""
    residual = predictor.residual.predict(frame).total().values
    return predictor.share * predictor.base.dos(frame) + residual


def compare_models(data, hamiltonian, args):
    rows = {
        split: [
            i
            for i, atoms in enumerate(data.frames)
            if data.split[i] == split and len(atoms) <= args.largest
        ]
        for split in ("train", "validation")
    }
    training = np.random.default_rng(args.seed).permutation(rows["train"])[: args.training]
    frames, states = ([each[i] for i in training] for each in (data.frames, data.states))
    tight_binding = TightBindingModel(hamiltonian, RESIDUAL, top=TOP, noise=NOISE)
    models = tight_binding.fit(frames, states), DOSModel.from_options(LOCAL).fit(frames, states)
    others = rows["validation"][: args.validation]
    atoms = [len(data.frames[i]) for i in others]
    targets = make_targets([data.states[i] for i in others], RESIDUAL.smearing)
    predict = {
        "Hamiltonian": (models[0].grid, lambda frame: models[0].predictor.base.dos(frame)),
        "with regression": (models[0].grid, lambda frame: both_parts(models[0].predictor, frame)),
        "local": (models[1].grid, lambda frame: models[1].predict(frame).total().values),
    }
    print(f"\n{len(frames)} training structures, {len(others)} validation structures\n")
    print_head("", *(name for name, _ in WINDOWS))
    for name, (grid, function) in predict.items():
        curves = np.array([function(data.frames[i]) for i in others])
        errors = (rmse(targets, curves, grid.energies, atoms, above) for _, above in WINDOWS)
        print_row(name, *(f"{error:.4f}" for error in errors))


def compare_heating(data, hamiltonian):
    stored = json.loads(dataset_path("silicon").with_name("hot_electrons.json").read_text())
    temperatures = [stored["ground_temperature"], *stored["temperatures"]]
    index = {atoms.info["name"]: i for i, atoms in enumerate(data.frames)}
    errors = []
    for name, entry in stored["structures"].items():
        atoms, states = data.frames[index[name]], data.states[index[name]]
        known = heating(states.electron_gas(temperatures, missed_electrons=MISSED))
        true = known + np.subtract(entry["self_consistent"], entry["frozen"])
        levels = hamiltonian.states(atoms, kpoint_mesh(atoms, SPACING))
        errors.append((heating(levels.electron_gas(temperatures, top=np.inf)) - true) / len(atoms))
    print_head("T (K)", "error of F(T) - F(1160 K), largest")
    for temperature, column in zip(stored["temperatures"], np.transpose(errors), strict=True):
        print_row(f"{temperature:.0f}", text(column))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--training", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0, help="of the choice of training structures")
    parser.add_argument("--validation", type=int, default=19)
    parser.add_argument("--largest", type=int, default=8, help="atoms of a structure")
    args = parser.parse_args()
    path = dataset_path("silicon")
    data, hamiltonian = load_dataset(path), load_hamiltonian(path.with_name("hamiltonian.json"))
    compare_heating(data, hamiltonian)
    compare_models(data, hamiltonian, args)


if __name__ == "__main__":
    main()
