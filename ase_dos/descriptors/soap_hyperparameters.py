"""Hyperparameters of the SOAP power spectrum, and what follows from them without any atoms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ase_dos.descriptors.expansion import ExpansionHyperparameters
from ase_dos.descriptors.power_spectrum import PowerSpectrumBasis
from ase_dos.descriptors.species import species_index

if TYPE_CHECKING:
    from typing import Self

__all__ = ["BACKENDS", "SOAPHyperparameters"]

BACKENDS = ("numba", "featomic", "librascal")


@dataclass(frozen=True)
class SOAPHyperparameters(ExpansionHyperparameters):
    """Checked hyperparameters of a power spectrum, and the order of its features.

    Parameters, errors and the formula are those of `ase_dos.descriptors.soap.SOAP`.
    """

    backend: str = "numba"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backend not in BACKENDS:
            raise ValueError(
                f"backend: expected one of {', '.join(BACKENDS)}, got {self.backend!r}"
            )

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
