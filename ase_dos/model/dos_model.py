"""The model: descriptor, regressor, energy modes and weights, trained on eigenvalues or DOS."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from ase_dos._version import __version__
from ase_dos.descriptors.radial_basis import check_size
from ase_dos.descriptors.soap import SOAP
from ase_dos.fit.metric import METRICS
from ase_dos.fit.network import Network
from ase_dos.fit.posterior import recalibrated
from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.io.model_file import (
    FORMAT,
    digest,
    find_model,
    read_model,
    shipped_models,
    write_model,
)
from ase_dos.model.evaluation import Evaluation, evaluate_predictions
from ase_dos.model.predictor import Predictor, as_stored, warn_of_novelty
from ase_dos.model.training import Environments, Trained, make_targets, train
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.ensemble import DOSEnsemble
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.spectra.target import DOSTarget
from ase_dos.utils.checks import as_array, as_positive

__all__ = ["REFERENCES", "DOSModel", "hash_training_set", "shipped_models"]

REFERENCES = ("adaptive", "fermi", "average_potential")
REGRESSORS = ("ridge", "kernel", "network")


class DOSModel:
    """Sum of local densities of states that follow from the features of each atom.

    `Predictor` says how. Its weights and the energy reference of the training structures are
    fitted together (`ase_dos.fit.energy_reference`).

    Parameters
    ----------
    descriptor : SOAP
        Features of the atoms.
    grid : EnergyGrid, optional
        Energies of the model, 0 at the mean Fermi level of the training set. By default from
        below the lowest band to ``headroom`` (or where half of the targets end), in steps of
        smearing / 6.
    headroom : float
        Top of the default grid (eV). Electrons of temperature T need some 13 kT.
    regressor : {"ridge", "kernel", "network"}, SparseKernel or Network
        By name with default hyperparameters. Networks need PyTorch for training.
    radial_basis : int, optional
        Radial functions to keep for every species and l: the principal components of the
        training set (see `ase_dos.descriptors.radial_basis`). By default all of the descriptor's.
    reference : {"adaptive", "fermi", "average_potential"}
        Energy reference of the training structures: optimised with the model, their Fermi
        levels, or the zero of the DFT program (the average potential in plane-wave and PAW
        codes).
    smearing : float
        Standard deviation of the Gaussian broadening of eigenvalues (eV).
    n_modes : int, optional
        Energy modes kept: principal components of the aligned targets. With None the weights of
        every grid energy are kept.
    metric : {"dos", "cumulative", "mix"}
        What counts as an error (`ase_dos.fit.metric`).
    count_below : float, optional
        Energy (eV) in a gap that every structure has: the electrons below it, the same for every
        atom of a species, are then exact in every prediction.
    regularizations : sequence of float
        Candidates, relative to the mean eigenvalue of the Gram matrix of the features;
        leave-one-out chooses.
    penalties : sequence of float
        Candidates for the penalty on adaptive shifts (states^2/eV^3 per atom^2), chosen in the
        same way; the first is the one that the regularisation is chosen with.
    valence : mapping of str to float, optional
        Valence electrons by chemical symbol; needed only where the compositions of the training
        set do not tell them apart.

    Attributes
    ----------
    predictor_ : Predictor
        What was learned.
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
        headroom: float = 14.0,
        regressor: str | SparseKernel | Network = "ridge",
        radial_basis: int | None = None,
        reference: str = "adaptive",
        smearing: float = 0.3,
        n_modes: int | None = 32,
        metric: str = "mix",
        count_below: float | None = None,
        regularizations: Sequence[float] = tuple(10.0 ** np.arange(-7, 0.5, 0.5)),
        penalties: Sequence[float] = (0.01, 0.0, 0.001, 0.1),
        valence: Mapping[str, float] | None = None,
    ) -> None:
        _check_choice(reference, "reference", REFERENCES)
        _check_choice(metric, "metric", METRICS)
        if not isinstance(regressor, (SparseKernel, Network)):
            _check_choice(regressor, "regressor", REGRESSORS)
        if n_modes is not None and int(n_modes) < 1:
            raise ValueError(f"n_modes: expected 1 or more, got {n_modes}")
        if not len(regularizations) or not (np.asarray(regularizations) > 0).all():
            raise ValueError(f"regularizations: expected numbers > 0, got {regularizations}")
        if not len(penalties) or not (np.asarray(penalties) >= 0).all():
            raise ValueError(f"penalties: expected numbers >= 0, got {penalties}")
        if radial_basis is not None:
            check_size(descriptor, radial_basis)
        self.descriptor = descriptor
        named = {"kernel": SparseKernel, "network": Network}
        self.regressor: str | SparseKernel | Network = regressor
        if isinstance(regressor, str) and regressor in named:
            self.regressor = named[regressor]()
        self.radial_basis = radial_basis
        self.grid = grid
        self.headroom = as_positive(headroom, "headroom")
        self.reference = reference
        self.smearing = as_positive(smearing, "smearing")
        self.n_modes = None if n_modes is None else int(n_modes)
        self.metric = metric
        self.count_below = (
            None if count_below is None else float(as_array(count_below, "count_below", ()))
        )
        self.regularizations = tuple(float(r) for r in regularizations)
        self.penalties = tuple(float(p) for p in penalties)
        self.valence = dict(valence) if valence else None
        self.info: dict[str, Any] = {}

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers that the model knows."""
        return self.descriptor.species

    @property
    def descriptor_(self) -> SOAP:
        """Descriptor of the trained model: ``descriptor``, contracted to ``radial_basis``."""
        return self._learned().descriptor

    @property
    def grid_(self) -> EnergyGrid:
        """Energies of the trained model."""
        return self._learned().grid

    # Training

    def fit(self, frames: Sequence[Atoms], states: Sequence, *, features: Sequence | None = None):
        """Train on structures and their `ElectronicStates` (or `DOS`, already broadened).

        Parameters
        ----------
        frames : sequence of Atoms
            ``n`` structures.
        states : sequence of ElectronicStates or DOS
            Their eigenvalues or densities of states. For several trainings on the same structures,
            what `ase_dos.model.training.make_targets` made of these saves time.
        features : sequence of (atoms, n_features) arrays, optional
            Features of the atoms of every structure by ``descriptor``, where they are known.

        Returns
        -------
        DOSModel
            The model itself.

        Raises
        ------
        ValueError
            If there are fewer than three structures, counts differ, valences contradict, the grid
            begins inside the bands or ends where no target is known, there is no gap at
            ``count_below``, or DOS of different broadening are mixed.
        ImportError
            If a network is to be trained without PyTorch.
        """
        targets = self._targets(frames, states)
        trained = train(Environments(self.descriptor, frames, features), targets, self)
        self.predictor_ = Predictor(
            trained.descriptor,
            trained.grid,
            trained.maps,
            trained.solution.weights,
            trained.solution.modes,
            trained.solution.terms,
            np.array(trained.valence),
            self.smearing,
            as_stored(trained.posterior),
            trained.sketch,
            trained.novelty_limit,
        )
        self.shifts_, self.history_ = trained.alignment.shifts, trained.history
        self.info = self._header(frames, targets, trained)
        self._sign()
        return self

    def compute_features(self, frames: Sequence[Atoms]) -> list[NDArray]:
        """Features of the atoms of every frame, for several trainings on the same frames."""
        return [self.descriptor.compute(atoms) for atoms in frames]

    def calibrate(
        self, frames: Sequence[Atoms], states: Sequence, families: Sequence[str] | None = None
    ) -> Evaluation:
        """Take the size of the expected errors from structures outside the training set.

        Their errors are kept in the header of the model file too. Without it, leave-one-out
        errors of the training set say how large errors are.
        """
        report = self.evaluate(frames, states, families)
        learned = self.predictor_
        distances = np.array([learned.distance(atoms) for atoms in frames])
        squared = report.errors.squared / learned.error_unit**2
        posterior = recalibrated(learned.posterior, distances, squared)
        self.predictor_ = replace(learned, posterior=posterior)
        self.info["validation"] = {
            "n_structures": len(report.prediction),
            "rmse": report.rmse,
            "percent_rmse": report.percent_rmse,
        }
        self._sign()
        return report

    def refitted(self, frames: Sequence[Atoms], states: Sequence) -> DOSModel:
        """Return a model trained in the same way on more structures.

        Once `calibrate` has told how good a model is, the structures that told it can be learned
        from too. What they told stays in the header, marked as of another training; the size of
        the expected errors is that of leave-one-out errors.

        Parameters
        ----------
        frames, states
            As in `fit`: the training set and the structures that were given to `calibrate`.

        Returns
        -------
        DOSModel
            Another model; this one stays as it is.

        Raises
        ------
        ValueError
            As `fit`; also if the model was not trained here: a file does not hold all options.
        """
        if not hasattr(self, "history_"):
            raise ValueError("refitted: expected a model that was trained here, not a loaded one")
        model = copy.copy(self)
        model.fit(frames, states)
        if "validation" in self.info:
            model.info["validation"] = {**self.info["validation"], "refitted": True}
            model._sign()
        return model

    def _targets(self, frames: Sequence[Atoms], states: Sequence) -> list[DOSTarget]:
        if len(frames) != len(states):
            raise ValueError(
                f"expected one set of states per frame, got {len(states)} for {len(frames)}"
            )
        return make_targets(states, self.smearing)

    def _header(
        self, frames: Sequence[Atoms], targets: Sequence[DOSTarget], trained: Trained
    ) -> dict[str, Any]:
        how = self.regressor
        chosen = min(self.history_, key=lambda entry: entry["loss"])
        return {
            "format": FORMAT,
            "version": __version__,
            "kind": how if isinstance(how, str) else how.kind,
            "regressor": {} if isinstance(how, str) else asdict(how),
            "maps": [one.header() for one in self.predictor_.maps],
            "descriptor": self.predictor_.descriptor.to_dict(),
            "species": [chemical_symbols[z] for z in self.species],
            "valence": [float(v) for v in trained.valence],
            "grid": asdict(self.predictor_.grid),
            "smearing": self.smearing,
            "reference": self.reference,
            "metric": self.metric,
            "count_below": self.count_below,
            "regularization": trained.alignment.regularization,
            "shift_penalty": trained.alignment.penalty,
            "n_structures": len(targets),
            "training_set_hash": hash_training_set(frames, targets),
            "leave_one_out_rmse": chosen["rmse"],
            "novelty_limit": trained.novelty_limit,
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

        Warns
        -----
        UserWarning
            If atoms have surroundings further from the training set than those in any training
            structure are from the rest of the set: their number, and the worst of them.
        """
        local = self._learned().predict(atoms, dtype=dtype)
        warn_of_novelty(local)
        return local

    def predict_ensemble(self, atoms: Atoms, n_members: int = 64, seed: int = 0) -> DOSEnsemble:
        """Total DOS with its uncertainty, as an ensemble of equally likely densities of states.

        The members of all structures share their weights: member by member they can be
        subtracted or averaged over a trajectory, and the spread of the result is its error.

        Parameters
        ----------
        atoms : Atoms
            The structure.
        n_members : int
            Size of the ensemble.
        seed : int
            Of the random weights.

        Raises
        ------
        ValueError
            As `predict`; also if ``n_members`` is below 2.
        """
        if n_members < 2:
            raise ValueError(f"n_members: expected 2 or more, got {n_members}")
        return self._learned().predict_ensemble(atoms, n_members, seed)

    def differentiate(
        self,
        atoms: Atoms,
        weights: ArrayLike,
        groups: NDArray | None = None,
        *,
        dtype: Any = np.float64,
    ) -> tuple[NDArray, NDArray]:
        """Differentiate a linear functional of the DOS, sum_E weights(E) g(E).

        Parameters
        ----------
        atoms : Atoms
            The structure.
        weights : (n,) or (groups, n) array_like
            On the energies of the model; for the DOS of every group of atoms.
        groups : (atoms,) int array, optional
            Group of every atom; all in the first by default.
        dtype : {float64, float32}
            As in `predict`.

        Returns
        -------
        gradient : (atoms, 3) array
            By the positions, per Angstrom.
        virial : (3, 3) array
            By strain.

        Raises
        ------
        ValueError
            As `predict`; also for another backend than numba.
        """
        return self._learned().differentiate(atoms, weights, groups, dtype=dtype)

    def evaluate(
        self, frames: Sequence[Atoms], states: Sequence, families: Sequence[str] | None = None
    ) -> Evaluation:
        """Compare predictions with eigenvalues (or DOS) of the same structures, aligned."""
        learned = self._learned()
        if not len(frames):
            raise ValueError("evaluation: expected at least one structure, got none")
        targets = self._targets(frames, states)
        predictions = [learned.predict(atoms).total() for atoms in frames]
        return evaluate_predictions(
            targets, predictions, np.array([len(atoms) for atoms in frames]), families
        )

    def _learned(self) -> Predictor:
        if not self.info:
            raise ValueError("the model is not trained; call fit() or DOSModel.load() first")
        return self.predictor_

    # Files

    def save(self, path: str | Path) -> None:
        """Write the model to one ``.npz`` file (replaced in one step)."""
        write_model(path, self.info, self._learned().arrays())

    @classmethod
    def load(cls, name_or_path: str | Path) -> DOSModel:
        """Read a shipped model by name, or a model file by path.

        Raises
        ------
        ValueError
            If there is no such model, or the file is damaged or from a newer release.
        """
        info, arrays = read_model(find_model(name_or_path))
        predictor = Predictor.restored(info, arrays)
        regressor = {"kernel": SparseKernel, "network": Network}.get(info["kind"])
        model = cls(
            predictor.descriptor,
            predictor.grid,
            regressor=regressor(**info["regressor"]) if regressor else info["kind"],
            reference=info["reference"],
            smearing=info["smearing"],
            n_modes=len(predictor.modes),
            metric=info["metric"],
            count_below=info["count_below"],
        )
        model.info, model.predictor_ = info, predictor
        return model

    def _sign(self) -> None:
        self.info["hash"] = digest(self.info, self.predictor_.arrays())


def _check_choice(value: Any, name: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")


def hash_training_set(frames: Sequence[Atoms], targets: Sequence[DOSTarget]) -> str:
    """Checksum of structures and their targets, in their order."""
    checksum = hashlib.sha256()
    for atoms, target in zip(frames, targets, strict=True):
        structure = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
        for array in (*structure, target.values):
            checksum.update(np.ascontiguousarray(array).tobytes())
    return checksum.hexdigest()[:16]
