"""What happens to the features of an atom before the linear regression.

Every model is linear in the weights W that are fitted in closed form: ``h(x) W``. Ridge
regression takes the features as they are, a sparse kernel compares them with those of chosen
environments, a network has hidden layers that were trained before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Hidden", "mean_outputs"]


@dataclass(frozen=True, eq=False)
class Hidden:
    """Map h(x) of the features of one atom, the same for all atoms or all of a species.

    Affine maps, each followed by a function of single numbers, and a matrix at the end. Without
    any of these, h(x) = x.

    Parameters
    ----------
    weights : sequence of (in, out) arrays
        The first takes the features.
    biases : sequence of (out,) arrays
        As many as weights.
    activation : {"power", "tanh"}
        The function of single numbers; "power" is x^degree.
    degree : int
    unit_length : bool
        Divide the features by their length first.
    mix : (last out, outputs) array, optional
        Linear combinations to return.
    """

    weights: Sequence[NDArray] = ()
    biases: Sequence[NDArray] = ()
    activation: str = "power"
    degree: int = 1
    unit_length: bool = False
    mix: NDArray | None = None

    def header(self) -> dict[str, Any]:
        """Return what is no array, and the names of the arrays, as plain values."""
        return {
            "activation": self.activation,
            "degree": self.degree,
            "unit_length": self.unit_length,
            "arrays": sorted(self.arrays()),
        }

    def arrays(self) -> dict[str, NDArray]:
        """Arrays by name."""
        named = {f"weight{i}": weight for i, weight in enumerate(self.weights)}
        named |= {f"bias{i}": bias for i, bias in enumerate(self.biases)}
        return named if self.mix is None else named | {"mix": self.mix}

    @classmethod
    def restored(cls, header: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> Hidden:
        """Inverse of `header` and `arrays`."""
        depth = sum(name.startswith("weight") for name in arrays)
        return cls(
            [arrays[f"weight{i}"] for i in range(depth)],
            [arrays[f"bias{i}"] for i in range(depth)],
            header["activation"],
            header["degree"],
            header["unit_length"],
            arrays.get("mix"),
        )

    def size(self, n_features: int) -> int:
        """Give the number of outputs."""
        if self.mix is not None:
            return self.mix.shape[1]
        return self.weights[-1].shape[1] if self.weights else n_features

    def __call__(self, features: NDArray) -> NDArray:
        """Compute outputs (atoms, outputs) for features (atoms, n_features)."""
        return self._forward(features)[-1]

    def _forward(self, features: NDArray) -> list[NDArray]:
        """Input of every map in turn, and the outputs."""
        x = features / self._lengths(features) if self.unit_length else features
        stages = [x]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            stages.append(self._activate(stages[-1] @ weight + bias))
        stages.append(stages[-1] if self.mix is None else stages[-1] @ self.mix)
        return stages

    @staticmethod
    def _lengths(features: NDArray) -> NDArray:
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
        return np.where(lengths > 0, lengths, 1.0)

    def _activate(self, x: NDArray) -> NDArray:
        return np.tanh(x) if self.activation == "tanh" else x**self.degree

    def _slope(self, x: NDArray, y: NDArray) -> NDArray:
        """Differentiate the activation, from its argument and value."""
        if self.activation == "tanh":
            return 1.0 - y**2
        return self.degree * x ** (self.degree - 1)

    def gradient(self, features: NDArray, output_gradient: NDArray) -> NDArray:
        """Vector-Jacobian product: dL/dx (atoms, n_features) from dL/dh (atoms, outputs)."""
        stages = self._forward(features)
        grad = output_gradient if self.mix is None else output_gradient @ self.mix.T
        layers = list(zip(self.weights, self.biases, stages, stages[1:], strict=False))
        for weight, bias, x, y in reversed(layers):
            grad = (grad * self._slope(x @ weight + bias, y)) @ weight.T
        if not self.unit_length:
            return grad
        unit = stages[0]
        along = np.sum(grad * unit, axis=1, keepdims=True)
        return (grad - along * unit) / self._lengths(features)


def mean_outputs(
    maps: Sequence[Hidden], features: NDArray, kinds: NDArray, divide_by: int
) -> NDArray:
    """Row of the regression for one structure: outputs of every map in turn, averaged.

    Parameters
    ----------
    maps : sequence of Hidden
        One for each species, or one for all.
    features : (atoms, n_features) array
    kinds : (atoms,) int array
        Index of the species of each atom.
    divide_by : int
        Atoms in the structure.
    """
    if len(maps) == 1:
        return maps[0](features).sum(axis=0) / divide_by
    parts = [
        hidden(features[kinds == kind]).sum(axis=0) / divide_by for kind, hidden in enumerate(maps)
    ]
    return np.concatenate(parts)
