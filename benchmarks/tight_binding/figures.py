"""Figures of docs/tight_binding.md: bands along a path, and the DOS of validation structures.

    python -m benchmarks.tight_binding.figures docs/images --matrices runs/diamond2_00.matrices.npz

Bands of DFT come from the matrices that data/tools/run_dft.py writes with ``--matrices``; the
structure is of the test part of data/silicon. The DOS are those of the validation structures of
smallest, median and largest error up to E_F + 5 eV.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ase_dos.io.dataset import load_dataset
from ase_dos.model import load_model
from ase_dos.model.training_set import make_targets
from ase_dos.plot.style import BLUE, ENERGY, ORANGE
from ase_dos.utils.files import replaced_path
from benchmarks.measure import dataset_path
from benchmarks.tight_binding.accuracy import rmse
from data.tools.gpaw_lcao import BlochMatrices

REACH = 5.0  # eV above the Fermi level
DPI = 150


def bands(model, atoms, matrices, path):
    """Bands of Hamiltonian and DFT along a path, each from its own Fermi level."""
    own = model.band_structure(atoms, atoms.cell.bandpath(path, npoints=200))
    with np.load(matrices, allow_pickle=False) as run:
        fermi_level = float(run["fermi_level"])
    levels = BlochMatrices.load(matrices).eigenvalues(own.path.kpts)[0] - fermi_level
    ours = own.energies[0] - own.reference
    # Between the gap's edges a Fermi level may be anywhere: the occupied bands are aligned.
    n_occupied = 2 * len(atoms)
    shift = np.mean(levels[:, :n_occupied]) - np.mean(ours[:, :n_occupied])
    figure = Figure(figsize=(6.0, 4.5), layout="constrained")
    ax = figure.subplots()
    places, ticks, labels = own.path.get_linear_kpoint_axis()
    ax.plot(places, levels, color=BLUE, lw=2.0, label=["DFT"] + ["_"] * (levels.shape[1] - 1))
    style = {"color": ORANGE, "lw": 1.0, "ls": "--"}
    ax.plot(places, ours + shift, label=["Hamiltonian"] + ["_"] * (ours.shape[1] - 1), **style)
    for tick in ticks:
        ax.axvline(tick, color="black", lw=0.5)
    ax.set(xlim=(places[0], places[-1]), ylim=(-14, 9), ylabel=ENERGY)
    ax.set_xticks(ticks, [r"$\Gamma$" if label == "G" else label for label in labels])
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def densities(model, frames, states):
    """DOS of the structures of smallest, median and largest error."""
    targets = make_targets(states, model.smearing)
    report = model.evaluate(frames, states)
    atoms = np.array([len(one) for one in frames])
    energies = report.energies
    errors = [
        rmse([target], [curve * count], energies, [count], REACH)
        for target, curve, count in zip(targets, report.prediction, atoms, strict=True)
    ]
    order = np.argsort(errors)
    figure = Figure(figsize=(6.0, 7.0), layout="constrained")
    axes = figure.subplots(3, sharex=True)
    for ax, index in zip(axes, order[[0, len(order) // 2, -1]], strict=True):
        fermi_level = targets[index].fermi_level - report.errors.shifts[index]
        ax.plot(energies - fermi_level, report.truth[index], color=BLUE, lw=2.0, label="DFT")
        style = {"color": ORANGE, "lw": 1.0, "ls": "--"}
        ax.plot(energies - fermi_level, report.prediction[index], label="model", **style)
        name = frames[index].info["name"]
        ax.set(xlim=(-14, 12), ylim=(0, None), ylabel="states/eV/atom")
        ax.set_title(
            f"{name}: {errors[index]:.3f} states eV$^{{-1/2}}$ per atom", fontsize="medium"
        )
        print(name, f"{errors[index]:.4f}")
    axes[-1].set_xlabel(ENERGY)
    axes[0].legend()
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--matrices", type=Path, required=True, help="of diamond2_00")
    parser.add_argument("--model", default="silicon-tb")
    args = parser.parse_args()
    data, model = load_dataset(dataset_path("silicon")), load_model(args.model)
    crystal = next(atoms for atoms in data.frames if atoms.info["name"] == "diamond2_00")
    rows = np.flatnonzero(data.split == "validation")
    figures = {
        "tight_binding_bands.png": bands(model, crystal, args.matrices, "WLGXWK"),
        "tight_binding_dos.png": densities(
            model, [data.frames[i] for i in rows], [data.states[i] for i in rows]
        ),
    }
    for name, figure in figures.items():
        with replaced_path(args.folder / name) as path:
            figure.savefig(path, dpi=DPI, format="png")


if __name__ == "__main__":
    main()
