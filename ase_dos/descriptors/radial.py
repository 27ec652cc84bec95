"""Radial part of the neighbour density: tables of its integrals, weights by distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ase_dos.kernels.radial import radial_integrals, radial_table
from ase_dos.utils.checks import as_count, as_positive

__all__ = ["RadialScaling", "as_scaling", "radial_tables"]


class RadialScaling(NamedTuple):
    """Weight rate / (rate + (r / scale)^exponent) of a neighbour at distance r (Angstrom).

    Willatt, Musil and Ceriotti, https://doi.org/10.1039/C8CP05921G; the usual form
    1 / (1 + (r / r0)^m) has rate 1, scale r0 and exponent m.
    """

    rate: float
    scale: float
    exponent: int


def as_scaling(
    value: Mapping[str, Any] | Sequence[Any] | None,
) -> RadialScaling | None:
    """Check a radial scaling given as a mapping or a sequence."""
    if value is None:
        return None
    try:
        scaling = RadialScaling(**value) if isinstance(value, Mapping) else RadialScaling(*value)
    except TypeError:
        raise ValueError(
            f"radial_scaling: expected rate, scale and exponent, got {value!r}"
        ) from None
    return RadialScaling(
        as_positive(scaling.rate, "radial_scaling rate"),
        as_positive(scaling.scale, "radial_scaling scale"),
        as_count(scaling.exponent, "radial_scaling exponent", 1),
    )


@lru_cache(maxsize=16)
def radial_tables(
    cutoff: float,
    n_max: int,
    l_max: int,
    width: float,
    contraction: tuple | None = None,
    tolerance: float = 1e-10,
) -> tuple[NDArray, float, NDArray]:
    """Radial integrals of every set of functions: one that all species share, or one for each.

    ``tolerance`` is the error of the primitive ones relative to the largest value. Returns their
    tables (sets, nodes, 3, functions), the length of the pieces, and the integrals at the origin
    (sets, n_radial).
    """
    if contraction is None:
        table, length = radial_table(cutoff, n_max, l_max, width, tolerance)
        tables = table[None]
        at_origin = radial_integrals([0.0], cutoff, n_max, 0, width)[0, 0]
    else:
        # Interpolation is linear in the nodes, so contracting these contracts the functions.
        table, length, primitive = radial_tables(cutoff, n_max, l_max, width, tolerance=tolerance)
        functions = np.array(contraction)
        nodes = table[0].reshape(-1, 3, l_max + 1, n_max)
        tables = np.einsum("slqn,pdln->spdlq", functions, nodes)
        tables = tables.reshape(len(functions), len(nodes), 3, -1)
        at_origin = functions[:, 0] @ primitive[0]
    for array in (tables, at_origin):
        array.flags.writeable = False
    return tables, length, at_origin
