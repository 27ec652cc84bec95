"""Files of many densities: molecules with their coefficients, in one ``.npz`` of plain arrays.

===================  ==================  ==========================================================
array                shape               content
===================  ==================  ==========================================================
``header``           ()                  JSON: ``kind`` "densities", ``basis`` as
                                         `AuxiliaryBasis.to_header` makes it, ``info`` for anything
``n_atoms``          (molecules,)        atoms of each molecule
``numbers``          (atoms,)            atomic numbers of all molecules, one after the other
``positions``        (atoms, 3)          Angstrom
``charges``          (molecules,)        total charges (e)
``coefficients``     (functions,)        of all molecules, in the order and normalisation of
                                         `ase_dos.density.basis` (atomic units)
``names``            (molecules,)        texts, empty where there is none; optional
``families``         (molecules,)        likewise
===================  ==================  ==========================================================

Coefficients of PySCF differ in the order of p functions: `ase_dos.density.pyscf.pyscf_order`.
Other arrays are left alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import DTypeLike, NDArray

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.density import Density
from ase_dos.utils.files import replace_arrays
from ase_dos.utils.structure_errors import of_structure

__all__ = ["read_densities", "write_densities"]

_KIND = "densities"
_TEXTS = {"names": "name", "families": "family"}
_ARRAYS = ("n_atoms", "numbers", "positions", "charges", "coefficients")


def write_densities(
    path: str | os.PathLike,
    densities: Sequence[Density],
    frames: Sequence[Atoms] | None = None,
    *,
    info: Mapping[str, Any] | None = None,
    dtype: DTypeLike = np.float64,
    **others: NDArray,
) -> None:
    """Write densities in one basis to a file; an earlier one is replaced in one step or stays.

    Parameters
    ----------
    path : str or path
    densities : sequence of Density
        One or more.
    frames : sequence of Atoms, optional
        Whose ``info["name"]`` and ``info["family"]`` are kept.
    info : mapping, optional
        Plain values on where the densities come from.
    dtype : {float64, float32}
        Of the coefficients.
    **others : arrays
        Stored beside those of the format.

    Raises
    ------
    ValueError
        If there is no density, or one is in another basis.
    """
    if not len(densities):
        raise ValueError("densities: expected at least one, got none")
    basis = densities[0].basis
    for index, density in enumerate(densities):
        if density.basis != basis:
            with of_structure(index):
                raise ValueError(
                    f"density: is in basis {density.basis.name} for {density.basis.species}, the "
                    f"first in {basis.name} for {basis.species}; expected one basis for all"
                )
    header = {"kind": _KIND, "basis": basis.to_header(), "info": dict(info or {})}
    arrays: dict[str, Any] = {
        "header": np.array(json.dumps(header)),
        "n_atoms": np.array([len(density.numbers) for density in densities]),
        "numbers": np.concatenate([density.numbers for density in densities]),
        "positions": np.concatenate([density.positions for density in densities]),
        "charges": np.array([density.charge for density in densities]),
        "coefficients": np.concatenate([one.coefficients for one in densities]).astype(dtype),
    }
    for name, key in _TEXTS.items():
        if frames is not None:
            arrays[name] = np.array([str(atoms.info.get(key, "")) for atoms in frames])
    replace_arrays(path, arrays | others, compressed=True)


def read_densities(path: str | os.PathLike) -> tuple[list[Atoms], list[Density]]:
    """Read a file of densities.

    Returns
    -------
    frames : list of Atoms
        With ``info["charge"]``, and ``info["name"]`` and ``info["family"]`` where they are known.
    densities : list of Density

    Raises
    ------
    ValueError
        If the file is of another kind, or its arrays do not fit each other.
    """
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays["header"])) if "header" in arrays else {}
    missing = [name for name in _ARRAYS if name not in arrays]
    if header.get("kind") != _KIND or missing:
        raise ValueError(
            f"{path}: not a file of densities, as ase_dos.density.files describes it"
            + (f"; it lacks {', '.join(missing)}" if missing else "")
        )
    basis = AuxiliaryBasis.from_header(header["basis"])
    stops = np.cumsum(arrays["n_atoms"])
    numbers = np.split(arrays["numbers"], stops[:-1])
    sizes = [basis.layout(one).size for one in numbers]
    coefficients = arrays["coefficients"].astype(float)
    if stops[-1] != len(arrays["positions"]) or sum(sizes) != len(coefficients):
        raise ValueError(
            f"{path}: expected {stops[-1]} positions and {sum(sizes)} coefficients for its "
            f"molecules, got {len(arrays['positions'])} and {len(coefficients)}"
        )
    parts = zip(
        numbers,
        np.split(arrays["positions"], stops[:-1]),
        np.split(coefficients, np.cumsum(sizes)[:-1]),
        arrays["charges"].tolist(),
        strict=True,
    )
    densities = []
    for index, (of_one, positions, own, charge) in enumerate(parts):
        with of_structure(index):
            densities.append(Density(basis, of_one, positions, own, charge=charge))
    frames = [Atoms(one.numbers, one.positions, info={"charge": one.charge}) for one in densities]
    for name, key in _TEXTS.items():
        for atoms, text in zip(frames, arrays.get(name, []), strict=False):
            if text:
                atoms.info[key] = str(text)
    return frames, densities
