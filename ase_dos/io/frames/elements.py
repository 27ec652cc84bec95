"""Elements of atoms whose file names them in its own way, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import ArrayLike, NDArray

__all__ = ["symbols_to_numbers", "types_to_numbers"]


class _Numbers(dict):
    """Atomic numbers by symbol, of any case, each looked up once."""

    def __missing__(self, symbol: str) -> int:
        number = atomic_numbers.get(symbol.capitalize())
        if not number:
            raise ValueError(f"expected the symbol of an element, got {symbol!r}")
        self[symbol] = number
        return number


def symbols_to_numbers(symbols: Sequence[str]) -> NDArray:
    """Return the atomic number of each symbol, of any case."""
    return np.array(list(map(_Numbers().__getitem__, symbols)), dtype=int)


def types_to_numbers(types: ArrayLike, elements: Sequence[str] | None) -> NDArray:
    """Return the atomic number of each type of atoms.

    Parameters
    ----------
    types : (n,) array_like of int or str
        Numbers, or labels.
    elements : sequence of str, optional
        Elements in the order of the numbers, the first being that of type 1; or, for types of any
        name, ``type=element``: ("CA=C", "HW=H"). Labels that are symbols of elements need none.

        Numbers above their count are taken for atomic numbers, if they are those of ``elements``.

    Raises
    ------
    ValueError
        If there is a type whose element is not known.
    """
    names, inverse = np.unique(np.asarray(types), return_inverse=True)
    if not names.size:
        return np.zeros(0, int)
    names = names.astype(str)
    elements = list(elements or ())
    pairs = dict(entry.split("=", 1) for entry in elements if "=" in entry)
    if pairs and len(pairs) < len(elements):
        raise ValueError(
            f"types: expected elements, or type=element for each, got {' '.join(elements)}"
        )
    if pairs:
        symbols = _by_name(names, pairs)
    elif all(map(_is_number, names)):
        symbols = _by_order(names, elements)
    else:
        symbols = _by_label(names, elements)
    return symbols_to_numbers(symbols)[inverse]


def _is_number(word: str) -> bool:
    return word.removeprefix("-").isdecimal()


def _by_name(names: NDArray, pairs: Mapping[str, str]) -> list[str]:
    missing = [name for name in names.tolist() if name not in pairs]
    if missing:
        raise ValueError(
            f"atoms have type {missing[0]}, but types names only "
            f"{' '.join(f'{name}={symbol}' for name, symbol in pairs.items())}"
        )
    return [pairs[name] for name in names.tolist()]


def _by_order(names: NDArray, elements: list[str]) -> list[str]:
    numbers = names.astype(int)
    low, high = int(numbers.min()), int(numbers.max())
    if not elements:
        raise ValueError(
            f"atoms have types {low} to {high} and no elements; give the element of each "
            "type: types=('Si', ...), on the command line --types Si ..."
        )
    if low >= 1 and high <= len(elements):
        return [elements[number - 1] for number in numbers]
    atomic = dict(zip(symbols_to_numbers(elements).tolist(), elements, strict=True))
    if all(number in atomic for number in numbers.tolist()):
        return [atomic[number] for number in numbers.tolist()]
    raise ValueError(
        f"atoms have types {low} to {high}, but types has {len(elements)} elements: "
        f"{' '.join(elements)}; give one for each type, or those of which the types are the "
        "atomic numbers"
    )


def _by_label(names: NDArray, elements: list[str]) -> list[str]:
    """Labels that are symbols as they are written: CA is a carbon, not calcium."""
    for name in names.tolist():
        if elements and name not in elements:
            raise ValueError(f"atoms have type {name}, but types names {' '.join(elements)}")
        if not atomic_numbers.get(name):
            raise ValueError(
                f"atoms have type {name!r}, which is no element; name the element of each type: "
                f"types=('{name}=Si', ...), on the command line --types {name}=Si ..."
            )
    return list(names.tolist())
