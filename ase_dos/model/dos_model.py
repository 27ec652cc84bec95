"""Model of the density of states: descriptor, regressor, energy modes and weights."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ase_dos.descriptors.soap import SOAP
from ase_dos.io.model_file import find_model, read_model
from ase_dos.io.trained_model import TrainedModel
from ase_dos.model.evaluation import Evaluation, evaluate_structures
from ase_dos.model.header import header, options_in
from ase_dos.model.like_structures import LikeStructures, as_groups
from ase_dos.model.metatomic.loading import load_metatomic
from ase_dos.model.metatomic.model import MetatomicModel
from ase_dos.model.options import ModelOptions
from ase_dos.model.predictor import Predictor
from ase_dos.model.repeats import RepeatedStructures
from ase_dos.model.training import Training, train
from ase_dos.model.training_remarks import (
    TrainingSetWarning,
    lacks_boundaries,
    structure_label,
    training_set_remarks,
    validation_remarks,
    warn_of_boundaries,
)
from ase_dos.model.training_set import States, TrainingFeatures, make_targets
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.ensemble import DOSEnsemble
from ase_dos.spectra.local_dos import LocalDOS, warn_of_novelty
from ase_dos.spectra.target import DOSTarget
from ase_dos.utils.structure_errors import StructureError

__all__ = ["DOSModel"]

KIND = "dos"


class DOSModel(TrainedModel[ModelOptions, Predictor, Training]):
    """Sum of local densities of states that follow from the features of each atom.

    `ase_dos.model.predictor.Predictor` has the formula. Its weights and the energy reference of
    the training structures are fitted together (`ase_dos.fit.energy_reference`).

    Parameters
    ----------
    descriptor : SOAP
        Features of the atoms.
    grid : EnergyGrid, optional
        Energies of the model; by default they follow from the training set.
    **options
        Other hyperparameters, as `ase_dos.model.options.ModelOptions` lists them:
        ``regressor``, ``reference``, ``smearing``, ``headroom``, ``n_modes``, ``metric``,
        ``radial_basis``, ``count_below``, ``regularizations``, ``penalties``, ``valence``,
        ``spin``.

    Attributes
    ----------
    options : ModelOptions
        Hyperparameters, frozen. The model file holds them whole, so that a loaded model trains
        again as it was trained.
    info : dict
        Header of the model file; empty before the training.

    Raises
    ------
    ValueError
        If an option is out of range.
    """

    def __init__(self, descriptor: SOAP, grid: EnergyGrid | None = None, **options: Any) -> None:
        super().__init__(ModelOptions(descriptor, grid, **options))

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers that the model knows."""
        return self.options.descriptor.species

    @property
    def descriptor(self) -> SOAP:
        """Descriptor of the trained model: that of the options, with its radial basis."""
        return self.predictor.descriptor

    @property
    def grid(self) -> EnergyGrid:
        """Energies of the trained model."""
        return self.predictor.grid

    @property
    def smearing(self) -> float:
        """Standard deviation of the Gaussian broadening (eV)."""
        return self.options.smearing

    @property
    def cutoff(self) -> float:
        """Radius of the environment of an atom (Angstrom)."""
        return self.options.descriptor.cutoff

    # Training

    def fit(
        self,
        frames: Sequence[Atoms],
        states: States,
        *,
        features: Sequence[NDArray] | None = None,
        groups: Sequence[Any] | LikeStructures | None = None,
    ) -> DOSModel:
        """Train on structures and their `ElectronicStates` (or `DOS`, already broadened).

        Parameters
        ----------
        frames : sequence of Atoms
            ``n`` structures. What is given again, with the same states, counts once.
        states : sequence of ElectronicStates or DOS
            Their eigenvalues or densities of states. For several trainings on the same structures,
            what `ase_dos.model.training_set.make_targets` made of these saves time.
        features : sequence of (atoms, n_features) arrays, optional
            Features of the atoms of every structure by ``descriptor``, where they are known.
        groups : (n,) sequence, optional
            A label for each structure. Structures of one group are left out together wherever
            leave-one-out decides: choice of the regularisation, expected errors, novelty. By
            default near copies and neighbouring frames of a run are found and grouped
            (`ase_dos.model.like_structures`).

        Returns
        -------
        DOSModel
            The model itself.

        Raises
        ------
        ValueError
            If there are fewer than three structures, counts differ, valences contradict, the grid
            begins inside the bands or ends where no target is known, there is no gap at
            ``count_below``, DOS of different broadening are mixed, or all structures are of one
            group. What is wrong with single structures is a
            `ase_dos.utils.structure_errors.StructureError` with their ``indices``.
        ImportError
            If a network is to be trained without PyTorch.

        Warns
        -----
        TrainingSetWarning
            If structures are given twice, with the same states or with others, contradict the
            others (`ase_dos.fit.outliers`), or are not periodic but have levels at several
            k-points.
        """
        targets = self._targets(frames, states)
        pairs = enumerate(zip(frames, states, strict=True))
        warn_of_boundaries(
            [structure_label(one, i) for i, (one, its) in pairs if lacks_boundaries(one, its)]
        )
        like = None if groups is None else as_groups(groups, len(frames))
        if features is not None and len(features) != len(frames):
            raise ValueError(f"features: expected {len(frames)} arrays, got {len(features)}")
        repeats = RepeatedStructures.of(frames, targets)
        kept = repeats.kept
        distinct = TrainingFeatures(
            self.options.descriptor,
            [frames[i] for i in kept],
            None if features is None else [features[i] for i in kept],
        )
        try:
            training = train(
                distinct, [targets[i] for i in kept], self.options, like and like.part(kept)
            )
        except StructureError as error:
            raise StructureError([int(kept[i]) for i in error.indices], error.reason) from error
        self._training = training.of_given(kept, repeats.place)
        self._predictor = training.predictor
        self.info = header(self.options, frames, targets, self._training, kept)
        self._sign()
        for text in training_set_remarks(frames, targets, self._training, repeats):
            warnings.warn(text, TrainingSetWarning, stacklevel=2)
        return self

    def compute_features(self, frames: Sequence[Atoms]) -> list[NDArray]:
        """Features of the atoms of every frame, for several trainings on the same frames."""
        return list(TrainingFeatures(self.options.descriptor, frames))

    def calibrate(
        self, frames: Sequence[Atoms], states: States, families: Sequence[str] | None = None
    ) -> Evaluation:
        """Set the size of the expected errors by structures outside the training set.

        The errors of these structures are also stored in the header of the model file. Without
        this call, leave-one-out errors of the training set decide on the size.

        Warns
        -----
        TrainingSetWarning
            If these errors are far above those of leave-one-out.
        """
        report = self.evaluate(frames, states, families)
        self._predictor = self.predictor.calibrated(frames, report.errors.squared)
        self.info["validation"] = report.header()
        self._sign()
        for text in validation_remarks(report, self.info["leave_one_out_rmse"]):
            warnings.warn(text, TrainingSetWarning, stacklevel=2)
        return report

    def refitted(
        self, frames: Sequence[Atoms], states: States, *, groups: Sequence[Any] | None = None
    ) -> DOSModel:
        """Return a model trained in the same way on more structures.

        After `calibrate`, its structures can be used for the training as well. Their errors stay
        in the header, marked as those of another training. Leave-one-out errors then decide on
        the size of the expected errors.

        Parameters
        ----------
        frames, states
            As in `fit`: the training set and the structures that were given to `calibrate`.
        groups : (n,) sequence, optional
            As in `fit`.

        Returns
        -------
        DOSModel
            Another model; this one does not change.

        Raises
        ------
        ValueError
            As `fit`.
        """
        model = DOSModel.from_options(self.options).fit(frames, states, groups=groups)
        if "validation" in self.info:
            model.info["validation"] = {**self.info["validation"], "refitted": True}
            model._sign()
        return model

    def _targets(self, frames: Sequence[Atoms], states: States) -> list[DOSTarget]:
        if len(frames) != len(states):
            raise ValueError(
                f"expected one set of states per frame, got {len(states)} for {len(frames)}"
            )
        return make_targets(states, self.smearing)

    # Prediction

    def predict(
        self, atoms: Atoms, which: NDArray | None = None, *, dtype: DTypeLike = np.float64
    ) -> LocalDOS:
        """Local DOS of every atom, energies on the model's axis.

        Parameters
        ----------
        atoms : Atoms
            The structure.
        which : (n,) int array, optional
            Indices of the atoms to predict; all by default.
        dtype : {float64, float32}
            Type that features are calculated in (numba backend). Single precision changes the DOS
            by about 1e-6 of its size.

        Raises
        ------
        ValueError
            If the model is not trained, or the structure holds unknown species or bad positions.

        Warns
        -----
        NoveltyWarning
            If the novelty of an atom exceeds 1 (see `LocalDOS`): its surroundings are unlike those
            of the training set.
        """
        local = self.predictor.predict(atoms, which=which, dtype=dtype)
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
        return self.predictor.predict_ensemble(atoms, n_members, seed)

    def differentiate(
        self,
        atoms: Atoms,
        weights: ArrayLike,
        groups: NDArray | None = None,
        *,
        dtype: DTypeLike = np.float64,
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
        return self.predictor.differentiate(atoms, weights, groups, dtype=dtype)

    def evaluate(
        self, frames: Sequence[Atoms], states: States, families: Sequence[str] | None = None
    ) -> Evaluation:
        """Compare predictions with eigenvalues (or DOS) of the same structures, aligned.

        Raises
        ------
        ValueError
            If there is no structure, or one cannot be predicted or compared; the message says
            which.
        """
        return evaluate_structures(
            self.predictor.predict, frames, self._targets(frames, states), families
        )

    # Files

    @staticmethod
    def from_metatomic(
        path: str | os.PathLike, output: str = "mtt::dos", **options: Any
    ) -> MetatomicModel:
        """Load a model of another program, which predicts but does not fit.

        Parameters, result and errors are those of `ase_dos.model.load_metatomic`.
        """
        return load_metatomic(path, output, **options)

    @classmethod
    def load(cls, name_or_path: str | os.PathLike) -> DOSModel:
        """Read a shipped model by name, or a model file by path.

        Raises
        ------
        ValueError
            If there is no such model, or the file is damaged, of a newer release or another kind.
        """
        info, arrays = read_model(find_model(name_or_path, KIND), KIND)
        model = cls.from_options(options_in(info, len(arrays["modes"])))
        model.info, model._predictor = info, Predictor.restored(info, arrays)
        return model
