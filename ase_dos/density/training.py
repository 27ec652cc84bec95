"""Training of a density model: kernel, regularisation, weights and their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.covariant_kernel import CovariantKernel, Outputs
from ase_dos.density.density import Density
from ase_dos.density.design import WeightLayout
from ase_dos.density.equations import TrainingEquations
from ase_dos.density.left_out_errors import LeftOutErrors, one_sigma
from ase_dos.density.novelty import novelty_limits
from ase_dos.density.options import DensityOptions
from ase_dos.density.predictor import DensityPredictor
from ase_dos.density.regression import DensityRegression

__all__ = ["DensityTraining", "prepare", "train"]


@dataclass(frozen=True, eq=False)
class DensityTraining:
    """Result of a training, and how it was found.

    Attributes
    ----------
    predictor : DensityPredictor
    regularization : float
        The chosen one, relative to the mean eigenvalue of the Gram matrix.
    losses : dict of float
        Leave-one-out losses of all candidates, relative to the size of the densities.
    left_out_errors : (n,) array
        Leave-one-out error of each molecule, in percent of its density: 100 (loss / c^T M c)^1/2.
    """

    predictor: DensityPredictor
    regularization: float
    losses: dict[float, float]
    left_out_errors: NDArray


def prepare(
    frames: Sequence[Atoms], options: DensityOptions
) -> tuple[CovariantKernel, list[Outputs]]:
    """Kernel of a training set, and its outputs for all frames."""
    return CovariantKernel.fit(
        options.descriptor,
        options.zeta,
        options.basis,
        frames,
        options.n_points,
        options.tolerance,
        options.max_candidates,
    )


def train(
    frames: Sequence[Atoms],
    densities: Sequence[Density],
    options: DensityOptions,
    groups: NDArray,
    progress: bool,
    prepared: tuple[CovariantKernel, list[Outputs]] | None = None,
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
    prepared : (CovariantKernel, list of Outputs), optional
        What `prepare` returned, for several trainings on the same frames.
    """
    kernel, outputs = prepared or prepare(frames, options)
    layout = WeightLayout.of(options.basis, kernel.n_outputs())
    means = _means(options.basis, densities)
    equations = TrainingEquations(densities, outputs, layout, means, options, progress)
    regression = DensityRegression.of(equations.named("normal equations"), layout.size)
    candidates = options.regularizations
    equations.named("leave one out")
    total = regression.left_out_losses(candidates, groups)
    best = candidates[int(total.argmin())]
    equations.named("expected errors")
    left_out = LeftOutErrors.of(regression, best, groups, equations)
    # As model files hold them.
    deviations = _as_single(left_out.draws(options.n_members, np.random.default_rng(0)))
    predictor = DensityPredictor(
        options.basis,
        kernel,
        regression.weights(best),
        deviations,
        means,
        options.metric,
        options.electron_number,
        one_sigma(left_out.dipole_scores),
        novelty_limits(kernel, frames, groups),
    )
    sizes = equations.sizes
    return DensityTraining(
        predictor,
        best,
        dict(zip(candidates, (total / sizes.sum()).tolist(), strict=True)),
        100.0 * np.sqrt(left_out.losses / sizes),
    )


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
