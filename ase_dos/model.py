"""The model: descriptor, energy modes and weights, trained on eigenvalues or DOS."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos._version import __version__
from ase_dos.checks import as_array, as_positive
from ase_dos.compression import check_size, principal_functions
from ase_dos.evaluation import Evaluation, evaluate_predictions
from ase_dos.fit.alignment import Problem, choose, filled_targets
from ase_dos.fit.ridge import Ridge
from ase_dos.modelfile import FORMAT, digest, find_model, read_model, shipped_models, write_model
from ase_dos.soap import SOAP
from ase_dos.spectrum import DOS, EnergyGrid, LocalDOS
from ase_dos.targets import DOSTarget, target_from_dos, target_from_states

__all__ = ["REFERENCES", "DOSModel", "shipped_models"]

REFERENCES = ("adaptive", "fermi", "average_potential")
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
    radial_basis : int, optional
        Radial functions to keep for every species and l: the principal components of the
        training set (see `ase_dos.compression`). By default all of the descriptor's.
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
    valence : mapping of str to float, optional
        Valence electrons by chemical symbol; needed only where the compositions of the training
        set do not tell them apart.

    Attributes
    ----------
    descriptor_ : SOAP
        Descriptor of the trained model: ``descriptor``, contracted to ``radial_basis``.
    grid_ : EnergyGrid
        Energies of the trained model.
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
        radial_basis: int | None = None,
        reference: str = "adaptive",
        smearing: float = 0.3,
        n_modes: int = 32,
        regularizations: Sequence[float] = tuple(10.0 ** np.arange(-7, 0.5, 0.5)),
        penalties: Sequence[float] = (0.0, 0.001, 0.01, 0.1),
        valence: Mapping[str, float] | None = None,
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
        if radial_basis is not None:
            check_size(descriptor, radial_basis)
        self.descriptor = descriptor
        self.radial_basis = radial_basis
        self.grid = grid
        self.reference = reference
        self.smearing = as_positive(smearing, "smearing")
        self.n_modes = int(n_modes)
        self.regularizations = tuple(float(r) for r in regularizations)
        self.penalties = tuple(float(p) for p in penalties)
        self.valence = dict(valence) if valence else None
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
            Mean features of the structures by ``descriptor``, where they are known already.

        Returns
        -------
        DOSModel
            The model itself.

        Raises
        ------
        ValueError
            If there are fewer than three structures, counts differ, valences contradict, the grid
            begins inside the bands or ends where no target is known, or DOS of different
            broadening are mixed.
        """
        targets = self._targets(frames, states)
        if len(targets) < 3:
            raise ValueError(f"training set: expected at least 3 structures, got {len(targets)}")
        counts = self._species_counts(frames)
        valence = self._valences(counts, np.array([t.n_electrons for t in targets]))
        n_atoms = counts.sum(axis=1)
        if features is None:
            features = self.mean_features(frames)
        features = as_array(features, "features", (len(targets), self.descriptor.n_features))
        self.descriptor_ = self.descriptor
        if self.radial_basis is not None:
            total = n_atoms @ features
            self.descriptor_ = principal_functions(self.descriptor, total, self.radial_basis)
            features = self.descriptor_.contract(features)
        origin = self._origin(targets)
        self.grid_ = self.grid or self._default_grid(targets, origin)
        _check_grid(self.grid_, targets, origin)
        ridge = Ridge.decompose(features, counts / n_atoms[:, None])
        problem = Problem(ridge, targets, n_atoms, self.grid_.energies, origin)
        best, self.history_ = choose(
            problem, np.array(self.regularizations), self.penalties, self.reference == "adaptive"
        )
        self.shifts_ = best.shifts
        self._solve(problem, best)
        self.info = self._header(frames, targets, valence, best)
        self.info["hash"] = digest(self.info, self._arrays())
        return self

    def record_validation(self, report: Evaluation) -> None:
        """Keep the errors on a validation set in the header of the model file."""
        self._require_training()
        self.info["validation"] = {
            "n_structures": len(report.prediction),
            "rmse": report.rmse,
            "percent_rmse": report.percent_rmse,
        }
        self.info["hash"] = digest(self.info, self._arrays())

    def mean_features(self, frames: Sequence[Atoms]) -> NDArray:
        """Features averaged over the atoms of each frame, (frames, features)."""
        return np.array([self.descriptor.compute(atoms).mean(axis=0) for atoms in frames])

    def _targets(self, frames: Sequence[Atoms], states: Sequence) -> list[DOSTarget]:
        if len(frames) != len(states):
            raise ValueError(
                f"expected one set of states per frame, got {len(states)} for {len(frames)}"
            )
        for number, one in enumerate(states):
            if isinstance(one, DOS) and one.smearing != self.smearing:
                raise ValueError(
                    f"structure {number}: its DOS is broadened by {one.smearing:g} eV, the model "
                    f"by {self.smearing:g} eV; give DOS(..., smearing=) and DOSModel(..., "
                    "smearing=) the same value"
                )
        return [
            target_from_dos(one) if isinstance(one, DOS) else target_from_states(one, self.smearing)
            for one in states
        ]

    def _species_counts(self, frames: Sequence[Atoms]) -> NDArray:
        species = np.array(self.species)
        return np.array([(atoms.numbers[:, None] == species).sum(axis=0) for atoms in frames])

    def _valences(self, counts: NDArray, electrons: NDArray) -> NDArray:
        """Electrons that each species brings, given or from the structures' electron counts."""
        symbols = [chemical_symbols[z] for z in self.species]
        if self.valence is not None:
            missing = sorted(set(symbols) - set(self.valence))
            if missing:
                raise ValueError(f"valence: expected {', '.join(symbols)}, got none for {missing}")
            valence = np.array([float(self.valence[symbol]) for symbol in symbols])
        else:
            valence, _, rank, _ = np.linalg.lstsq(counts.astype(float), electrons, rcond=None)
            if rank < len(symbols):
                raise ValueError(
                    f"training set: the compositions do not tell the valences of "
                    f"{', '.join(symbols)} apart; give DOSModel(..., valence={{...}})"
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
            "format": FORMAT,
            "version": __version__,
            "kind": "ridge",
            "descriptor": self.descriptor_.to_dict(),
            "species": [chemical_symbols[z] for z in self.species],
            "valence": [float(v) for v in valence],
            "grid": {"start": self.grid_.start, "step": self.grid_.step, "size": self.grid_.size},
            "smearing": self.smearing,
            "reference": self.reference,
            "regularization": best.regularization,
            "shift_penalty": best.penalty,
            "n_structures": len(targets),
            "training_set_hash": _hash_training_set(frames, targets),
            "leave_one_out_rmse": float(np.min(errors)),
        }

    # Prediction

    def predict(self, atoms: Atoms, *, dtype: Any = np.float64) -> LocalDOS:
        """Local DOS of every atom, energies on the model's axis.

        Parameters
        ----------
        atoms : Atoms
            The structure.
        dtype : {float64, float32}
            Type that features are calculated in (numba backend). Single precision changes the DOS
            by about 1e-6 of its size.

        Raises
        ------
        ValueError
            If the model is not trained, or the structure holds unknown species or bad positions.
        """
        self._require_training()
        one_hot = (atoms.numbers[:, None] == np.array(self.species)).astype(float)
        return LocalDOS(
            np.hstack([one_hot, self.descriptor_.linear_map(atoms, self.weights_, dtype=dtype)]),
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
        write_model(path, self.info, self._arrays())

    @classmethod
    def load(cls, name_or_path: str | Path) -> DOSModel:
        """Read a shipped model by name, or a model file by path.

        Raises
        ------
        ValueError
            If there is no such model, or the file is damaged or from a newer release.
        """
        info, arrays = read_model(find_model(name_or_path))
        grid = EnergyGrid(**info["grid"])
        model = cls(
            SOAP.from_dict(info["descriptor"]), grid,
            reference=info["reference"], smearing=info["smearing"],
            n_modes=len(arrays["modes"]),
        )  # fmt: skip
        model.descriptor_ = model.descriptor
        model.grid_ = grid
        model.info = info
        model.weights_, model.modes_, model.species_terms_ = (arrays[name] for name in _ARRAYS)
        return model

    def _arrays(self) -> dict[str, NDArray]:
        return dict(zip(_ARRAYS, (self.weights_, self.modes_, self.species_terms_), strict=True))


def _check_grid(grid: EnergyGrid, targets: Sequence[DOSTarget], origin: NDArray) -> None:
    """Refuse a grid that misses the bottom of the bands, or energies that nobody knows."""
    bottom = min(
        target.dos(target.nodes).filling_energy(1e-3) - shift
        for target, shift in zip(targets, origin, strict=True)
    )
    top = max(target.valid_to - shift for target, shift in zip(targets, origin, strict=True))
    if grid.start > bottom:
        raise ValueError(
            f"energy grid: begins at {grid.start:.2f} eV, inside the bands, which begin at "
            f"{bottom:.2f} eV; let it begin lower (0 is the mean Fermi level)"
        )
    if grid.stop > top:
        raise ValueError(
            f"energy grid: ends at {grid.stop:.2f} eV, but no target is known above {top:.2f} eV; "
            "let it end lower or compute more bands"
        )


def _hash_training_set(frames: Sequence[Atoms], targets: Sequence[DOSTarget]) -> str:
    checksum = hashlib.sha256()
    for atoms, target in zip(frames, targets, strict=True):
        structure = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
        for array in (*structure, target.values):
            checksum.update(np.ascontiguousarray(array).tobytes())
    return checksum.hexdigest()[:16]
