"""Dipole moments and charges of frames by a density model."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ase import Atoms
from numpy.typing import ArrayLike

from ase_dos.density.interface import DensityProvider, load_density_model
from ase_dos.utils.checks import as_array

__all__ = ["DensityAnalysis"]


@dataclass(frozen=True, eq=False)
class DensityAnalysis:
    """What trajectories store of the electron density, without a frame's clock and structure.

    Parameters
    ----------
    model : DensityProvider
        The model.
    charge : float
        Total charge of every frame (e).
    members : int, optional
        Members of the ensemble to store.
    """

    model: DensityProvider
    charge: float = 0.0
    members: int | None = None

    @classmethod
    def of(
        cls,
        model: str | os.PathLike | DensityProvider,
        charge: float = 0.0,
        members: int | None = None,
    ) -> DensityAnalysis:
        """Make an analysis for a model or its name or path.

        Raises
        ------
        ValueError
            If there is no such model, or the charge is no number.
        """
        number = float(as_array(charge, "charge", ()))
        return cls(load_density_model(model), number, members)

    @property
    def options(self) -> dict[str, Any]:
        """Options that results depend on, as plain values."""
        return {"density_model": self.model.info["hash"], "charge": self.charge}

    @property
    def about(self) -> dict[str, str]:
        """Origin of results, as attributes of a data set."""
        return {
            "density_model_hash": self.model.info["hash"],
            "density_model": json.dumps(dict(self.model.info)),
        }

    def quantities(self, atoms: Atoms) -> Mapping[str, ArrayLike]:
        """Dipole moment (e Angstrom) and charges (e) of a frame, and those of the members.

        Raises
        ------
        ValueError
            If the model cannot describe the frame, or has fewer members than are to be stored.
        """
        density = self.model.predict(atoms, self.charge)
        found: dict[str, ArrayLike] = {
            "dipole": density.dipole(),
            "partial_charge": density.charges(),
        }
        if self.members is None:
            return found
        count = 0 if density.members is None else len(density.members)
        if count < self.members:
            raise ValueError(
                f"members: the density model has {count}, expected {self.members} or more"
            )
        return {
            **found,
            "dipole_member": density.member_dipoles()[: self.members].T,
            "partial_charge_member": density.member_charges()[: self.members].T,
        }
