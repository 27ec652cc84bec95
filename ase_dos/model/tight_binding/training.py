"""Training on what a Hamiltonian misses: its DOS as baselines, shifts to begin with, regression."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from ase_dos.fit.scores import aligned_errors
from ase_dos.model.energy_grid import default_grid
from ase_dos.model.like_structures import LikeStructures
from ase_dos.model.tight_binding.checkpoint import densities_of_states
from ase_dos.model.tight_binding.hamiltonian_model import HamiltonianModel
from ase_dos.model.tight_binding.options import TightBindingOptions
from ase_dos.model.tight_binding.predictor import (
    TightBindingPredictor,
    closest_distances,
    fade,
)
from ase_dos.model.tight_binding.residual_targets import ResidualTargets
from ase_dos.model.training import Training, train
from ase_dos.model.training_set import TrainingFeatures
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.kpoints import kpoint_mesh
from ase_dos.spectra.target import FERMI_TEMPERATURE, DOSTarget
from ase_dos.tight_binding.hamiltonian import TightBindingHamiltonian
from ase_dos.utils.structure_errors import of_structure

__all__ = ["TightBindingTraining", "train_residual"]

# 1/Angstrom, of meshes that Fermi levels come from, with which only the search for shifts begins.
_SPACING = 0.3
_ELECTRONS = 1e-3  # by which two counts of a cell may differ


@dataclass(frozen=True, eq=False)
class TightBindingTraining:
    """Result of a training.

    Attributes
    ----------
    predictor : TightBindingPredictor
    regression : Training
        Of the residual.
    """

    predictor: TightBindingPredictor
    regression: Training


def train_residual(
    frames: Sequence[Atoms],
    targets: Sequence[DOSTarget],
    options: TightBindingOptions,
    like: LikeStructures | None = None,
    checkpoint: str | os.PathLike | None = None,
) -> TightBindingTraining:
    """Find energy references, and the regression on what the Hamiltonian misses.

    The zero of energy becomes the mean Fermi level. A ``checkpoint`` keeps the DOS of the
    Hamiltonian, see `ase_dos.model.tight_binding.checkpoint`.

    Raises
    ------
    ValueError
        As `ase_dos.model.training.train`; a `StructureError` if a structure has other electrons
        than the Hamiltonian says.
    """
    smearing = options.residual.smearing
    own = np.empty(len(frames))
    for index, (atoms, target) in enumerate(zip(frames, targets, strict=True)):
        with of_structure(index):
            own[index] = _fermi_level(options.hamiltonian, atoms, target)
    hamiltonian = options.hamiltonian.shifted(-float(own.mean()))
    origin = np.array([target.fermi_level for target in targets]) - (own - own.mean())
    grid = options.residual.grid or default_grid(
        targets, origin, smearing, options.residual.headroom
    )
    base = HamiltonianModel(hamiltonian, grid, smearing, options.noise)
    share = fade(grid.energies, options)
    curves = densities_of_states(base, frames, checkpoint)
    shifts = _closest(targets, curves, grid, options.top, frames, origin)
    moved = [replace(t, fermi_level=shift) for t, shift in zip(targets, shifts, strict=True)]
    baselines = [
        _baseline(grid, share * curve, target)
        for curve, target in zip(curves, targets, strict=True)
    ]
    regression = train(
        TrainingFeatures(options.residual.descriptor, frames),
        ResidualTargets(moved, baselines),
        replace(options.residual, grid=grid),
        like,
    )
    closest = closest_distances(frames, hamiltonian.form.species, hamiltonian.form.cutoff)
    predictor = TightBindingPredictor(base, regression.predictor, share, closest)
    return TightBindingTraining(predictor, regression)


def _fermi_level(hamiltonian: TightBindingHamiltonian, atoms: Atoms, target: DOSTarget) -> float:
    """Fermi level (eV) of the Hamiltonian."""
    n_electrons = hamiltonian.n_electrons(atoms)
    if abs(n_electrons - target.n_electrons) > _ELECTRONS:
        raise ValueError(
            f"{target.n_electrons:g} electrons, but the Hamiltonian has {n_electrons:g} for it; a "
            "charged cell, or another pseudopotential than that of its levels"
        )
    states = hamiltonian.states(atoms, kpoint_mesh(atoms, _SPACING))
    return float(states.electron_gas(FERMI_TEMPERATURE, top=np.inf).fermi_level)


def _closest(
    targets: Sequence[DOSTarget],
    curves: NDArray,
    grid: EnergyGrid,
    top: float,
    frames: Sequence[Atoms],
    origin: NDArray,
) -> NDArray:
    """Shifts (eV) that bring the targets closest to the Hamiltonian, below ``top``."""
    n_atoms = np.array([len(atoms) for atoms in frames])
    below = grid.energies < top
    per_atom = curves[:, below] / n_atoms[:, None]
    return aligned_errors(targets, per_atom, n_atoms, grid.energies[below], origin).shifts


def _baseline(grid: EnergyGrid, values: NDArray, target: DOSTarget) -> DOSTarget:
    slopes = CubicSpline(grid.energies, values).derivative()(grid.energies)
    return DOSTarget(
        grid.start, grid.step, values, slopes, np.inf, target.n_electrons, 0.0, target.smearing
    )
