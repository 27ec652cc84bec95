"""Valence electrons of each species, and the structures whose electron counts contradict them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos.fit.least_absolute import least_absolute
from ase_dos.utils.structure_errors import MOST_NAMED, StructureError

__all__ = ["valences"]

_TOLERANCE = 1e-3  # electrons per structure


def valences(
    counts: NDArray,
    electrons: NDArray,
    species: Sequence[int],
    given: Mapping[str, float] | None = None,
) -> NDArray:
    """Valence electrons of each species, given or from the structures' electron counts.

    Parameters
    ----------
    counts : (n, species) array
        Atoms of every species in every structure.
    electrons : (n,) array
        Electrons of every structure.
    species : sequence of int
        Atomic numbers.
    given : mapping of str to float, optional
        Valences by symbol.

    Raises
    ------
    StructureError
        If the electrons of some structures are not those that the valences of the others, or the
        given ones, make. The least absolute deviations decide which ones these are.
    ValueError
        If the counts do not tell the valences apart, or one is not given.
    """
    symbols = [chemical_symbols[z] for z in species]
    if given is not None:
        missing = sorted(set(symbols) - set(given))
        if missing:
            raise ValueError(
                f"valence: expected a number for each of {', '.join(symbols)}, got none for "
                f"{', '.join(missing)}"
            )
        valence = np.array([float(given[symbol]) for symbol in symbols])
    else:
        valence, _, rank, _ = np.linalg.lstsq(counts.astype(float), electrons, rcond=None)
        if rank < len(symbols):
            raise ValueError(
                f"training set: the compositions do not tell the valences of "
                f"{', '.join(symbols)} apart; give the valence of each (valence={{...}}, on the "
                "command line --valence)"
            )
    if _wrong(counts, electrons, valence).any():
        if given is None:
            # Per atom: a large cell has no more to say than a small one.
            size = np.maximum(counts.sum(axis=1), 1)
            valence = least_absolute(counts / size[:, None], electrons / size)
        raise _contradiction(counts, electrons, valence, symbols, given is not None)
    return valence.round(6)


def _wrong(counts: NDArray, electrons: NDArray, valence: NDArray) -> NDArray:
    """Which structures (n,) do not have the electrons that the valences make."""
    return np.abs(counts @ valence - electrons) > _TOLERANCE


def _contradiction(
    counts: NDArray, electrons: NDArray, valence: NDArray, symbols: list[str], given: bool
) -> StructureError:
    """Error that names the structures which contradict the valences."""
    wrong = np.flatnonzero(_wrong(counts, electrons, valence))
    fitting = len(electrons) - len(wrong)
    named = wrong[:MOST_NAMED]
    found, expected = electrons[named], counts[named] @ valence
    valence_text = ", ".join(f"{s} {v:g}" for s, v in zip(symbols, valence.round(6), strict=True))
    if given:
        source = f"the given valences ({valence_text}) make"
    elif fitting > max(len(electrons) / 2, len(symbols)):
        source = "the others imply"
    else:  # as good as a tie
        source = f"valences ({valence_text}) that fit {fitting} of {len(electrons)} structures make"
    return StructureError(
        wrong.tolist(),
        f"{_listed(found)} electrons, but {source} {_listed(expected)}; charged cells and "
        "mixed pseudopotentials cannot be trained together",
    )


def _listed(numbers: NDArray) -> str:
    """Numbers of several structures as a text, one where all are the same."""
    return ", ".join(dict.fromkeys(f"{number:g}" for number in numbers))
