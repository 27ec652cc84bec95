"""Training: maps of features, energy references, weights and their uncertainty, one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.descriptors.species import species_counts
from ase_dos.fit.energy_reference import choose
from ase_dos.fit.least_absolute import least_absolute
from ase_dos.fit.leave_one_out import leave_one_out
from ase_dos.fit.left_out import LeftOut
from ase_dos.fit.modes import Solution, constrained, count_below, joined, solve
from ase_dos.fit.network import Network
from ase_dos.fit.outliers import Outlier, outliers
from ase_dos.fit.posterior import fit_posterior, novelty_projection
from ase_dos.fit.regression import Alignment, Regression
from ase_dos.fit.ridge import Ridge
from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.model.energy_grid import check_grid, coarse_grid, default_grid, reference_energies
from ase_dos.model.like_structures import LikeStructures, like_structures
from ase_dos.model.novelty import novelty_limit
from ase_dos.model.options import ModelOptions
from ase_dos.model.predictor import Predictor, as_stored
from ase_dos.model.training_set import TrainingFeatures
from ase_dos.model.valences import valences
from ase_dos.spectra.target import DOSTarget
from ase_dos.utils.structure_errors import StructureError

__all__ = ["Training", "train"]

FEWEST_STRUCTURES = 3
# Electrons per atom by which a count below a gap may miss a sum over species.
_COUNT_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class Training:
    """Result of a training, and how it was found.

    Attributes
    ----------
    predictor : Predictor
        Weights, and all else that a prediction needs.
    alignment : Alignment
        Energy references and hyperparameters that were chosen.
    history : list of dict
        Leave-one-out errors of the candidates.
    like : LikeStructures
        Structures that leave-one-out leaves out together.
    outliers : list of Outlier, optional
        Structures that contradict the others, the worst first; None if there are too few to tell.
    place : (n,) array of int, optional
        Index of each given structure among those trained on; by default all were.
    """

    predictor: Predictor
    alignment: Alignment
    history: list[dict[str, float]]
    like: LikeStructures
    outliers: list[Outlier] | None
    place: NDArray | None = None

    @property
    def shifts(self) -> NDArray:
        """Energy (eV) of each training structure that the model's zero corresponds to."""
        shifts = self.alignment.shifts
        return shifts if self.place is None else shifts[self.place]

    def of_given(self, kept: NDArray, place: NDArray) -> Training:
        """Return the same with the numbers of all structures given, of which some were kept."""
        like = LikeStructures(self.like.groups[place], kept[self.like.repeated])
        found = self.outliers and [
            replace(one, structure=int(kept[one.structure])) for one in self.outliers
        ]
        return replace(self, like=like, outliers=found, place=place)

    @property
    def leave_one_out_rmse(self) -> float:
        """Leave-one-out error of the chosen candidate (states eV^-1/2 per atom)."""
        return min(self.history, key=lambda entry: entry["loss"])["rmse"]


def train(
    features: TrainingFeatures,
    targets: Sequence[DOSTarget],
    options: ModelOptions,
    like: LikeStructures | None = None,
) -> Training:
    """Find energy references, weights and their uncertainty.

    Parameters
    ----------
    features : TrainingFeatures
        Structures and the features of their atoms.
    targets : sequence of DOSTarget
        One for each structure.
    options : ModelOptions
        Hyperparameters.
    like : LikeStructures, optional
        Structures that leave-one-out leaves out together; by default those that
        `ase_dos.model.like_structures` finds.

    Raises
    ------
    ValueError
        If there are too few structures, or they contradict the options or each other.
    """
    if len(targets) < FEWEST_STRUCTURES:
        raise ValueError(
            f"training set: expected at least {FEWEST_STRUCTURES} structures, got {len(targets)}"
        )
    species = features.descriptor.species
    counts = species_counts(features.frames, species)
    electrons = np.array([target.n_electrons for target in targets])
    valence = valences(counts, electrons, species, options.valence)
    like = like or like_structures(features)
    if options.radial_basis is not None:
        features = features.contracted(options.radial_basis)
    origin = reference_energies(targets, options.reference)
    grid = options.grid or default_grid(targets, origin, options.smearing, options.headroom)
    check_grid(grid, targets, origin)
    spin_targets = _spin_targets(targets) if options.spin == "channels" else None

    def regression_of(maps: Sequence[FeatureMap]) -> Regression:
        n_atoms = counts.sum(axis=1)
        ridge = Ridge.decompose(features.means(maps), counts / n_atoms[:, None])
        energies = coarse_grid(grid, options.smearing).energies
        return Regression(
            ridge,
            targets,
            n_atoms,
            energies,
            origin,
            metric_name=options.metric,
            of_groups=like.groups,
            spin_targets=spin_targets,
        )

    maps, starts = _feature_maps(features, regression_of, options)
    regression = regression_of(maps)
    best, history = _align(regression, options, starts)
    fine = replace(regression, energies=grid.energies)
    solutions = [solve(one, best, options.n_modes) for one in fine.spectra]
    if options.count_below is not None:
        solutions[0] = _with_counts(solutions[0], fine, best, options.count_below)
    solution, spin_basis = joined(solutions)
    left_out = leave_one_out(fine, best)
    posterior = fit_posterior(
        fine,
        best.regularization,
        left_out.distances,
        np.hstack(
            [
                one.coefficients(differences)
                for one, differences in zip(solutions, left_out.differences, strict=True)
            ]
        ),
        left_out.errors.squared,
        solution.modes,
    )
    projection = novelty_projection(posterior.factor)
    without = LeftOut(regression.ridge.residual_maker(best.regularization), regression.groups)
    limit = novelty_limit(features, regression.ridge, without, maps, posterior, projection)
    predictor = Predictor(
        features.descriptor,
        grid,
        maps,
        solution.weights,
        solution.modes,
        solution.terms,
        valence,
        options.smearing,
        as_stored(posterior),
        projection,
        limit,
        spin_basis,
    )
    return Training(predictor, best, history, like, outliers(regression, best, left_out))


def _spin_targets(targets: Sequence[DOSTarget]) -> list[DOSTarget]:
    """Spin DOS of the structures.

    Raises
    ------
    StructureError
        If some have none.
    """
    missing = [i for i, target in enumerate(targets) if target.spin is None]
    if missing:
        raise StructureError(
            missing,
            f"spin: expected states with two spin channels, got "
            f"{targets[missing[0]].states or 'a DOS without them'}; compute spin-polarised states, "
            "or learn the total DOS (spin='total', --spin total)",
        )
    return [target.spin for target in targets if target.spin is not None]


def _align(
    regression: Regression, options: ModelOptions, starts: Sequence[NDArray] = ()
) -> tuple[Alignment, list[dict[str, float]]]:
    """Choose energy references, regularisation and penalty."""
    candidates = np.array(options.regularizations)
    adaptive = options.reference == "adaptive"
    return choose(regression, candidates, options.penalties, adaptive, starts)


def _feature_maps(
    features: TrainingFeatures,
    regression_of: Callable[[Sequence[FeatureMap]], Regression],
    options: ModelOptions,
) -> tuple[list[FeatureMap], list[NDArray]]:
    """Return the maps that the regressor needs, and shifts for the alignment to start from."""
    if isinstance(options.regressor, SparseKernel):
        return options.regressor.maps(features.by_species()[0]), []
    if not isinstance(options.regressor, Network):
        return [FeatureMap()], []
    linear = regression_of([FeatureMap()])
    first, _ = _align(linear, options)
    adaptive = options.reference == "adaptive"
    from ase_dos.fit.network_training import train_networks  # needs PyTorch

    maps = train_networks(options.regressor, *features.by_species(), linear, first, adaptive)
    return maps, [first.shifts] if adaptive else []


def _with_counts(
    solution: Solution, regression: Regression, best: Alignment, top: float
) -> Solution:
    """Fix the electrons below a gap that every training structure has at ``top`` (eV)."""
    if not regression.energies[0] < top < regression.energies[-1]:
        raise ValueError(
            f"count_below: expected an energy within the grid ({regression.energies[0]:.2f} to "
            f"{regression.energies[-1]:.2f} eV), got {top:g}"
        )
    count = count_below(regression.energies, top)
    values, _, known = regression.per_atom(best.shifts)
    unknown = np.flatnonzero(~known[:, count > 0].all(axis=1))
    if unknown.size:
        raise StructureError(
            unknown.tolist(), f"count_below: the DOS is not known up to {top:g} eV; lower it"
        )
    below = values @ count
    if below.max() < _COUNT_TOLERANCE:
        raise ValueError(f"count_below: no structure has electrons below {top:g} eV")
    composition = regression.ridge.composition
    electrons = composition.terms(below)
    error = np.abs(composition.fractions @ electrons - below)
    if error.max() > _COUNT_TOLERANCE:
        expected = composition.fractions @ least_absolute(composition.fractions, below)
        error = np.abs(expected - below)
        worst = int(error.argmax())
        raise StructureError(
            [worst],
            f"count_below: expected a gap at {top:g} eV in every structure, but this one holds "
            f"{below[worst]:.3f} electrons per atom below it, {error[worst]:.3f} away from the sum "
            "over its species",
        )
    return constrained(solution, count, electrons, composition.terms(regression.ridge.features))
