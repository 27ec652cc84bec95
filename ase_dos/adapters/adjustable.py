"""Calculator whose parameters can be set in any of the ways that ASE's users know."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TypeVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, CalculatorSetupError, all_changes
from numpy.typing import NDArray

from ase_dos.adapters.ground_state import as_ground_state, ground_state_record
from ase_dos.adapters.parameters import (
    GROUPS,
    Parameters,
    as_one_temperature,
    group_record,
    groups_from_record,
)
from ase_dos.model.interface import DOSPredictor
from ase_dos.model.loading import load_model
from ase_dos.spectra.electron_groups import ElectronGroups
from ase_dos.utils.sealed import Sealed

__all__ = ["AdjustableCalculator", "checked_setup"]

T = TypeVar("T")
_TEMPERATURES = {"electronic_temperature", "ground_state_smearing"}


def checked_setup(function: Callable[..., T], *args: Any) -> T:
    """Call a check of what a user sets; its error is a CalculatorSetupError."""
    try:
        return function(*args)
    except (ValueError, OSError) as error:
        raise CalculatorSetupError(str(error)) from error


class AdjustableCalculator(Sealed, Calculator):
    """Model, ground state and temperatures of a calculator.

    Parameters
    ----------
    **kwargs
        As of `ase_dos.adapters.ase.DOSCalculator`.
    """

    default_parameters: dict[str, Any] = {  # noqa: RUF012
        "model": "silicon",
        "ground_state": None,
        "electronic_temperature": 300.0,
        "ground_state_smearing": 0.0,
    }
    discard_results_on_any_change = True

    def __init__(self, **kwargs: Any) -> None:
        self._plain: dict[str, Any] = dict(self.default_parameters)
        self._model: DOSPredictor | None = None
        self._ground_state: Any = None
        self._groups: ElectronGroups | None = None  # None for one temperature of all atoms
        super().__init__(**kwargs)

    def set(self, **kwargs: Any) -> dict[str, Any]:
        """Change parameters, all or none; earlier results are dropped.

        The same as to set the attribute of the name, or ``parameters[name]``.
        """
        unknown = sorted(set(kwargs) - {*self.default_parameters, GROUPS})
        if unknown:
            raise CalculatorSetupError(
                f"DOSCalculator has no parameter {', '.join(map(repr, unknown))}; "
                f"it has {', '.join(map(repr, self.default_parameters))}"
            )
        groups = checked_setup(groups_from_record, kwargs.pop(GROUPS, None))
        values, objects = dict(kwargs), dict[str, Any]()
        for name in _TEMPERATURES & kwargs.keys():
            unset = kwargs[name] is None and name == "ground_state_smearing"
            values[name] = checked_setup(as_one_temperature, 0.0 if unset else kwargs[name], name)
        if "model" in kwargs:
            given = kwargs["model"]
            objects["_model"] = model = checked_setup(load_model, given)
            named = isinstance(given, (str, os.PathLike))
            values["model"] = (
                str(given) if named else f"{type(model).__name__} {model.info['hash']}"
            )
        if "ground_state" in kwargs:
            objects["_ground_state"] = ground = checked_setup(
                as_ground_state, kwargs["ground_state"]
            )
            values["ground_state"] = ground_state_record(ground)
        if "electronic_temperature" in kwargs:
            objects["_groups"] = None
        if groups is not None:
            objects["_groups"] = groups
            values["electronic_temperature"] = groups.mean_temperature
        changed = {name: value for name, value in values.items() if value != self._plain.get(name)}
        self._plain |= changed
        self.__dict__.update(objects)
        if changed or objects:  # another object may have the same plain value
            self.reset()
        return changed

    @property  # type: ignore[override]
    def parameters(self) -> MutableMapping[str, Any]:
        """Parameters as plain values; to set one is to call `set`."""
        return Parameters(self._plain, self.set)

    @parameters.setter
    def parameters(self, values: Mapping[str, Any] | None) -> None:
        if values is not None:  # as ASE's constructor begins
            self.set(**values)

    @property
    def model(self) -> DOSPredictor:
        """The model; it can be set as in the constructor."""
        assert self._model is not None
        return self._model

    @model.setter
    def model(self, model: str | os.PathLike | DOSPredictor) -> None:
        self.set(model=model)

    @property
    def ground_state(self) -> Any:
        """Calculator of the atoms with cold electrons, or None; it can be set."""
        return self._ground_state

    @ground_state.setter
    def ground_state(self, calculator: Any) -> None:
        self.set(ground_state=calculator)

    @property
    def electronic_temperature(self) -> float:
        """T of the electrons (K), of groups of atoms the mean over the atoms; it can be set."""
        return self._plain["electronic_temperature"]

    @electronic_temperature.setter
    def electronic_temperature(self, temperature: float) -> None:
        self.set(electronic_temperature=temperature)

    @property
    def ground_state_smearing(self) -> float:
        """Temperature of the electrons that E_0 contains (K); it can be set."""
        return self._plain["ground_state_smearing"]

    @ground_state_smearing.setter
    def ground_state_smearing(self, temperature: float) -> None:
        self.set(ground_state_smearing=temperature)

    @property
    def electron_groups(self) -> ElectronGroups | None:
        """Groups of atoms with temperatures of their own, or None."""
        return self._groups

    def _advice(self) -> str:
        return f"its parameters are {', '.join(self.default_parameters)}"

    def todict(self, skip_default: bool = False) -> dict[str, Any]:
        """Parameters as plain values, from which ``DOSCalculator(**values)`` is made again.

        The defaults are among them: a later default may differ. What files can only name has to be
        given again: a model object, of which the hash is kept, and a ground state that is not one
        of ASE's own calculators with plain parameters. Groups of atoms with more than one
        temperature are under ``group_temperatures``.
        """
        values = super().todict(skip_default=skip_default)
        if self._groups is not None and len(self._groups) > 1:
            values[GROUPS] = group_record(self._groups)
        return values

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Say what of the structure has changed; all, if the ground state's parameters have."""
        record = ground_state_record(self._ground_state)
        if record != self._plain["ground_state"]:
            self._plain["ground_state"] = record
            self._ground_state.reset()  # which ASE's own set() may leave to others
            self.reset()
        return list(all_changes) if self.atoms is None else _changes(self.atoms, atoms, tol)


def _changes(before: Atoms, now: Atoms, tol: float) -> list[str]:
    """Say which of the arrays that ASE compares differ by more than ``tol``.

    As `ase.calculators.calculator.compare_atoms`, at a tenth of its cost in a step of dynamics.
    """
    old, new = ({**one.arrays, "cell": one.cell.array, "pbc": one.pbc} for one in (before, now))
    return [name for name in all_changes if not _are_close(old.get(name), new.get(name), tol)]


def _are_close(one: NDArray | None, other: NDArray | None, tol: float) -> bool:
    """Whether arrays, which may be absent, differ by at most ``tol``."""
    if one is None or other is None:
        return one is other
    if one.shape != other.shape:
        return False
    # Most have not changed at all.
    if one.tobytes() == other.tobytes():
        return True
    return bool(np.abs(np.subtract(one, other, dtype=float)).max() <= tol)
