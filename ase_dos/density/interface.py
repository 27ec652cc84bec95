"""Interface of all models of the electron density, and models by name, by path, or as objects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol, cast

from ase import Atoms

from ase_dos.density.density import Density

__all__ = ["DensityProvider", "load_density_model"]


class DensityProvider(Protocol):
    """Whatever gives the electron density of a molecule, such as a `DensityModel`.

    The calculator, trajectories and the command line know nothing else of a model.
    """

    @property
    def info(self) -> Mapping[str, Any]:
        """Origin of the model as plain values for JSON, stored with all results.

        ``info["hash"]`` identifies the model: models with other predictions have another hash.
        """

    def predict(self, atoms: Atoms, charge: float = 0.0) -> Density:
        """Density of a molecule with a total charge (e), with members where it has error bars.

        Raises
        ------
        ValueError
            If the model cannot describe the structure. Any other exception is a defect.
        """


def load_density_model(model: str | os.PathLike | DensityProvider) -> DensityProvider:
    """Return a density model, given its name, the path of its file, or the model itself.

    Parameters
    ----------
    model : str, path or DensityProvider
        Name of a shipped model, path of a model file, or an object with the interface.

    Raises
    ------
    ValueError
        If there is no such model, its file is damaged or holds another kind of model, or the
        object lacks a part of the interface or is not trained.
    """
    if isinstance(model, (str, os.PathLike)):
        from ase_dos.density.model import DensityModel

        return DensityModel.load(model)
    if not hasattr(model, "predict") or not hasattr(model, "info"):
        raise ValueError(
            "density_model: expected the name or path of a density model, or an object with the "
            f"interface of ase_dos.density.interface, got {type(model).__name__}"
        )
    if "hash" not in model.info:
        raise ValueError("density_model: is not trained; call fit() or DensityModel.load() first")
    return cast(DensityProvider, model)
