"""Regressors as the kernels want them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ase_dos.kernels.regression import POWER, SILU, TANH, Layers
from ase_dos.utils.checks import as_array

__all__ = ["apply_layers", "make_layers"]


_ACTIVATIONS = {
    POWER: lambda x, degree: x**degree,
    TANH: lambda x, degree: np.tanh(x),
    SILU: lambda x, degree: x / (1.0 + np.exp(-x)),
}


def make_layers(
    weights: Sequence[NDArray],
    biases: Sequence[NDArray] | None = None,
    *,
    activation: str = "power",
    degree: int = 1,
    unit_length: bool = False,
) -> Layers:
    """Regressor for `SOAP.regress`: affine maps with a function of every number in between.

    Parameters
    ----------
    weights : sequence of (in, out) arrays
        The first takes the features of one atom.
    biases : sequence of (out,) arrays, optional
        Zero by default.
    activation : {"power", "tanh", "silu"}
        Taken of every number between two maps. "power" is x^degree: with ``unit_length`` and the
        features of sparse points as first weights, a polynomial kernel.
    degree : int
        Exponent of "power".
    unit_length : bool
        Divide the features of every atom by their length first.

    Raises
    ------
    ValueError
        If the shapes do not fit one another, the activation is unknown, or the degree below 1.
    """
    known = {"power": POWER, "tanh": TANH, "silu": SILU}
    if activation not in known:
        raise ValueError(f"activation: expected one of {', '.join(known)}, got {activation!r}")
    if isinstance(degree, bool) or not isinstance(degree, (int, np.integer)) or degree < 1:
        raise ValueError(f"degree: expected an integer >= 1, got {degree!r}")
    matrices = [as_array(w, "weights", (None, None)) for w in weights]
    if not matrices:
        raise ValueError("weights: expected at least one matrix, got none")
    sizes = [m.shape[1] for m in matrices]
    if biases is None:
        biases = [np.zeros(size) for size in sizes]
    if len(biases) != len(sizes):
        raise ValueError(f"biases: expected {len(sizes)}, one for each matrix, got {len(biases)}")
    vectors = [as_array(b, "biases", (n,)) for b, n in zip(biases, sizes, strict=True)]
    if [m.shape[0] for m in matrices[1:]] != sizes[:-1]:
        raise ValueError(f"weights: shapes {[m.shape for m in matrices]} do not follow one another")
    return Layers(
        sizes=np.array([len(matrices[0]), *sizes]),
        weights=np.concatenate([m.T.ravel() for m in matrices]),
        biases=np.concatenate(vectors),
        activation=known[activation],
        degree=int(degree),
        unit_length=bool(unit_length),
    )


def apply_layers(layers: Layers, features: NDArray) -> NDArray:
    """Compute outputs (atoms, outputs) from features (atoms, n_features) outside the kernels."""
    x = features
    if layers.unit_length:
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
        x = features / np.where(lengths > 0, lengths, 1.0)
    weight = bias = 0
    for layer, (n_in, n_out) in enumerate(zip(layers.sizes, layers.sizes[1:], strict=False)):
        if layer:
            x = _ACTIVATIONS[layers.activation](x, layers.degree)
        matrix = layers.weights[weight : weight + n_in * n_out].reshape(n_out, n_in)
        x = x @ matrix.T + layers.biases[bias : bias + n_out]
        weight, bias = weight + n_in * n_out, bias + n_out
    return x
