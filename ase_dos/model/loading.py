"""Models by name, by path, or as objects."""

from __future__ import annotations

import os

from ase_dos.io.model_file import find_model, kind_of, read_model
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.interface import DOSPredictor, require_predictor
from ase_dos.model.metatomic.loading import load_metatomic
from ase_dos.model.tight_binding.tight_binding_model import TightBindingModel

__all__ = ["load_model", "load_trained"]

_BY_KIND: dict[str, type[DOSModel] | type[TightBindingModel]] = {
    "dos": DOSModel,
    "tight_binding": TightBindingModel,
}


def load_model(model: str | os.PathLike | DOSPredictor) -> DOSPredictor:
    """Return a model, given its name, the path of its file, or the model itself.

    Parameters
    ----------
    model : str, path or DOSPredictor
        Name of a shipped model, path of a model file, or an object with the interface of
        `ase_dos.model.interface.DOSPredictor`. A file ``.pt`` is one of metatomic, which
        `ase_dos.model.metatomic.load_metatomic` loads with its own convention.

    Raises
    ------
    ValueError
        If there is no such model, its file is damaged, the object lacks a part of the
        interface, or it is not trained.
    """
    if isinstance(model, (str, os.PathLike)):
        if os.fspath(model).endswith(".pt"):
            return load_metatomic(model)
        return load_trained(model)
    return require_predictor(model)


def load_trained(name_or_path: str | os.PathLike) -> DOSModel | TightBindingModel:
    """Return a model that this package trained, given its name or the path of its file.

    Raises
    ------
    ValueError
        If there is no such model, or its file is damaged or holds none of the DOS.
    """
    path = find_model(name_or_path, *_BY_KIND)
    return _BY_KIND[kind_of(read_model(path, *_BY_KIND)[0])].load(path)
