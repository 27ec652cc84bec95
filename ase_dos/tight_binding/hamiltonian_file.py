"""Files of fitted Hamiltonians: form and parameters as plain text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ase_dos.tight_binding.form import HamiltonianForm
from ase_dos.tight_binding.hamiltonian import TightBindingHamiltonian
from ase_dos.utils.files import replace_bytes

__all__ = ["load_hamiltonian", "save_hamiltonian"]

_FORMAT = 1


def save_hamiltonian(
    path: str | Path, hamiltonian: TightBindingHamiltonian, provenance: Mapping[str, Any]
) -> None:
    """Write a Hamiltonian as JSON, its parameters by the names of their arrays.

    Parameters
    ----------
    path : str or path
    hamiltonian : TightBindingHamiltonian
    provenance : mapping
        What it was fitted to, as plain values.
    """
    arrays = hamiltonian.form.split(hamiltonian.parameters)
    content = {
        "format": _FORMAT,
        "provenance": dict(provenance),
        "form": hamiltonian.form.to_dict(),
        "parameters": {name: values.tolist() for name, values in arrays.items()},
    }
    replace_bytes(path, (json.dumps(content) + "\n").encode())


def load_hamiltonian(path: str | Path) -> TightBindingHamiltonian:
    """Read what `save_hamiltonian` wrote.

    Raises
    ------
    ValueError
        If the file is missing, damaged, not one of these, or of a newer release.
    """
    try:
        content = json.loads(Path(path).read_text())
        if content["format"] != _FORMAT:
            raise ValueError(f"format {content['format']}, this release reads {_FORMAT}")
        form = HamiltonianForm.from_dict(content["form"])
        parameters = np.zeros(form.n_parameters)
        for name, values in form.split(parameters).items():
            values[:] = np.reshape(content["parameters"][name], values.shape)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a readable file of a Hamiltonian ({error})") from error
    return TightBindingHamiltonian(form, parameters)
