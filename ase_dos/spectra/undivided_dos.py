"""Density of states of a structure that its model does not divide among the atoms."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.checks import as_array

__all__ = ["UndividedDOS", "nothing_local"]


def nothing_local(what: str) -> ValueError:
    """Error of someone who asks for what only a model with a DOS of every atom has."""
    return ValueError(
        f"{what}: the model gives the density of states of whole structures, from which nothing "
        "local follows; take a model with an output for every atom"
    )


class UndividedDOS(LocalDOS):
    """What stands for a `LocalDOS` where only the sum over the atoms is known.

    `total` is that of all atoms, and whatever needs a part of it raises a ValueError.

    Parameters
    ----------
    dos : DOS
        Of all atoms.
    valence : (atoms,) array
        Valence electrons that each atom brings.
    error : (n,) array, optional
        Standard error of the DOS (states/eV), where random numbers leave one.
    novelty : (atoms,) array, optional
        As of `LocalDOS`.
    """

    divided = False

    def __init__(
        self,
        dos: DOS,
        valence: NDArray,
        error: NDArray | None = None,
        novelty: NDArray | None = None,
    ) -> None:
        if error is not None:
            error = as_array(error, "error", (dos.energies.size,))
        for name, value in (
            ("dos", dos),
            ("valence", as_array(valence, "valence", (None,))),
            ("error", error),
            ("novelty", novelty),
            ("energies", dos.energies),
            ("smearing", dos.smearing),
        ):
            object.__setattr__(self, name, value)

    dos: DOS
    error: NDArray | None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} atoms: {self.dos!r}>"

    def __len__(self) -> int:
        return len(self.valence)

    @property
    def coefficients(self) -> NDArray:  # type: ignore[override]
        """Not known.

        Raises
        ------
        ValueError
            Always.
        """
        raise nothing_local("local DOS")

    @property
    def basis(self) -> NDArray:  # type: ignore[override]
        """Not known, as `coefficients`."""
        raise nothing_local("local DOS")

    def shifted(self, shift: float) -> UndividedDOS:
        """Return the same states with every energy raised by ``shift`` (eV)."""
        return UndividedDOS(self.dos.shifted(shift), self.valence, self.error, self.novelty)

    def total(self, which: ArrayLike | slice = slice(None)) -> DOS:
        """Density of states of all atoms together.

        Raises
        ------
        ValueError
            If that of some atoms is asked for.
        """
        chosen = which if isinstance(which, slice) else np.asarray(which)
        if len(self.valence[chosen]) < len(self):
            raise nothing_local("DOS of some atoms")
        return self.dos
