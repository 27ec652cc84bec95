"""Hyperparameters of a density model, as one frozen value that a model file holds whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.metric import METRICS
from ase_dos.descriptors.lambda_soap import LambdaSOAP
from ase_dos.utils.checks import (
    as_candidates,
    as_choice,
    as_count,
    refuse_unknown_options,
)

__all__ = ["ELECTRON_NUMBERS", "DensityOptions"]

ELECTRON_NUMBERS = ("exact", "a_posteriori", "free")


@dataclass(frozen=True)
class DensityOptions:
    """Hyperparameters of a training.

    Parameters
    ----------
    descriptor : LambdaSOAP
        Covariant features of the atoms.
    basis : AuxiliaryBasis
        That of the densities.
    metric : {"coulomb", "overlap", "identity"}
        What counts as an error (`ase_dos.density.metric`).
    electron_number : {"exact", "a_posteriori", "free"}
        Train errors that keep the number of electrons, and correct it in predictions; correct it
        in predictions only; or leave it to the regression.
    n_points : int
        Sparse points of every species.
    zeta : int
        Degree of the kernel.
    max_weights : int
        Most weights of a model. Each regularisation takes the outputs of the kernel that it does
        not suppress (`ase_dos.density.function_space`), or the most important ones that fit.
        Memory grows with the square of the weights, time with their cube.
    max_candidates : int
        Atoms of a species to choose sparse points from; more are thinned out evenly.
    regularizations : sequence of float
        Candidates, relative to the mean eigenvalue of the Gram matrix. From the largest on, a
        smaller one is taken while it lowers the leave-one-out loss by more than two standard
        errors, those over the groups that are left out.
    n_members : int
        Members of the ensemble that stands for the uncertainty of the weights.

    Raises
    ------
    ValueError
        If a value is out of range, or the descriptor and the basis do not fit.
    """

    descriptor: LambdaSOAP
    basis: AuxiliaryBasis
    metric: str = "coulomb"
    electron_number: str = "exact"
    n_points: int = 100
    zeta: int = 2
    max_weights: int = 5000
    max_candidates: int = 10_000
    regularizations: Sequence[float] = tuple(10.0 ** np.arange(-12.0, 0.5))
    n_members: int = 32

    def __post_init__(self) -> None:
        if not isinstance(self.descriptor, LambdaSOAP):
            got = type(self.descriptor).__name__
            raise ValueError(f"descriptor: expected LambdaSOAP, got {got}")
        basis = _of_species(self.basis, self.descriptor.species)
        checked: dict[str, Any] = {
            "basis": basis,
            "metric": as_choice(self.metric, "metric", METRICS),
            "electron_number": as_choice(self.electron_number, "electron_number", ELECTRON_NUMBERS),
            "regularizations": as_candidates(self.regularizations, "regularizations"),
            **{
                name: as_count(getattr(self, name), name, least)
                for name, least in (
                    ("n_points", 1),
                    ("zeta", 1),
                    ("max_weights", 1),
                    ("max_candidates", 1),
                    ("n_members", 2),
                )
            },
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if basis.max_l > self.descriptor.max_lambda:
            raise ValueError(
                f"descriptor: its max_lambda is {self.descriptor.max_lambda}, but basis "
                f"{basis.name} has functions of l = {checked['basis'].max_l}; take max_lambda = "
                f"{checked['basis'].max_l}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Options as plain values, ready for JSON."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {
            "descriptor": self.descriptor.to_dict(),
            "basis": self.basis.to_header(),
            "regularizations": list(self.regularizations),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DensityOptions:
        """Inverse of `to_dict`.

        Raises
        ------
        ValueError
            If an option is unknown to this release, or a value is out of range.
        """
        refuse_unknown_options(values, [one.name for one in fields(cls)])
        return cls(
            **{
                **values,
                "descriptor": LambdaSOAP.from_dict(values["descriptor"]),
                "basis": AuxiliaryBasis.from_header(values["basis"]),
            }
        )


def _of_species(basis: AuxiliaryBasis, species: Sequence[int]) -> AuxiliaryBasis:
    """Return the part of a basis for the species of a descriptor."""
    missing = [chemical_symbols[z] for z in species if z not in basis.shells]
    if missing:
        raise ValueError(
            f"basis {basis.name}: has no functions for {', '.join(missing)}; make it for all "
            "species of the descriptor"
        )
    return AuxiliaryBasis(basis.name, {z: basis.shells[z] for z in species})
