"""Network with the published adaptive energy reference, trained by the published procedure.

W. B. How, S. Chong, F. Grasselli, K. K. Huguenin-Dumittan and M. Ceriotti, "Adaptive energy
reference for machine-learning models of the electronic density of states", Phys. Rev. Materials 9,
013802 (2025): a network gives the spectrum of every atom from its SOAP features, and the energy
shifts of the training structures are parameters beside its weights, all found by Adam. Fermi
levels and the average potential serve as fixed references for the same network. Written anew.

Settings are those of its authors' public implementations, an example with a small network and a
script with a large one:

- power spectra with GTO functions, 4 Angstrom, 8 radial functions, l up to 6 (example, "small") or
  6 Angstrom, 12 and 9 (script, "large"); Gaussians of 0.45 Angstrom, sharp cutoff, radial scaling
  of rate 1, scale 3 Angstrom and exponent 5; not normalised, in single precision
- SiLU; a hidden layer of a tenth of the features, rate 0.01 and batches of 32 (example), or 1024
  wide, rate 0.001 and batches of 4 (script, which has two such layers)
- broadening of 0.3 eV, energies every 0.05 eV from 1.5 eV below the lowest level to 3 eV above the
  highest Fermi level, cubic Hermite splines; the loss is the squared error of the DOS per atom,
  integrated over energies and averaged over the structures of a batch
- shifts start at zero from the Fermi levels, at the same rate, their mean taken off
- the rate falls tenfold, down to 1e-5, where the validation error has not improved for 200 epochs;
  the state of the best validation error is kept, which is aligned for adaptive references only

Our choices, and why:

- one hidden layer, and of the settings above (and L2) those of the example: `--scan` of
  `published_procedure.py` prints the validation errors. The good ones differ little; L2 of 1e-5
  and 1e-4 is worse. So are features centred and divided by their root-mean-square spread, with
  which the network overfits
- up to 3000 epochs instead of 500 or 1000, until the error rests at the lowest rate: the best
  comes after 400 to 1200 epochs
- the slope of a Gaussian is -(E - e) / sigma^2 times it; the public implementations square the
  whole fraction, which hides the shifts' gradient
- validation is aligned by a global scan and Brent's method instead of 50 steps of Adam
- `--window full` trains on the energies of our models, up to 14 eV above the mean Fermi level;
  errors are integrals over energies, so compare within one window. What lies above the last
  complete band of a structure (average potential only) is left out of the loss

The validation structures are data that models with leave-one-out errors do without.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from featomic import SoapPowerSpectrum
from numpy.typing import NDArray

from ase_dos.descriptors.neighbors import enclosing_box
from ase_dos.fit.scores import aligned_errors
from ase_dos.model.evaluation import Evaluation, evaluate_predictions
from ase_dos.spectra.dos import DOS, EnergyGrid
from ase_dos.spectra.target import DOSTarget, TargetStack, target_from_states

SMEARING = 0.3  # eV, as everything below that is not a count
STEP = 0.05
FOOTROOM, HEADROOM = 1.5, 3.0
# Cutoff (Angstrom), radial functions and largest angular momentum.
SOAPS = {"small": (4.0, 8, 6), "large": (6.0, 12, 9)}
# The learning rate falls by DECAY after PATIENCE epochs without an improvement by THRESHOLD.
PATIENCE, DECAY, THRESHOLD, LOWEST_RATE = 200, 0.1, 1e-5, 1e-5


@dataclass(frozen=True)
class Settings:
    """Choices of a training.

    Parameters
    ----------
    n_hidden : int, optional
        Width of the hidden layer; by default a tenth of the number of features.
    learning_rate : float
        Of Adam at the start, for weights and shifts (eV) alike.
    batch_size : int
        Structures in a batch.
    weight_decay : float
        L2 penalty on the weights.
    """

    n_hidden: int | None = None
    learning_rate: float = 1e-2
    batch_size: int = 32
    weight_decay: float = 0.0


SETTINGS = Settings()


def compute_features(frames: Sequence[Atoms], soap: str = "small") -> list[NDArray]:
    """Power spectra (atoms, features) of the atoms of each frame (one element), in float32."""
    cutoff, n_radial, n_angular = SOAPS[soap]
    calculator = SoapPowerSpectrum(
        cutoff={"radius": cutoff, "smoothing": {"type": "Step"}},
        density={
            "type": "Gaussian",
            "width": 0.45,
            "scaling": {"type": "Willatt2018", "rate": 1.0, "scale": 3.0, "exponent": 5},
        },
        basis={
            "type": "TensorProduct",
            "max_angular": n_angular,
            "radial": {"type": "Gto", "max_radial": n_radial - 1},
        },
    )
    return [
        calculator.compute(_boxed(atoms, cutoff)).block().values.astype(np.float32)
        for atoms in frames
    ]


def _boxed(atoms: Atoms, cutoff: float) -> Atoms:
    """Fully periodic frame with the same environments: featomic knows no open boundaries."""
    cell, origin = enclosing_box(atoms.positions, atoms.cell.array, atoms.pbc, margin=cutoff)
    return Atoms(atoms.numbers, atoms.positions - origin, cell=cell, pbc=True)


class Network(torch.nn.Module):
    """One hidden layer for every atom; the spectrum of a structure is the mean over its atoms.

    The output layer is linear, so it acts on the mean of the hidden layer: the same numbers, and
    the same gradients, for less work.
    """

    def __init__(self, n_features: int, n_hidden: int, n_energies: int) -> None:
        super().__init__()
        self.hidden = torch.nn.Linear(n_features, n_hidden)
        self.out = torch.nn.Linear(n_hidden, n_energies)

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """Spectra (structures, energies) per atom from features (atoms, n) of each structure."""
        atoms = torch.nn.functional.silu(self.hidden(torch.cat(list(features))))
        counts = [len(one) for one in features]
        return self.out(torch.stack([part.mean(dim=0) for part in atoms.split(counts)]))


@dataclass(frozen=True, eq=False)
class Structures:
    """Structures of a training or of a test: targets, features and energy origins.

    Parameters
    ----------
    targets : list of DOSTarget
        Splines of the broadened eigenvalues.
    features : list of (atoms, features) tensor
        Features of the atoms of each structure.
    origin : (n,) array
        Energy (eV) of each structure that is zero on the grid, before any shift.
    """

    targets: list[DOSTarget]
    features: list[torch.Tensor]
    origin: NDArray

    @classmethod
    def make(cls, targets, features, reference: str, mean: float) -> Structures:
        """Structures referred to their Fermi levels, or all to one energy (eV)."""
        fermi = np.array([target.fermi_level for target in targets])
        origin = np.full(len(targets), mean) if reference == "average_potential" else fermi
        return cls(targets, [torch.as_tensor(one) for one in features], origin)

    @property
    def n_atoms(self) -> NDArray:
        """Number of atoms (n,) of each structure."""
        return np.array([len(one) for one in self.features])

    def spectra(self, energies: NDArray, shifts: torch.Tensor, rows: NDArray):
        """Spectra per atom of some structures, and where they are known.

        Values at ``energies + shifts`` are taken outside of torch; the second term is zero and
        carries the derivative of the spline, so that gradients reach the shifts.
        """
        at = self.origin[rows] + shifts.detach().numpy()
        values, slopes, known = TargetStack([self.targets[i] for i in rows])(energies, at)
        values, slopes = (
            torch.from_numpy((array / self.n_atoms[rows][:, None]).astype(np.float32))
            for array in (values, slopes)
        )
        return values + slopes * (shifts - shifts.detach())[:, None], torch.from_numpy(known)


def squared_errors(prediction, target, known) -> torch.Tensor:
    """Integral over the known energies of the squared error of each structure."""
    return torch.trapezoid(torch.where(known, prediction - target, 0.0) ** 2, dx=STEP, dim=1)


class Training:
    """Network, shifts and optimiser; remembers the state of the best validation error."""

    def __init__(self, data: Structures, validation: Structures, energies, adaptive, settings):
        self.data, self.validation, self.energies = data, validation, energies
        self.adaptive, self.batch_size = adaptive, settings.batch_size
        n_features = data.features[0].shape[1]
        n_hidden = settings.n_hidden or n_features // 10
        self.network = Network(n_features, n_hidden, energies.size)
        self.free = torch.zeros(len(data.targets), requires_grad=adaptive)
        groups = [{"params": self.network.parameters(), "weight_decay": settings.weight_decay}]
        if adaptive:
            groups.append({"params": [self.free]})
        self.optimizer = torch.optim.Adam(groups, lr=settings.learning_rate)
        self.scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimizer,
            factor=DECAY,
            patience=PATIENCE,
            threshold=THRESHOLD,
            min_lr=LOWEST_RATE,
        )
        self.history: list[tuple[float, float, float]] = []
        self.best = (np.inf, 0, {}, np.zeros(0))

    @property
    def shifts(self) -> torch.Tensor:
        """Shifts of the training structures (eV); a common one means nothing."""
        return self.free - self.free.mean()

    @property
    def rate(self) -> float:
        """Present learning rate."""
        return self.optimizer.param_groups[0]["lr"]

    def run(self, max_epochs: int, rng: np.random.Generator) -> None:
        """Train until the validation error rests at the lowest rate, and take the best state."""
        for epoch in range(max_epochs):
            trained, validated = self.epoch(rng), self.validation_rmse()
            self.history.append((trained, validated, self.rate))
            if validated < self.best[0]:
                state = copy.deepcopy(self.network.state_dict())
                self.best = (validated, epoch, state, self.shifts.detach().numpy().copy())
            if self.rate <= LOWEST_RATE and self.scheduler.num_bad_epochs >= PATIENCE:
                break
            self.scheduler.step(validated)
        self.network.load_state_dict(self.best[2])

    def epoch(self, rng: np.random.Generator) -> float:
        """One pass over the training structures; their RMSE on the way."""
        n = len(self.data.targets)
        total = 0.0
        order = rng.permutation(n)
        for start in range(0, n, self.batch_size):
            rows = order[start : start + self.batch_size]
            self.optimizer.zero_grad()
            spectra = self.data.spectra(self.energies, self.shifts[rows], rows)
            prediction = self.network([self.data.features[i] for i in rows])
            errors = squared_errors(prediction, *spectra)
            errors.mean().backward()
            self.optimizer.step()
            total += errors.sum().item()
        return float(np.sqrt(total / n))

    @torch.no_grad()
    def validation_rmse(self) -> float:
        """RMSE of the validation structures: aligned, or at the fixed reference."""
        known = self.validation
        prediction = self.network(known.features)
        if self.adaptive:
            return aligned_errors(
                known.targets,
                prediction.double().numpy(),
                known.n_atoms,
                self.energies,
                known.origin,
            ).rmse
        rows = np.arange(len(known.targets))
        spectra = known.spectra(self.energies, torch.zeros(len(rows)), rows)
        return float(squared_errors(prediction, *spectra).mean().sqrt())


@dataclass(frozen=True, eq=False)
class PublishedModel:
    """A trained network.

    Parameters
    ----------
    network : Network
        In the state of the best validation error.
    soap : str
        Its features.
    grid : EnergyGrid
        Its energies.
    valence : float
        Electrons per atom.
    shifts : (n,) array
        Energy (eV) of each training structure that is zero on the grid.
    history : (epochs, 3) array
        RMSE of training and validation (states eV^-1/2 per atom) and learning rate.
    best_epoch : int
        Epoch of the best validation error.
    seconds : float
        Time of the training, with broadening and validation, without features.
    """

    network: Network
    soap: str
    grid: EnergyGrid
    valence: float
    shifts: NDArray
    history: NDArray
    best_epoch: int
    seconds: float

    def predict(self, atoms: Atoms) -> DOS:
        """DOS of one structure."""
        return self.predict_frames([atoms])[0]

    def predict_frames(self, frames: Sequence[Atoms], features=None) -> list[DOS]:
        """DOS of structures, from their features if these are known already."""
        features = compute_features(frames, self.soap) if features is None else features
        with torch.no_grad():
            values = self.network([torch.as_tensor(one) for one in features]).double().numpy()
        return [
            DOS(self.grid.energies, one * len(atoms), self.valence * len(atoms), SMEARING)
            for one, atoms in zip(values, frames, strict=True)
        ]

    def evaluate(self, frames, states, features=None, families=None) -> Evaluation:
        """Compare predictions with eigenvalues of the same structures, as DOSModel does."""
        targets = [target_from_states(one, SMEARING) for one in states]
        predictions = self.predict_frames(frames, features)
        n_atoms = np.array([len(atoms) for atoms in frames])
        return evaluate_predictions(targets, predictions, n_atoms, families)


def published_grid(states, targets: Sequence[DOSTarget], origin: NDArray) -> EnergyGrid:
    """From below the lowest level to above the highest Fermi level of the training set."""
    lowest = min(one.eigenvalues.min() - zero for one, zero in zip(states, origin, strict=True))
    highest = max(one.fermi_level - zero for one, zero in zip(targets, origin, strict=True))
    return EnergyGrid.spanning(lowest - FOOTROOM, highest + HEADROOM, STEP)


def train(
    frames: Sequence[Atoms],
    states: Sequence,
    validation_frames: Sequence[Atoms],
    validation_states: Sequence,
    *,
    reference: str = "adaptive",
    soap: str = "small",
    settings: Settings = SETTINGS,
    grid: EnergyGrid | None = None,
    seed: int = 0,
    max_epochs: int = 3000,
    features: Sequence[NDArray] | None = None,
    validation_features: Sequence[NDArray] | None = None,
) -> PublishedModel:
    """Train by the published procedure.

    Parameters
    ----------
    frames, states : sequence
        Training structures of one element and their `ElectronicStates`.
    validation_frames, validation_states : sequence
        Structures that decide on the learning rate and on the state that is kept.
    reference : {"adaptive", "fermi", "average_potential"}
        Energy reference, as for DOSModel; the adaptive one starts from the Fermi levels.
    soap : {"small", "large"}
        Features.
    settings : Settings
        Network and optimiser.
    grid : EnergyGrid, optional
        Energies in steps of 0.05 eV, by default `published_grid`.
    seed : int
        Of the first weights and of the batches.
    max_epochs : int
        Most passes over the training structures.
    features, validation_features : sequence of (atoms, features) array, optional
        What `compute_features` gives, where it is known already.
    """
    torch.manual_seed(seed)
    if features is None:
        features = compute_features(frames, soap)
    if validation_features is None:
        validation_features = compute_features(validation_frames, soap)
    start = time.perf_counter()
    targets = [target_from_states(one, SMEARING) for one in states]
    others = [target_from_states(one, SMEARING) for one in validation_states]
    mean = float(np.mean([target.fermi_level for target in targets]))
    data = Structures.make(targets, features, reference, mean)
    validation = Structures.make(others, validation_features, reference, mean)
    grid = grid or published_grid(states, targets, data.origin)
    adaptive = reference == "adaptive"
    training = Training(data, validation, grid.energies, adaptive, settings)
    training.run(max_epochs, np.random.default_rng(seed))
    _, best_epoch, _, shifts = training.best
    return PublishedModel(
        network=training.network,
        soap=soap,
        grid=grid,
        valence=targets[0].n_electrons / len(frames[0]),
        shifts=data.origin + shifts,
        history=np.array(training.history),
        best_epoch=best_epoch,
        seconds=time.perf_counter() - start,
    )
