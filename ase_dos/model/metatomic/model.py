"""Model of the DOS from a metatomic file, with the interface of all models."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import ArrayLike, NDArray

from ase_dos.descriptors.species import species_index
from ase_dos.electrons.negative_dos import NegativeDOSWarning
from ase_dos.model.blocks import cut_blocks, cut_region
from ase_dos.model.metatomic.convention import DOSConvention
from ase_dos.model.metatomic.file import MetatomicFile
from ase_dos.spectra.dos import DOS, EnergyGrid
from ase_dos.spectra.ensemble import DOSEnsemble
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.checks import as_array, as_count
from ase_dos.utils.digests import checksum
from ase_dos.utils.warnings import warn

__all__ = ["LOST", "MetatomicEnsembleModel", "MetatomicModel", "warn_of_negative_states"]

# States that one atom may have below the window: noise is less, a level of core electrons more.
LOST = 0.1
# Share of the electrons that negative states below the Fermi level may change without a warning.
_NEGATIVE = 0.01


class MetatomicModel:
    """DOS of every atom by a metatomic model, as `ase_dos.model.load_metatomic` makes it.

    Values are those of the file, negative ones too: electrons fill a DOS that is repaired as
    `ase_dos.electrons.rising_count` says, and a warning comes where this matters. Derivatives are
    those of PyTorch. A model goes to other processes as its path, and is loaded there.

    Attributes
    ----------
    info : dict
        Origin of the model: file, output, convention, and a hash of all these.
    species : tuple of int
        Atomic numbers that the model knows, and whose valence is known.
    grid : EnergyGrid
        Energies that are kept.
    smearing : float
        Standard deviation of the Gaussian broadening (eV).
    cutoff : float
        Distance (Angstrom) beyond which atoms do not change each other's local DOS.
    """

    def __init__(
        self,
        file: MetatomicFile,
        convention: DOSConvention,
        window: tuple[float, float] | None = None,
        block_size: int | None = None,
        extensions: str | os.PathLike | None = None,
    ) -> None:
        self._file, self._convention = file, convention
        self._window, self._extensions = window, extensions
        self.block_size = None if block_size is None else as_count(block_size, "block_size", 1)
        if block_size is not None and not np.isfinite(file.cutoff):
            raise ValueError(
                "block_size: the local DOS of this model depends on atoms at any distance; leave "
                "it out"
            )
        self._energies = EnergyGrid(convention.start, convention.step, file.size)
        self._kept, self.grid = _kept(self._energies, window)
        self.smearing, self.cutoff = convention.smearing, file.cutoff
        counts = {atomic_numbers[s]: count for s, count in convention.valence.items()}
        self.species = tuple(z for z in file.species if z in counts)
        self._valence = np.array([counts[z] for z in self.species])
        if not self.species:
            raise ValueError(
                f"valence: the model knows none of {', '.join(convention.valence)}; expected "
                "the electrons of its own elements"
            )
        self.info = self._described()

    def predict(self, atoms: Atoms, which: NDArray | None = None) -> LocalDOS:
        """Local DOS of every atom, or of the atoms with the indices ``which``.

        Raises
        ------
        ValueError
            If the structure holds other elements or bad positions, or an atom has more than 0.1
            states below the window.

        Warns
        -----
        NegativeDOSWarning
            If negative values below the Fermi level take away more than 1 % of the electrons.
        """
        which = np.arange(len(atoms)) if which is None else np.asarray(which)
        values, below = np.empty((len(which), self.grid.size)), np.empty(len(which))
        valence = self._electrons(atoms)[which]
        for part in self._parts(atoms, which):
            found = self._file.values(part.atoms, part.selected)
            values[part.place] = found[:, self._kept]
            below[part.place] = self._below(found)
        if np.abs(below).max(initial=0.0) > LOST:
            lost = int(np.abs(below).argmax())
            raise ValueError(
                f"window: atom {which[lost]} has {below[lost]:.3g} states below "
                f"{self.grid.start:g} eV; let the window begin lower"
            )
        local = LocalDOS(values, None, self.grid.energies, valence, self.smearing)
        warn_of_negative_states(local.total())
        return local

    def differentiate(
        self, atoms: Atoms, weights: ArrayLike, groups: NDArray | None = None
    ) -> tuple[NDArray, NDArray]:
        """Gradient and virial of a linear functional of the DOS, as the interface says."""
        rows, labels = self._weights(atoms, weights, groups)
        gradient, virial = np.zeros((len(atoms), 3)), np.zeros((3, 3))
        which = np.arange(len(atoms))
        for part in self._parts(atoms, which):
            whole = np.zeros((len(part.place), self._energies.size))
            whole[:, self._kept] = rows[labels[part.place]]
            by_position, by_strain = self._file.differentiate(part.atoms, part.selected, whole)
            np.add.at(gradient, part.sources, by_position)
            virial += by_strain
        return gradient, virial

    def __reduce__(self) -> tuple[Any, ...]:
        file = (self._file.path, self._file.output, str(self._file.device), self._extensions)
        others = (self._convention, self._window, self.block_size, self._extensions)
        return _loaded_again, (type(self), file, others, self.info["hash"])

    def _weights(
        self, atoms: Atoms, weights: ArrayLike, groups: NDArray | None
    ) -> tuple[NDArray, NDArray]:
        """Weights (groups, n) and the group (atoms,) of every atom, checked."""
        rows = as_array(np.atleast_2d(weights), "weights", (None, self.grid.size))
        self._electrons(atoms)
        labels = np.zeros(len(atoms), np.int64) if groups is None else np.asarray(groups)
        if labels.shape != (len(atoms),) or not np.isin(labels, np.arange(len(rows))).all():
            raise ValueError(
                f"groups: expected one of 0 to {len(rows) - 1} for each of {len(atoms)} atoms, "
                f"got {groups}"
            )
        return rows, labels

    def _below(self, found: NDArray) -> NDArray:
        """States (rows,) below the window."""
        return found[:, : self._kept.start].sum(axis=1) * self.grid.step

    def _electrons(self, atoms: Atoms) -> NDArray:
        """Valence electrons (atoms,)."""
        return self._valence[species_index(atoms.numbers, self.species)]

    def _parts(self, atoms: Atoms, which: NDArray) -> Iterator[_Part]:
        """Divide the atoms ``which`` of a frame into parts with all of their neighbours.

        The frame is one part where the neighbours of a block are more atoms than it has.
        """
        whole = _Part(np.arange(len(which)), atoms, which, np.arange(len(atoms)))
        if self.block_size is None or len(which) <= self.block_size:
            yield whole
            return
        frame = atoms.copy()
        frame.wrap()
        for number, block in enumerate(cut_blocks(frame[which], self.cutoff, self.block_size)):
            region, sources = cut_region(frame, self.cutoff, which[block.indices])
            if number == 0 and len(region) >= len(atoms):
                yield whole
                return
            yield _Part(block.indices, region, np.arange(len(block.indices)), sources)

    def _described(self) -> dict[str, Any]:
        about = {
            "kind": "metatomic",
            "name": self._file.name,
            "file": self._file.path.name,
            "file_hash": self._file.checksum,
            "output": self._file.output,
            "convention": json.loads(self._convention.to_json()),
            "grid": [self.grid.start, self.grid.step, self.grid.size],
        }
        different = {key: value for key, value in about.items() if key != "file"}
        return {**about, "hash": checksum(header=json.dumps(different, sort_keys=True))}


class MetatomicEnsembleModel(MetatomicModel):
    """The same, of a file with an ensemble: with error bars."""

    def predict_ensemble(self, atoms: Atoms, n_members: int = 64, seed: int = 0) -> DOSEnsemble:
        """Total DOS with its uncertainty.

        The members are the prediction plus random sums of the deviations d_m of the M members of
        the file, sum_m z_m d_m / sqrt(M - 1) with normal z_m: as many as are wanted, of the same
        covariance. Expected errors are without an alignment in energy, which would lower them.

        Raises
        ------
        ValueError
            As `predict`; also if ``n_members`` or the members of the file are below 2.
        """
        n_members = as_count(n_members, "n_members", 2)
        dos = self.predict(atoms).total()
        total: NDArray | None = None
        local_errors = np.empty(len(atoms))
        for part in self._parts(atoms, np.arange(len(atoms))):
            members = self._file.members(part.atoms, part.selected)[:, :, self._kept]
            if members.shape[1] < 2:
                raise ValueError("predict_ensemble: the file has an ensemble of one member")
            deviations = members - members.mean(axis=1, keepdims=True)
            local_errors[part.place] = self._error(deviations)
            summed = deviations.sum(axis=0)
            total = summed if total is None else total + summed
        assert total is not None
        draws = np.random.default_rng(seed).normal(size=(n_members, len(total)))
        return DOSEnsemble(
            dos,
            dos.values + draws @ total / np.sqrt(len(total) - 1),
            float(self._error(total)) / len(atoms),
            local_errors,
        )

    def _error(self, deviations: NDArray) -> NDArray:
        """Root-mean-square of deviations (..., members, n), over energy (states eV^-1/2)."""
        squares = np.sum(deviations**2, axis=(-1, -2)) * self.grid.step
        return np.sqrt(squares / (deviations.shape[-2] - 1))


class _Part(NamedTuple):
    """Atoms that are computed together.

    Attributes
    ----------
    place : (n,) int array
        Where they stand among all that are wanted.
    atoms : Atoms
        They, and all of their neighbours.
    selected : (n,) int array
        Their indices in these.
    sources : (m,) int array
        Index in the frame of each of these.
    """

    place: NDArray
    atoms: Atoms
    selected: NDArray
    sources: NDArray


def _kept(energies: EnergyGrid, window: tuple[float, float] | None) -> tuple[slice, EnergyGrid]:
    """Points of a grid in a window of energies (eV)."""
    if window is None:
        return slice(0, energies.size), energies
    lowest, highest = as_array(window, "window", (2,))
    inside = np.flatnonzero((energies.energies >= lowest) & (energies.energies <= highest))
    if inside.size < 2:
        raise ValueError(
            f"window: expected energies from {energies.start:g} to {energies.stop:g} eV, got "
            f"{lowest:g} to {highest:g}"
        )
    start = float(energies.energies[inside[0]])
    kept = slice(int(inside[0]), int(inside[-1]) + 1)
    return kept, EnergyGrid(start, energies.step, inside.size)


def warn_of_negative_states(dos: DOS) -> None:
    """Warn of negative values below the Fermi level that take away many electrons."""
    step = dos.energies[1] - dos.energies[0]
    filled = dos.values[np.cumsum(dos.values) * step < dos.n_electrons]
    negative = -float(filled.clip(max=0.0).sum()) * step
    if negative > _NEGATIVE * dos.n_electrons:
        warn(
            f"negative values of the predicted DOS below the Fermi level take away {negative:.2g} "
            f"of {dos.n_electrons:g} electrons, which moves the Fermi level; where they lie "
            "below all bands, a window= that begins above them leaves them out",
            NegativeDOSWarning,
            stacklevel=3,
        )


def _loaded_again(
    kind: type[MetatomicModel], file: tuple[Any, ...], others: tuple[Any, ...], expected: str
) -> MetatomicModel:
    """Model of a file in another process."""
    model = kind(MetatomicFile(*file), *others)
    if model.info["hash"] != expected:
        raise ValueError(f"{file[0]}: the file has changed since the model was loaded")
    return model
