"""Density of states of every atom, low-rank."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.electrons.excitation import Excitation
from ase_dos.spectra.dos import DOS
from ase_dos.utils.checks import as_array, as_positive, uniform_grid
from ase_dos.utils.frozen import changed, unchecked
from ase_dos.utils.novelty import NoveltyWarning, warn_of_novel_atoms
from ase_dos.utils.short_repr import short_repr

__all__ = ["LocalDOS", "NoveltyWarning", "warn_of_novelty"]


@dataclass(frozen=True, eq=False)
class LocalDOS:
    """Density of states of every atom, kept as coefficients on a few energy modes.

    Parameters
    ----------
    coefficients : (atoms, modes) array
        Mode coefficients of every atom.
    basis : (modes, n) array, optional
        Energy modes (states/eV). Without it the coefficients are the values at the energies.
    energies : (n,) array
        Uniformly spaced energies (eV).
    valence : (atoms,) array
        Valence electrons that each atom brings.
    smearing : float
        Standard deviation of the Gaussian broadening (eV).
    novelty : (atoms,) array, optional
        Distance of the surroundings of each atom from those a model was trained on, in units of
        the largest distance of a training structure from the others: above 1, an extrapolation.
    spin_basis : (modes, n) array, optional
        What the same coefficients give of the spin DOS (states/eV): that of the majority less that
        of the minority. Only with a ``basis``.

    Attributes
    ----------
    divided : bool
        Whether the DOS of every atom is known; not of `UndividedDOS`.
    step : float
        Spacing of the energies (eV).
    """

    divided = True

    coefficients: NDArray
    basis: NDArray | None
    energies: NDArray
    valence: NDArray
    smearing: float = 0.0
    novelty: NDArray | None = None
    spin_basis: NDArray | None = None
    step: float = field(init=False, repr=False)

    __repr__ = short_repr

    def __post_init__(self) -> None:
        energies, step = uniform_grid(self.energies)
        basis, n_modes = None, energies.size
        if self.basis is not None:
            basis = as_array(self.basis, "basis", (None, energies.size))
            n_modes = len(basis)
        coefficients = as_array(self.coefficients, "coefficients", (None, n_modes))
        valence = as_array(self.valence, "valence", (len(coefficients),))
        for name, value in (
            ("energies", energies),
            ("step", step),
            ("basis", basis),
            ("coefficients", coefficients),
            ("valence", valence),
        ):
            object.__setattr__(self, name, value)
        as_positive(self.smearing, "smearing", zero=True)
        if self.novelty is not None:
            novelty = as_array(self.novelty, "novelty", (len(coefficients),))
            object.__setattr__(self, "novelty", novelty)
        if self.spin_basis is not None:
            if basis is None:
                raise ValueError("spin_basis: expected a basis beside it, got None")
            spin_basis = as_array(self.spin_basis, "spin_basis", basis.shape)
            object.__setattr__(self, "spin_basis", spin_basis)

    def __len__(self) -> int:
        return len(self.coefficients)

    def take(self, which: ArrayLike | slice) -> LocalDOS:
        """Return some of the atoms, as their mask, indices or slice says."""
        which = which if isinstance(which, slice) else np.asarray(which)
        return changed(
            self,
            coefficients=self.coefficients[which],
            valence=self.valence[which],
            novelty=None if self.novelty is None else self.novelty[which],
        )

    def of_atoms(self, coefficients: NDArray, valence: NDArray, novelty: NDArray) -> LocalDOS:
        """Return the DOS of other atoms on the same modes; these are not checked again."""
        n_modes = self.coefficients.shape[1]
        return changed(
            self,
            coefficients=as_array(coefficients, "coefficients", (None, n_modes)),
            valence=valence,
            novelty=as_array(novelty, "novelty", (len(coefficients),)),
        )

    def shifted(self, shift: float) -> LocalDOS:
        """Return the same states with every energy raised by ``shift`` (eV)."""
        return changed(self, energies=self.energies + as_array(shift, "shift", ()))

    def expand(self, coefficients: NDArray) -> NDArray:
        """DOS (..., n) in states/eV of coefficients (..., modes)."""
        return coefficients if self.basis is None else coefficients @ self.basis

    def reduce(self, weights: NDArray) -> NDArray:
        """Weights (..., modes) of the coefficients, from those (..., n) of the energies."""
        return weights if self.basis is None else weights @ self.basis.T

    @property
    def values(self) -> NDArray:
        """Local DOS (atoms, n) in states/eV. Memory grows with atoms times energies."""
        return self.expand(self.coefficients)

    def project(self, weights: ArrayLike) -> NDArray:
        """Per-atom sums of ``weights`` (..., n) over energies, shape (atoms, ...).

        Gives local scalars (g(E_F), charges, entropies) without the (atoms, n) array.
        """
        weights = np.asarray(weights, dtype=float)
        rows = weights.reshape(-1, weights.shape[-1])
        sums = self.coefficients @ self.reduce(rows).T
        return sums.reshape(len(self), *weights.shape[:-1])

    def moments(self, weights: NDArray) -> NDArray:
        """Magnetic moment of every atom (atoms, ...) in Bohr magnetons.

        Parameters
        ----------
        weights : (..., n) array
            Over the energies, which count electrons: `ElectronGas.electron_weights` of `total`.

        Raises
        ------
        ValueError
            If the spin channels are not known.
        """
        if self.spin_basis is None:
            raise ValueError(
                "magnetic moments: the DOS is not divided into spin channels; take a model trained "
                "with spin='channels' (--spin channels)"
            )
        return self.coefficients @ np.moveaxis(weights @ self.spin_basis.T, -1, 0)

    def share(self, excitation: Excitation) -> tuple[NDArray, NDArray, NDArray]:
        """Split the excitation of the electrons of these atoms among them.

        Parameters
        ----------
        excitation : Excitation
            Of `total`.

        Returns
        -------
        free_energies, entropies, charges : (atoms,) array
            Parts of F(T) - F(T_0) (eV), of the entropy at T (eV/K), and the valence less the
            electrons at T, which sum to the values of the cell.
        """
        free_energies, entropies, electrons = self.project(excitation.local_weights).T
        return (
            free_energies + excitation.per_electron * self.valence,
            entropies,
            self.valence - electrons,
        )

    def total(self, which: ArrayLike | slice = slice(None)) -> DOS:
        """Density of states of all atoms, or of some, as their mask, indices or slice says.

        The (atoms, n) array is never made. ``local.total(atoms.numbers == 14)`` is the part of
        one species.
        """
        chosen = which if isinstance(which, slice) else np.asarray(which)
        # A sum over the first axis is slow where rows are short.
        coefficients = np.einsum("ik->k", self.coefficients[chosen])
        return unchecked(
            DOS,
            energies=self.energies,
            values=self.expand(coefficients),
            n_electrons=as_positive(float(self.valence[chosen].sum()), "n_electrons"),
            smearing=self.smearing,
            valid_to=float(self.energies[-1]),
            label="",
            spin=None if self.spin_basis is None else coefficients @ self.spin_basis,
            step=self.step,
        )


def warn_of_novelty(local: LocalDOS) -> None:
    """Warn of atoms unlike those of the training set; the warning points to the caller's caller."""
    if local.novelty is not None:
        warn_of_novel_atoms(
            local.novelty,
            "the DOS may be wrong; in Python, predict_ensemble() estimates by how much",
            stacklevel=3,
        )
