"""Models of the DOS by the path of a metatomic file."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ase_dos.model.metatomic.convention import KEY, find_convention
from ase_dos.model.metatomic.file import MetatomicFile
from ase_dos.model.metatomic.model import MetatomicEnsembleModel, MetatomicModel
from ase_dos.model.metatomic.total import MetatomicTotalModel

__all__ = ["load_metatomic"]


def load_metatomic(
    path: str | os.PathLike,
    output: str = "mtt::dos",
    *,
    preset: str | None = None,
    start: float | None = None,
    step: float | None = None,
    smearing: float | None = None,
    valence: Mapping[str, float] | None = None,
    window: tuple[float, float] | None = None,
    block_size: int | None = None,
    device: str = "cpu",
    extensions: str | os.PathLike | None = None,
) -> MetatomicModel:
    """Load a model in the metatomic format, such as those of metatrain.

    Parameters
    ----------
    path : str or path
        The exported model (``.pt``).
    output : str
        Its output with the DOS of every atom, or of the whole structure (states/eV, both spins).
    preset : str, optional
        Convention of a known model: ``"pet-mad-dos"``, which is also that of files with this name.
    start, step, smearing, valence : optional
        As of `ase_dos.model.metatomic.convention.DOSConvention`. What is not given is that of the
        file (extra metadata ``dos``), else that of the preset.
    window : (float, float), optional
        Energies (eV) to keep; all by default.
    block_size : int, optional
        Most atoms, not counting neighbours, that are computed at once. It bounds the memory; all
        by default.
    device : str
        Device of PyTorch that computes.
    extensions : str or path, optional
        Directory of the compiled extensions that the model needs.

    Returns
    -------
    MetatomicModel
        With `predict_ensemble` if the file has an ensemble, ``mtt::aux::dos_ensemble``; without
        local quantities where the output is one of whole structures.

    Raises
    ------
    ImportError
        If metatomic is not installed (``pip install 'ase_dos[metatomic]'``).
    ValueError
        If the file is no such model, lacks the output or has it in another unit; if the convention
        is not known, or the window or block size are out of range.
    """
    file = MetatomicFile(path, output, device, extensions)
    fields = {"start": start, "step": step, "smearing": smearing, "valence": valence}
    convention = find_convention(file.name, file.extra.get(KEY), preset, fields)
    kind = MetatomicModel if file.ensemble is None else MetatomicEnsembleModel
    if not file.per_atom:
        kind = MetatomicTotalModel
    return kind(file, convention, window, block_size, extensions)
