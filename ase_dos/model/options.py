"""Hyperparameters of a model, as one frozen value that a model file holds whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from ase_dos.descriptors.radial_basis import check_size
from ase_dos.descriptors.soap import SOAP
from ase_dos.fit.metric import METRICS
from ase_dos.fit.network import Network
from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.utils.checks import (
    as_array,
    as_candidates,
    as_choice,
    as_positive,
    refuse_unknown_options,
)

__all__ = ["REFERENCES", "REGRESSORS", "SPINS", "ModelOptions"]

REFERENCES = ("adaptive", "fermi", "average_potential")
SPINS = ("total", "channels")
REGRESSORS = ("ridge", "kernel", "network")
_BY_KIND: dict[str, type[SparseKernel] | type[Network]] = {
    "kernel": SparseKernel,
    "network": Network,
}


@dataclass(frozen=True)
class ModelOptions:
    """Hyperparameters of a training.

    Parameters
    ----------
    descriptor : SOAP
        Features of the atoms.
    grid : EnergyGrid, optional
        Energies of the model, 0 at the mean Fermi level of the training set. By default from
        below the lowest band to ``headroom`` (or where half of the targets end), in steps of
        smearing / 6.
    headroom : float
        Top of the default grid (eV). Electrons of temperature T need some 13 kT.
    regressor : {"ridge", "kernel", "network"}, SparseKernel or Network
        By name with default hyperparameters. Networks need PyTorch for training.
    radial_basis : int, optional
        Radial functions to keep for every species and l: the principal components of the
        training set (see `ase_dos.descriptors.radial_basis`). By default all of the descriptor's.
    reference : {"adaptive", "fermi", "average_potential"}
        Energy reference of the training structures: optimised with the model, their Fermi
        levels, or the zero of the DFT program (the average potential in plane-wave and PAW
        codes).
    smearing : float
        Standard deviation of the Gaussian broadening of eigenvalues (eV).
    n_modes : int, optional
        Energy modes: principal components of the aligned targets. With None the weights of
        every grid energy are fitted.
    metric : {"dos", "cumulative", "mix"}
        What counts as an error (`ase_dos.fit.metric`).
    count_below : float, optional
        Energy (eV) in a gap that every structure has: the electrons below it, the same for every
        atom of a species, are then exact in every prediction.
    regularizations : sequence of float
        Candidates, relative to the mean eigenvalue of the Gram matrix of the features;
        leave-one-out chooses.
    penalties : sequence of float
        Candidates for the penalty on adaptive shifts (states^2/eV^3 per atom^2), chosen in the
        same way; the first is the one that the regularisation is chosen with.
    valence : mapping of str to float, optional
        Valence electrons by chemical symbol; needed only where the compositions of the training
        set do not tell them apart.
    spin : {"total", "channels"}
        What is learned of spin-polarised states: their DOS, both spins together, or also how it
        divides into majority and minority, from which magnetic moments follow. The majority is the
        channel with more electrons, whichever the program printed first.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    descriptor: SOAP
    grid: EnergyGrid | None = None
    headroom: float = 14.0
    regressor: str | SparseKernel | Network = "ridge"
    radial_basis: int | None = None
    reference: str = "adaptive"
    smearing: float = 0.3
    n_modes: int | None = 32
    metric: str = "mix"
    count_below: float | None = None
    regularizations: Sequence[float] = tuple(10.0 ** np.arange(-7, 0.5, 0.5))
    penalties: Sequence[float] = (0.01, 0.0, 0.001, 0.1)
    valence: Mapping[str, float] | None = None
    spin: str = "total"

    def __post_init__(self) -> None:
        as_choice(self.reference, "reference", REFERENCES)
        as_choice(self.metric, "metric", METRICS)
        as_choice(self.spin, "spin", SPINS)
        if not isinstance(self.descriptor, SOAP):
            raise ValueError(f"descriptor: expected SOAP, got {type(self.descriptor).__name__}")
        if self.radial_basis is not None:
            check_size(self.descriptor, self.radial_basis)
        checked = {
            "headroom": as_positive(self.headroom, "headroom"),
            "regressor": _as_regressor(self.regressor),
            "radial_basis": None if self.radial_basis is None else int(self.radial_basis),
            "smearing": as_positive(self.smearing, "smearing"),
            "n_modes": None if self.n_modes is None else int(self.n_modes),
            "count_below": (
                None
                if self.count_below is None
                else float(as_array(self.count_below, "count_below", ()))
            ),
            "regularizations": as_candidates(self.regularizations, "regularizations"),
            "penalties": as_candidates(self.penalties, "penalties", zero=True),
            "valence": (
                {str(k): float(v) for k, v in self.valence.items()} if self.valence else None
            ),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.n_modes is not None and self.n_modes < 1:
            raise ValueError(f"n_modes: expected 1 or more, got {self.n_modes}")

    @property
    def kind(self) -> str:
        """Name of the regressor."""
        return self.regressor if isinstance(self.regressor, str) else self.regressor.kind

    def to_dict(self) -> dict[str, Any]:
        """Options as plain values, ready for JSON."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        regressor = {} if isinstance(self.regressor, str) else asdict(self.regressor)
        return values | {
            "descriptor": self.descriptor.to_dict(),
            "grid": None if self.grid is None else asdict(self.grid),
            "regressor": {"kind": self.kind, **regressor},
            "regularizations": list(self.regularizations),
            "penalties": list(self.penalties),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelOptions:
        """Inverse of `to_dict`.

        Raises
        ------
        ValueError
            If an option is unknown to this release, or a value is out of range.
        """
        refuse_unknown_options(values, [one.name for one in fields(cls)])
        regressor = dict(values["regressor"])
        kind = regressor.pop("kind")
        return cls(
            **{
                **values,
                "descriptor": SOAP.from_dict(values["descriptor"]),
                "grid": None if values["grid"] is None else EnergyGrid(**values["grid"]),
                "regressor": _BY_KIND[kind](**regressor) if kind in _BY_KIND else kind,
            }
        )


def _as_regressor(value: str | SparseKernel | Network) -> str | SparseKernel | Network:
    if isinstance(value, (SparseKernel, Network)):
        return value
    as_choice(value, "regressor", REGRESSORS)
    return _BY_KIND[value]() if value in _BY_KIND else value
