"""Model that learns from structures and is kept in a file: what those of every kind share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from numpy.typing import NDArray

from ase_dos.io.model_file import digest, write_model

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Predictor", "TrainedModel"]


class Predictor(Protocol):
    """What a training leaves: all that predictions need."""

    def arrays(self) -> dict[str, NDArray]:
        """Arrays of a model file."""


OptionsT = TypeVar("OptionsT")
PredictorT = TypeVar("PredictorT", bound=Predictor)
TrainingT = TypeVar("TrainingT")


class TrainedModel(Generic[OptionsT, PredictorT, TrainingT]):
    """Hyperparameters and, after a training, what it found.

    Attributes
    ----------
    options
        Hyperparameters, frozen. The model file holds them whole, so that a loaded model trains
        again as it was trained.
    info : dict
        Header of the model file; empty before the training.
    """

    def __init__(self, options: OptionsT) -> None:
        self.options = options
        self.info: dict[str, Any] = {}
        self._predictor: PredictorT | None = None
        self._training: TrainingT | None = None

    @classmethod
    def from_options(cls, options: OptionsT) -> Self:
        """Return a model with these hyperparameters, not trained."""
        model = cls.__new__(cls)
        TrainedModel.__init__(model, options)
        return model

    @property
    def predictor(self) -> PredictorT:
        """Weights, and all else that a prediction needs.

        Raises
        ------
        ValueError
            If the model is not trained.
        """
        if self._predictor is None:
            name = type(self).__name__
            raise ValueError(f"the model is not trained; call fit() or {name}.load() first")
        return self._predictor

    @property
    def training(self) -> TrainingT:
        """Record of the training.

        Raises
        ------
        ValueError
            If the model was loaded from a file, which does not hold this record.
        """
        if self._training is None:
            raise ValueError("training: not stored in model files; call fit()")
        return self._training

    @property
    def hash(self) -> str:
        """Checksum of the trained model."""
        return self.info["hash"]

    def save(self, path: str | os.PathLike) -> None:
        """Write the model to one ``.npz`` file (replaced in one step).

        Raises
        ------
        OSError
            If it cannot be written there: of a full disk it says how much is needed. An earlier
            file stays, and ``save`` to another path may follow.
        """
        write_model(path, self.info, self.predictor.arrays())

    def _sign(self) -> None:
        self.info["hash"] = digest(self.info, self.predictor.arrays())
