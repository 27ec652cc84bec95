"""Interface of all models of the density of states, and checks that a model has it.

The calculator, trajectories, blocks, tables and dynamics use nothing else of a model. So they take
the models of this package, those of other programs behind an adapter, and those of users.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.ensemble import DOSEnsemble
from ase_dos.spectra.local_dos import LocalDOS

__all__ = ["DOSPredictor", "EnsemblePredictor", "require_ensemble", "require_predictor"]


class DOSPredictor(Protocol):
    """Methods and properties of every model.

    A model is not changed by a prediction, and neither are the atoms. Predictions do not depend
    on the order of calls.
    """

    @property
    def info(self) -> Mapping[str, Any]:
        """Origin of the model as plain values for JSON, stored with all results.

        ``info["hash"]`` identifies the model: models with other predictions have another hash.
        """

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers that the model knows."""

    @property
    def grid(self) -> EnergyGrid:
        """Energies of every DOS (eV), on the model's own axis."""

    @property
    def smearing(self) -> float:
        """Standard deviation of the Gaussian that the DOS is broadened with (eV)."""

    @property
    def cutoff(self) -> float:
        """Distance (Angstrom) beyond which atoms do not change each other's local DOS.

        Infinite where there is none; such models cannot predict a frame in blocks.
        """

    def predict(self, atoms: Atoms, which: NDArray | None = None) -> LocalDOS:
        """Local DOS of every atom, or of the atoms with the indices ``which``.

        Raises
        ------
        ValueError
            If the model cannot describe the structure. Any other exception is a defect.
        """

    def differentiate(
        self, atoms: Atoms, weights: ArrayLike, groups: NDArray | None = None
    ) -> tuple[NDArray, NDArray]:
        """Differentiate a linear functional of the DOS, sum_E weights(E) g(E).

        Parameters
        ----------
        atoms : Atoms
            The structure.
        weights : (n,) or (groups, n) array_like
            On the energies of the grid; for the DOS of every group of atoms.
        groups : (atoms,) int array, optional
            Group of every atom; all in the first by default.

        Returns
        -------
        gradient : (atoms, 3) array
            By the positions (1/Angstrom).
        virial : (3, 3) array
            By strain, symmetric.
        """


class EnsemblePredictor(DOSPredictor, Protocol):
    """Model that predicts its uncertainty."""

    def predict_ensemble(self, atoms: Atoms, n_members: int = 64, seed: int = 0) -> DOSEnsemble:
        """Equally likely densities of states; a seed gives the same members for all structures."""


_MEMBERS = ("info", "species", "grid", "smearing", "cutoff", "predict", "differentiate")


def require_predictor(model: object) -> DOSPredictor:
    """Check that an object is a trained model with the interface `DOSPredictor`; return it.

    Raises
    ------
    ValueError
        If something is missing, or the model is not trained.
    """
    if not getattr(model, "info", True):
        raise ValueError("the model is not trained; call fit() or DOSModel.load() first")
    missing = [name for name in _MEMBERS if not hasattr(model, name)]
    if missing:
        raise ValueError(
            "model: expected the name or path of a model, or an object with the interface of "
            f"ase_dos.model.interface, got {_shown(model)}, which has no {', '.join(missing)}"
        )
    info: Any = model.info  # type: ignore[attr-defined]
    if "hash" not in info:
        raise ValueError(f"model: expected an info with a 'hash', got one with {sorted(info)}")
    return model  # type: ignore[return-value]


def require_ensemble(model: DOSPredictor) -> EnsemblePredictor:
    """Check that a model can predict an ensemble; return it.

    Raises
    ------
    ValueError
        If it has none.
    """
    if not hasattr(model, "predict_ensemble"):
        raise ValueError(
            f"members: the model {model.info['hash']} has no predict_ensemble, so its errors are "
            "not known; leave members out"
        )
    return model  # type: ignore[return-value]


def _shown(model: object) -> str:
    return repr(model) if model is None or isinstance(model, (int, float)) else type(model).__name__
