"""Tight-binding Hamiltonian of silicon, fitted to levels of the training structures.

    python -m data.silicon.fit_hamiltonian data/silicon/hamiltonian.json

In stages: a few structures of every family, then all of up to 16 atoms, with the overlaps of
Gaussians; those few and all with close pairs, with overlaps of their own; at last with slabs and
clusters, and integrals of second degree in the surroundings. Levels of structures outside the
training set are printed after each stage, and never fitted. Started again, the script goes on after
the stages that the output file lists.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ase_dos.descriptors.neighbors import find_pairs
from ase_dos.io.dataset import Dataset, load_dataset
from ase_dos.tight_binding import (
    HamiltonianForm,
    KnownLevels,
    TightBindingHamiltonian,
    fit_hamiltonian,
    hueckel_parameters,
    level_errors,
    load_hamiltonian,
    load_levels,
    save_hamiltonian,
)

FOLDER = Path(__file__).parent
FORM = HamiltonianForm({14: (0, 1, 2)}, {14: 4}, n_overlap=5)
LEVELS, SIZES = {14: (-14.0, -8.0, -1.0)}, {14: (1.05, 1.3, 1.2)}  # eV, Angstrom
LARGEST, LARGEST_OF_FEW = 16, 8  # atoms
EACH = 4  # structures of a family among the few
CLOSE = 2.08  # Angstrom
POINTS = 10  # k-points of a structure, at most
WIDTH, RIDGE = 1.0, 1e-6
# Of `make_surfaces`: every face, squeezed dimers (13), and a cluster.
SURFACES = (
    *(f"slab_{number:02d}" for number in (0, 2, 6, 7, 10, 11, 13, 15, 16)),
    "cluster_00",
)


class Stage(NamedTuple):
    """Which structures, up to which energy (eV above E_F), and what is fitted."""

    structures: str
    top: float
    overlaps: bool
    steps: int
    tolerance: float
    degree: int = 1


STAGES = (
    Stage("few", 0.0, False, 9, 5e-2),
    Stage("few", 7.0, False, 24, 2e-2),
    Stage("all", 7.0, False, 6, 1e-2),
    Stage("few and close", 7.0, False, 12, 1e-2),
    Stage("few and close", 7.0, True, 16, 5e-3),
    Stage("few, close and surfaces", 7.0, True, 24, 1e-4, degree=2),
)


def thinned(known: KnownLevels) -> KnownLevels:
    """Levels at the first half of the k-points: at least 2, at most POINTS."""
    count = min(max(2, len(known.kpoints) // 2), POINTS)
    return KnownLevels(
        known.atoms, known.kpoints[:count], known.energies[:count], known.fermi_level
    )


def with_degree(hamiltonian: TightBindingHamiltonian, degree: int) -> TightBindingHamiltonian:
    """Return the same Hamiltonian, with polynomials of another degree in its integrals."""
    form = replace(hamiltonian.form, integral_degree=degree)
    parameters = np.zeros(form.n_parameters)
    known = hamiltonian.form.split(hamiltonian.parameters)
    for name, values in form.split(parameters).items():  # monomials are in order of their degree
        values[:, : known[name].shape[1]] = known[name]
    return TightBindingHamiltonian(form, parameters)


def choices(data: Dataset, known: dict[str, KnownLevels]) -> dict[str, list[str]]:
    """Names of the structures of every choice."""
    about = {atoms.info["name"]: row for row, atoms in enumerate(data.frames)}
    sizes = {name: len(known[name].atoms) for name in about}
    training = [n for n in about if data.split[about[n]] == "train" and sizes[n] <= LARGEST]
    families = {name: data.frames[about[name]].info["family"] for name in training}
    rng = np.random.default_rng(0)
    few: list[str] = []
    for family in sorted(set(families.values())):
        own = [n for n in training if families[n] == family and sizes[n] <= LARGEST_OF_FEW]
        few += rng.permutation(own)[:EACH].tolist()
    near = {n: find_pairs(known[n].atoms, FORM.cutoff).distances.min() for n in training}
    close = [name for name in training if near[name] < CLOSE]
    both = list(dict.fromkeys(few + close))
    others = [n for n in about if data.split[about[n]] == "validation"]
    return {
        "few": few,
        "all": training,
        "few and close": both,
        "few, close and surfaces": [*both, *SURFACES],
        "validation": [name for name in others if sizes[name] <= LARGEST_OF_FEW],
    }


def rms(errors: np.ndarray) -> float:
    """Root mean square, rounded to 0.1 meV."""
    return round(float(np.sqrt(np.mean(errors**2))), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    known = load_levels(FOLDER / "levels.npz") | load_levels(FOLDER / "surface_levels.npz")
    names = choices(load_dataset(FOLDER / "silicon.npz"), known)
    thin = {name: thinned(one) for name, one in known.items()}
    fitted = TightBindingHamiltonian(FORM, hueckel_parameters(FORM, LEVELS, SIZES))
    done: list[dict] = []
    if args.output.exists():
        fitted = load_hamiltonian(args.output)
        done = json.loads(args.output.read_text())["provenance"]["stages"]
    for stage in STAGES[len(done) :]:
        start = with_degree(fitted, stage.degree)
        fit = fit_hamiltonian(
            start.form,
            [thin[name] for name in names[stage.structures]],
            start.parameters,
            top=stage.top,
            width=WIDTH,
            ridge=RIDGE,
            tolerance=stage.tolerance,
            max_steps=stage.steps,
            overlaps=stage.overlaps,
        )
        fitted = fit.hamiltonian
        others = [thin[name] for name in names["validation"]]
        unseen = level_errors(fitted, others, top=stage.top, width=WIDTH)
        result = {"n_structures": len(fit.errors), "rms": rms(fit.errors), "unseen": rms(unseen)}
        done.append(stage._asdict() | result)
        print(done[-1], flush=True)
        levels = ["levels.npz", "surface_levels.npz"]
        save_hamiltonian(args.output, fitted, {"levels": levels, "stages": done})


if __name__ == "__main__":
    main()
