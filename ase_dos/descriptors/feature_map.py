"""Maps from the features of one atom to the inputs of the linear regression, and to its outputs.

Every model is linear in the weights W that are fitted in closed form: ``h(x) W``. Ridge
regression takes the features as they are, a sparse kernel compares them with those of chosen
atoms of the training set, a network has hidden layers that were trained before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.kernels.regression import POWER, TANH, Regressor
from ase_dos.utils.checks import as_array, as_count

__all__ = ["FeatureMap", "mean_outputs", "outputs_of_atoms"]

_ACTIVATIONS = {"power": POWER, "tanh": TANH}


@dataclass(frozen=True, eq=False)
class FeatureMap:
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
        The function of single numbers; "power" is x^degree. With ``unit_length`` and the features
        of sparse points as weights, that is a polynomial kernel.
    degree : int
    unit_length : bool
        Divide the features by their length first.
    mix : (last out, outputs) array, optional
        Linear combinations to return.

    Raises
    ------
    ValueError
        If the shapes do not fit one another, the activation is unknown, or the degree below 1.
    """

    weights: Sequence[NDArray] = ()
    biases: Sequence[NDArray] = ()
    activation: str = "power"
    degree: int = 1
    unit_length: bool = False
    mix: NDArray | None = None

    def __post_init__(self) -> None:
        if self.activation not in _ACTIVATIONS:
            raise ValueError(
                f"activation: expected one of {', '.join(_ACTIVATIONS)}, got {self.activation!r}"
            )
        as_count(self.degree, "degree", 1)
        if len(self.biases) != len(self.weights):
            raise ValueError(
                f"biases: expected {len(self.weights)}, one for each matrix of weights, "
                f"got {len(self.biases)}"
            )
        size = None
        for weight, bias in zip(self.weights, self.biases, strict=True):
            size = as_array(weight, "weights", (size, None)).shape[1]
            as_array(bias, "biases", (size,))
        if self.mix is not None:
            as_array(self.mix, "mix", (size, None))

    def header(self) -> dict[str, Any]:
        """Options of the map and the names of its arrays, ready for JSON."""
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
    def restored(cls, header: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> FeatureMap:
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

    def with_output(self, matrix: NDArray) -> FeatureMap:
        """Return the map x -> h(x) matrix, for a matrix (outputs, k): a whole regression."""
        return replace(self, mix=matrix if self.mix is None else self.mix @ matrix)

    @cached_property
    def kernel_form(self) -> Regressor:
        """The same map as the kernels take it.

        Raises
        ------
        ValueError
            If nothing linear comes last: the kernels end with a matrix.
        """
        if self.mix is None:
            raise ValueError("feature map: expected one that ends in a matrix; use with_output")
        matrices = [*self.weights, self.mix]
        *hidden, last = (np.asarray(matrix, float).T.ravel() for matrix in matrices)
        return Regressor(
            sizes=np.array([len(matrices[0]), *(matrix.shape[1] for matrix in matrices)]),
            weights=np.concatenate([np.empty(0), *hidden]),
            biases=np.concatenate([*self.biases, np.zeros(self.mix.shape[1])]),
            last=last,
            activation=_ACTIVATIONS[self.activation],
            degree=int(self.degree),
            unit_length=bool(self.unit_length),
        )

    def combined(self, combination: ArrayLike) -> Regressor:
        """Return one linear combination (outputs,) of the outputs, as the kernels take it.

        Raises
        ------
        ValueError
            If it does not fit the outputs, or as `kernel_form`.
        """
        form = self.kernel_form
        assert self.mix is not None
        sizes = form.sizes.copy()
        weights = as_array(combination, "combination of outputs", (int(sizes[-1]),))
        sizes[-1] = 1
        return form._replace(sizes=sizes, last=self.mix @ weights)

    def __call__(self, features: NDArray) -> NDArray:
        """Compute outputs (atoms, outputs) for features (atoms, n_features)."""
        x = features
        if self.unit_length:
            lengths = np.linalg.norm(features, axis=1, keepdims=True)
            x = features / np.where(lengths > 0, lengths, 1.0)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            x = x @ weight + bias
            x = np.tanh(x) if self.activation == "tanh" else x**self.degree
        return x if self.mix is None else x @ self.mix


def mean_outputs(maps: Sequence[FeatureMap], features: NDArray, kinds: NDArray) -> NDArray:
    """Row of the regression for one structure: outputs of every map in turn, averaged.

    Parameters
    ----------
    maps : sequence of FeatureMap
        One for each species, or one for all.
    features : (atoms, n_features) array
        Of all atoms of the structure.
    kinds : (atoms,) int array
        Index of the species of each atom.
    """
    if len(maps) == 1:
        return maps[0](features).sum(axis=0) / len(features)
    sums = [one(features[kinds == kind]).sum(axis=0) for kind, one in enumerate(maps)]
    return np.concatenate(sums) / len(features)


def outputs_of_atoms(maps: Sequence[FeatureMap], features: NDArray, kinds: NDArray) -> NDArray:
    """Rows of the regression for single atoms (atoms, outputs of all maps), as `mean_outputs`."""
    if len(maps) == 1:
        return maps[0](features)
    sizes = [one.size(features.shape[1]) for one in maps]
    outputs, first = np.zeros((len(features), sum(sizes))), 0
    for kind, (one, size) in enumerate(zip(maps, sizes, strict=True)):
        outputs[kinds == kind, first : first + size] = one(features[kinds == kind])
        first += size
    return outputs
