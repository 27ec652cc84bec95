"""The model: descriptor, regressor, energy modes and weights, trained on eigenvalues or DOS."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from ase_dos._version import __version__
from ase_dos.checks import as_array, as_positive
from ase_dos.compression import check_size
from ase_dos.evaluation import Evaluation, evaluate_predictions
from ase_dos.fit.hidden import Hidden
from ase_dos.fit.kernel import SparseKernel
from ase_dos.fit.metric import METRICS
from ase_dos.fit.network import Network
from ase_dos.fit.posterior import Posterior, recalibrated
from ase_dos.kernels.regression import Layers
from ase_dos.layers import make_layers
from ase_dos.modelfile import FORMAT, digest, find_model, read_model, shipped_models, write_model
from ase_dos.neighbors import NeighborSearch
from ase_dos.soap import SOAP
from ase_dos.spectrum import EnergyGrid, LocalDOS
from ase_dos.targets import DOSTarget
from ase_dos.training import Environments, Trained, make_targets, species_counts, train
from ase_dos.uncertainty import DOSEnsemble

__all__ = ["REFERENCES", "DOSModel", "hash_training_set", "shipped_models"]

REFERENCES = ("adaptive", "fermi", "average_potential")
REGRESSORS = ("ridge", "kernel", "network")
# Atoms of which the deviations from the training set exist at once.
_BLOCK = 4096


class DOSModel:
    """Sum of local densities of states that follow from the features of each atom.

    ``g_i(E) = b_species(E) + sum_k (h(x_i) . W_k) B_k(E)`` with features ``x_i``, ``K`` energy
    modes ``B``, weights ``W`` and a mean ``b`` for every species. The map ``h`` is the identity
    in ridge regression; for every species a kernel with chosen environments, or a hidden layer of
    a network. Weights and energy reference are fitted together (`ase_dos.fit.alignment`).

    Parameters
    ----------
    descriptor : SOAP
        Features of the atoms.
    grid : EnergyGrid, optional
        Energies of the model, 0 at the mean Fermi level of the training set. By default from
        below the lowest band to 14 eV (or where half of the targets end), in steps of smearing / 6.
    regressor : {"ridge", "kernel", "network"}, SparseKernel or Network
        By name with default hyperparameters. Networks need PyTorch for training.
    radial_basis : int, optional
        Radial functions to keep for every species and l: the principal components of the
        training set (see `ase_dos.compression`). By default all of the descriptor's.
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
    descriptor_ : SOAP
        Descriptor of the trained model: ``descriptor``, contracted to ``radial_basis``.
    grid_ : EnergyGrid
        Energies of the trained model.
    maps_ : list of Hidden
        Map ``h`` of every species, or one for all of them.
    weights_ : (outputs, modes) array
        For the outputs of all maps, one after the other.
    modes_ : (modes, energies) array
    species_terms_ : (species, energies) array
    posterior_ : Posterior
        Uncertainty of the weights.
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
        self._layers: dict[tuple, Layers] = {}

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers that the model knows."""
        return self.descriptor.species

    # Training

    def fit(self, frames: Sequence[Atoms], states: Sequence, *, features: Sequence | None = None):
        """Train on structures and their `ElectronicStates` (or `DOS`, already broadened).

        Parameters
        ----------
        frames : sequence of Atoms
            ``n`` structures.
        states : sequence of ElectronicStates or DOS
            Their eigenvalues or densities of states. For several trainings on the same structures,
            what `ase_dos.training.make_targets` made of these saves time.
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
        self.descriptor_, self.grid_ = trained.descriptor, trained.grid
        self.maps_, self.posterior_ = trained.maps, _as_stored(trained.posterior)
        self.modes_, self.weights_ = trained.solution.modes, trained.solution.weights
        self.species_terms_ = trained.solution.terms
        self.shifts_, self.history_ = trained.alignment.shifts, trained.history
        self._sketch = trained.sketch
        self._layers = {}
        self.info = self._header(frames, targets, trained)
        self.info["hash"] = digest(self.info, self._arrays())
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
        distances = np.array([self._distance(atoms) for atoms in frames])
        squared = report.errors.squared / self._error_unit**2
        self.posterior_ = recalibrated(self.posterior_, distances, squared)
        self.info["validation"] = {
            "n_structures": len(report.prediction),
            "rmse": report.rmse,
            "percent_rmse": report.percent_rmse,
        }
        self.info["hash"] = digest(self.info, self._arrays())
        return report

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
            "maps": [hidden.header() for hidden in self.maps_],
            "descriptor": self.descriptor_.to_dict(),
            "species": [chemical_symbols[z] for z in self.species],
            "valence": [float(v) for v in trained.valence],
            "grid": {"start": self.grid_.start, "step": self.grid_.step, "size": self.grid_.size},
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
        local = self._predict(atoms, dtype)
        assert local.novelty is not None
        unknown = int(np.sum(local.novelty > 1.0))
        if unknown:
            worst = int(local.novelty.argmax())
            warnings.warn(
                f"{unknown} of {len(atoms)} atoms have surroundings unlike those the model was "
                f"trained on (the worst is atom {worst}, {local.novelty[worst]:.2g} times as far "
                "out as any there): the DOS may be wrong; predict_ensemble() estimates by how much",
                UserWarning, stacklevel=2,
            )  # fmt: skip
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
        local = self._predict(atoms, np.float64)
        total, lengths = self._deviations(atoms)
        composition = species_counts([atoms], self.descriptor) / len(atoms)
        mean = total[None] / len(atoms)
        draws = self.posterior_.draws(mean, composition, n_members, seed)[0]
        dos = local.total()
        return DOSEnsemble(
            mean=dos,
            values=dos.values + len(atoms) * draws @ self.modes_,
            expected_error=self._error_unit
            * float(self.posterior_.errors(self.posterior_.distances(mean, composition))[0]),
            local_errors=self._error_unit * self.posterior_.errors(lengths),
        )

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
        self._require_training()
        weights = as_array(np.atleast_2d(weights), "weights", (None, self.grid_.size))
        columns = self.weights_ @ (self.modes_ @ weights.T)
        soap = self.descriptor_
        search = NeighborSearch(atoms, soap.cutoff)
        members = np.zeros(len(atoms), np.int64) if groups is None else groups
        if len(self.maps_) > 1:
            kinds = np.searchsorted(self.species, atoms.numbers)
        else:
            kinds = np.zeros(len(atoms), np.int64)
        gradient, virial = np.zeros((len(atoms), 3)), np.zeros((3, 3))
        for kind, group in np.unique(np.stack([kinds, members], axis=1), axis=0):
            layers = self._map_layers(kind, columns[:, group : group + 1])
            which = np.flatnonzero((kinds == kind) & (members == group))
            some, more = soap.differentiate(atoms, layers, search=search, which=which, dtype=dtype)
            gradient += some
            virial += more
        return gradient, virial

    def evaluate(
        self, frames: Sequence[Atoms], states: Sequence, families: Sequence[str] | None = None
    ) -> Evaluation:
        """Compare predictions with eigenvalues (or DOS) of the same structures, aligned."""
        self._require_training()
        if not len(frames):
            raise ValueError("evaluation: expected at least one structure, got none")
        targets = self._targets(frames, states)
        predictions = [self._predict(atoms, np.float64).total() for atoms in frames]
        return evaluate_predictions(
            targets, predictions, np.array([len(atoms) for atoms in frames]), families
        )

    def _require_training(self) -> None:
        if not self.info:
            raise ValueError("the model is not trained; call fit() or DOSModel.load() first")

    def _predict(self, atoms: Atoms, dtype: Any) -> LocalDOS:
        """Local DOS with the novelty of every atom."""
        self._require_training()
        n_modes = len(self.modes_)
        outputs = self._apply(atoms, "predict", dtype)
        one_hot = (atoms.numbers[:, None] == np.array(self.species)).astype(float)
        sketch = outputs[:, n_modes:] - one_hot @ (self.posterior_.centers @ self._sketch)
        return LocalDOS(
            np.hstack([one_hot, outputs[:, :n_modes]]),
            np.vstack([self.species_terms_, self.modes_]),
            self.grid_.energies,
            one_hot @ np.array(self.info["valence"]),
            self.info["smearing"],
            np.linalg.norm(sketch, axis=1) / self.info["novelty_limit"],
        )

    @property
    def _error_unit(self) -> float:
        """Root-mean-square error of a DOS of which the error in the model's metric is 1."""
        return float(np.linalg.norm(self.posterior_.covariance.T @ self.modes_)
                     * np.sqrt(self.grid_.step))  # fmt: skip

    def _distance(self, atoms: Atoms) -> float:
        """Distance of the mean surroundings from those of the training set, ``q``."""
        composition = species_counts([atoms], self.descriptor) / len(atoms)
        mean = self._deviations(atoms)[0][None] / len(atoms)
        return float(self.posterior_.distances(mean, composition)[0])

    def _deviations(self, atoms: Atoms) -> tuple[NDArray, NDArray]:
        """Sum over atoms of A^T (h - m) (r,), and the squared length for every atom."""
        self._require_training()
        total, lengths = np.zeros(self.posterior_.factor.shape[1]), []
        offsets = self.posterior_.centers @ self.posterior_.factor
        for start in range(0, len(atoms), _BLOCK):
            which = np.arange(start, min(start + _BLOCK, len(atoms)))
            block = self._apply(atoms, "deviate", np.float64, which)
            block -= offsets[np.searchsorted(self.species, atoms.numbers[which])]
            total += block.sum(axis=0)
            lengths.append(np.sum(block**2, axis=1))
        return total, np.concatenate(lengths)

    def _apply(
        self, atoms: Atoms, purpose: str, dtype: Any, which: NDArray | None = None
    ) -> NDArray:
        """Apply the regressor to every atom, or to the atoms ``which``: (atoms, outputs)."""
        soap = self.descriptor_
        if len(self.maps_) == 1:
            return soap.regress(atoms, self._layers_of(purpose, 0), which=which, dtype=dtype)
        which = np.arange(len(atoms)) if which is None else which
        search = NeighborSearch(atoms, soap.cutoff) if soap.backend == "numba" else None
        kinds = np.searchsorted(self.species, atoms.numbers[which])
        parts = {
            kind: soap.regress(
                atoms, self._layers_of(purpose, kind), search=search,
                which=which[kinds == kind], dtype=dtype,
            )
            for kind in np.unique(kinds).clip(max=len(self.species) - 1)
        }  # fmt: skip
        out = np.empty((len(which), next(iter(parts.values())).shape[1]))
        for kind, part in parts.items():
            out[kinds == kind] = part
        return out

    def _layers_of(self, purpose: str, kind: int) -> Layers:
        """Return the regressor of one map as the kernels want it.

        For prediction: weights of the modes, and the sketch that tells how far an atom is out.
        """
        key = (purpose, kind)
        if key not in self._layers:
            matrix = self.posterior_.factor
            if purpose == "predict":
                matrix = np.hstack([self.weights_, self._sketch])
            self._layers[key] = self._map_layers(kind, matrix)
        return self._layers[key]

    def _map_layers(self, kind: int, matrix: NDArray) -> Layers:
        """Regressor that applies a matrix (outputs of all maps, k) to those of one map."""
        sizes = [hidden.size(self.descriptor_.n_features) for hidden in self.maps_]
        first = sum(sizes[:kind])
        hidden, matrix = self.maps_[kind], matrix[first : first + sizes[kind]]
        last = matrix if hidden.mix is None else hidden.mix @ matrix
        return make_layers(
            [*hidden.weights, last], [*hidden.biases, np.zeros(last.shape[1])],
            activation=hidden.activation, degree=hidden.degree, unit_length=hidden.unit_length,
        )  # fmt: skip

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
        regressor = {"kernel": SparseKernel, "network": Network}.get(info["kind"])
        model = cls(
            SOAP.from_dict(info["descriptor"]), grid,
            regressor=regressor(**info["regressor"]) if regressor else info["kind"],
            reference=info["reference"], smearing=info["smearing"], n_modes=len(arrays["modes"]),
            metric=info["metric"], count_below=info["count_below"],
        )  # fmt: skip
        model.descriptor_ = model.descriptor
        model.grid_ = grid
        model.info = info
        model.weights_, model.modes_ = arrays["weights"], arrays["modes"]
        model.species_terms_, model._sketch = arrays["species_terms"], arrays["sketch"]
        model.maps_ = [
            Hidden.restored(how, {name: arrays[f"{name}_{kind}"] for name in how["arrays"]})
            for kind, how in enumerate(info["maps"])
        ]
        noise, scale = map(float, arrays["error_sizes"])
        roots = {name: arrays[name].astype(float) for name in _POSTERIOR}
        model.posterior_ = Posterior(**roots, noise=noise, scale=scale)
        return model

    def _arrays(self) -> dict[str, NDArray]:
        posterior = self.posterior_
        arrays = {
            "weights": self.weights_,
            "modes": self.modes_,
            "species_terms": self.species_terms_,
            "sketch": self._sketch,
            "error_sizes": np.array([posterior.noise, posterior.scale]),
        }
        arrays |= {name: getattr(posterior, name).astype(np.float32) for name in _POSTERIOR}
        for kind, hidden in enumerate(self.maps_):
            arrays |= {f"{name}_{kind}": values for name, values in hidden.arrays().items()}
        return arrays


_POSTERIOR = ("centers", "factor", "composition", "covariance")


def _as_stored(posterior: Posterior) -> Posterior:
    """Round to single precision, plenty for the size of an error, as model files do."""
    rounded = {name: getattr(posterior, name).astype(np.float32) for name in _POSTERIOR}
    return replace(posterior, **{name: array.astype(float) for name, array in rounded.items()})


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
