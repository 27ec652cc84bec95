"""Export of models of the DOS to the metatomic format, which many programs run."""

from __future__ import annotations

import json
import os
import warnings

from ase.data import chemical_symbols

from ase_dos._version import __version__
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.metatomic.convention import KEY, DOSConvention
from ase_dos.utils.checks import as_positive
from ase_dos.utils.files import replaced_path

__all__ = ["export_metatomic"]

OUTPUT = "mtt::dos"


def export_metatomic(
    model: DOSModel,
    path: str | os.PathLike,
    name: str = "",
    *,
    electronic_temperature: float | None = None,
    ground_state_smearing: float = 0.0,
) -> None:
    """Write a trained model as a metatomic file, with the features of featomic.

    Its output ``mtt::dos`` is the local DOS (states/eV) of every atom, or their sum, in double
    precision; both spins together, also of a model with spin channels. The extra metadata ``dos``
    hold energies, broadening and valences, so that `ase_dos.model.metatomic.load_metatomic` needs
    nothing else; ``ase_dos`` has the hash of the model. Error bars and the novelty of atoms are not
    exported.

    With an electronic temperature there is a second output, ``energy``: F(T) - F(T_0) of all
    electrons of a structure (eV), that of `ase_dos.DOSCalculator`. Programs take forces and stress
    from it by autograd. The chemical potential is one of all atoms, so that a program that divides
    a structure into domains is refused.

    Parameters
    ----------
    model : DOSModel
        A trained model.
    path : str or path
        File to write (``.pt``); one that is there is replaced in one step.
    name : str
        Of the model, for its metadata.
    electronic_temperature : float, optional
        T of the electrons (K), for the output ``energy``; there is none by default.
    ground_state_smearing : float
        Temperature T_0 (K) of the electrons that a potential contains already, to which
        ``energy`` is added.

    Raises
    ------
    ImportError
        If metatomic or featomic for PyTorch is not installed.
    ValueError
        If the model is not trained, a temperature is not a number >= 0, or one is missing.
    OSError
        If the file cannot be written.
    """
    try:
        from metatomic.torch import AtomisticModel, ModelCapabilities, ModelMetadata, ModelOutput

        from ase_dos.adapters.metatomic_electrons import HotElectrons
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
    outputs = {OUTPUT: ModelOutput(unit="1/eV", sample_kind="atom")}
    electrons = None
    if electronic_temperature is None and ground_state_smearing:
        raise ValueError(
            f"ground_state_smearing: got {ground_state_smearing:g} K without an electronic "
            "temperature; in Python, give electronic_temperature too"
        )
    if electronic_temperature is not None:
        temperature = as_positive(electronic_temperature, "electronic_temperature", zero=True)
        ground = as_positive(ground_state_smearing, "ground_state_smearing", zero=True)
        electrons = HotElectrons(predictor.grid, temperature, ground)
        about = f"F({temperature:g} K) - F({ground:g} K) of the electrons"
        outputs["energy"] = ModelOutput(unit="eV", sample_kind="system", description=about)
    origin = {"version": __version__, "hash": model.info["hash"]}
    capabilities = ModelCapabilities(
        outputs=outputs,
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
    module = AtomisticModel(DOSModule(predictor, OUTPUT, electrons).eval(), metadata, capabilities)
    with replaced_path(path) as temporary, warnings.catch_warnings():
        # PyTorch of TorchScript, which is the format of metatomic.
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        temporary.touch()  # an OSError, where PyTorch would have a RuntimeError
        module.save(str(temporary))
