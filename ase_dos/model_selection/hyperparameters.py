"""Hyperparameters of a search: good defaults, and the values to try for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ase_dos.descriptors.soap import SOAP
from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.model.options import ModelOptions

__all__ = ["AXES", "DEFAULTS", "OF_KERNELS", "Choice", "describe", "make_options"]

Choice = dict[str, Any]


DEFAULTS: Choice = {
    "cutoff": 6.0,
    "cutoff_smoothing": 0.5,
    "max_radial": 8,
    "max_angular": 6,
    "width": 0.4,
    "radial_scaling": None,
    "radial_basis": None,
    "degree": 6,
    "sparse_points": 500,
}


_OF_SOAP = ("cutoff", "cutoff_smoothing", "max_radial", "max_angular", "width", "radial_scaling")


OF_KERNELS = {"degree", "sparse_points"}


# Each axis is a ladder of values; the search goes up first, one rung at a time.
AXES: tuple[tuple[Choice, ...], ...] = (
    tuple({"cutoff": value} for value in (8.0, 7.0, 6.0, 5.0, 4.0, 3.5)),
    tuple({"width": value} for value in (0.2, 0.3, 0.4, 0.5, 0.6, 0.8)),
    tuple(
        {"radial_scaling": value}
        for value in (None, [1.0, 4.0, 4], [1.0, 3.0, 4], [1.0, 2.5, 4], [1.0, 2.0, 4])
    ),
    tuple({"degree": value} for value in (1, 2, 4, 6, 8, 10)),
    tuple({"max_radial": n, "max_angular": l} for n, l in ((6, 4), (8, 6), (10, 8))),  # noqa: E741
    tuple({"sparse_points": value} for value in (250, 500, 1000, 2000)),
    tuple({"radial_basis": value} for value in (None, 6, 5, 4)),
)


def describe(choice: Choice, other: Choice) -> str:
    """Text with the values of one choice that differ from another."""
    return ", ".join(f"{k} {v}" for k, v in choice.items() if other.get(k) != v)


def make_options(
    choice: Mapping[str, Any],
    species: Sequence[Any],
    *,
    regressor: str = "kernel",
    **options: Any,
) -> ModelOptions:
    """Options of a model with chosen hyperparameters.

    Parameters
    ----------
    choice : mapping
        Values by name, as in `DEFAULTS`; missing ones are the default.
    species : sequence of int or str
    regressor : {"kernel", "ridge", "network"}
    **options
        Further `ModelOptions`.

    Raises
    ------
    ValueError
        If a name is unknown or a value out of range.
    """
    unknown = sorted(set(choice) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"hyperparameters: expected {', '.join(DEFAULTS)}, got {unknown}")
    full = {**DEFAULTS, **choice}
    descriptor = SOAP(species=tuple(species), **{name: full[name] for name in _OF_SOAP})
    how: str | SparseKernel = regressor
    if regressor == "kernel":
        how = SparseKernel(full["sparse_points"], full["degree"])
    return ModelOptions(descriptor, regressor=how, radial_basis=full["radial_basis"], **options)
