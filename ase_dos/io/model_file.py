"""Model files: one ``.npz`` of arrays and a JSON header, with a checksum over both."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_dos._version import __version__
from ase_dos.utils.digests import checksum
from ase_dos.utils.files import replace_arrays

__all__ = [
    "FORMAT",
    "KINDS",
    "digest",
    "find_model",
    "kind_of",
    "read_model",
    "shipped_models",
    "write_model",
]

# What models describe; the header of one of the DOS does not say so.
KINDS = {
    "dos": "density of states",
    "tight_binding": "density of states by tight binding",
    "density": "electron density",
}
FORMAT = 3
READABLE = (2, FORMAT)  # format 2 has no whole options
# The last two are how numpy's parser meets a damaged header of an array.
_DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    TokenError,
)


def kind_of(info: Mapping[str, Any]) -> str:
    """Kind of a model by its header, of `KINDS`; a file of something else has another."""
    of_regressor = info["format"] == 2  # when all models were of the DOS
    return "dos" if of_regressor else str(info.get("kind", "dos"))


def shipped_models(*kinds: str) -> list[str]:
    """Names of the models that come with the package, of all kinds or some of `KINDS`."""
    paths = _folder().glob("*.npz")
    return sorted(path.stem for path in paths if not kinds or _kind_of_file(path) in kinds)


def find_model(name_or_path: str | os.PathLike, *kinds: str) -> Path:
    """Path of a model file, given that or the name of a shipped model.

    Parameters
    ----------
    name_or_path : str or path
    *kinds : str
        Kinds of the shipped models that names stand for, of `KINDS`; all by default.

    Raises
    ------
    ValueError
        If there is neither.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    names = shipped_models(*kinds)
    if str(path) in names:
        return _folder() / f"{path}.npz"
    if path.is_dir():
        raise ValueError(f"{path}: is a directory, expected a model file")
    if path.suffix or len(path.parts) != 1:
        raise ValueError(f"{path}: no such model file")
    raise ValueError(
        f"model: expected a path or one of the shipped models ({', '.join(names)}), "
        f"got {str(name_or_path)!r}"
    )


def digest(info: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> str:
    """Checksum of a header, less its own ``hash``, and of arrays."""
    header = {key: value for key, value in info.items() if key != "hash"}
    ordered = (arrays[name] for name in sorted(arrays))
    return checksum(*ordered, header=json.dumps(header, sort_keys=True))


def write_model(
    path: str | os.PathLike, info: Mapping[str, Any], arrays: Mapping[str, NDArray]
) -> None:
    """Write a model file; an earlier one is replaced in one step or stays.

    Raises
    ------
    OSError
        If it cannot be written there. The model is as it was and can be written elsewhere.
    """
    named: dict[str, Any] = {"header": np.array(json.dumps(dict(info))), **arrays}
    replace_arrays(path, named, compressed=True)


def read_model(path: Path, *kinds: str) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Header and arrays of a model file.

    Parameters
    ----------
    path : path
    *kinds : str
        Kinds that are expected, of `KINDS`; any by default.

    Raises
    ------
    ValueError
        If the file is not a model, is damaged, or of another kind or format.
    """
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path}: not a readable ase_dos model: it is no .npz file, or its end is missing"
        )
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            if "header" not in file.files:
                raise ValueError("an .npz file without the header of a model")
            info = json.loads(str(file["header"]))
            arrays = {name: file[name] for name in file.files if name != "header"}
            form, checksum = info["format"], info["hash"]
    except (*_DAMAGE, TypeError) as error:
        raise ValueError(f"{path}: not a readable ase_dos model ({error})") from error
    if form not in READABLE:
        raise ValueError(
            f"{path}: model format {form} of ase_dos {info.get('version')}, this release "
            f"({__version__}) reads formats {' and '.join(map(str, READABLE))}; "
            "train the model again"
        )
    if digest(info, arrays) != checksum:
        raise ValueError(f"{path}: the contents do not match their checksum; the file is damaged")
    found = kind_of(info)
    if kinds and found not in kinds:
        other = f"one of the {KINDS[found]}" if found in KINDS else repr(found)
        raise ValueError(
            f"{path}: expected a model of the {KINDS[kinds[0]]}; this file holds {other}"
        )
    return info, arrays


def _folder() -> Path:
    """Folder of the models that come with the package."""
    return Path(str(files("ase_dos") / "shipped_models"))


def _kind_of_file(path: Path) -> str:
    """Kind of a model that comes with the package, by its header alone."""
    with np.load(path, allow_pickle=False) as file:
        return kind_of(json.loads(str(file["header"])))
