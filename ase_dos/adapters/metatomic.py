"""Export of models of the DOS to the metatomic format, which many programs run."""

from __future__ import annotations

import json
import os
import warnings

from ase.data import chemical_symbols

from ase_dos._version import __version__
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.metatomic.convention import KEY, DOSConvention
from ase_dos.utils.files import replaced_path

__all__ = ["export_metatomic"]

OUTPUT = "mtt::dos"


def export_metatomic(model: DOSModel, path: str | os.PathLike, name: str = "") -> None:
    """Write a trained model as a metatomic file, with the features of featomic.

    Its output ``mtt::dos`` is the local DOS (states/eV) of every atom, or their sum, in double
    precision. The extra metadata ``dos`` hold energies, broadening and valences, so that
    `ase_dos.model.metatomic.load_metatomic` needs nothing else; ``ase_dos`` has the hash of the
    model. Error bars and the novelty of atoms are not exported.

    Parameters
    ----------
    model : DOSModel
        A trained model.
    path : str or path
        File to write (``.pt``); one that is there is replaced in one step.
    name : str
        Of the model, for its metadata.

    Raises
    ------
    ImportError
        If metatomic or featomic for PyTorch is not installed.
    ValueError
        If the model is not trained.
    OSError
        If the file cannot be written.
    """
    try:
        from metatomic.torch import AtomisticModel, ModelCapabilities, ModelMetadata, ModelOutput

        from ase_dos.adapters.metatomic_module import DOSModule
    except ImportError as error:
        raise ImportError(
            f"the export to metatomic needs pip install 'ase_dos[metatomic]' ({error})"
        ) from error
    predictor = model.predictor
    symbols = [chemical_symbols[z] for z in predictor.species]
    convention = DOSConvention(
        predictor.grid.start,
        predictor.grid.step,
        predictor.smearing,
        dict(zip(symbols, predictor.valence.tolist(), strict=True)),
    )
    origin = {"version": __version__, "hash": model.info["hash"]}
    capabilities = ModelCapabilities(
        outputs={OUTPUT: ModelOutput(unit="1/eV", sample_kind="atom")},
        atomic_types=list(predictor.species),
        interaction_range=model.cutoff,
        length_unit="angstrom",
        supported_devices=["cpu"],
        dtype="float64",
    )
    metadata = ModelMetadata(
        name=name,
        description=f"Local density of states of {', '.join(symbols)}, by ase_dos",
        extra={KEY: convention.to_json(), "ase_dos": json.dumps(origin)},
    )
    module = AtomisticModel(DOSModule(predictor, OUTPUT).eval(), metadata, capabilities)
    with replaced_path(path) as temporary, warnings.catch_warnings():
        # PyTorch of TorchScript, which is the format of metatomic.
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        temporary.touch()  # an OSError, where PyTorch would have a RuntimeError
        module.save(str(temporary))
