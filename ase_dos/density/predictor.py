"""What a trained density model predicts with: kernel, weights, members, mean coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.covariant_kernel import CovariantKernel, momenta_of
from ase_dos.density.density import Density
from ase_dos.density.design import WeightLayout
from ase_dos.density.metric import ElectronNumber, metric_matrix
from ase_dos.density.novelty import novelty
from ase_dos.density.options import DensityOptions
from ase_dos.descriptors.lambda_soap import EquivariantPoints

__all__ = ["DensityPredictor", "mean_coefficients"]


def mean_coefficients(
    basis: AuxiliaryBasis, numbers: NDArray, means: Mapping[int, NDArray]
) -> NDArray:
    """Coefficients (size,) of a molecule of mean atoms.

    Parameters
    ----------
    basis : AuxiliaryBasis
    numbers : (n_atoms,) int array
        Atomic numbers.
    means : mapping of int to (shells,) array
        Mean coefficients of the shells of l = 0 of every species.
    """
    layout = basis.layout(numbers)
    result = np.zeros(layout.size)
    result[layout.start[layout.l == 0]] = np.concatenate([means[z] for z in numbers.tolist()])
    return result


@dataclass(frozen=True, eq=False)
class DensityPredictor:
    """Coefficients of a molecule: those of mean atoms, and what the kernel adds.

    Parameters
    ----------
    basis : AuxiliaryBasis
    kernel : CovariantKernel
    weights : (weights,) array
    deviations : (weights, members) array
        Of the weights of each member of the ensemble from ``weights``, before `spread`.
    means : dict of (shells,) arrays
        Mean coefficients for l = 0, by atomic number.
    metric : {"coulomb", "overlap", "identity"}
    electron_number : {"exact", "a_posteriori", "free"}
    spread : float
        Size of the deviations that explains the errors of dipole moments of other molecules.
    novelty_limits : dict of float
        By atomic number (`ase_dos.density.novelty`).
    """

    basis: AuxiliaryBasis
    kernel: CovariantKernel
    weights: NDArray
    deviations: NDArray
    means: dict[int, NDArray]
    metric: str
    electron_number: str
    spread: float
    novelty_limits: dict[int, float]

    @cached_property
    def layout(self) -> WeightLayout:
        """Order of the weights."""
        return WeightLayout.of(self.basis, self.kernel.n_outputs())

    def predict(self, atoms: Atoms, charge: float) -> tuple[Density, NDArray]:
        """Density with the members of its ensemble, and the novelty (atoms,) of its atoms.

        Parameters
        ----------
        atoms : Atoms
            A molecule.
        charge : float
            Total charge (e).
        """
        numbers, positions = atoms.numbers, atoms.positions
        surroundings = self.kernel.descriptor.points(atoms)
        design = self.layout.design(numbers, self.kernel.outputs(surroundings))
        all_weights = np.column_stack([self.weights, self.deviations])
        expansion = (design @ all_weights).T
        coefficients = mean_coefficients(self.basis, numbers, self.means) + expansion[0]
        members = coefficients + self.spread * expansion[1:]
        if self.electron_number != "free":
            matrix = metric_matrix(self.metric, self.basis, numbers, positions)
            number = ElectronNumber.of(self.basis.charges(numbers), matrix, overwrite=True)
            n_electrons = float(numbers.sum()) - charge
            coefficients = number.corrected(coefficients, n_electrons)
            members = number.corrected(members, n_electrons)
        density = Density(
            self.basis, numbers, positions, coefficients, charge=charge, members=members
        )
        return density, novelty(self.kernel, self.novelty_limits, surroundings)

    # Files

    def arrays(self) -> dict[str, NDArray]:
        """Arrays of a model file."""
        arrays = {
            "weights": self.weights,
            "deviations": self.deviations.astype(np.float32),
            "spread": np.array(self.spread),
            "novelty_limits": np.array([self.novelty_limits[z] for z in self.basis.species]),
            "point_species": self.kernel.points.species,
            "point_owners": self.kernel.owners,
            "point_coefficients": self.kernel.points.coefficients,
        }
        arrays |= {f"mean_{z}": values for z, values in self.means.items()}
        mixes = self.kernel.mixes.items()
        return arrays | {f"mix_{species}_{ell}": mix for (species, ell), mix in mixes}

    @classmethod
    def restored(cls, options: DensityOptions, arrays: Mapping[str, NDArray]) -> DensityPredictor:
        """Inverse of `arrays`, with the hyperparameters in the header of the model file."""
        points = EquivariantPoints(arrays["point_species"], arrays["point_coefficients"])
        mixes = {
            (z, l): arrays[f"mix_{z}_{l}"]
            for z in options.basis.species
            for l in momenta_of(options.basis, z)  # noqa: E741
        }
        return cls(
            options.basis,
            CovariantKernel(
                options.descriptor, options.zeta, points, arrays["point_owners"], mixes
            ),
            arrays["weights"],
            arrays["deviations"].astype(float),
            {z: arrays[f"mean_{z}"] for z in options.basis.species},
            options.metric,
            options.electron_number,
            float(arrays["spread"]),
            dict(zip(options.basis.species, arrays["novelty_limits"].tolist(), strict=True)),
        )
