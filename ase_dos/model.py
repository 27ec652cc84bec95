"""The model: descriptor, energy modes and weights, trained on eigenvalues or DOS."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos._version import __version__
from ase_dos.checks import as_array, as_positive
from ase_dos.evaluation import Evaluation, evaluate_predictions
from ase_dos.fit.alignment import Problem, choose, filled_targets
from ase_dos.fit.ridge import Ridge
from ase_dos.soap import SOAP
from ase_dos.spectrum import DOS, EnergyGrid, LocalDOS
from ase_dos.targets import DOSTarget, target_from_dos, target_from_states

__all__ = ["REFERENCES", "DOSModel"]

REFERENCES = ("adaptive", "fermi", "average_potential")
_FORMAT = 1
_ARRAYS = ("weights", "modes", "species_terms")
# Energies of the default grid, relative to the mean Fermi level of the training set (eV).
_HEADROOM = 14.0
_FOOTROOM = 1.5


class DOSModel:
    """Sum of local densities of states, linear in the features of each atom.

    ``g_i(E) = b_species(E) + sum_k (x_i . W_k) B_k(E)`` with features ``x_i``, weights ``W``,
    ``K`` energy modes ``B`` and a mean ``b`` for every species. Weights and energy reference are
    fitted together (see `ase_dos.fit.alignment`).

    Parameters
    ----------
    descriptor : SOAP
        Features of the atoms.
    grid : EnergyGrid, optional
        Energies of the model, 0 at the mean Fermi level of the training set. By default from
        below the lowest band to 14 eV (or where half of the targets end), in steps of smearing / 6.
    reference : {"adaptive", "fermi", "average_potential"}
        Energy reference of the training structures: optimised with the model, their Fermi
        levels, or the zero of the DFT program (the average potential in plane-wave and PAW
        codes).
    smearing : float
        Standard deviation of the Gaussian broadening of eigenvalues (eV).
    n_modes : int
        Energy modes kept: principal components of the aligned targets.
    regularizations : sequence of float
        Candidates, relative to the mean eigenvalue of the Gram matrix of the features;
        leave-one-out chooses.
    penalties : sequence of float
        Candidates for the penalty on adaptive shifts (states^2/eV^3 per atom^2), chosen in the
        same way.

    Attributes
    ----------
    weights_ : (features, modes) array
    modes_ : (modes, energies) array
    species_terms_ : (species, energies) array
    shifts_ : (structures,) array
        Energy (eV) of each training structure that the model's zero corresponds to.
    history_ : list of dict
        Leave-one-out errors of the candidates.
    info : dict
        Header of the model file.
    """

    def __init__(
        self,
        descriptor: SOAP,
        grid: EnergyGrid | None = None,
        *,
        reference: str = "adaptive",
        smearing: float = 0.3,
        n_modes: int = 32,
        regularizations: Sequence[float] = tuple(10.0 ** np.arange(-7, 0.5, 0.5)),
        penalties: Sequence[float] = (0.0, 0.001, 0.01, 0.1),
    ) -> None:
        if reference not in REFERENCES:
            raise ValueError(
                f"reference: expected one of {', '.join(REFERENCES)}, got {reference!r}"
            )
        if int(n_modes) < 1:
            raise ValueError(f"n_modes: expected 1 or more, got {n_modes}")
        if not (np.asarray(regularizations) > 0).all():
            raise ValueError(f"regularizations: expected numbers > 0, got {regularizations}")
        if not (np.asarray(penalties) >= 0).all():
            raise ValueError(f"penalties: expected numbers >= 0, got {penalties}")
        self.descriptor = descriptor
        self.grid = grid
        self.reference = reference
        self.smearing = as_positive(smearing, "smearing")
        self.n_modes = int(n_modes)
        self.regularizations = tuple(float(r) for r in regularizations)
        self.penalties = tuple(float(p) for p in penalties)
        self.info: dict[str, Any] = {}

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers that the model knows."""
        return self.descriptor.species

    # Training

    def fit(self, frames: Sequence[Atoms], states: Sequence, *, features: NDArray | None = None):
        """Train on structures and their `ElectronicStates` (or `DOS`, already broadened).

        Parameters
        ----------
        frames : sequence of Atoms
            ``n`` structures.
        states : sequence of ElectronicStates or DOS
            Their eigenvalues or densities of states.
        features : (n, p) array, optional
            Mean features of the structures, where they are known already.

        Returns
        -------
        DOSModel
            The model itself.

        Raises
        ------
        ValueError
            If there are fewer than three structures, counts differ, or valences contradict.
        """
        targets = self._targets(frames, states)
        if len(targets) < 3:
            raise ValueError(f"training set: expected at least 3 structures, got {len(targets)}")
        counts = self._species_counts(frames)
        valence = _valences(counts, np.array([t.n_electrons for t in targets]), self.species)
        n_atoms = counts.sum(axis=1)
        if features is None:
            features = self.mean_features(frames)
        features = as_array(features, "features", (len(targets), self.descriptor.n_features))
        origin = self._origin(targets)
        self.grid_ = self.grid or self._default_grid(targets, origin)
        ridge = Ridge.decompose(features, counts / n_atoms[:, None])
        problem = Problem(ridge, targets, n_atoms, self.grid_.energies, origin)
        best, self.history_ = choose(
            problem, np.array(self.regularizations), self.penalties, self.reference == "adaptive"
        )
        self.shifts_ = best.shifts
        self._solve(problem, best)
        self.info = self._header(frames, targets, valence, best)
        self.info["hash"] = self._digest()
        return self

    def mean_features(self, frames: Sequence[Atoms]) -> NDArray:
        """Features averaged over the atoms of each frame, (frames, features)."""
        return np.array([self.descriptor.compute(atoms).mean(axis=0) for atoms in frames])

    def _targets(self, frames: Sequence[Atoms], states: Sequence) -> list[DOSTarget]:
        if len(frames) != len(states):
            raise ValueError(
                f"expected one set of states per frame, got {len(states)} for {len(frames)}"
            )
        return [
            target_from_dos(one) if isinstance(one, DOS) else target_from_states(one, self.smearing)
            for one in states
        ]

    def _species_counts(self, frames: Sequence[Atoms]) -> NDArray:
        species = np.array(self.species)
        return np.array([(atoms.numbers[:, None] == species).sum(axis=0) for atoms in frames])

    def _origin(self, targets: Sequence[DOSTarget]) -> NDArray:
        fermi = np.array([target.fermi_level for target in targets])
        if self.reference == "average_potential":
            return np.full(fermi.size, fermi.mean())
        return fermi

    def _default_grid(self, targets: Sequence[DOSTarget], origin: NDArray) -> EnergyGrid:
        floor = min(target.start - shift for target, shift in zip(targets, origin, strict=True))
        known = [target.valid_to - shift for target, shift in zip(targets, origin, strict=True)]
        return EnergyGrid.spanning(
            np.floor(floor - _FOOTROOM), min(_HEADROOM, np.median(known)), self.smearing / 6
        )

    def _solve(self, problem: Problem, best) -> None:
        maker = problem.ridge.residual_maker(best.regularization)
        aligned = filled_targets(problem, best.shifts, maker)
        _, _, modes = np.linalg.svd(problem.ridge.projector @ aligned, full_matrices=False)
        self.modes_ = modes[: self.n_modes]
        self.weights_, offset = problem.ridge.solve(best.regularization, aligned @ self.modes_.T)
        # The part of the species means outside the span of the modes is kept exactly.
        means = np.linalg.pinv(problem.ridge.composition) @ aligned
        outside = means - (means @ self.modes_.T) @ self.modes_
        self.species_terms_ = offset @ self.modes_ + outside

    def _header(self, frames, targets, valence: NDArray, best) -> dict[str, Any]:
        errors = [entry["rmse"] for entry in self.history_]
        return {
            "format": _FORMAT,
            "version": __version__,
            "kind": "ridge",
            "descriptor": self.descriptor.to_dict(),
            "species": [chemical_symbols[z] for z in self.species],
            "valence": [float(v) for v in valence],
            "grid": {"start": self.grid_.start, "step": self.grid_.step, "size": self.grid_.size},
            "smearing": float(targets[0].smearing),
            "reference": self.reference,
            "regularization": best.regularization,
            "shift_penalty": best.penalty,
            "n_structures": len(targets),
            "training_set_hash": _hash_frames(frames),
            "leave_one_out_rmse": float(np.min(errors)),
        }

    # Prediction

    def predict(self, atoms: Atoms) -> LocalDOS:
        """Local DOS of every atom, energies on the model's axis.

        Raises
        ------
        ValueError
            If the model is not trained, or the structure holds unknown species or bad positions.
        """
        self._require_training()
        one_hot = (atoms.numbers[:, None] == np.array(self.species)).astype(float)
        parts = [block @ self.weights_ for _, block in self.descriptor.blocks(atoms)]
        return LocalDOS(
            np.hstack([one_hot, np.concatenate(parts)]),
            np.vstack([self.species_terms_, self.modes_]),
            self.grid_.energies,
            one_hot @ np.array(self.info["valence"]),
            self.info["smearing"],
        )

    def evaluate(
        self, frames: Sequence[Atoms], states: Sequence, families: Sequence[str] | None = None
    ) -> Evaluation:
        """Compare predictions with eigenvalues (or DOS) of the same structures, aligned."""
        self._require_training()
        if not len(frames):
            raise ValueError("evaluation: expected at least one structure, got none")
        targets = self._targets(frames, states)
        predictions = [self.predict(atoms).total() for atoms in frames]
        return evaluate_predictions(
            targets, predictions, np.array([len(atoms) for atoms in frames]), families
        )

    def _require_training(self) -> None:
        if not self.info:
            raise ValueError("the model is not trained; call fit() or DOSModel.load() first")

    # Files

    def save(self, path: str | Path) -> None:
        """Write the model to one ``.npz`` file (replaced in one step)."""
        self._require_training()
        path = Path(path)
        contents: dict[str, Any] = {"header": json.dumps(self.info), **self._arrays()}
        partial = path.with_name(path.name + ".partial")
        with open(partial, "wb") as file:
            np.savez_compressed(file, **contents)
        os.replace(partial, path)

    @classmethod
    def load(cls, name_or_path: str | Path) -> DOSModel:
        """Read a shipped model by name, or a model file by path.

        Raises
        ------
        ValueError
            If there is no such model, or the file is damaged or from a newer release.
        """
        path = _find(name_or_path)
        try:
            with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
                info = json.loads(str(file["header"]))
                arrays = {name: file[name] for name in _ARRAYS}
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path}: not a readable ase_dos model ({error})") from error
        if info.get("format") != _FORMAT:
            raise ValueError(
                f"{path}: model format {info.get('format')} of ase_dos {info.get('version')}, "
                f"this release ({__version__}) reads format {_FORMAT}"
            )
        grid = EnergyGrid(**info["grid"])
        model = cls(
            SOAP.from_dict(info["descriptor"]), grid,
            reference=info["reference"], smearing=info["smearing"],
            n_modes=len(arrays["modes"]),
        )  # fmt: skip
        model.grid_ = grid
        model.info = info
        model.weights_, model.modes_, model.species_terms_ = (arrays[name] for name in _ARRAYS)
        if model._digest() != info["hash"]:
            raise ValueError(
                f"{path}: the contents do not match their checksum; the file is damaged"
            )
        return model

    def _arrays(self) -> dict[str, NDArray]:
        return dict(zip(_ARRAYS, (self.weights_, self.modes_, self.species_terms_), strict=True))

    def _digest(self) -> str:
        """Checksum of header and arrays."""
        header = {key: value for key, value in self.info.items() if key != "hash"}
        digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
        for array in self._arrays().values():
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def _find(name_or_path: str | Path) -> Path:
    shipped = files("ase_dos") / "models"
    path = Path(name_or_path)
    if path.suffix or path.exists():
        if not path.is_file():
            raise ValueError(f"{path}: no such model file")
        return path
    candidate = Path(str(shipped / f"{name_or_path}.npz"))
    if not candidate.is_file():
        names = sorted(
            Path(entry.name).stem for entry in shipped.iterdir() if entry.name.endswith(".npz")
        )
        raise ValueError(
            f"model: expected a path or one of the shipped models ({', '.join(names)}), "
            f"got {str(name_or_path)!r}"
        )
    return candidate


def _valences(counts: NDArray, electrons: NDArray, species: Sequence[int]) -> NDArray:
    """Electrons that each species brings, from the electron counts of the structures."""
    valence, _, rank, _ = np.linalg.lstsq(counts.astype(float), electrons, rcond=None)
    if rank < len(species):
        names = ", ".join(chemical_symbols[z] for z in species)
        raise ValueError(
            f"training set: the compositions do not tell the valences of {names} apart; add "
            "structures of other composition or leave out a species"
        )
    error = np.abs(counts @ valence - electrons)
    if error.max() > 1e-3:
        worst = int(error.argmax())
        raise ValueError(
            f"structure {worst}: {electrons[worst]:g} electrons, but the others imply "
            f"{counts[worst] @ valence:g}; charged cells and mixed pseudopotentials cannot be "
            "trained together"
        )
    return valence.round(6)


def _hash_frames(frames: Sequence[Atoms]) -> str:
    digest = hashlib.sha256()
    for atoms in frames:
        for array in (atoms.numbers, atoms.positions, atoms.cell.array):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
