"""Predictor of the local DOS of atoms, its uncertainty and its derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.descriptors.neighbors import NeighborSearch
from ase_dos.descriptors.soap import SOAP
from ase_dos.descriptors.species import species_counts, species_index
from ase_dos.fit.posterior import Posterior, recalibrated
from ase_dos.kernels.mode_coefficients import divide_outputs
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.ensemble import DOSEnsemble
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.checks import as_array, as_group_labels

__all__ = ["Predictor", "as_stored"]

# Atoms of which the deviations from the training set exist at once.
_BLOCK = 4096
# What the single precision of model files may add to a distance.
_ROOM = 1.0 + 1e-4
_POSTERIOR = ("centers", "factor", "composition", "covariance")


@dataclass(frozen=True, eq=False)
class Predictor:
    """Local densities of states from the features of each atom.

    ``g_i(E) = b_species(E) + sum_k (h(x_i) . W_k) B_k(E)`` with features ``x_i``, ``K`` energy
    modes ``B``, weights ``W`` and a mean ``b`` for every species. The map ``h`` is the identity
    in ridge regression; for every species a kernel with chosen environments, or a hidden layer of
    a network.

    Parameters
    ----------
    descriptor : SOAP
        Features of the atoms.
    grid : EnergyGrid
        Energies of the modes.
    maps : list of FeatureMap
        Map ``h`` of every species, or one for all of them.
    weights : (outputs, modes) array
        For the outputs of all maps, one after the other.
    modes : (modes, energies) array
        States/eV per unit of their coefficients.
    species_terms : (species, energies) array
        Mean local DOS (states/eV).
    valence : (species,) array
        Valence electrons.
    smearing : float
        Standard deviation of the broadening of the training set (eV).
    posterior : Posterior
        Uncertainty of the weights.
    novelty_projection : (outputs, k) array
        Map to a few numbers, whose length is the distance of an atom from the training set.
    novelty_limit : float
        Largest such distance of an atom of the training set.
    spin_basis : (species + modes, energies) array, optional
        Spin DOS (states/eV): mean of every species, and that per unit of the coefficients.
    """

    descriptor: SOAP
    grid: EnergyGrid
    maps: list[FeatureMap]
    weights: NDArray
    modes: NDArray
    species_terms: NDArray
    valence: NDArray
    smearing: float
    posterior: Posterior
    novelty_projection: NDArray
    novelty_limit: float
    spin_basis: NDArray | None = None
    _outputs: dict[tuple, FeatureMap] = field(default_factory=dict, init=False, repr=False)
    _searches: list[NeighborSearch] = field(default_factory=list, init=False, repr=False)

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers that the descriptor knows."""
        return self.descriptor.species

    @property
    def error_unit(self) -> float:
        """`Posterior.error_unit` of the model's modes."""
        return self.posterior.error_unit(self.modes, self.grid.step)

    def predict(
        self, atoms: Atoms, *, which: NDArray | None = None, dtype: DTypeLike = np.float64
    ) -> LocalDOS:
        """Local DOS, with its novelty, of every atom or of the atoms ``which``."""
        outputs = self._apply(atoms, "predict", dtype, which)
        numbers = atoms.numbers if which is None else atoms.numbers[which]
        kinds = species_index(numbers, self.species)
        without_atoms = self._without_atoms
        coefficients = np.empty((len(kinds), without_atoms.coefficients.shape[1]))
        novelty = np.empty(len(kinds))
        limit = _ROOM * self.novelty_limit
        divide_outputs(outputs, kinds, self._projected_centers, limit, coefficients, novelty)
        return without_atoms.of_atoms(coefficients, self.valence[kinds], novelty)

    @cached_property
    def _without_atoms(self) -> LocalDOS:
        """Local DOS of no atoms: on the means of the species and the modes."""
        basis = np.vstack([self.species_terms, self.modes])
        return LocalDOS(
            np.empty((0, len(basis))),
            basis,
            self.grid.energies,
            np.empty(0),
            self.smearing,
            spin_basis=self.spin_basis,
        )

    @cached_property
    def _projected_centers(self) -> NDArray:
        """Mean of every species where novelty is measured."""
        return self.posterior.centers @ self.novelty_projection

    def predict_ensemble(self, atoms: Atoms, n_members: int, seed: int) -> DOSEnsemble:
        """Total DOS with its uncertainty; see `DOSModel.predict_ensemble`."""
        dos = self.predict(atoms).total()
        total, lengths = self._deviations(atoms)
        mean = total[None] / len(atoms)
        composition = self._composition(atoms)
        draws = len(atoms) * self.posterior.draws(mean, composition, n_members, seed)[0]
        spin = None
        if self.spin_basis is not None:
            spin = dos.spin + draws @ self.spin_basis[len(self.species) :]
        return DOSEnsemble(
            mean=dos,
            values=dos.values + draws @ self.modes,
            expected_error=self.error_unit
            * float(self.posterior.errors(self.posterior.distances(mean, composition))[0]),
            local_errors=self.error_unit * self.posterior.errors(lengths),
            spin=spin,
        )

    def differentiate(
        self,
        atoms: Atoms,
        weights: ArrayLike,
        groups: NDArray | None = None,
        *,
        dtype: DTypeLike = np.float64,
    ) -> tuple[NDArray, NDArray]:
        """Gradient and virial of sum_E weights(E) g(E); see `DOSModel.differentiate`."""
        weights = as_array(np.atleast_2d(weights), "weights", (None, self.grid.size))
        combinations = np.zeros((len(weights), len(self.modes) + self.novelty_projection.shape[1]))
        combinations[:, : len(self.modes)] = weights @ self.modes.T
        search = self._search(atoms)
        gradient, virial = np.zeros((len(atoms), 3)), np.zeros((3, 3))
        for kind, group, which in self._parts(atoms, groups, len(weights)):
            if not combinations[group].any():
                continue
            part = self.descriptor.differentiate(
                atoms,
                self._output_map("predict", kind),
                combinations[group],
                search=search,
                which=which,
                dtype=dtype,
            )
            gradient += part[0]
            virial += part[1]
        return gradient, virial

    def _parts(
        self, atoms: Atoms, groups: NDArray | None, n_groups: int
    ) -> Iterator[tuple[int, int, NDArray | None]]:
        """Yield map, group and atoms (None for all) of all that differ in map or group."""
        if groups is None and len(self.maps) == 1:
            yield 0, 0, None
            return
        labels = as_group_labels(groups, len(atoms), n_groups)
        kinds = np.zeros(len(atoms), np.int64)
        if len(self.maps) > 1:
            kinds = species_index(atoms.numbers, self.species)
        parts = kinds * n_groups + labels
        for number in np.unique(parts):
            yield *divmod(int(number), n_groups), np.flatnonzero(parts == number)

    def distance(self, atoms: Atoms) -> float:
        """Distance of the mean surroundings from those of the training set, ``q``."""
        mean = self._deviations(atoms)[0][None] / len(atoms)
        return float(self.posterior.distances(mean, self._composition(atoms))[0])

    def calibrated(self, frames: Sequence[Atoms], squared: NDArray) -> Predictor:
        """Return the same with errors of the size of those of structures: ``squared`` (n,)."""
        distances = np.array([self.distance(atoms) for atoms in frames])
        posterior = recalibrated(self.posterior, distances, squared / self.error_unit**2)
        return replace(self, posterior=posterior)

    def _composition(self, atoms: Atoms) -> NDArray:
        """Share of every species (1, species)."""
        return species_counts([atoms], self.species) / len(atoms)

    def _deviations(self, atoms: Atoms) -> tuple[NDArray, NDArray]:
        """Sum over atoms of A^T (h - m) (r,), and the squared length for every atom."""
        total, lengths = np.zeros(self.posterior.factor.shape[1]), []
        offsets = self.posterior.centers @ self.posterior.factor
        for start in range(0, len(atoms), _BLOCK):
            which = np.arange(start, min(start + _BLOCK, len(atoms)))
            block = self._apply(atoms, "deviate", np.float64, which)
            block -= offsets[species_index(atoms.numbers[which], self.species)]
            total += block.sum(axis=0)
            lengths.append(np.sum(block**2, axis=1))
        return total, np.concatenate(lengths)

    def _apply(
        self, atoms: Atoms, purpose: str, dtype: DTypeLike, which: NDArray | None = None
    ) -> NDArray:
        """Apply the regressor to every atom, or to the atoms ``which``: (atoms, outputs)."""
        soap = self.descriptor
        search = self._search(atoms) if soap.backend == "numba" else None
        if len(self.maps) == 1:
            output_map = self._output_map(purpose, 0)
            return soap.regress(atoms, output_map, search=search, which=which, dtype=dtype)
        which = np.arange(len(atoms)) if which is None else which
        kinds = species_index(atoms.numbers[which], self.species)
        parts = {
            kind: soap.regress(
                atoms,
                self._output_map(purpose, kind),
                search=search,
                which=which[kinds == kind],
                dtype=dtype,
            )
            for kind in np.unique(kinds)
        }
        out = np.empty((len(which), next(iter(parts.values())).shape[1]))
        for kind, part in parts.items():
            out[kinds == kind] = part
        return out

    def _search(self, atoms: Atoms) -> NeighborSearch:
        """Neighbours of a frame; the last ones stay, as forces are asked for after energies."""
        for search in self._searches:
            if search.is_of(atoms):
                return search
        self._searches.clear()
        search = NeighborSearch(atoms, self.descriptor.cutoff)
        self._searches.append(search)
        return search

    def _output_map(self, purpose: str, kind: int) -> FeatureMap:
        """Return one map with its output.

        For prediction: weights of the modes, and the projection that novelty is measured in.
        """
        key = (purpose, kind)
        if key not in self._outputs:
            matrix = self.posterior.factor
            if purpose == "predict":
                matrix = np.hstack([self.weights, self.novelty_projection])
            self._outputs[key] = self.map_with_output(kind, matrix)
        return self._outputs[key]

    def map_with_output(self, kind: int, matrix: NDArray) -> FeatureMap:
        """One map, followed by its part of a matrix (outputs of all maps, k)."""
        sizes = [one.size(self.descriptor.n_features) for one in self.maps]
        first = sum(sizes[:kind])
        return self.maps[kind].with_output(matrix[first : first + sizes[kind]])

    # Files

    def arrays(self) -> dict[str, NDArray]:
        """Arrays of a model file."""
        posterior = self.posterior
        arrays = {
            "weights": self.weights,
            "modes": self.modes,
            "species_terms": self.species_terms,
            "sketch": self.novelty_projection,
            "error_sizes": np.array([posterior.noise, posterior.scale]),
        }
        arrays |= {name: getattr(posterior, name).astype(np.float32) for name in _POSTERIOR}
        if self.spin_basis is not None:
            arrays["spin_basis"] = self.spin_basis
        for kind, one in enumerate(self.maps):
            arrays |= {f"{name}_{kind}": values for name, values in one.arrays().items()}
        return arrays

    @classmethod
    def restored(cls, info: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> Predictor:
        """Inverse of `arrays`, with the header of the model file."""
        noise, scale = map(float, arrays["error_sizes"])
        roots = {name: arrays[name].astype(float) for name in _POSTERIOR}
        maps = [
            FeatureMap.restored(how, {name: arrays[f"{name}_{kind}"] for name in how["arrays"]})
            for kind, how in enumerate(info["maps"])
        ]
        return cls(
            SOAP.from_dict(info["descriptor"]),
            EnergyGrid(**info["grid"]),
            maps,
            arrays["weights"],
            arrays["modes"],
            arrays["species_terms"],
            np.array(info["valence"]),
            info["smearing"],
            Posterior(**roots, noise=noise, scale=scale),
            arrays["sketch"],
            info["novelty_limit"],
            arrays.get("spin_basis"),
        )


def as_stored(posterior: Posterior) -> Posterior:
    """Round to single precision, plenty for the size of an error, as model files do."""
    rounded = {name: getattr(posterior, name).astype(np.float32) for name in _POSTERIOR}
    return replace(posterior, **{name: array.astype(float) for name, array in rounded.items()})
