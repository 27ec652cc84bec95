"""Free energies of hot electrons against self-consistent DFT, and the parts of their error.

    python -m benchmarks.dynamics.hot_electrons [silicon aluminium]

Tables in Markdown from data/<material>/hot_electrons.json (data/tools/hot_electrons.py), the data
set and the shipped model, in meV per atom. The self-consistent runs have a coarser k-point mesh
than the levels of the data set. So the DFT result is that of the levels of the data set, frozen as
they are at 1160 K, plus what self-consistency changes on the coarse mesh. Columns: that result;
errors by frozen states, by the broadening of 0.3 eV that models learn, by learning; all three
together. Root-mean-square over the structures, and in brackets the largest.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from ase_dos.io.dataset import load_dataset
from ase_dos.model.dos_model import DOSModel
from ase_dos.spectra.target import target_from_states
from benchmarks.measure import dataset_path, print_head, print_row

MISSED = 1e-3  # share of electrons above the known bands that is allowed
ERRORS = ("frozen states", "broadening", "learning", "together")


def heating(gas):
    """F(T) - F(T_0) (eV per cell) of a gas whose first temperature is T_0."""
    return gas.free_energy[1:] - gas.free_energy[0]


def compare(stored, data, model):
    """F(T) - F(T_0) by DFT (structures, temperatures) and the `ERRORS` of it, eV per atom."""
    temperatures = [stored["ground_temperature"], *stored["temperatures"]]
    index = {atoms.info["name"]: i for i, atoms in enumerate(data.frames)}
    true, errors = [], []
    for name, entry in stored["structures"].items():
        atoms, states = data.frames[index[name]], data.states[index[name]]
        target = target_from_states(states, model.smearing)
        curves = (states, target.dos(target.nodes), model.predict(atoms).total())
        frozen, broadened, predicted = (
            heating(one.electron_gas(temperatures, missed_electrons=MISSED)) for one in curves
        )
        response = np.subtract(entry["self_consistent"], entry["frozen"])
        parts = (-response, broadened - frozen, predicted - broadened)
        true.append((frozen + response) / len(atoms))
        errors.append(np.array([*parts, sum(parts)]) / len(atoms))
    return np.array(true), np.array(errors)


def text(deviations):
    """Root-mean-square and largest of deviations (eV), in meV."""
    return f"{1e3 * np.sqrt(np.mean(deviations**2)):.2f} ({1e3 * np.abs(deviations).max():.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("materials", nargs="*", default=["silicon", "aluminium"])
    for material in parser.parse_args().materials:
        path = dataset_path(material)
        stored = json.loads(path.with_name("hot_electrons.json").read_text())
        data = load_dataset(path)
        true, errors = compare(stored, data, DOSModel.load(material))
        print(f"\n{material}, {len(true)} structures: {', '.join(stored['structures'])}\n")
        print_head("T (K)", "DFT, mean", *ERRORS, "share")
        for t, temperature in enumerate(stored["temperatures"]):
            cells = [text(errors[:, part, t]) for part in range(len(ERRORS))]
            mean = true[:, t].mean()
            share = np.sqrt(np.mean(errors[:, -1, t] ** 2)) / -mean
            print_row(f"{temperature:.0f}", f"{1e3 * mean:.1f}", *cells, f"{100 * share:.1f} %")


if __name__ == "__main__":
    main()
