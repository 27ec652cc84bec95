"""Local DOS of a Hamiltonian and of a regression on what that misses, together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from ase_dos.descriptors.neighbors import find_pairs
from ase_dos.descriptors.species import species_index
from ase_dos.model.predictor import Predictor
from ase_dos.model.tight_binding.hamiltonian_model import HamiltonianModel
from ase_dos.model.tight_binding.kernel_polynomial_model import KernelPolynomialModel
from ase_dos.model.tight_binding.options import TightBindingOptions
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.ensemble import DOSEnsemble
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.spectra.undivided_dos import UndividedDOS
from ase_dos.utils.checks import as_array

__all__ = ["TightBindingPredictor", "closest_distances", "fade"]

# Share of the smallest distance of a training structure below which integrals, extrapolated, are
# no longer worth a warning, but an error.
_CLOSEST = 0.9


@dataclass(frozen=True, eq=False)
class TightBindingPredictor:
    """All that a prediction needs.

    Parameters
    ----------
    base : HamiltonianModel or KernelPolynomialModel
    residual : Predictor
        On the energies of the base.
    share : (n,) array
        Of the base in the DOS, at every energy.
    closest : (species, species) array
        Smallest distance (Angstrom) between two species in the training set; 0 where none are
        neighbours.
    """

    base: HamiltonianModel | KernelPolynomialModel
    residual: Predictor
    share: NDArray
    closest: NDArray

    @property
    def grid(self) -> EnergyGrid:
        """Energies."""
        return self.base.grid

    def predict(self, atoms: Atoms, which: NDArray | None = None) -> LocalDOS:
        """Local DOS, with its novelty, of every atom or of the atoms ``which``."""
        self._check_distances(atoms)
        return self._with_residual(
            self.base.predict(atoms, which), self.residual.predict(atoms, which=which)
        )

    def undivided(self, atoms: Atoms) -> LocalDOS:
        """DOS of the whole cell, cheaper than that of every atom."""
        self._check_distances(atoms)
        base = self.base
        whole = base.undivided(atoms) if isinstance(base, HamiltonianModel) else base.predict(atoms)
        return self._with_residual(whole, self.residual.predict(atoms))

    def predict_ensemble(self, atoms: Atoms, n_members: int, seed: int) -> DOSEnsemble:
        """Total DOS with its uncertainty: that of the residual, and noise of the base."""
        self._check_distances(atoms)
        ensemble = self.residual.predict_ensemble(atoms, n_members, seed)
        if isinstance(self.base, KernelPolynomialModel):
            noisy = self.base.predict_ensemble(atoms, n_members, seed)
            base, members, noise = noisy.mean, noisy.values, noisy.expected_error
        else:
            base = self.base.undivided(atoms).total()
            members, noise = base.values, 0.0
        return replace(
            ensemble,
            mean=replace(base, values=self.share * base.values + ensemble.mean.values),
            values=self.share * members + ensemble.values,
            expected_error=float(np.hypot(ensemble.expected_error, noise)),
        )

    def differentiate(
        self, atoms: Atoms, weights: ArrayLike, groups: NDArray | None = None
    ) -> tuple[NDArray, NDArray]:
        """Gradient and virial of sum_E weights(E) g(E)."""
        weights = as_array(np.atleast_2d(weights), "weights", (None, self.grid.size))
        self._check_distances(atoms)
        parts = (
            self.base.differentiate(atoms, weights * self.share, groups),
            self.residual.differentiate(atoms, weights, groups),
        )
        gradient, virial = (one + other for one, other in zip(*parts, strict=True))
        return gradient, virial

    def calibrated(self, frames: Sequence[Atoms], squared: NDArray) -> TightBindingPredictor:
        """Return the same with errors of the size of those of structures: ``squared`` (n,)."""
        return replace(self, residual=self.residual.calibrated(frames, squared))

    def _with_residual(self, base: LocalDOS, residual: LocalDOS) -> LocalDOS:
        if isinstance(base, UndividedDOS):
            values = self.share * base.dos.values + residual.total().values
            error = None if base.error is None else self.share * base.error
            dos = replace(base.dos, values=values)
            return UndividedDOS(dos, base.valence, error, residual.novelty)
        return replace(
            residual,
            coefficients=self.share * base.values + residual.values,
            basis=None,
            valence=base.valence,
        )

    def _check_distances(self, atoms: Atoms) -> None:
        """Refuse atoms far closer than any of the training set."""
        pairs = find_pairs(atoms, float(_CLOSEST * self.closest.max()) or 1.0)
        kinds = species_index(atoms.numbers, self.base.species)
        seen = self.closest[kinds[pairs.first], kinds[pairs.neighbors]]
        lacking = pairs.distances / np.maximum(seen, np.finfo(float).tiny)
        if not lacking.size or lacking.min() >= _CLOSEST:
            return
        worst = int(lacking.argmin())
        i, j = int(pairs.first[worst]), int(pairs.neighbors[worst])
        one, other = (chemical_symbols[atoms.numbers[k]] for k in (i, j))
        raise ValueError(
            f"atoms: {one} {i} and {other} {j} are {pairs.distances[worst]:.3f} Angstrom apart, "
            f"but no closer than {seen[worst]:.3f} in the training set, and integrals are not "
            "known far below; move them apart, or train on such structures"
        )

    # Files

    def arrays(self) -> dict[str, NDArray]:
        """Arrays of a model file."""
        own = {"parameters": self.base.hamiltonian.parameters, "closest": self.closest}
        return self.residual.arrays() | own

    @classmethod
    def restored(
        cls, options: TightBindingOptions, info: Mapping[str, Any], arrays: Mapping[str, NDArray]
    ) -> TightBindingPredictor:
        """Inverse of `arrays`, with the header of the model file."""
        residual = Predictor.restored(info, arrays)
        mesh = tuple(info["mesh"]) if info.get("mesh") else None
        levels = HamiltonianModel(
            options.hamiltonian, residual.grid, residual.smearing, options.noise, mesh
        )
        polynomials = info.get("kernel_polynomials")
        base = levels.with_kernel_polynomials(**polynomials) if polynomials else levels
        return cls(base, residual, fade(residual.grid.energies, options), arrays["closest"])


def fade(energies: NDArray, options: TightBindingOptions) -> NDArray:
    """Share (n,) of the Hamiltonian in the DOS, from one down to zero around ``top``."""
    return 0.5 - 0.5 * np.tanh((energies - options.top) / (2.0 * options.width))


def closest_distances(frames: Sequence[Atoms], species: Sequence[int], cutoff: float) -> NDArray:
    """Smallest distance (species, species) of neighbours (Angstrom); 0 where there are none."""
    closest = np.full((len(species), len(species)), np.inf)
    for atoms in frames:
        pairs, kinds = find_pairs(atoms, cutoff), species_index(atoms.numbers, tuple(species))
        np.minimum.at(closest, (kinds[pairs.first], kinds[pairs.neighbors]), pairs.distances)
    return np.where(np.isfinite(closest), closest, 0.0)
