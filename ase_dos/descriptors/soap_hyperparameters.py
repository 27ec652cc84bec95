"""Hyperparameters of the SOAP power spectrum, and what follows from them without any atoms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ase_dos.descriptors.power_spectrum import PowerSpectrumBasis
from ase_dos.descriptors.radial import RadialScaling, as_scaling
from ase_dos.descriptors.species import as_species, species_index
from ase_dos.kernels.radial import gto_basis
from ase_dos.utils.checks import as_array, as_count, as_positive

if TYPE_CHECKING:
    from typing import Self

__all__ = ["BACKENDS", "SOAPHyperparameters"]

BACKENDS = ("numba", "featomic", "librascal")
# Below this the orthonormal radial functions are made of rounding errors.
_SMALLEST_OVERLAP = 1e-10


@dataclass(frozen=True)
class SOAPHyperparameters:
    """Checked hyperparameters of a power spectrum, and the order of its features.

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
    backend: str = "numba"
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
        if self.backend not in BACKENDS:
            raise ValueError(
                f"backend: expected one of {', '.join(BACKENDS)}, got {self.backend!r}"
            )
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

    @cached_property
    def basis(self) -> PowerSpectrumBasis:
        """Order of the features."""
        return PowerSpectrumBasis(self.species, self.n_radial, self.max_angular)

    @property
    def n_features(self) -> int:
        """Number of features per atom."""
        return self.basis.n_features

    @cached_property
    def primitive(self) -> Self:
        """The same with its primitive radial functions."""
        return self if self.contraction is None else replace(self, contraction=None)

    def contract(self, features: NDArray) -> NDArray:
        """Features (atoms, n_features) from those of `primitive`.

        The power spectrum is bilinear in the density: p_(a b l) becomes U_(a l) p_(a b l)
        U_(b l)^T with U the contraction.
        """
        if self.contraction is None:
            return features
        functions = np.array(self.contraction)
        a, b = species_index(self.basis.species_pairs, self.species).T
        full = self.primitive.basis.unfold(features)
        return self.basis.fold(functions[a] @ full @ functions[b].swapaxes(-1, -2))

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
            raise ValueError(f"SOAP: unknown hyperparameters {unknown}; expected some of {known}")
        return cls(**values)


def _as_tuples(array: NDArray) -> Any:
    """Nested tuples of floats, which can be hashed and compared."""
    return tuple(map(_as_tuples, array)) if array.ndim else float(array)
