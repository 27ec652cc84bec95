"""Checks of molecules and of the densities that they are given with; checksum of a training set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from ase_dos.density.density import Density
from ase_dos.density.options import DensityOptions
from ase_dos.utils.digests import checksum, structure_checksum
from ase_dos.utils.equal_structures import equal_structures
from ase_dos.utils.structure_errors import StructureError, of_structure

__all__ = ["check_molecule", "check_training_set", "training_set_hash"]

FEWEST_MOLECULES = 3
# Electrons by which a density may miss those of its molecule: more than any fit does.
_ELECTRONS = 0.1
_SAME_POSITIONS = 1e-6  # Angstrom
# Difference of coefficients, in their largest, that repeated calculations may have.
_SAME_DENSITY = 1e-3


def check_molecule(atoms: Atoms, charge: float) -> None:
    """Refuse what is no molecule of this charge (e).

    Raises
    ------
    ValueError
        If the structure is periodic, or says that it has another charge.
    """
    if atoms.pbc.any():
        raise ValueError(
            "atoms: periodic densities are not supported yet; for a molecule in a box set "
            "atoms.pbc = False, with no bond across the boundary"
        )
    told = atoms.info.get("charge", atoms.get_initial_charges().sum())
    if abs(told - charge) > 1e-6:
        raise ValueError(
            f"charge: expected {told:g} e, as the structure says itself, got {charge:g}; give the "
            "charge of the molecule"
        )


def check_training_set(
    frames: Sequence[Atoms], densities: Sequence[Density], options: DensityOptions
) -> None:
    """Refuse molecules and densities that no model can be trained on.

    Raises
    ------
    ValueError
        If counts differ, or there are too few.
    StructureError
        About single ones.
    """
    if len(frames) != len(densities):
        raise ValueError(f"expected one density per frame, got {len(densities)} for {len(frames)}")
    if len(frames) < FEWEST_MOLECULES:
        raise ValueError(
            f"training set: expected at least {FEWEST_MOLECULES} molecules, got {len(frames)}"
        )
    for index, (atoms, density) in enumerate(zip(frames, densities, strict=True)):
        with of_structure(index):
            _check_pair(atoms, density, options)
    for first, second in equal_structures(frames):
        one, other = densities[first].coefficients, densities[second].coefficients
        if np.abs(one - other).max() > _SAME_DENSITY * np.abs(one).max():
            raise StructureError(
                [first, second],
                "are equal but have different densities: of another charge, spin or functional? "
                "No model can learn both; keep one kind of calculation",
            )


def _check_pair(atoms: Atoms, density: Density, options: DensityOptions) -> None:
    check_molecule(atoms, density.charge)
    options.descriptor.species_of(atoms)
    if not np.array_equal(atoms.numbers, density.numbers):
        raise ValueError("density: is of other elements, or in another order, than the frame")
    if np.abs(atoms.positions - density.positions).max() > _SAME_POSITIONS:
        raise ValueError("density: is of other positions than the frame")
    for z in np.unique(atoms.numbers).tolist():
        if density.basis.shells[z] != options.basis.shells[z]:
            raise ValueError(
                f"density: is in basis {density.basis.name}, the model in {options.basis.name}, "
                "or one of them is of another release; expected the same functions"
            )
    electrons = float(atoms.numbers.sum() - density.charge)
    if abs(density.n_electrons - electrons) > _ELECTRONS:
        raise ValueError(
            f"density: holds {density.n_electrons:.3f} electrons, the molecule {electrons:g}; is "
            "its charge another, or are its coefficients in another order?"
        )


def training_set_hash(frames: Sequence[Atoms], densities: Sequence[Density]) -> str:
    """Checksum of structures and densities, in their order."""
    return checksum(
        *(density.coefficients for density in densities),
        header=" ".join(map(structure_checksum, frames)),
    )
