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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.fit.energy_reference import Alignment
from ase_dos.fit.projected_loss import Problem
from ase_dos.utils.checks import as_positive

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
        problem: Problem,
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
        problem : Problem
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
            self._train(scaled, owners, problem, start.shifts - problem.origin, adaptive, rng)
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
        problem: Problem,
        shifts: NDArray,
        adaptive: bool,
        rng: np.random.Generator,
    ) -> list[tuple[NDArray, NDArray]]:
        """Weights and biases, for every species, of one network at its best step."""
        torch = _torch()
        torch.manual_seed(int(rng.integers(2**31)))
        n = len(problem.targets)
        order = rng.permutation(n)
        held = order[: max(1, round(self.held_out * n))]
        used = np.setdiff1d(order, held)
        layers = [_Layer(torch, some.shape[1], self.width) for some in features]
        inputs = [torch.tensor(some) for some in features]
        rows = [torch.tensor(some) for some in owners]
        per_atom = torch.tensor(1.0 / problem.n_atoms)
        moving = torch.tensor(shifts, requires_grad=adaptive)
        parameters = [p for layer in layers for p in layer.parameters]
        optimizer = torch.optim.Adam(
            [*parameters, moving] if adaptive else parameters, lr=self.learning_rate
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.steps)
        metric = torch.tensor(problem.metric(np.eye(problem.energies.size)))
        regression = _Regression(torch, problem.ridge.composition, used, held, self.regularization)
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
            targets, known = _shifted_targets(torch, problem, moving)
            inner, outer = regression.residuals(outputs, targets, known)
            loss = torch.sum((inner @ metric) * inner) / len(used)
            loss.backward()
            optimizer.step()
            schedule.step()
            error = float((torch.sum((outer @ metric) * outer) / len(held)).detach())
            if error < lowest:
                best, lowest, stale = copy.deepcopy([layer.arrays() for layer in layers]), error, 0
            else:
                stale += 1
            if stale > self.steps // 4:
                break
        assert best is not None
        return best


class _Layer:
    """Hidden layer of one species."""

    def __init__(self, torch: Any, n_in: int, width: int) -> None:
        scale = n_in**-0.5
        self.torch = torch
        self.weight = torch.nn.Parameter(scale * torch.randn(n_in, width, dtype=torch.float64))
        self.bias = torch.nn.Parameter(torch.zeros(width, dtype=torch.float64))

    @property
    def parameters(self) -> list:
        return [self.weight, self.bias]

    def __call__(self, x):
        return self.torch.tanh(x @ self.weight + self.bias)

    def arrays(self) -> tuple[NDArray, NDArray]:
        return self.weight.detach().numpy().copy(), self.bias.detach().numpy().copy()


class _Regression:
    """Ridge regression with unpenalised composition terms on some structures of all."""

    def __init__(self, torch, composition, used, held, regularization) -> None:
        self.torch, self.regularization = torch, regularization
        self.used, self.held = torch.tensor(used), torch.tensor(held)
        z = composition[used]
        inverse = np.linalg.pinv(z)
        self.projector = torch.tensor(np.eye(len(used)) - z @ inverse)
        self.terms = torch.tensor(composition[held] @ inverse)

    def residuals(self, outputs, targets, known):
        """Leave-one-out residuals of the structures used, residuals of those held out."""
        torch = self.torch
        inner = self.projector @ outputs[self.used]
        gram = inner @ inner.T
        n = len(self.used)
        strength = self.regularization * torch.trace(gram) / n
        dual = torch.linalg.solve(
            gram + strength * torch.eye(n, dtype=torch.float64), self.projector
        )
        maker = strength * dual
        fitted = targets[self.used]
        # Unknown energies carry no residual; their fill need not be exact on the way.
        fitted = (
            fitted - ((maker @ fitted) / torch.diag(maker)[:, None] * ~known[self.used]).detach()
        )
        residual = maker @ fitted / torch.diag(maker)[:, None] * known[self.used]
        weights = inner.T @ (dual @ fitted)
        rest = fitted - outputs[self.used] @ weights
        prediction = outputs[self.held] @ weights + self.terms @ rest
        return residual, (targets[self.held] - prediction) * known[self.held]


def _shifted_targets(torch, problem: Problem, shifts):
    """Targets per atom at the shifts, with their derivatives attached, and where they are known."""
    values, slopes, known = problem.per_atom(problem.origin + shifts.detach().numpy())
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


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError(
            "training a network needs PyTorch: pip install 'ase_dos[network]'"
        ) from None
    return torch
