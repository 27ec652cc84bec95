"""Hyperparameters of the density expansion around atoms, and what kernels make of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from numpy.typing import DTypeLike, NDArray

from ase_dos.descriptors.radial import RadialScaling, as_scaling, radial_tables
from ase_dos.descriptors.species import as_species, species_index
from ase_dos.kernels.expansion import Expansion
from ase_dos.kernels.harmonics import harmonic_coefficients
from ase_dos.kernels.radial import flat_table, gto_basis
from ase_dos.utils.checks import as_array, as_count, as_positive

if TYPE_CHECKING:
    from typing import Self

__all__ = ["ExpansionHyperparameters"]

# Error of tables of radial functions by the bytes of a number: far below rounding where these are
# added up. A table in single precision is then small enough for the nearest cache.
_TABLE_TOLERANCE = {8: 1e-10, 4: 1e-8}
# Below this the orthonormal radial functions are made of rounding errors.
_SMALLEST_OVERLAP = 1e-10


@dataclass(frozen=True)
class ExpansionHyperparameters:
    """Checked hyperparameters of the neighbour density around atoms.

    Parameters, errors and the formula are those of `ase_dos.descriptors.soap.SOAP`.
    """

    cutoff: float = 6.0
    max_radial: int = 8
    max_angular: int = 6
    width: float = 0.4
    species: tuple[int, ...] = (14,)
    cutoff_smoothing: float = 0.5
    radial_scaling: RadialScaling | None = None
    center_weight: float = 1.0
    contraction: tuple | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        checked = {
            "cutoff": as_positive(self.cutoff, "cutoff"),
            "max_radial": as_count(self.max_radial, "max_radial", 1),
            "max_angular": as_count(self.max_angular, "max_angular", 0),
            "width": as_positive(self.width, "width"),
            "species": as_species(self.species),
            "cutoff_smoothing": as_positive(self.cutoff_smoothing, "cutoff_smoothing"),
            "radial_scaling": as_scaling(self.radial_scaling),
            "center_weight": as_positive(self.center_weight, "center_weight", zero=True),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.cutoff_smoothing > self.cutoff:
            raise ValueError(
                f"cutoff_smoothing: expected at most the cutoff of {self.cutoff:g} Angstrom, "
                f"got {self.cutoff_smoothing:g}"
            )
        object.__setattr__(self, "contraction", self._checked_contraction())
        smallest = gto_basis(self.cutoff, self.max_radial)[2]
        if smallest < _SMALLEST_OVERLAP:
            raise ValueError(
                f"max_radial: {self.max_radial} GTO functions are linearly dependent (smallest "
                f"eigenvalue of their overlap {smallest:.0e}); take fewer"
            )

    def _checked_contraction(self) -> tuple | None:
        if self.contraction is None:
            return None
        shape = (len(self.species), self.max_angular + 1, None, self.max_radial)
        array = as_array(self.contraction, "contraction", shape)
        if not 1 <= array.shape[2] <= self.max_radial:
            raise ValueError(
                f"contraction: expected 1 to {self.max_radial} functions of {self.max_radial} "
                f"primitive ones, got {array.shape[2]}"
            )
        return _as_tuples(array)

    @property
    def n_radial(self) -> int:
        """Number of radial functions, after the contraction."""
        return self.max_radial if self.contraction is None else len(self.contraction[0][0])

    def to_dict(self) -> dict[str, Any]:
        """Hyperparameters in lists and numbers, ready for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["species"] = list(self.species)
        if self.radial_scaling:
            values["radial_scaling"] = self.radial_scaling._asdict()
        if self.contraction:
            values["contraction"] = np.array(self.contraction).tolist()
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; hyperparameters that are absent take their defaults."""
        known = [f.name for f in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"{cls.__name__}: unknown hyperparameters {unknown}; expected some of {known}"
            )
        return cls(**values)

    def kernel_arguments(self, dtype: DTypeLike) -> Expansion:
        """Everything that kernels need to know, in one floating-point type; made once for each."""
        kind = np.dtype(dtype)
        if kind not in self._kernel_arguments:
            self._kernel_arguments[kind] = _kernel_arguments(self, kind)
        return self._kernel_arguments[kind]

    @cached_property
    def _kernel_arguments(self) -> dict[np.dtype, Expansion]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """Give the hyperparameters to other processes, which make the rest from them."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def species_of(self, atoms: Atoms) -> NDArray:
        """Index (atoms,) of the species of every atom of a sound frame.

        Raises
        ------
        ValueError
            If the frame is empty or holds a species not in ``species``.
        """
        if len(atoms) == 0:
            raise ValueError("atoms: the frame is empty; expected at least one atom")
        return species_index(atoms.numbers, self.species)


def _kernel_arguments(hypers: ExpansionHyperparameters, dtype: np.dtype) -> Expansion:
    tables, length, at_origin = radial_tables(
        hypers.cutoff,
        hypers.max_radial,
        hypers.max_angular,
        hypers.width,
        hypers.contraction,
        _TABLE_TOLERANCE[dtype.itemsize],
    )
    table, row = flat_table(tables.astype(dtype))
    rate, scale, exponent = hypers.radial_scaling or (1.0, 1.0, 0)
    ell = np.arange(hypers.max_angular + 1)
    return Expansion(
        n_species=len(hypers.species),
        n_max=hypers.n_radial,
        l_max=hypers.max_angular,
        cutoff=hypers.cutoff,
        smoothing=hypers.cutoff_smoothing,
        rate=rate,
        scale=scale,
        exponent=exponent,
        table=table,
        row=row,
        length=length,
        center=(hypers.center_weight * at_origin / np.sqrt(4.0 * np.pi)).astype(dtype),
        harmonic_factors=harmonic_coefficients(hypers.max_angular).astype(dtype),
        factors=((-1.0) ** ell / np.sqrt(2 * ell + 1)).astype(dtype),
    )


def _as_tuples(array: NDArray) -> Any:
    """Nested tuples of floats, which can be hashed and compared."""
    return tuple(map(_as_tuples, array)) if array.ndim else float(array)
