"""Model of the density of states: a tight-binding Hamiltonian, and a regression on its errors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_dos.io.model_file import find_model, read_model
from ase_dos.io.trained_model import TrainedModel
from ase_dos.model.evaluation import Evaluation, evaluate_structures
from ase_dos.model.header import header
from ase_dos.model.like_structures import LikeStructures, as_groups
from ase_dos.model.options import ModelOptions
from ase_dos.model.tight_binding.hamiltonian_model import HamiltonianModel
from ase_dos.model.tight_binding.kernel_polynomial_model import KernelPolynomialModel
from ase_dos.model.tight_binding.options import TightBindingOptions
from ase_dos.model.tight_binding.predictor import TightBindingPredictor
from ase_dos.model.tight_binding.training import TightBindingTraining, train_residual
from ase_dos.model.training_set import States, make_targets
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.ensemble import DOSEnsemble
from ase_dos.spectra.local_dos import LocalDOS, warn_of_novelty
from ase_dos.tight_binding.hamiltonian import TightBindingHamiltonian
from ase_dos.utils.checks import as_count

if TYPE_CHECKING:
    from ase.dft.kpoints import BandPath
    from ase.spectrum.band_structure import BandStructure

__all__ = ["TightBindingModel"]

KIND = "tight_binding"


class TightBindingModel(
    TrainedModel[TightBindingOptions, TightBindingPredictor, TightBindingTraining]
):
    """Density of states of a fitted Hamiltonian, plus a sum of local densities for its errors.

    A Hamiltonian has what a sum of local densities lacks: dispersion, and all that reaches far. It
    costs a diagonalisation at many k-points. What it misses is smooth and small, and is learned as
    `ase_dos.model.DOSModel` learns a whole DOS. The expected errors are those of both together.

    Parameters
    ----------
    hamiltonian : TightBindingHamiltonian
        Fitted to levels (`ase_dos.tight_binding.fitting.fit_hamiltonian`).
    residual : ModelOptions
        Descriptor and hyperparameters of the regression.
    **options
        ``top``, ``width`` and ``noise``, see `ase_dos.model.tight_binding.options`.

    Attributes
    ----------
    options : TightBindingOptions
        Hyperparameters, frozen.
    info : dict
        Header of the model file; empty before the training.

    Raises
    ------
    ValueError
        If an option is out of range, or species of Hamiltonian and descriptor differ.
    """

    def __init__(
        self, hamiltonian: TightBindingHamiltonian, residual: ModelOptions, **options: Any
    ) -> None:
        super().__init__(TightBindingOptions(hamiltonian, residual, **options))

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers that the model knows."""
        return self.options.hamiltonian.form.species

    @property
    def hamiltonian(self) -> TightBindingHamiltonian:
        """Hamiltonian of the trained model: its zero of energy is that of the model."""
        return self.predictor.base.hamiltonian

    @property
    def grid(self) -> EnergyGrid:
        """Energies of the trained model."""
        return self.predictor.grid

    @property
    def smearing(self) -> float:
        """Standard deviation of the Gaussian broadening (eV)."""
        return self.options.residual.smearing

    @property
    def cutoff(self) -> float:
        """Infinite: states reach through the whole cell."""
        return np.inf

    # Training

    def fit(
        self,
        frames: Sequence[Atoms],
        states: States,
        *,
        groups: Sequence[Any] | LikeStructures | None = None,
        checkpoint: str | os.PathLike | None = None,
    ) -> TightBindingModel:
        """Train on structures and their `ElectronicStates` (or `DOS`, already broadened).

        Parameters
        ----------
        frames, states
            ``n`` structures and their eigenvalues or densities of states. The Hamiltonian may have
            been fitted to the same structures; leave-one-out then counts its own errors only as
            they are on structures that it knows, and `calibrate` tells what they are on others.
        groups : (n,) sequence, optional
            As of `ase_dos.model.DOSModel.fit`.
        checkpoint : path, optional
            File (``.npz``) that keeps the DOS of the Hamiltonian for every structure: a training
            that was interrupted, or another regression of the same structures, goes on from there.

        Returns
        -------
        TightBindingModel
            The model itself.

        Raises
        ------
        ValueError
            As `ase_dos.model.DOSModel.fit`; a `ase_dos.utils.structure_errors.StructureError` if a
            structure cannot be described by the Hamiltonian.
        """
        targets = make_targets(states, self.smearing)
        like = None if groups is None else as_groups(groups, len(frames))
        self._training = train_residual(frames, targets, self.options, like, checkpoint)
        self._predictor = self._training.predictor
        described = header(
            self.options.residual,
            frames,
            targets,
            self._training.regression,
            np.arange(len(frames)),
        )
        self.info = described | {"kind": KIND, "options": self.options.to_dict()}
        self._sign()
        return self

    def calibrate(
        self, frames: Sequence[Atoms], states: States, families: Sequence[str] | None = None
    ) -> Evaluation:
        """Set the size of the expected errors by structures outside the training set.

        The errors of these structures are also stored in the header of the model file. Neither
        Hamiltonian nor regression should have seen them.
        """
        report = self.evaluate(frames, states, families)
        self._predictor = self.predictor.calibrated(frames, report.errors.squared)
        self.info["validation"] = report.header()
        self._sign()
        return report

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
        targets = make_targets(states, self.smearing)
        return evaluate_structures(self.predictor.undivided, frames, targets, families)

    # Prediction

    def with_mesh(
        self, atoms: Atoms, mesh: tuple[int, int, int] | None = None
    ) -> TightBindingModel:
        """Return the same with one mesh of k-points for good, for dynamics of a structure.

        See `ase_dos.model.tight_binding.HamiltonianModel.with_mesh`.
        """
        base = self.predictor.base.with_mesh(atoms, mesh)
        return self._with_base(base, mesh=base.info["mesh"])

    def with_kernel_polynomials(self, error: float = 0.02, seed: int = 0) -> TightBindingModel:
        """Return the same for large structures: no levels, but random vectors.

        `predict` then gives the DOS of whole structures with its standard error, and that of
        chosen atoms without one. See `ase_dos.model.tight_binding.KernelPolynomialModel`.

        Parameters
        ----------
        error : float
            Root-mean-square error that the vectors may leave (states eV^-1/2 per atom).
        seed : int
            Of the vectors.
        """
        base = self.predictor.base.with_kernel_polynomials(error, seed)
        return self._with_base(base, kernel_polynomials={"error": base.error, "seed": base.seed})

    def _with_base(
        self, base: HamiltonianModel | KernelPolynomialModel, **described: Any
    ) -> TightBindingModel:
        """Return the same with another way from the Hamiltonian to its DOS."""
        model = TightBindingModel.from_options(self.options)
        model._predictor = replace(self.predictor, base=base)
        model.info = self.info | described
        model._sign()
        return model

    def predict(self, atoms: Atoms, which: NDArray | None = None) -> LocalDOS:
        """Local DOS of every atom, or of the atoms with the indices ``which``.

        Raises
        ------
        ValueError
            If the model is not trained, a species is unknown, two atoms are far closer than any of
            the training set, the structure is too large to be diagonalised, or no mesh of k-points
            is dense enough.

        Warns
        -----
        NoveltyWarning
            If the surroundings of an atom are unlike those of the training set.
        """
        local = self.predictor.predict(atoms, which)
        warn_of_novelty(local)
        return local

    def predict_ensemble(self, atoms: Atoms, n_members: int = 64, seed: int = 0) -> DOSEnsemble:
        """Total DOS with its uncertainty, as `ase_dos.model.DOSModel.predict_ensemble`."""
        return self.predictor.predict_ensemble(atoms, as_count(n_members, "n_members", 2), seed)

    def differentiate(
        self, atoms: Atoms, weights: ArrayLike, groups: NDArray | None = None
    ) -> tuple[NDArray, NDArray]:
        """Differentiate a linear functional of the DOS, sum_E weights(E) g(E).

        See `ase_dos.model.DOSPredictor.differentiate`. The mesh of k-points stays as it is: see
        `with_mesh`.
        """
        return self.predictor.differentiate(atoms, weights, groups)

    def band_structure(self, atoms: Atoms, path: BandPath | str | None = None) -> BandStructure:
        """Bands of the Hamiltonian along a path, without the regression.

        See `ase_dos.tight_binding.TightBindingHamiltonian.band_structure`.
        """
        return self.hamiltonian.band_structure(atoms, path)

    # Files

    @classmethod
    def load(cls, name_or_path: str | os.PathLike) -> TightBindingModel:
        """Read a shipped model by name, or a model file by path.

        Raises
        ------
        ValueError
            If there is no such model, or the file is damaged, of a newer release or another kind.
        """
        info, arrays = read_model(find_model(name_or_path, KIND), KIND)
        options = TightBindingOptions.from_dict(info["options"], arrays["parameters"])
        model = cls.from_options(options)
        model.info = info
        model._predictor = TightBindingPredictor.restored(options, info, arrays)
        return model
