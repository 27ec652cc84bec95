"""Files of calculated bands: own NetCDF, k meshes, band structures of ASE."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos._version import __version__
from ase_dos.bands.netcdf import import_xarray, read_netcdf, write_netcdf
from ase_dos.bands.theory import TheoryBands

__all__ = ["read_theory", "write_theory"]

MARK, FORMAT = "ase_dos_theory_bands", 1
_MESH = ("kpoints", "energies", "cell")


def write_theory(theory: TheoryBands, path: str | os.PathLike) -> None:
    """Write calculated bands into a NetCDF file, which `read_theory` reads.

    Raises
    ------
    ImportError
        If xarray or h5netcdf is not installed (extra ``bands``).
    OSError
        If the file cannot be written; a file that was there stays.
    """
    attributes: dict[str, Any] = {
        MARK: FORMAT,
        "ase_dos_version": __version__,
        "names": json.dumps(theory.names),
    }
    if theory.interpolation_error is not None:
        attributes["interpolation_error"] = theory.interpolation_error
    energies = (("band", *theory.names), theory.energies, {"units": "eV"})
    axes = dict(zip(theory.names, theory.momenta, strict=True))
    dataset = import_xarray().Dataset({"energies": energies}, axes, attributes)
    write_netcdf(dataset, path)


def read_theory(
    path: str | os.PathLike,
    *,
    momenta: tuple[NDArray, NDArray] | None = None,
    kz: float | None = None,
    azimuth: float = 0.0,
    spin: int | None = None,
) -> TheoryBands:
    """Read calculated bands.

    Parameters
    ----------
    path : str or path
        A NetCDF file of `write_theory`; a ``.npz`` archive with the arrays ``kpoints`` (k, 3),
        ``energies`` (k, bands) and ``cell`` (3, 3), and as a rule ``numbers`` and
        ``scaled_positions`` of the crystal, whose symmetry completes the mesh (as
        ``data/wse2/wse2.npz``); or a ``.json`` file of an ASE band structure, for maps with one
        momentum.
    momenta : (kx, ky), optional
        Axes for bands of a k mesh; see `TheoryBands.from_mesh`, as are ``kz``, ``azimuth`` and
        ``spin``. Energies keep their zero.

    Raises
    ------
    ValueError
        If the file is missing, damaged or none of these; it names the file.
    ImportError
        If a package is missing that reads the format.
    """
    path = Path(path)
    mesh = {"momenta": momenta, "kz": kz, "azimuth": azimuth, "spin": spin}
    with _errors_name(path):
        if not path.is_file():
            raise ValueError("no such file")
        if path.suffix in (".nc", ".h5"):
            return _from_netcdf(path)
        if path.suffix == ".npz":
            return _from_archive(path, mesh)
        if path.suffix == ".json":
            return _from_json(path, spin)
        raise ValueError(
            "expected calculated bands as .nc, .npz or .json; bands of a finished calculation are "
            "read with TheoryBands.from_calculator in Python, and kept with write_theory"
        )


def _from_netcdf(path: Path) -> TheoryBands:
    data = read_netcdf(path, MARK, FORMAT, "calculated bands")
    names = tuple(json.loads(data.attrs["names"]))
    axes = tuple(data[name].values for name in names)
    error = data.attrs.get("interpolation_error")
    return TheoryBands(
        data["energies"].values, axes, names, None if error is None else float(error)
    )


def _from_archive(path: Path, mesh: dict[str, Any]) -> TheoryBands:
    with np.load(path, allow_pickle=False) as archive:
        if missing := [name for name in _MESH if name not in archive]:
            raise ValueError(
                f"expected the arrays {', '.join(_MESH)}, got {', '.join(archive) or 'none'}; "
                f"there is no {missing[0]}"
            )
        kpoints, energies, cell = (archive[name] for name in _MESH)
        atoms = None
        if "numbers" in archive and "scaled_positions" in archive:
            positions = archive["scaled_positions"]
            atoms = Atoms(archive["numbers"], scaled_positions=positions, cell=cell, pbc=True)
    return TheoryBands.from_mesh(kpoints, energies, cell, atoms=atoms, **mesh)


def _from_json(path: Path, spin: int | None) -> TheoryBands:
    from ase.io.jsonio import read_json
    from ase.spectrum.band_structure import BandStructure

    structure = read_json(path)
    if not isinstance(structure, BandStructure):
        raise ValueError(f"expected a BandStructure of ASE, got {type(structure).__name__}")
    return TheoryBands.from_ase(structure, spin=spin)


@contextmanager
def _errors_name(path: Path) -> Iterator[None]:
    """Make every error a ValueError of one line that begins with the name of the file."""
    try:
        yield
    except ImportError:
        raise
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: it is damaged, or no JSON file ({error})") from error
    except ValueError as error:
        text = str(error).removeprefix(f"{path}: ")
        raise ValueError(f"{path}: {text}") from error
    except Exception as error:
        raise ValueError(
            f"{path}: it is damaged, or of a form that is not known "
            f"({type(error).__name__}: {error})"
        ) from error
