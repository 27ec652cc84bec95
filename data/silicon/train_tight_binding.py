"""Shipped tight-binding model of silicon: a fitted Hamiltonian, and a regression on its errors.

    python -m data.silicon.train_tight_binding ase_dos/shipped_models/silicon-tb.npz \
        --checkpoint densities.npz

Learns from all training structures of the data set; the expected errors have the size of those of
the validation structures. Most of the time goes into the DOS of the Hamiltonian, which the
checkpoint keeps: started again, the script goes on where it was stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ase_dos.descriptors.soap import SOAP
from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.io.dataset import load_dataset
from ase_dos.model import ModelOptions, TightBindingModel
from ase_dos.tight_binding import load_hamiltonian

FOLDER = Path(__file__).parent
DESCRIPTOR = SOAP(5.0, 8, 6, 0.5, species=("Si",), radial_scaling=(1, 3, 6))
RESIDUAL = ModelOptions(DESCRIPTOR, regressor=SparseKernel(200, 8), radial_basis=5)
TOP = 7.0  # eV above the mean Fermi level
NOISE = 0.05  # states eV^-1/2 per atom, of meshes of k-points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="file (.npz) to go on from")
    args = parser.parse_args()
    data = load_dataset(FOLDER / "silicon.npz")

    def part(split: str) -> tuple[list, list]:
        rows = np.flatnonzero(data.split == split)
        return [data.frames[i] for i in rows], [data.states[i] for i in rows]

    hamiltonian = load_hamiltonian(FOLDER / "hamiltonian.json")
    model = TightBindingModel(hamiltonian, RESIDUAL, top=TOP, noise=NOISE)
    model.fit(*part("train"), checkpoint=args.checkpoint)
    report = model.calibrate(*part("validation"))
    model.save(args.output)
    print(report.summary())
    print(f"{args.output.stat().st_size / 1e6:.2f} MB: {args.output}")


if __name__ == "__main__":
    main()
