"""Training of networks by variable projection, with PyTorch; trained models do not need it.

The last layer is eliminated, so the loss is a function of the hidden layer and of the energy
shifts alone,

    L = sum_A |(P G)_A / P_AA|_M^2,    P = I - H (H^T H + lambda)^-1 H^T,

the leave-one-out error of the regression on the hidden outputs H; for groups of structures that
are left out together (P G)_A / P_AA is P_GG^-1 (P G)_G. Every network is trained on its own share
of the groups and stops where the error on the others is smallest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

try:
    import torch
    from torch import Tensor
except ImportError:
    raise ImportError("training a network needs PyTorch: pip install 'ase_dos[network]'") from None

from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.fit.composition import Composition
from ase_dos.fit.left_out import rows_of_groups
from ase_dos.fit.network import Network
from ase_dos.fit.regression import Alignment, Regression

__all__ = ["train_networks"]


def train_networks(
    network: Network,
    features: Sequence[NDArray],
    owners: Sequence[NDArray],
    regression: Regression,
    start: Alignment,
    adaptive: bool,
) -> list[FeatureMap]:
    """Hidden layers of every species, those of the whole committee side by side.

    Parameters
    ----------
    network : Network
        Hyperparameters.
    features : sequence of (atoms, n_features) arrays
        Features of the atoms of each species in the training set.
    owners : sequence of (atoms,) int arrays
        Structure that each of them belongs to.
    regression : Regression
        Targets and composition of the structures.
    start : Alignment
        Solution of a linear model, whose shifts the training starts from.
    adaptive : bool
        Whether the shifts are trained too.
    """
    scaling = [_standardize(some) for some in features]
    scaled = [
        torch.tensor((some - mean) / scale)
        for some, (mean, scale) in zip(features, scaling, strict=True)
    ]
    rows = [torch.tensor(some) for some in owners]
    rng = np.random.default_rng(network.seed)
    shifts = start.shifts - regression.origin
    members = [
        _train(network, scaled, rows, regression, shifts, adaptive, rng)
        for _ in range(network.committee)
    ]
    return [
        _joined([member[kind] for member in members], *scaling[kind])
        for kind in range(len(features))
    ]


Weights = list[tuple[NDArray, NDArray]]  # and biases, for every species


def _train(
    network: Network,
    features: Sequence[Tensor],
    owners: Sequence[Tensor],
    regression: Regression,
    shifts: NDArray,
    adaptive: bool,
    rng: np.random.Generator,
) -> Weights:
    """Train one network on its share of the structures."""
    torch.manual_seed(int(rng.integers(2**31)))
    n = len(regression.targets)
    groups = rows_of_groups(regression.groups)
    order = rng.permutation(len(groups))
    count = max(1, round(network.held_out * len(groups)))
    outside = np.concatenate([groups[i] for i in order[:count]])
    inside = np.setdiff1d(np.arange(n), outside)
    layers = [_HiddenLayer(some.shape[1], network.width) for some in features]
    moved = torch.tensor(shifts, requires_grad=adaptive)
    metric = torch.tensor(regression.metric(np.eye(regression.energies.size)))
    fractions = regression.ridge.composition.fractions
    ridge = _Ridge(fractions, regression.groups, inside, outside, network.regularization)

    def errors() -> tuple[Tensor, Tensor]:
        """Leave-one-out error of the structures inside, error of those outside."""
        outputs = _mean_outputs(layers, features, owners, regression.n_atoms)
        residuals = ridge.residuals(outputs, *_shifted_targets(regression, moved))
        inner, outer = (torch.sum((some @ metric) * some) / len(some) for some in residuals)
        return inner, outer

    return _descend(network, errors, layers, [moved] if adaptive else [])


def _descend(
    network: Network,
    errors: Callable[[], tuple[Tensor, Tensor]],
    layers: Sequence[_HiddenLayer],
    others: Sequence[Tensor],
) -> Weights:
    """Lower the first error by the layers and by other numbers, to where the second is lowest."""
    parameters = [p for layer in layers for p in layer.parameters]
    optimizer = torch.optim.Adam([*parameters, *others], lr=network.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, network.steps)
    best, lowest, stale = [layer.arrays() for layer in layers], np.inf, 0
    for _ in range(network.steps):
        optimizer.zero_grad()
        loss, outside = errors()
        error = float(outside.detach())
        if error < lowest:  # of the layers as they are before this step
            best, lowest, stale = [layer.arrays() for layer in layers], error, 0
        else:
            stale += 1
        if stale > network.steps // 4:
            break
        loss.backward()
        optimizer.step()
        schedule.step()
    return best


class _HiddenLayer:
    """Hidden layer of one species."""

    def __init__(self, n_in: int, width: int) -> None:
        scale = n_in**-0.5
        self.weight = torch.nn.Parameter(scale * torch.randn(n_in, width, dtype=torch.float64))
        self.bias = torch.nn.Parameter(torch.zeros(width, dtype=torch.float64))

    @property
    def parameters(self) -> list[Tensor]:
        return [self.weight, self.bias]

    def __call__(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.weight + self.bias)

    def arrays(self) -> tuple[NDArray, NDArray]:
        return self.weight.detach().numpy().copy(), self.bias.detach().numpy().copy()


class _Ridge:
    """Ridge regression with unpenalised composition terms on some structures, `inside`, of all."""

    def __init__(
        self,
        fractions: NDArray,
        groups: NDArray,
        inside: NDArray,
        outside: NDArray,
        regularization: float,
    ) -> None:
        self.inside, self.outside = torch.tensor(inside), torch.tensor(outside)
        self.regularization = regularization
        rows = rows_of_groups(groups[inside])
        self.groups = [torch.tensor(some) for some in rows if len(some) > 1]
        composition = Composition(fractions[inside])
        self.projector = torch.tensor(composition.remainder(np.eye(len(inside))))
        self.terms = torch.tensor(fractions[outside] @ composition.inverse)

    def residuals(self, outputs: Tensor, targets: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Leave-one-out residuals of the structures inside, residuals of those outside."""
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
        residuals = residual_maker @ fitted
        left_out = residuals / diagonal
        for rows in self.groups:
            block = residual_maker[rows][:, rows]
            left_out = left_out.index_copy(0, rows, torch.linalg.solve(block, residuals[rows]))
        left_out = left_out * seen
        weights = inner.T @ (dual @ fitted)
        rest = fitted - outputs[self.inside] @ weights
        prediction = outputs[self.outside] @ weights + self.terms @ rest
        return left_out, (targets[self.outside] - prediction) * known[self.outside]


def _mean_outputs(
    layers: Sequence[_HiddenLayer],
    features: Sequence[Tensor],
    owners: Sequence[Tensor],
    n_atoms: NDArray,
) -> Tensor:
    """Average outputs over the atoms of structures, (structures, widths of all species)."""
    sums = []
    for layer, x, rows in zip(layers, features, owners, strict=True):
        outputs = layer(x)
        empty = torch.zeros(len(n_atoms), outputs.shape[1], dtype=torch.float64)
        sums.append(empty.index_add_(0, rows, outputs))
    return torch.cat(sums, dim=1) * torch.tensor(1.0 / n_atoms)[:, None]


def _shifted_targets(regression: Regression, shifts: Tensor) -> tuple[Tensor, Tensor]:
    """Targets per atom at the shifts, with their derivatives attached, and where they are known."""
    values, slopes, known = regression.per_atom(regression.origin + shifts.detach().numpy())
    moved = (shifts - shifts.detach())[:, None]
    return torch.tensor(values) + torch.tensor(slopes) * moved, torch.tensor(known)


def _standardize(features: NDArray) -> tuple[NDArray, float]:
    """Mean of the features, and one scale for all: they share a unit."""
    mean = features.mean(axis=0)
    return mean, float(np.sqrt(np.mean((features - mean) ** 2))) or 1.0


def _joined(layers: Weights, mean: NDArray, scale: float) -> FeatureMap:
    """One hidden layer of many, with the scaling of the features folded in."""
    weight = np.hstack([w for w, _ in layers]) / scale
    bias = np.concatenate([b for _, b in layers]) - mean @ weight
    return FeatureMap(weights=[weight], biases=[bias], activation="tanh")
