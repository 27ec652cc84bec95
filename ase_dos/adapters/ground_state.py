"""Ground states of hot electrons: ASE calculators, and the plain values that files keep of them."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import (
    CalculationFailed,
    Calculator,
    FileIOCalculator,
    PropertyNotImplementedError,
)
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from ase_dos.utils.checks import as_array

__all__ = ["as_ground_state", "ground_state_property", "ground_state_record"]

_HOME = "ase.calculators."  # nothing else is imported on the word of a file
_WANTED = "ground_state: expected an ASE calculator such as EMT()"


def as_ground_state(value: object) -> Any:
    """Return a calculator: the given one, or that of a record of `ground_state_record`.

    Raises
    ------
    ValueError
        If it is no calculator, or the record does no more than name one.
    """
    if isinstance(value, Mapping):
        return _from_record(value)
    if isinstance(value, type):
        raise ValueError(f"{_WANTED}, got the class {value.__name__}: write {value.__name__}()")
    if isinstance(value, str):
        raise ValueError(
            f"{_WANTED}, got str {value!r}. Files keep only the name of a calculator that is not "
            "ASE's own; give it again: DOSCalculator(**(parameters | {'ground_state': ...}))"
        )
    parts = ("get_property", "implemented_properties")
    missing = [part for part in parts if not hasattr(value, part)]
    if value is not None and missing:
        raise ValueError(
            f"{_WANTED}, got {type(value).__name__}, which has no {' and no '.join(missing)}"
        )
    return value


def ground_state_property(calculator: Any, name: str, atoms: Atoms) -> NDArray:
    """Property of a structure in ASE's shape and double precision.

    Universal potentials often give single precision, the stress as a matrix, and not all that
    they declare.

    Parameters
    ----------
    calculator : ASE calculator
        The ground state.
    name : str
        ``free_energy``, in place of which ``energy`` is taken where it is not declared;
        ``energies``, ``forces`` or ``stress`` (Voigt order).
    atoms : Atoms
        The structure.

    Raises
    ------
    PropertyNotImplementedError
        If the calculator does not give the property.
    CalculationFailed
        If what it gives has another shape, or is not finite.
    """
    kind = type(calculator).__name__
    if name == "free_energy" and name not in calculator.implemented_properties:
        name = "energy"
    try:
        value = calculator.get_property(name, atoms)
    except PropertyNotImplementedError:
        value = None
    if value is None:
        raise PropertyNotImplementedError(f"{name}: the ground state, {kind}, does not give it")
    if name == "stress" and np.shape(value) == (3, 3):
        value = full_3x3_to_voigt_6_stress(np.asarray(value))
    shapes = {"energies": (len(atoms),), "forces": (len(atoms), 3), "stress": (6,)}
    try:
        return as_array(value, name, shapes.get(name, ()))
    except ValueError as error:
        raise CalculationFailed(f"ground state, {kind}: {error}") from error


def ground_state_record(calculator: Any) -> dict[str, Any] | str | None:
    """Plain value of a calculator for files.

    Calculators of ASE that compute by themselves, and are nothing but their parameters, can be made
    again from it. Of all others it is the name of the class.
    """
    if calculator is None:
        return None
    kind = type(calculator)
    parameters = getattr(calculator, "parameters", None)
    if _is_its_parameters(kind, parameters):
        return {"name": f"{kind.__module__}.{kind.__name__}", "parameters": dict(parameters or {})}
    return kind.__name__


def _is_its_parameters(kind: type, parameters: Any) -> bool:
    """Whether a constructor takes the parameters, these are plain, and it takes nothing else."""
    if not _is_own_of_ase(kind) or not isinstance(parameters, Mapping):
        return False
    try:
        plain = json.loads(json.dumps(dict(parameters))) == dict(parameters)
    except (TypeError, ValueError):
        return False
    return plain and _options(kind) <= parameters.keys()


@lru_cache
def _options(kind: type) -> frozenset[str]:
    """Names that a constructor takes."""
    taken = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    return frozenset(taken) - {"self", "kwargs"}


def _is_own_of_ase(kind: type) -> bool:
    in_process = issubclass(kind, Calculator) and not issubclass(kind, FileIOCalculator)
    return in_process and kind.__module__.startswith(_HOME)


def _from_record(record: Mapping[str, Any]) -> Any:
    try:
        module, _, name = str(record["name"]).rpartition(".")
        if not module.startswith(_HOME):
            raise ValueError(f"{module}.{name} is not one of ASE's own")
        kind = getattr(importlib.import_module(module), name)
        if not (isinstance(kind, type) and _is_own_of_ase(kind)):
            raise ValueError(f"{module}.{name} is no calculator")
        return kind(**record["parameters"])
    except (KeyError, TypeError, AttributeError, ImportError, ValueError) as error:
        raise ValueError(
            f"{_WANTED}, or its record from DOSCalculator.todict(), got {dict(record)}: {error}"
        ) from error
