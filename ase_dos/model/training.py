"""From structures and their states to the numbers of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos.descriptors.feature_map import FeatureMap, mean_outputs
from ase_dos.descriptors.radial_basis import principal_functions
from ase_dos.descriptors.soap import SOAP
from ase_dos.descriptors.species import species_counts, species_index
from ase_dos.fit.energy_reference import Alignment, choose, leave_one_out
from ase_dos.fit.modes import Solution, constrained, count_below, solve
from ase_dos.fit.network import Network
from ase_dos.fit.posterior import Posterior, fit_posterior, novelty_projection
from ase_dos.fit.regression import Regression
from ase_dos.fit.ridge import Ridge
from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.model.options import ModelOptions
from ase_dos.spectra.dos import DOS, EnergyGrid
from ase_dos.spectra.target import DOSTarget, target_from_dos, target_from_states
from ase_dos.utils.checks import as_array
from ase_dos.utils.digests import checksum, structure_checksum

__all__ = [
    "Trained",
    "TrainingFeatures",
    "default_grid",
    "make_targets",
    "train",
    "training_set_hash",
]

# How far the default grid reaches below the lowest band of the training set (eV).
_FOOTROOM = 1.5
# Electrons per atom by which a count below a gap may miss a sum over species.
_COUNT_TOLERANCE = 0.02


class TrainingFeatures:
    """Features of the atoms of the training set, known beforehand or computed on each pass.

    Parameters
    ----------
    descriptor : SOAP
    frames : sequence of Atoms
    features : sequence of (atoms, n_features) arrays, optional
        Features of every frame by ``descriptor``.
    """

    def __init__(
        self, descriptor: SOAP, frames: Sequence[Atoms], features: Sequence | None = None
    ) -> None:
        if features is not None and len(features) != len(frames):
            raise ValueError(f"features: expected {len(frames)} arrays, got {len(features)}")
        if features is not None:
            features = [
                as_array(some, "features", (len(atoms), descriptor.n_features))
                for some, atoms in zip(features, frames, strict=True)
            ]
        self.descriptor, self.frames, self.features = descriptor, frames, features

    def __iter__(self) -> Iterator[NDArray]:
        """Features (atoms, n_features) of every frame."""
        if self.features is not None:
            return iter(self.features)
        return (self.descriptor.compute(atoms) for atoms in self.frames)

    @property
    def kinds(self) -> list[NDArray]:
        """Index of the species of every atom of every frame."""
        return [species_index(atoms.numbers, self.descriptor.species) for atoms in self.frames]

    def contracted(self, n: int) -> TrainingFeatures:
        """Return the same with the optimal radial basis of ``n`` functions."""
        total = np.sum([features.sum(axis=0) for features in self], axis=0)
        descriptor = principal_functions(self.descriptor, total, n)
        if self.features is None:
            return TrainingFeatures(descriptor, self.frames)
        return TrainingFeatures(
            descriptor, self.frames, [descriptor.contract(features) for features in self]
        )

    def by_species(self) -> tuple[list[NDArray], list[NDArray]]:
        """Features of all atoms of each species, and the index of the frame of each atom.

        Raises
        ------
        ValueError
            If no frame holds a species.
        """
        features, owners = [], []
        rows = list(self)
        for kind in range(len(self.descriptor.species)):
            chosen = [kinds == kind for kinds in self.kinds]
            features.append(
                np.concatenate([row[which] for row, which in zip(rows, chosen, strict=True)])
            )
            owners.append(np.repeat(np.arange(len(chosen)), [which.sum() for which in chosen]))
            if not len(features[-1]):
                raise ValueError(
                    f"training set: no {chemical_symbols[self.descriptor.species[kind]]} in any "
                    "structure; kernels and networks need environments of every species of the "
                    "descriptor"
                )
        return features, owners

    def means(self, maps: Sequence[FeatureMap]) -> NDArray:
        """Design matrix of the regression (frames, outputs of all species)."""
        return np.array(
            [
                mean_outputs(maps, features, kinds)
                for features, kinds in zip(self, self.kinds, strict=True)
            ]
        )


@dataclass(frozen=True, eq=False)
class Trained:
    """What training found.

    Parameters
    ----------
    descriptor : SOAP
        With its radial functions contracted where that was asked for.
    grid : EnergyGrid
    maps : list of FeatureMap
        One for each species, or one for all.
    solution : Solution
    posterior : Posterior
    novelty_projection : (outputs, NOVELTY_SIZE) array
        Of the posterior.
    novelty_limit : float
        Farthest that an atom of any training structure is from all other structures.
    alignment : Alignment
    history : list of dict
    valence : (species,) array
    """

    descriptor: SOAP
    grid: EnergyGrid
    maps: list[FeatureMap]
    solution: Solution
    posterior: Posterior
    novelty_projection: NDArray
    novelty_limit: float
    alignment: Alignment
    history: list[dict[str, float]]
    valence: NDArray

    @property
    def shifts(self) -> NDArray:
        """Energy (eV) of each training structure that the model's zero corresponds to."""
        return self.alignment.shifts


def train(
    training_features: TrainingFeatures, targets: Sequence[DOSTarget], options: ModelOptions
) -> Trained:
    """Fit everything."""
    if len(targets) < 3:
        raise ValueError(f"training set: expected at least 3 structures, got {len(targets)}")
    frames = training_features.frames
    counts = species_counts(frames, training_features.descriptor.species)
    electrons = np.array([target.n_electrons for target in targets])
    valence = _valences(counts, electrons, training_features.descriptor, options.valence)
    if options.radial_basis is not None:
        training_features = training_features.contracted(options.radial_basis)
    origin = _origin(targets, options.reference)
    grid = options.grid or default_grid(targets, origin, options.smearing, options.headroom)
    _check_grid(grid, targets, origin)

    def regression_of(maps: Sequence[FeatureMap]) -> Regression:
        n_atoms = counts.sum(axis=1)
        ridge = Ridge.decompose(training_features.means(maps), counts / n_atoms[:, None])
        energies = _coarse(grid, options.smearing).energies
        return Regression(ridge, targets, n_atoms, energies, origin, metric_name=options.metric)

    def search(
        regression: Regression, *starts: NDArray
    ) -> tuple[Alignment, list[dict[str, float]]]:
        return choose(
            regression,
            np.array(options.regularizations),
            options.penalties,
            options.reference == "adaptive",
            starts,
        )

    maps = [FeatureMap()]
    starts: list[NDArray] = []
    if isinstance(options.regressor, SparseKernel):
        maps = options.regressor.maps(training_features.by_species()[0])
    elif isinstance(options.regressor, Network):
        linear = regression_of(maps)
        first, _ = search(linear)
        starts = [first.shifts] if options.reference == "adaptive" else []
        from ase_dos.fit.network_training import train_networks  # which needs PyTorch

        maps = train_networks(
            options.regressor,
            *training_features.by_species(),
            linear,
            first,
            options.reference == "adaptive",
        )
    regression = regression_of(maps)
    best, history = search(regression, *starts)
    regression = replace(regression, energies=grid.energies)
    solution = solve(regression, best, options.n_modes)
    if options.count_below is not None:
        solution = _with_counts(solution, regression, best, options.count_below)
    left_out = leave_one_out(regression, best)
    posterior = fit_posterior(
        regression,
        best.regularization,
        left_out.structures,
        solution.coefficients(left_out.differences),
        left_out.errors.squared,
        solution.modes,
    )
    projection = novelty_projection(posterior.factor)
    diagonal = np.diag(regression.ridge.residual_maker(best.regularization))
    return Trained(
        training_features.descriptor,
        grid,
        maps,
        solution,
        posterior,
        projection,
        _novelty_limit(training_features, regression.ridge, diagonal, maps, posterior, projection),
        best,
        history,
        valence,
    )


def make_targets(states: Sequence, smearing: float) -> list[DOSTarget]:
    """Targets of eigenvalues, or of DOS that are broadened already; targets stay as they are."""
    for number, one in enumerate(states):
        if isinstance(one, (DOS, DOSTarget)) and one.smearing != smearing:
            raise ValueError(
                f"structure {number}: its DOS is broadened by {one.smearing:g} eV, the model "
                f"by {smearing:g} eV; give DOS(..., smearing=) and DOSModel(..., "
                "smearing=) the same value"
            )
    return [_make_target(one, smearing) for one in states]


def _make_target(one: Any, smearing: float) -> DOSTarget:
    if isinstance(one, DOSTarget):
        return one
    return target_from_dos(one) if isinstance(one, DOS) else target_from_states(one, smearing)


def training_set_hash(frames: Sequence[Atoms], targets: Sequence[DOSTarget]) -> str:
    """Checksum of structures and of the levels or DOS they were given with, in their order."""
    pairs = zip(frames, targets, strict=True)
    return checksum(
        header=" ".join(f"{structure_checksum(atoms)} {target.source}" for atoms, target in pairs)
    )


def _valences(counts: NDArray, electrons: NDArray, descriptor: SOAP, given: Any) -> NDArray:
    """Electrons that each species brings, given or from the structures' electron counts."""
    symbols = [chemical_symbols[z] for z in descriptor.species]
    if given is not None:
        missing = sorted(set(symbols) - set(given))
        if missing:
            raise ValueError(f"valence: expected {', '.join(symbols)}, got none for {missing}")
        valence = np.array([float(given[symbol]) for symbol in symbols])
    else:
        valence, _, rank, _ = np.linalg.lstsq(counts.astype(float), electrons, rcond=None)
        if rank < len(symbols):
            raise ValueError(
                f"training set: the compositions do not tell the valences of "
                f"{', '.join(symbols)} apart; give DOSModel(..., valence={{...}})"
            )
    error = np.abs(counts @ valence - electrons)
    if error.max() > 1e-3:
        worst = int(error.argmax())
        raise ValueError(
            f"structure {worst}: {electrons[worst]:g} electrons, but the others imply "
            f"{counts[worst] @ valence:g}; charged cells and mixed pseudopotentials cannot be "
            "trained together"
        )
    return valence.round(6)


def _origin(targets: Sequence[DOSTarget], reference: str) -> NDArray:
    fermi = np.array([target.fermi_level for target in targets])
    if reference == "average_potential":
        return np.full(fermi.size, fermi.mean())
    return fermi


def default_grid(
    targets: Sequence[DOSTarget], origin: NDArray, smearing: float, headroom: float
) -> EnergyGrid:
    """Grid from below the lowest band to ``headroom`` (eV), or where half of the targets end.

    0 is the mean Fermi level of the training set.
    """
    floor = min(target.start - shift for target, shift in zip(targets, origin, strict=True))
    known = [target.valid_to - shift for target, shift in zip(targets, origin, strict=True)]
    step = smearing / 6
    # The grid may end up to a step above what is asked for.
    top = min(headroom, np.median(known) - step)
    return EnergyGrid.spanning(np.floor(floor - _FOOTROOM), top, step)


def _coarse(grid: EnergyGrid, smearing: float) -> EnergyGrid:
    """Grid for sums over squares of the DOS, with steps of smearing / 2 where it has finer ones.

    Nothing is lost: the Fourier transform of a broadened DOS ends in exp(-(smearing k)^2 / 2), and
    that of its square, aliased at k = 2 pi / step, in exp(-4 pi^2) = 7e-18.
    """
    length = grid.stop - grid.start
    size = min(grid.size, int(np.ceil(2.0 * length / smearing)) + 1)
    return EnergyGrid(grid.start, length / (size - 1), size)


def _check_grid(grid: EnergyGrid, targets: Sequence[DOSTarget], origin: NDArray) -> None:
    """Refuse a grid that misses the bottom of the bands, or energies that nobody knows."""
    bottom = min(
        target.dos(target.nodes).filling_energy(1e-3) - shift
        for target, shift in zip(targets, origin, strict=True)
    )
    top = max(target.valid_to - shift for target, shift in zip(targets, origin, strict=True))
    if grid.start > bottom:
        raise ValueError(
            f"energy grid: begins at {grid.start:.2f} eV, inside the bands, which begin at "
            f"{bottom:.2f} eV; let it begin lower (0 is the mean Fermi level)"
        )
    if grid.stop > top:
        raise ValueError(
            f"energy grid: ends at {grid.stop:.2f} eV, but no target is known above {top:.2f} eV; "
            "let it end lower or compute more bands"
        )


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
    if not known[:, count > 0].all():
        raise ValueError(f"count_below: the DOS of some structures is not known up to {top:g} eV")
    below = values @ count
    if below.max() < _COUNT_TOLERANCE:
        raise ValueError(f"count_below: no structure has electrons below {top:g} eV")
    composition = regression.ridge.composition
    electrons = composition.terms(below)
    error = np.abs(composition.fractions @ electrons - below)
    if error.max() > _COUNT_TOLERANCE:
        raise ValueError(
            f"count_below: expected a gap at {top:g} eV in every structure, but structure "
            f"{int(error.argmax())} holds {below[error.argmax()]:.3f} electrons per atom below it, "
            f"{error.max():.3f} off the sum over its species"
        )
    return constrained(solution, count, electrons, composition.terms(regression.ridge.features))


def _novelty_limit(
    training_features: TrainingFeatures,
    ridge: Ridge,
    diagonal: NDArray,
    maps: Sequence[FeatureMap],
    posterior: Posterior,
    projection: NDArray,
) -> float:
    """Farthest that an atom of any training structure is from all other structures.

    Without structure A, whose outputs are r_A off those that its composition z_A predicts, the
    covariance is C + C r_A r_A^T C / P_AA, and the outputs that a species alone predicts move by
    -(Z^T Z)^-1 z_A r_A^T / (1 - z_A^T (Z^T Z)^-1 z_A). Distances are measured in
    the projection, as in predictions; so no atom of the training set is farther out than the limit.

    Parameters
    ----------
    training_features : TrainingFeatures
    ridge : Ridge
    diagonal : (n,) array
        P_AA of the residual maker.
    maps : list of FeatureMap
    posterior : Posterior
    projection : (outputs, directions) array
        Stands for the factor of C.
    """
    fractions = ridge.composition.fractions
    residuals = ridge.features - fractions @ posterior.centers
    ties = fractions @ posterior.composition @ posterior.composition.T
    left = 1.0 - np.sum(ties * fractions, axis=1)
    largest = 0.0
    for number, (features, kinds) in enumerate(
        zip(training_features, training_features.kinds, strict=True)
    ):
        if diagonal[number] < 1e-12:  # the only one of its composition
            continue
        outputs = [
            mean_outputs(maps, atom[None], np.array([kind]))
            for atom, kind in zip(features, kinds, strict=True)
        ]
        inside = np.array(outputs) - posterior.centers[kinds]
        outside = inside + np.outer(ties[number, kinds] / left[number], residuals[number])
        along = outside @ (posterior.factor @ (posterior.factor.T @ residuals[number]))
        squared = np.sum((outside @ projection) ** 2, axis=1) + along**2 / diagonal[number]
        known = np.sum((inside @ projection) ** 2, axis=1)
        largest = max(largest, float(squared.max()), float(known.max()))
    return float(np.sqrt(largest)) or 1.0
