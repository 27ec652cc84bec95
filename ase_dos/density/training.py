"""Training of a density model: kernel, regularisation, weights and their uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from tqdm import tqdm

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.covariant_kernel import CovariantKernel, Outputs
from ase_dos.density.density import Density
from ase_dos.density.design import WeightLayout
from ase_dos.density.metric import ElectronNumber, metric_matrix
from ase_dos.density.novelty import AtomMetrics
from ase_dos.density.options import DensityOptions
from ase_dos.density.predictor import DensityPredictor, mean_coefficients
from ase_dos.density.regression import DensityRegression, Molecule
from ase_dos.utils.structure_errors import of_structure

__all__ = ["DensityTraining", "train"]

# Bytes of metrics that are kept for the next pass.
_MOST_MEMORY = 2**29


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
    kernel, outputs = CovariantKernel.fit(
        options.descriptor,
        options.zeta,
        options.basis,
        frames,
        options.n_points,
        options.max_candidates,
    )
    layout = WeightLayout.of(options.basis, kernel.n_outputs())
    means = _means(options.basis, densities)
    molecules = _Molecules(densities, outputs, layout, means, options, progress)
    regression = DensityRegression.of(molecules.named("normal equations"), layout.size)
    candidates = options.regularizations
    molecules.named("leave one out")
    total = regression.left_out_losses(candidates, groups)
    best = candidates[int(total.argmin())]
    molecules.named("expected errors")
    metrics = AtomMetrics(options.metric, options.basis)
    losses, distances = np.empty((2, len(frames)))
    farthest = 0.0
    for index, one in regression.left_out(best, groups):
        losses[index], distances[index] = one.loss, one.distance
        of_atoms = metrics.distances(densities[index].numbers, one.covariance)
        farthest = max(farthest, float(of_atoms.max()))
    draws = np.random.default_rng(0).normal(size=(layout.size, options.n_members))
    # in single precision, as model files hold them
    deviations = (regression.root(best) @ draws).astype(np.float32).astype(float)
    for density, known in zip(densities, outputs, strict=True):
        spread = (layout.design(density.numbers, known) @ deviations).T
        of_atoms = metrics.distances_of_members(density.numbers, spread)
        farthest = max(farthest, float(of_atoms.max()))
    predictor = DensityPredictor(
        options.basis,
        kernel,
        regression.weights(best),
        deviations,
        means,
        options.metric,
        options.electron_number,
        float(np.sqrt(losses.sum() / distances.sum())),
        farthest**0.5 or 1.0,
    )
    sizes = molecules.sizes
    return DensityTraining(
        predictor,
        best,
        dict(zip(candidates, (total / sizes.sum()).tolist(), strict=True)),
        100.0 * np.sqrt(losses / sizes),
    )


def _means(basis: AuxiliaryBasis, densities: Sequence[Density]) -> dict[int, NDArray]:
    """Mean coefficients (shells,) for l = 0 of the atoms of every species."""
    found: dict[int, list[NDArray]] = {z: [] for z in basis.species}
    for density in densities:
        layout = basis.layout(density.numbers)
        for atom, z in enumerate(density.numbers.tolist()):
            scalars = layout.start[(layout.atom == atom) & (layout.l == 0)]
            found[z].append(density.coefficients[scalars])
    return {z: np.mean(rows, axis=0) for z, rows in found.items()}


class _Molecules:
    """Equations of the molecules, made anew on each pass but for metrics that fit into memory."""

    def __init__(
        self,
        densities: Sequence[Density],
        outputs: Sequence[Outputs],
        layout: WeightLayout,
        means: dict[int, NDArray],
        options: DensityOptions,
        progress: bool,
    ) -> None:
        self.densities, self.outputs, self.layout = densities, outputs, layout
        self.means, self.options, self.progress = means, options, progress
        self.pass_name = ""
        self.sizes = np.zeros(len(densities))  # c^T M c
        self._kept: dict[int, NDArray] = {}
        self._room = _MOST_MEMORY

    def named(self, pass_name: str) -> _Molecules:
        """Name the next pass, for its progress bar."""
        self.pass_name = pass_name
        return self

    def __iter__(self) -> Iterator[Molecule]:
        bar = tqdm(
            self.densities,
            desc=self.pass_name,
            unit="molecule",
            disable=None if self.progress else True,
            leave=False,
        )
        for index, (density, outputs) in enumerate(zip(bar, self.outputs, strict=True)):
            numbers = density.numbers
            mean = mean_coefficients(self.layout.basis, numbers, self.means)
            with of_structure(index):
                metric = self._metric(index)
            yield Molecule(
                self.layout.design(numbers, outputs), density.coefficients - mean, metric
            )

    def _metric(self, index: int) -> NDArray:
        """Metric in which this molecule is trained."""
        if index in self._kept:
            return self._kept[index]
        density, basis = self.densities[index], self.layout.basis
        matrix = metric_matrix(self.options.metric, basis, density.numbers, density.positions)
        self.sizes[index] = density.coefficients @ matrix @ density.coefficients
        if self.options.electron_number == "exact":
            matrix = ElectronNumber.of(basis.charges(density.numbers), matrix).projected(matrix)
        if matrix.nbytes <= self._room:
            self._room -= matrix.nbytes
            self._kept[index] = matrix
        return matrix
