"""Model of the DOS from a metatomic file whose output is that of whole structures."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_dos.model.metatomic.model import LOST, MetatomicModel, warn_of_negative_states
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.spectra.undivided_dos import UndividedDOS, nothing_local

__all__ = ["MetatomicTotalModel"]


class MetatomicTotalModel(MetatomicModel):
    """The same, of a file with an output of whole structures: no local quantities, no blocks.

    The cutoff is infinite, as the DOS of a structure cannot be put together of parts. Energy,
    forces, stress and all that follows from the sum over the atoms are those of any model.
    """

    def predict(self, atoms: Atoms, which: NDArray | None = None) -> LocalDOS:
        """DOS of all atoms together.

        Raises
        ------
        ValueError
            As the class above; also if some of the atoms are asked for.
        """
        if which is not None and len(np.unique(which)) < len(atoms):
            raise nothing_local("DOS of some atoms")
        valence = self._electrons(atoms)
        found = self._file.values(atoms, None)
        below = float(self._below(found)[0])
        if abs(below) > LOST * len(atoms):
            raise ValueError(
                f"window: the structure has {below:.3g} states below {self.grid.start:g} eV; let "
                "the window begin lower"
            )
        dos = DOS(self.grid.energies, found[0, self._kept], float(valence.sum()), self.smearing)
        warn_of_negative_states(dos)
        return UndividedDOS(dos, valence)

    def differentiate(
        self, atoms: Atoms, weights: ArrayLike, groups: NDArray | None = None
    ) -> tuple[NDArray, NDArray]:
        """Gradient and virial of a linear functional of the DOS of one group of all atoms."""
        rows, labels = self._weights(atoms, weights, groups)
        if np.ptp(labels):
            raise nothing_local("groups of atoms")
        whole = np.zeros((1, self._energies.size))
        whole[0, self._kept] = rows[labels[0]]
        return self._file.differentiate(atoms, None, whole)
