"""Shipped tight-binding model of silicon: a fitted Hamiltonian, and a regression on its errors.

    python -m data.silicon.train_tight_binding ase_dos/shipped_models/silicon-tb.npz \
        --checkpoint densities.npz

Learns from all training structures of `silicon.npz` and of `surfaces.npz`; the expected errors have
the size of those of the validation structures. Most of the time goes into the DOS of the
Hamiltonian, which the checkpoint keeps: started again, the script goes on where it was stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ase import Atoms

from ase_dos.descriptors.soap import SOAP
from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.io.dataset import Dataset, load_dataset
from ase_dos.model import ModelOptions, TightBindingModel
from ase_dos.spectra.states import ElectronicStates
from ase_dos.tight_binding import load_hamiltonian

FOLDER = Path(__file__).parent
DESCRIPTOR = SOAP(5.0, 8, 6, 0.5, species=("Si",), radial_scaling=(1, 3, 6))
# References are those at which DFT and Hamiltonian agree best. The regularization of the least
# leave-one-out error: a smaller one answers to displacements that the Hamiltonian describes better.
RESIDUAL = ModelOptions(
    DESCRIPTOR,
    regressor=SparseKernel(200, 8),
    radial_basis=5,
    reference="fermi",
    regularizations=(0.03,),
)
TOP = 8.5  # eV above the mean Fermi level; levels count to one half at 7 eV in the fit
NOISE = 0.05  # states eV^-1/2 per atom, of meshes of k-points


def part(data: Dataset, split: str) -> tuple[list[Atoms], list[ElectronicStates]]:
    """Frames and states of one part of a data set."""
    rows = np.flatnonzero(data.split == split)
    return [data.frames[i] for i in rows], [data.states[i] for i in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="file (.npz) to go on from")
    args = parser.parse_args()
    crystals, surfaces = (load_dataset(FOLDER / f"{n}.npz") for n in ("silicon", "surfaces"))
    frames, states = part(crystals, "train")
    others, others_states = part(surfaces, "train")
    hamiltonian = load_hamiltonian(FOLDER / "hamiltonian.json")
    model = TightBindingModel(hamiltonian, RESIDUAL, top=TOP, noise=NOISE)
    model.fit(frames + others, states + others_states, checkpoint=args.checkpoint)
    report = model.calibrate(*part(crystals, "validation"))
    model.save(args.output)
    print(report.summary())
    print(f"{args.output.stat().st_size / 1e6:.2f} MB: {args.output}")


if __name__ == "__main__":
    main()
