"""Densities of states of a Hamiltonian, kept on disk so that a training can go on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.model.tight_binding.hamiltonian_model import HamiltonianModel
from ase_dos.utils.digests import checksum, structure_arrays
from ase_dos.utils.files import replace_arrays
from ase_dos.utils.structure_errors import of_structure

__all__ = ["densities_of_states"]


def densities_of_states(
    base: HamiltonianModel, frames: Sequence[Atoms], checkpoint: str | os.PathLike | None = None
) -> NDArray:
    """DOS (structures, energies) of the cells (states/eV), taken from the checkpoint where known.

    The file (``.npz``) gets every new one at once. It may hold those of other models as well: each
    is kept by a checksum of all that it depends on.

    Raises
    ------
    ValueError
        A `ase_dos.utils.structure_errors.StructureError` if a structure cannot be described by the
        Hamiltonian.
    OSError
        If the checkpoint cannot be read or written.
    """
    known: dict[str, NDArray] = {}
    if checkpoint is not None and Path(checkpoint).exists():
        with np.load(checkpoint, allow_pickle=False) as stored:
            known = dict(stored)
    curves = []
    for index, atoms in enumerate(frames):
        name = checksum(*structure_arrays(atoms), header=base.info["hash"])
        if name not in known:
            with of_structure(index):
                known[name] = base.dos(atoms)
            if checkpoint is not None:
                replace_arrays(checkpoint, known)
        curves.append(known[name])
    return np.array(curves)
