"""Model of the electron density of molecules: from structures and densities to predictions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos._version import __version__
from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.density import Density
from ase_dos.density.evaluation import DensityEvaluation, evaluate_densities
from ase_dos.density.left_out_errors import one_sigma
from ase_dos.density.novelty import novelty
from ase_dos.density.options import DensityOptions
from ase_dos.density.predictor import DensityPredictor
from ase_dos.density.training import DensityTraining, train
from ase_dos.density.training_set import check_molecule, check_training_set, training_set_hash
from ase_dos.descriptors.lambda_soap import LambdaSOAP
from ase_dos.fit.left_out import alone, group_labels
from ase_dos.io.model_file import FORMAT, find_model, read_model
from ase_dos.io.trained_model import TrainedModel
from ase_dos.utils.checks import as_choice
from ase_dos.utils.novelty import warn_of_novel_atoms
from ase_dos.utils.structure_errors import of_structure

__all__ = ["DensityModel"]

KIND = "density"


class DensityModel(TrainedModel[DensityOptions, DensityPredictor, DensityTraining]):
    """Coefficients of an auxiliary basis that follow from the surroundings of each atom.

    Parameters
    ----------
    descriptor : LambdaSOAP
        Covariant features of the atoms.
    basis : AuxiliaryBasis or str
        That of the densities; a name is looked up in PySCF.
    **options
        Other hyperparameters, as `ase_dos.density.options.DensityOptions` lists them: ``metric``,
        ``electron_number``, ``n_points``, ``zeta``, ``max_weights``,
        ``max_candidates``, ``regularizations``, ``n_members``.

    Attributes
    ----------
    options : DensityOptions
        Hyperparameters, frozen. The model file holds them whole, so that a loaded model trains
        again as it was trained.
    info : dict
        Header of the model file; empty before the training.

    Raises
    ------
    ValueError
        If an option is out of range.
    """

    def __init__(
        self,
        descriptor: LambdaSOAP,
        basis: AuxiliaryBasis | str = "def2-universal-jkfit",
        **options: Any,
    ) -> None:
        if isinstance(basis, str):
            basis = AuxiliaryBasis.from_pyscf(basis, species=descriptor.species)
        super().__init__(DensityOptions(descriptor, basis, **options))

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers that the model knows."""
        return self.options.descriptor.species

    def fit(
        self,
        frames: Sequence[Atoms],
        densities: Sequence[Density],
        *,
        groups: Sequence[Any] | str | None = None,
        validation: tuple[Sequence[Atoms], Sequence[Density]] | None = None,
        progress: bool = True,
    ) -> DensityModel:
        """Train on molecules and their densities.

        Parameters
        ----------
        frames : sequence of Atoms
            ``n`` molecules.
        densities : sequence of Density
            Their densities, such as `ase_dos.density.fitting.fit_density` makes.
        groups : (n,) sequence or "composition", optional
            A label for each molecule, or those of one composition have the same: molecules of one
            group are left out together wherever leave-one-out decides. By default each is left out
            alone.
        validation : (frames, densities), optional
            Molecules outside the training set, as `calibrate` takes them.
        progress : bool
            Whether to show progress bars on a terminal.

        Returns
        -------
        DensityModel
            The model itself.

        Raises
        ------
        ValueError
            If counts differ, or there are fewer than three molecules. What is wrong with single
            ones (periodic, another basis, another number of electrons, equal geometry with
            another density) is a `ase_dos.utils.structure_errors.StructureError`.
        """
        check_training_set(frames, densities, self.options)
        labels = _labels(groups, frames)
        self._training = train(frames, densities, self.options, labels, progress)
        self._predictor = self._training.predictor
        errors = self._training.left_out_errors
        self.info = {
            "format": FORMAT,
            "kind": KIND,
            "version": __version__,
            "options": self.options.to_dict(),
            "species": [chemical_symbols[z] for z in self.species],
            "regularization": self._training.regularization,
            "n_structures": len(frames),
            "n_groups": int(labels.max()) + 1,
            "n_weights": self.predictor.layout.size,
            "training_set_hash": training_set_hash(frames, densities),
            "leave_one_out_percent": float(np.sqrt(np.mean(errors**2))),
        }
        self._sign()
        if validation is not None:
            self.calibrate(*validation)
        return self

    def calibrate(self, frames: Sequence[Atoms], densities: Sequence[Density]) -> DensityEvaluation:
        """Set the size of the expected errors by dipole moments outside the training set.

        Without this call, leave-one-out errors of the dipole moments of the training set decide
        on it.

        Parameters
        ----------
        frames, densities
            As in `fit`.
        """
        report = self.evaluate(frames, densities)
        learned = self.predictor
        spread = learned.spread * one_sigma(report.dipole_scores)
        self._predictor = replace(learned, spread=spread)
        self.info["validation"] = {
            "n_structures": len(frames),
            "coulomb_percent": float(np.sqrt(np.mean(report.coulomb**2))),
            "dipole_debye": report.dipole_error,
        }
        self._sign()
        return report

    def predict(self, atoms: Atoms, charge: float = 0.0) -> Density:
        """Density of a molecule, with the members of its ensemble.

        Parameters
        ----------
        atoms : Atoms
            The molecule, not periodic.
        charge : float
            Total charge (e).

        Raises
        ------
        ValueError
            If the model is not trained; the structure is periodic, holds unknown species or bad
            positions; or it says that it has another charge.

        Warns
        -----
        NoveltyWarning
            If atoms have surroundings unlike those of the training set.
        """
        check_molecule(atoms, charge)
        density, novelty = self.predictor.predict(atoms, float(charge))
        warn_of_novel_atoms(
            novelty,
            "the density may be wrong; the spread of its members says by how much",
            stacklevel=2,
        )
        return density

    def novelty(self, atoms: Atoms) -> NDArray:
        """Distance (atoms,) of the surroundings of each atom from those of the training set.

        In units of the largest distance of a training molecule from the others: above 1, an
        extrapolation.
        """
        learned = self.predictor
        surroundings = self.options.descriptor.points(atoms)
        return novelty(learned.kernel, learned.novelty_limits, surroundings)

    def evaluate(self, frames: Sequence[Atoms], densities: Sequence[Density]) -> DensityEvaluation:
        """Compare predictions with known densities.

        Parameters
        ----------
        frames, densities
            As in `fit`; charges are those of the densities.

        Raises
        ------
        ValueError
            As `predict`; of a molecule it says which.
        """
        if not len(frames):
            raise ValueError("evaluation: expected at least one molecule, got none")
        if len(frames) != len(densities):
            raise ValueError(
                f"expected one density per frame, got {len(densities)} for {len(frames)}"
            )
        predictions = []
        for index, (atoms, density) in enumerate(zip(frames, densities, strict=True)):
            with of_structure(index):
                check_molecule(atoms, density.charge)
                predictions.append(self.predictor.predict(atoms, density.charge)[0])
        return evaluate_densities(densities, predictions)

    # Files

    @classmethod
    def load(cls, name_or_path: str | os.PathLike) -> DensityModel:
        """Read a shipped model by name, or a model file by path.

        Raises
        ------
        ValueError
            If there is no such model, the file is damaged, or holds a model of something else.
        """
        info, arrays = read_model(find_model(name_or_path, KIND), KIND)
        model = cls.from_options(DensityOptions.from_dict(info["options"]))
        model.info, model._predictor = info, DensityPredictor.restored(model.options, arrays)
        return model


def _labels(groups: Sequence[Any] | str | None, frames: Sequence[Atoms]) -> NDArray:
    """Labels (n,) of the groups that are left out together."""
    if groups is None:
        return alone(len(frames))
    if isinstance(groups, str):
        as_choice(groups, "groups", ("composition",))
        groups = [atoms.get_chemical_formula() for atoms in frames]
    return group_labels(groups, len(frames))
