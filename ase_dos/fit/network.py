"""Hyperparameters of networks with one hidden layer, on whose outputs the regression is done.

`ase_dos.fit.network_training` trains them. Side by side, the networks of a committee form one wide
hidden layer, and the regression on it sees all structures.
"""

from __future__ import annotations

from dataclasses import dataclass

from ase_dos.utils.checks import as_count, as_positive

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

    Raises
    ------
    ValueError
        If a hyperparameter is out of range.
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
        # Plain numbers, as model files can hold them.
        for name in ("width", "committee", "steps"):
            object.__setattr__(self, name, as_count(getattr(self, name), f"Network: {name}", 1))
        object.__setattr__(self, "seed", int(self.seed))
        for name in ("learning_rate", "regularization"):
            object.__setattr__(self, name, as_positive(getattr(self, name), f"Network: {name}"))
        if not 0 < self.held_out < 1:
            raise ValueError(f"Network: expected 0 < held_out < 1, got {self.held_out}")
