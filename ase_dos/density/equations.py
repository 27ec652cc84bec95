"""Equations of the molecules of a training set, made anew on each pass over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ase_dos.density.covariant_kernel import Outputs
from ase_dos.density.density import Density
from ase_dos.density.design import DesignMatrix, WeightLayout
from ase_dos.density.metric import ElectronNumber, metric_matrix
from ase_dos.density.options import DensityOptions
from ase_dos.density.predictor import mean_coefficients
from ase_dos.density.regression import Molecule
from ase_dos.utils.structure_errors import of_structure

__all__ = ["TrainingEquations"]

# Bytes of metrics that are kept for the next pass.
_MOST_MEMORY = 2**29


class TrainingEquations:
    """Design, target and metric of every molecule.

    Metrics are kept if they take up to 512 MB, and computed on each pass otherwise.

    Parameters
    ----------
    densities : sequence of Density
    outputs : sequence of Outputs
        Of the kernel, for each molecule.
    layout : WeightLayout
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
        outputs: Sequence[Outputs],
        layout: WeightLayout,
        means: dict[int, NDArray],
        options: DensityOptions,
        progress: bool,
    ) -> None:
        self.densities, self.outputs, self.layout = densities, outputs, layout
        self.means, self.options, self.progress = means, options, progress
        self.sizes = np.zeros(len(densities))
        self._numbers: dict[int, ElectronNumber] = {}
        self._kept: dict[int, NDArray] = {}
        self._room, self._pass_name = _MOST_MEMORY, ""

    def named(self, pass_name: str) -> TrainingEquations:
        """Name the next pass, for its bar."""
        self._pass_name = pass_name
        return self

    def __iter__(self) -> Iterator[Molecule]:
        bar = tqdm(
            self.densities,
            desc=self._pass_name,
            unit="molecule",
            disable=None if self.progress else True,
            leave=False,
        )
        for index, (density, outputs) in enumerate(zip(bar, self.outputs, strict=True)):
            with of_structure(index):
                metric = self._metric(index)
            mean = mean_coefficients(self.layout.basis, density.numbers, self.means)
            design = self.layout.design(density.numbers, outputs)
            yield Molecule(design, density.coefficients - mean, metric)

    def designs(self) -> Iterator[DesignMatrix]:
        """Yield the design of every molecule, without its metric."""
        for density, outputs in zip(self.densities, self.outputs, strict=True):
            yield self.layout.design(density.numbers, outputs)

    def dipoles(self, index: int) -> NDArray:
        """Functionals (size, 3) that give the dipole moment of electrons from coefficients.

        About the centre of nuclear charge, after the correction of the electron number that
        predictions get. Known after a pass.
        """
        density, basis = self.densities[index], self.layout.basis
        center = density.numbers @ density.positions / density.numbers.sum()
        moments = basis.dipole(density.numbers, density.positions - center)
        if index in self._numbers:
            moments = self._numbers[index].functionals(moments)
        return moments

    def _metric(self, index: int) -> NDArray:
        """Metric in which this molecule is trained."""
        if index in self._kept:
            return self._kept[index]
        density, basis = self.densities[index], self.layout.basis
        matrix = metric_matrix(self.options.metric, basis, density.numbers, density.positions)
        self.sizes[index] = density.coefficients @ matrix @ density.coefficients
        if self.options.electron_number != "free":
            number = ElectronNumber.of(basis.charges(density.numbers), matrix)
            self._numbers[index] = number
            if self.options.electron_number == "exact":
                matrix = number.projected(matrix)
        if matrix.nbytes <= self._room:
            self._room -= matrix.nbytes
            self._kept[index] = matrix
        return matrix
