"""Equations of the molecules of a training set, made anew on each pass over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ase_dos.density.covariant_kernel import Outputs
from ase_dos.density.density import Density
from ase_dos.density.design import WeightLayout
from ase_dos.density.metric import ElectronNumber, metric_matrix
from ase_dos.density.options import DensityOptions
from ase_dos.density.predictor import mean_coefficients
from ase_dos.density.regression import Molecule
from ase_dos.utils.structure_errors import of_structure

__all__ = ["TrainingEquations"]

# Bytes of metrics that are kept for the next pass.
_MOST_MEMORY = 2**29


class TrainingEquations:
    """Design, target and metric of every molecule, and the functionals of its dipole moment.

    Metrics are kept if they take up to 512 MB, and computed on each pass otherwise.

    Parameters
    ----------
    densities : sequence of Density
    outputs : Outputs
        Of the kernel, for the atoms of all molecules.
    means : dict of (shells,) arrays
        Mean coefficients for l = 0, by atomic number.
    options : DensityOptions
    progress : bool
        Whether to show a bar on each pass.

    Attributes
    ----------
    sizes : (n,) array
        ``c^T M c`` of each density; known after a pass.
    """

    def __init__(
        self,
        densities: Sequence[Density],
        outputs: Outputs,
        means: dict[int, NDArray],
        options: DensityOptions,
        progress: bool,
    ) -> None:
        self.densities, self.means = densities, means
        self.options, self.progress = options, progress
        self.sizes = np.zeros(len(densities))
        self._outputs = _of_molecules(outputs, densities)
        self._metrics: dict[int, tuple[NDArray, NDArray]] = {}
        self._room = _MOST_MEMORY

    def molecules(self, layout: WeightLayout, name: str) -> _Pass:
        """Equations for the weights of a layout, gone through under this name of the bar."""
        return _Pass(self, layout, name)

    def molecule(self, index: int, layout: WeightLayout) -> Molecule:
        """Equations of one molecule."""
        density = self.densities[index]
        with of_structure(index):
            metric, dipoles = self._metrics.get(index) or self._measure(index)
        mean = mean_coefficients(layout.basis, density.numbers, self.means)
        design = layout.design(density.numbers, self._outputs[index])
        return Molecule(design, density.coefficients - mean, metric, dipoles)

    def _measure(self, index: int) -> tuple[NDArray, NDArray]:
        """Metric in which a molecule is trained, and functionals (size, 3) of its dipole moment.

        About the centre of nuclear charge, after the correction of the electron number that
        predictions get.
        """
        density, options = self.densities[index], self.options
        numbers, positions, basis = density.numbers, density.positions, options.basis
        matrix = metric_matrix(options.metric, basis, numbers, positions)
        self.sizes[index] = density.coefficients @ matrix @ density.coefficients
        dipoles = basis.dipole(numbers, positions - numbers @ positions / numbers.sum())
        if options.electron_number != "free":
            number = ElectronNumber.of(basis.charges(numbers), matrix)
            dipoles = number.functionals(dipoles)
            if options.electron_number == "exact":
                matrix = number.projected(matrix)
        if matrix.nbytes <= self._room:
            self._room -= matrix.nbytes
            self._metrics[index] = matrix, dipoles
        return matrix, dipoles


class _Pass:
    """Molecules one after the other, as often as asked."""

    def __init__(self, equations: TrainingEquations, layout: WeightLayout, name: str) -> None:
        self.equations, self.layout, self.name = equations, layout, name

    def __iter__(self) -> Iterator[Molecule]:
        bar = tqdm(
            range(len(self.equations.densities)),
            desc=self.name,
            unit="molecule",
            disable=None if self.equations.progress else True,
            leave=False,
        )
        for index in bar:
            yield self.equations.molecule(index, self.layout)


def _of_molecules(outputs: Outputs, densities: Sequence[Density]) -> list[Outputs]:
    """Split the outputs by the molecules of the atoms."""
    found: list[Outputs] = [{} for _ in densities]
    for (species, ell), values in outputs.items():
        counts = [int((one.numbers == species).sum()) for one in densities]
        parts = np.split(values, np.cumsum(counts)[:-1])
        for own, count, part in zip(found, counts, parts, strict=True):
            if count:
                own[species, ell] = part
    return found
