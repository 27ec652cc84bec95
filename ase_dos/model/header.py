"""Header of a model file: how a model was trained, and on what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos._version import __version__
from ase_dos.descriptors.soap import SOAP
from ase_dos.io.model_file import FORMAT
from ase_dos.model.options import ModelOptions
from ase_dos.model.training import Training
from ase_dos.model.training_remarks import structure_label
from ase_dos.model.training_set import training_set_hash
from ase_dos.spectra.target import DOSTarget

__all__ = ["header", "options_in"]


def header(
    options: ModelOptions,
    frames: Sequence[Atoms],
    targets: Sequence[DOSTarget],
    training: Training,
    kept: NDArray,
) -> dict[str, Any]:
    """Describe a training on the structures ``kept``, of all that were given, as plain values."""
    learned = training.predictor
    outliers = None
    if training.outliers is not None:
        outliers = [
            {"label": structure_label(frames[one.structure], one.structure), **asdict(one)}
            for one in training.outliers
        ]
    return {
        "format": FORMAT,
        "version": __version__,
        "options": options.to_dict(),
        "maps": [one.header() for one in learned.maps],
        "descriptor": learned.descriptor.to_dict(),
        "species": [chemical_symbols[z] for z in options.descriptor.species],
        "valence": learned.valence.tolist(),
        "grid": asdict(learned.grid),
        "smearing": learned.smearing,
        "states": dict(Counter(targets[i].states or "unknown spin" for i in kept)),
        "regularization": float(training.alignment.regularization),
        "shift_penalty": float(training.alignment.penalty),
        "n_structures": len(kept),
        "n_groups": training.like.count,
        "outliers": outliers,
        "training_set_hash": training_set_hash(
            [frames[i] for i in kept], [targets[i] for i in kept]
        ),
        "leave_one_out_rmse": training.leave_one_out_rmse,
        "novelty_limit": learned.novelty_limit,
    }


def options_in(info: dict[str, Any], n_modes: int) -> ModelOptions:
    """Hyperparameters in the header of a file; of format 2, which lacks some, as far as known.

    Where the energies ended and which candidates were tried is not in such a file: training it
    again takes the same energies and the usual candidates.
    """
    if "options" in info:
        return ModelOptions.from_dict(info["options"])
    descriptor = SOAP.from_dict(info["descriptor"])
    return ModelOptions.from_dict(
        {
            "descriptor": descriptor.primitive.to_dict(),
            "grid": info["grid"],
            "regressor": {"kind": info["kind"], **info["regressor"]},
            "radial_basis": descriptor.n_radial if descriptor.contraction else None,
            "n_modes": n_modes,
            "valence": dict(zip(info["species"], info["valence"], strict=True)),
            **{name: info[name] for name in ("reference", "smearing", "metric", "count_below")},
        }
    )
