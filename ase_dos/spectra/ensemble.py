"""Ensemble of equally likely densities of states, and the errors that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.electrons.gas import ElectronGas, gas_from_dos
from ase_dos.spectra.dos import DOS
from ase_dos.utils.checks import as_array, equal_to_rounding
from ase_dos.utils.short_repr import short_repr

__all__ = ["DOSEnsemble", "mean_ensemble"]


@dataclass(frozen=True, eq=False)
class DOSEnsemble:
    """Equally likely densities of states of one cell, around the prediction.

    Parameters
    ----------
    mean : DOS
        The prediction.
    values : (members, n) array
        Densities of states (states/eV of the cell) on the energies of ``mean``.
    expected_error : float
        Expected root-mean-square error after alignment (states eV^-1/2 per atom).
    local_errors : (atoms,) array
        The same for the local DOS of every atom (states eV^-1/2).
    spin : (members, n) array, optional
        Spin DOS of the members, where ``mean`` has one.
    """

    mean: DOS
    values: NDArray
    expected_error: float
    local_errors: NDArray
    spin: NDArray | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        values = as_array(self.values, "values", (None, self.mean.energies.size))
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def error(self) -> NDArray:
        """Standard deviation (n,) of the DOS (states/eV)."""
        return np.sqrt(np.mean((self.values - self.mean.values) ** 2, axis=0))

    @property
    def members(self) -> list[DOS]:
        """The densities of states, one by one."""
        spins = repeat(None) if self.spin is None else self.spin
        return [
            replace(self.mean, values=values, spin=spin)
            for values, spin in zip(self.values, spins, strict=False)
        ]

    def electron_gas(self, temperature: ArrayLike, **options: Any) -> ElectronGas:
        """Thermodynamics of every member, attributes of shape (members, temperatures...).

        The standard deviation over members is the error of a quantity; see `spread`.
        """
        return gas_from_dos(
            self.mean.energies,
            self.values,
            self.mean.n_electrons,
            temperature,
            valid_to=self.mean.valid_to,
            smearing=self.mean.smearing,
            **options,
        )

    def spread(self, function: Callable[[DOS], ArrayLike]) -> tuple[NDArray, NDArray]:
        """Value and error of anything that follows from a DOS.

        Parameters
        ----------
        function : callable
            Takes a DOS, returns a number or an array.

        Returns
        -------
        value, error : array
            ``function`` of the prediction, and the root-mean-square deviation of the members
            from it.
        """
        value = np.asarray(function(self.mean))
        others = np.array([function(member) for member in self.members])
        return value, np.sqrt(np.mean((others - value) ** 2, axis=0))


def mean_ensemble(ensembles: Sequence[DOSEnsemble]) -> DOSEnsemble:
    """Average over structures, member by member: the errors of like structures do not cancel.

    Raises
    ------
    ValueError
        If there is none, or their energies or numbers of members differ.
    """
    if not ensembles:
        raise ValueError("mean_ensemble: expected at least one ensemble, got none")
    first = ensembles[0]
    for other in ensembles:
        if other.values.shape != first.values.shape or not equal_to_rounding(
            other.mean.energies, first.mean.energies
        ):
            raise ValueError(
                "mean_ensemble: expected ensembles of one size on the same energies, got "
                f"{first.values.shape} and {other.values.shape}"
            )

    def of_spin(rows: Sequence[NDArray | None]) -> NDArray | None:
        known = [row for row in rows if row is not None]
        return np.mean(known, axis=0) if len(known) == len(rows) else None

    mean = replace(
        first.mean,
        values=np.mean([e.mean.values for e in ensembles], axis=0),
        spin=of_spin([e.mean.spin for e in ensembles]),
        n_electrons=float(np.mean([e.mean.n_electrons for e in ensembles])),
        valid_to=min(e.mean.valid_to for e in ensembles),
    )
    return DOSEnsemble(
        mean,
        np.mean([e.values for e in ensembles], axis=0),
        float(np.mean([e.expected_error for e in ensembles])),
        np.concatenate([e.local_errors for e in ensembles]),
        of_spin([e.spin for e in ensembles]),
    )
