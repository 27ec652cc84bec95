"""Training of a density model: kernel, regularisation, weights and their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.linalg import LinAlgError

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.covariant_kernel import CovariantKernel
from ase_dos.density.density import Density
from ase_dos.density.design import WeightLayout
from ase_dos.density.equations import TrainingEquations
from ase_dos.density.function_space import FunctionSpace
from ase_dos.density.left_out_errors import LeftOutErrors, one_sigma
from ase_dos.density.novelty import novelty_limits
from ase_dos.density.options import DensityOptions
from ase_dos.density.predictor import DensityPredictor
from ase_dos.density.regression import DensityRegression
from ase_dos.descriptors.lambda_soap import EquivariantPoints
from ase_dos.utils.structure_errors import of_structure

__all__ = ["DensityTraining", "train"]


# Standard errors, over the groups that are left out, that a smaller regularisation has to gain.
_CERTAIN = 2.0


@dataclass(frozen=True, eq=False)
class DensityTraining:
    """Result of a training, and how it was found.

    Attributes
    ----------
    predictor : DensityPredictor
    regularization : float
        The chosen one, relative to the mean eigenvalue of the Gram matrix.
    losses : dict of float
        Leave-one-out losses of the candidates tried, relative to the size of the densities.
    left_out_errors : (n,) array
        Leave-one-out error of each molecule, in percent of its density: 100 (loss / c^T M c)^1/2.
    """

    predictor: DensityPredictor
    regularization: float
    losses: dict[float, float]
    left_out_errors: NDArray


class _Candidate(NamedTuple):
    """Regression with one regularisation, and its leave-one-out predictions."""

    n_outputs: dict[tuple[int, int], int]
    regression: DensityRegression
    left_out: LeftOutErrors


def train(
    frames: Sequence[Atoms],
    densities: Sequence[Density],
    options: DensityOptions,
    groups: NDArray,
    progress: bool,
) -> DensityTraining:
    """Find the kernel, the regularisation, the weights and their uncertainty.

    Parameters
    ----------
    frames : sequence of Atoms
    densities : sequence of Density
        One for each frame, in the basis of the options.
    options : DensityOptions
    groups : (n,) int array
        Molecules that leave-one-out leaves out together.
    progress : bool
        Whether to show bars.
    """
    basis = options.basis
    surroundings, frame_of = _surroundings(frames, options)
    kernel, variances = CovariantKernel.fit(
        options.descriptor,
        options.zeta,
        basis,
        surroundings,
        frame_of,
        options.n_points,
        options.max_candidates,
    )
    n_coefficients = sum(density.coefficients.size for density in densities)
    space = FunctionSpace.of(variances, basis, options.metric, n_coefficients)
    finest = space.n_outputs(min(options.regularizations), options.max_weights)
    kernel = kernel.first_outputs(finest)
    means = _means(basis, densities)
    equations = TrainingEquations(densities, kernel.outputs(surroundings), means, options, progress)
    best, chosen, losses = _best_candidate(equations, space, options, groups)
    scores = best.left_out.dipole_scores()
    draws = best.left_out.draws(options.n_members, np.random.default_rng(0))
    predictor = DensityPredictor(
        basis,
        kernel.first_outputs(best.n_outputs),
        best.regression.weights,
        _as_single(best.regression.root @ draws),  # as model files hold them
        means,
        options.metric,
        options.electron_number,
        one_sigma(scores),
        novelty_limits(kernel, surroundings, frame_of, groups),
    )
    sizes = equations.sizes
    return DensityTraining(
        predictor,
        chosen,
        {one: float(loss / sizes.sum()) for one, loss in losses.items()},
        100.0 * np.sqrt(best.left_out.losses / sizes),
    )


def _surroundings(
    frames: Sequence[Atoms], options: DensityOptions
) -> tuple[EquivariantPoints, NDArray]:
    """Surroundings of all atoms of a training set, and the frame of each."""
    parts = []
    for index, atoms in enumerate(frames):
        with of_structure(index):
            parts.append(options.descriptor.points(atoms))
    return EquivariantPoints.join(parts), np.repeat(np.arange(len(parts)), [*map(len, parts)])


def _best_candidate(
    equations: TrainingEquations, space: FunctionSpace, options: DensityOptions, groups: NDArray
) -> tuple[_Candidate, float, dict[float, float]]:
    """Regression of least leave-one-out loss, its regularisation, and the losses of all tried."""
    best, chosen, losses = None, 0.0, dict[float, float]()
    for candidate in sorted(options.regularizations, reverse=True):
        n_outputs = space.n_outputs(candidate, options.max_weights)
        layout = WeightLayout.of(options.basis, n_outputs)
        name = f"regularization {candidate:.0e}"
        molecules = equations.molecules(layout, name)
        try:
            regression = DensityRegression.of(molecules, layout.size, candidate * space.scale)
        except LinAlgError:  # smaller than rounding errors
            break
        one = _Candidate(n_outputs, regression, LeftOutErrors.of(regression, groups))
        losses[candidate] = one.left_out.losses.sum()
        if best is not None and not _gains(best.left_out, one.left_out):
            break
        best, chosen = one, candidate
    if best is None:
        raise ValueError(
            f"regularizations: {max(options.regularizations):g} is lost in rounding errors; "
            "give larger ones, such as 1e-8"
        )
    return best, chosen, losses


def _gains(before: LeftOutErrors, after: LeftOutErrors) -> bool:
    """Tell whether leave-one-out losses are lower, whichever groups happen to be in the set."""
    gains = np.bincount(before.groups, before.losses - after.losses)
    return bool(gains.sum() > _CERTAIN * np.sqrt(len(gains)) * gains.std(ddof=1))


def _as_single(values: NDArray) -> NDArray:
    """Round to single precision, plenty for the size of an error."""
    return values.astype(np.float32).astype(float)


def _means(basis: AuxiliaryBasis, densities: Sequence[Density]) -> dict[int, NDArray]:
    """Mean coefficients (shells,) for l = 0 of the atoms of every species."""
    found: dict[int, list[NDArray]] = {z: [] for z in basis.species}
    for density in densities:
        layout = basis.layout(density.numbers)
        for atom, z in enumerate(density.numbers.tolist()):
            scalars = layout.start[(layout.atom == atom) & (layout.l == 0)]
            found[z].append(density.coefficients[scalars])
    return {z: np.mean(rows, axis=0) for z, rows in found.items()}
