"""Sparse points of equivariant kernels: the density expansion around chosen atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos.kernels.equivariant_products import LANES
from ase_dos.utils.checks import as_array
from ase_dos.utils.short_repr import short_repr

__all__ = ["EquivariantPoints"]


@dataclass(frozen=True, eq=False)
class EquivariantPoints:
    """Surroundings of some atoms, as `LambdaSOAP` expands them.

    All features follow from the expansion, which is a hundred times smaller than they are.

    Parameters
    ----------
    species : (n_points,) int array
        Atomic numbers.
    coefficients : (n_points, (l_max + 1)^2, n_species * n_radial) array
        Density coefficients c_nlm around each of the atoms, of l^2 + l + m and of the species of
        the neighbours times n_radial plus n.

    Raises
    ------
    ValueError
        If the arrays do not fit each other, or hold a NaN.
    """

    species: NDArray
    coefficients: NDArray

    __repr__ = short_repr

    def __post_init__(self) -> None:
        species = np.array(self.species)
        if species.ndim != 1 or not np.issubdtype(species.dtype, np.integer):
            raise ValueError(
                "species: expected one atomic number for each point, got an array of "
                f"{species.dtype} of shape {species.shape}"
            )
        if species.size and not 0 <= species.min() <= species.max() < len(chemical_symbols):
            raise ValueError(f"species: expected atomic numbers, got {np.unique(species)}")
        coefficients = as_array(self.coefficients, "coefficients", (len(species), None, None))
        object.__setattr__(self, "species", species)
        object.__setattr__(self, "coefficients", np.ascontiguousarray(coefficients))

    def __len__(self) -> int:
        return len(self.species)

    def take(self, indices: NDArray | Sequence[int] | slice) -> EquivariantPoints:
        """Choose some of the points, in the order of their indices."""
        return EquivariantPoints(self.species[indices], self.coefficients[indices])

    @classmethod
    def join(cls, parts: Sequence[EquivariantPoints]) -> EquivariantPoints:
        """Points of all parts, one after the other.

        Raises
        ------
        ValueError
            If there is no part, or they come from different descriptors.
        """
        shapes = {part.coefficients.shape[1:] for part in parts}
        if len(shapes) != 1:
            raise ValueError(
                f"points: expected those of one descriptor, got coefficients of {sorted(shapes)}"
            )
        return cls(
            np.concatenate([part.species for part in parts]),
            np.concatenate([part.coefficients for part in parts]),
        )

    def side_by_side(self) -> tuple[NDArray, NDArray, NDArray]:
        """Group the points by species, as the kernel of their products takes them.

        Returns
        -------
        coefficients : (groups, harmonics, channels, lanes) array
        lanes : (groups, lanes) int array
            Index of each point; -1 for none.
        species : (groups,) int array
            Atomic number of each group.
        """
        groups, species = [], []
        for z in np.unique(self.species):
            places = np.flatnonzero(self.species == z)
            padded = np.full(-(-places.size // LANES) * LANES, -1)
            padded[: places.size] = places
            groups.append(padded.reshape(-1, LANES))
            species += [z] * len(groups[-1])
        lanes = np.concatenate(groups) if groups else np.empty((0, LANES), int)
        grouped = self.coefficients[lanes] * (lanes >= 0)[:, :, None, None]
        return np.ascontiguousarray(grouped.transpose(0, 2, 3, 1)), lanes, np.array(species, int)
