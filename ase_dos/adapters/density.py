"""ASE calculator: dipole moment and charges of a molecule from its electron density, by a model."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, CalculatorSetupError, InputError, all_changes

from ase_dos.density.density import Density
from ase_dos.density.interface import DensityProvider, load_density_model
from ase_dos.utils.checks import as_array

__all__ = ["DensityCalculator"]


class DensityCalculator(Calculator):
    """Dipole moment and charges of a molecule.

    Parameters
    ----------
    model : str, path or DensityProvider
        Name of a shipped model, path of a model file, or any model with the interface of
        `ase_dos.density.interface.DensityProvider`. Of a model object only the hash enters the
        parameters, so that .traj and database files can hold them.
    charge : float
        Total charge of the molecule (e); may change during a run: ``calc.set(charge=1)``.

    Raises
    ------
    CalculatorSetupError
        If the model cannot be loaded, a parameter is unknown, or the charge is no number.

    Notes
    -----
    ``dipole`` (3,) in e Angstrom, that of an ion about its centre of nuclear charge, and
    ``charges`` (atoms,) in e, both as ASE defines them. There is no energy. `get_density` gives
    the density, for potentials, cubes, and error bars: ``get_density().dipole_std()``.
    """

    # No ClassVar, which ruff would want: ASE declares both without it.
    implemented_properties: list[str] = ["dipole", "charges"]  # noqa: RUF012
    default_parameters: dict[str, Any] = {"model": "water-density", "charge": 0.0}  # noqa: RUF012
    discard_results_on_any_change = True

    def __init__(
        self, model: str | os.PathLike | DensityProvider = "water-density", **kwargs: Any
    ) -> None:
        self._model: DensityProvider | None = None
        self._density: Density | None = None
        super().__init__(model=model, **kwargs)

    def set(self, **kwargs: Any) -> dict[str, Any]:
        """Change the model or the charge; earlier results are dropped."""
        unknown = sorted(set(kwargs) - set(self.default_parameters))
        if unknown:
            raise CalculatorSetupError(
                f"DensityCalculator has no parameter {', '.join(map(repr, unknown))}; "
                f"it has {', '.join(map(repr, self.default_parameters))}"
            )
        values, model = dict(kwargs), self._model
        try:
            if "charge" in kwargs:
                values["charge"] = float(as_array(kwargs["charge"], "charge", ()))
            if "model" in kwargs:
                given = kwargs["model"]
                model = load_density_model(given)
                named = isinstance(given, (str, os.PathLike))
                values["model"] = (
                    str(given) if named else f"{type(model).__name__} {model.info['hash']}"
                )
        except (ValueError, OSError) as error:
            raise CalculatorSetupError(str(error)) from error
        if model is not self._model:  # another object may have the same plain value
            self._model = model
            self.reset()
        return super().set(**values)

    @property
    def model(self) -> DensityProvider:
        """The model."""
        assert self._model is not None
        return self._model

    def todict(self, skip_default: bool = False) -> dict[str, Any]:
        """Parameters as plain values, the defaults among them: a later default may differ."""
        return super().todict(skip_default=skip_default)

    def reset(self) -> None:
        """Forget results and structure."""
        super().reset()
        self._density = None

    def get_density(self, atoms: Atoms | None = None) -> Density:
        """Electron density of a structure, by default of the last one.

        Raises
        ------
        InputError
            If there is no structure yet, or the model cannot describe it.
        """
        atoms = self.atoms if atoms is None else atoms
        if atoms is None:
            raise InputError(
                "DensityCalculator: there is no structure yet; give one: calc.get_density(atoms)"
            )
        self.get_property("dipole", atoms)
        assert self._density is not None
        return self._density

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Collection[str] = ("dipole",),
        system_changes: Collection[str] = tuple(all_changes),
    ) -> None:
        """Predict the density of ``atoms``, its dipole moment and charges.

        Raises
        ------
        InputError
            If the model cannot describe the structure: no atoms, periodic, unknown species.
        """
        super().calculate(atoms, properties, system_changes)
        if self.atoms is None or len(self.atoms) == 0:
            raise InputError("DensityCalculator: the structure has no atoms")
        try:
            self._density = self.model.predict(self.atoms, self.parameters["charge"])
        except ValueError as error:
            raise InputError(str(error)) from error
        self.results = {"dipole": self._density.dipole(), "charges": self._density.charges()}
