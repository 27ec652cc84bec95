"""Networks with one hidden layer, whose outputs the closed-form regression then takes.

Variable projection trains them: the last layer is eliminated, so the loss is a function of the
hidden layer and of the energy shifts alone,

    L = sum_A |(P G)_A / P_AA|_M^2,    P = I - H (H^T H + lambda)^-1 H^T,

the leave-one-out error of the regression on the hidden outputs H. Every network is trained on
its own share of the structures and stops where the error on the others is smallest; side by side
the networks form one wide hidden layer, and the regression on it sees all structures.

Training needs PyTorch; the trained model does not.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.fit.composition import Composition
from ase_dos.fit.energy_reference import Alignment
from ase_dos.fit.regression import Regression
from ase_dos.utils.checks import as_positive

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Network"]


@dataclass(frozen=True)
class Network:
    """Hyperparameters of a committee of networks with one hidden layer.

    Parameters
    ----------
    width : int
        Hidden units of each network and species.
    committee : int
        Networks side by side.
    steps : int
        Most steps of Adam for each network.
    learning_rate : float
    regularization : float
        Of the last layer during training, relative to the mean eigenvalue of the Gram matrix of
        the hidden outputs.
    held_out : float
        Share of the structures that tells each network when to stop.
    seed : int
    """

    width: int = 64
    committee: int = 4
    steps: int = 400
    learning_rate: float = 3e-3
    regularization: float = 1e-2
    held_out: float = 0.2
    seed: int = 0

    kind = "network"

    def __post_init__(self) -> None:
        for name in ("width", "committee", "steps"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"Network: expected {name} >= 1, got {value!r}")
            object.__setattr__(self, name, int(value))  # as model files can hold it
        object.__setattr__(self, "seed", int(self.seed))
        for name in ("learning_rate", "regularization"):
            object.__setattr__(self, name, as_positive(getattr(self, name), f"Network: {name}"))
        if not 0 < self.held_out < 1:
            raise ValueError(f"Network: expected 0 < held_out < 1, got {self.held_out}")

    def maps(
        self,
        features: Sequence[NDArray],
        owners: Sequence[NDArray],
        regression: Regression,
        start: Alignment,
        adaptive: bool = True,
    ) -> list[FeatureMap]:
        """Train the hidden layers of every species.

        Parameters
        ----------
        features : sequence of (atoms, n_features) arrays
            Features of the training environments of each species.
        owners : sequence of (atoms,) int arrays
            Structure that each of them belongs to.
        regression : Regression
            Targets and composition of the structures.
        start : Alignment
            Solution of a linear model, whose shifts the training starts from.
        adaptive : bool
            Whether the shifts are trained too.

        Raises
        ------
        ImportError
            If PyTorch is not installed.
        """
        scaling = [_standardize(some) for some in features]
        scaled = [
            (some - mean) / scale for some, (mean, scale) in zip(features, scaling, strict=True)
        ]
        rng = np.random.default_rng(self.seed)
        members = [
            self._train(scaled, owners, regression, start.shifts - regression.origin, adaptive, rng)
            for _ in range(self.committee)
        ]
        return [
            _joined([member[kind] for member in members], *scaling[kind])
            for kind in range(len(features))
        ]

    def _train(
        self,
        features: Sequence[NDArray],
        owners: Sequence[NDArray],
        regression: Regression,
        shifts: NDArray,
        adaptive: bool,
        rng: np.random.Generator,
    ) -> list[tuple[NDArray, NDArray]]:
        """Weights and biases, for every species, of one network at its best step."""
        torch = _torch()
        torch.manual_seed(int(rng.integers(2**31)))
        n = len(regression.targets)
        order = rng.permutation(n)
        outside = order[: max(1, round(self.held_out * n))]
        inside = np.setdiff1d(order, outside)
        layers = [_HiddenLayer(torch, some.shape[1], self.width) for some in features]
        inputs = [torch.tensor(some) for some in features]
        rows = [torch.tensor(some) for some in owners]
        per_atom = torch.tensor(1.0 / regression.n_atoms)
        moved = torch.tensor(shifts, requires_grad=adaptive)
        parameters = [p for layer in layers for p in layer.parameters]
        optimizer = torch.optim.Adam(
            [*parameters, moved] if adaptive else parameters, lr=self.learning_rate
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.steps)
        metric = torch.tensor(regression.metric(np.eye(regression.energies.size)))
        ridge = _Ridge(
            torch, regression.ridge.composition.fractions, inside, outside, self.regularization
        )
        best, lowest, stale = None, np.inf, 0
        for _ in range(self.steps):
            optimizer.zero_grad()
            outputs = (
                torch.cat(
                    [
                        torch.zeros(n, self.width, dtype=torch.float64).index_add_(0, row, layer(x))
                        for layer, x, row in zip(layers, inputs, rows, strict=True)
                    ],
                    dim=1,
                )
                * per_atom[:, None]
            )
            targets, known = _shifted_targets(torch, regression, moved)
            left_out, predicted = ridge.residuals(outputs, targets, known)
            loss = torch.sum((left_out @ metric) * left_out) / len(inside)
            loss.backward()
            optimizer.step()
            schedule.step()
            error = float((torch.sum((predicted @ metric) * predicted) / len(outside)).detach())
            if error < lowest:
                best, lowest, stale = copy.deepcopy([layer.arrays() for layer in layers]), error, 0
            else:
                stale += 1
            if stale > self.steps // 4:
                break
        assert best is not None
        return best


class _HiddenLayer:
    """Hidden layer of one species."""

    def __init__(self, torch: ModuleType, n_in: int, width: int) -> None:
        scale = n_in**-0.5
        self.torch = torch
        self.weight = torch.nn.Parameter(scale * torch.randn(n_in, width, dtype=torch.float64))
        self.bias = torch.nn.Parameter(torch.zeros(width, dtype=torch.float64))

    @property
    def parameters(self) -> list[Tensor]:
        return [self.weight, self.bias]

    def __call__(self, x: Tensor) -> Tensor:
        return self.torch.tanh(x @ self.weight + self.bias)

    def arrays(self) -> tuple[NDArray, NDArray]:
        return self.weight.detach().numpy().copy(), self.bias.detach().numpy().copy()


class _Ridge:
    """Ridge regression with unpenalised composition terms on some structures, `inside`, of all."""

    def __init__(
        self,
        torch: ModuleType,
        fractions: NDArray,
        inside: NDArray,
        outside: NDArray,
        regularization: float,
    ) -> None:
        self.torch, self.regularization = torch, regularization
        self.inside, self.outside = torch.tensor(inside), torch.tensor(outside)
        composition = Composition(fractions[inside])
        self.projector = torch.tensor(composition.projector)
        self.terms = torch.tensor(fractions[outside] @ composition.inverse)

    def residuals(self, outputs: Tensor, targets: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Leave-one-out residuals of the structures inside, residuals of those outside."""
        torch = self.torch
        inner = self.projector @ outputs[self.inside]
        gram = inner @ inner.T
        n = len(self.inside)
        strength = self.regularization * torch.trace(gram) / n
        dual = torch.linalg.solve(
            gram + strength * torch.eye(n, dtype=torch.float64), self.projector
        )
        residual_maker = strength * dual
        diagonal = torch.diag(residual_maker)[:, None]
        fitted, seen = targets[self.inside], known[self.inside]
        # Unknown energies carry no residual; their fill need not be exact on the way.
        fitted = fitted - ((residual_maker @ fitted) / diagonal * ~seen).detach()
        left_out = residual_maker @ fitted / diagonal * seen
        weights = inner.T @ (dual @ fitted)
        rest = fitted - outputs[self.inside] @ weights
        prediction = outputs[self.outside] @ weights + self.terms @ rest
        return left_out, (targets[self.outside] - prediction) * known[self.outside]


def _shifted_targets(
    torch: ModuleType, regression: Regression, shifts: Tensor
) -> tuple[Tensor, Tensor]:
    """Targets per atom at the shifts, with their derivatives attached, and where they are known."""
    values, slopes, known = regression.per_atom(regression.origin + shifts.detach().numpy())
    moved = (shifts - shifts.detach())[:, None]
    return torch.tensor(values) + torch.tensor(slopes) * moved, torch.tensor(known)


def _standardize(features: NDArray) -> tuple[NDArray, float]:
    """Mean of the features, and one scale for all: they share a unit."""
    mean = features.mean(axis=0)
    return mean, float(np.sqrt(np.mean((features - mean) ** 2))) or 1.0


def _joined(layers: Sequence[tuple[NDArray, NDArray]], mean: NDArray, scale: float) -> FeatureMap:
    """One hidden layer of many, with the scaling of the features folded in."""
    weight = np.hstack([w for w, _ in layers]) / scale
    bias = np.concatenate([b for _, b in layers]) - mean @ weight
    return FeatureMap(weights=[weight], biases=[bias], activation="tanh")


def _torch() -> ModuleType:
    try:
        import torch
    except ImportError:
        raise ImportError(
            "training a network needs PyTorch: pip install 'ase_dos[network]'"
        ) from None
    return torch
