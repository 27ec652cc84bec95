"""Readers of eigenvalues, and of densities of states on a grid, in the output of DFT programs.

One function per format turns a file into a list with one entry per structure: a function that
parses the eigenvalues of that structure, or None where the program printed none.
"""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable
from os import PathLike
from pathlib import Path

from ase import Atoms

from ase_dos.io.dft import aims, espresso, gpaw, vasp
from ase_dos.io.dft.common import Loader, checked_path
from ase_dos.io.dft.dos_frames import read_dos_frames
from ase_dos.spectra.states import ElectronicStates

__all__ = ["FORMATS", "is_output", "read_dos_frames", "read_frames", "read_states"]

FORMATS: dict[str, Callable[[Path], list[Loader | None]]] = {
    "espresso-out": espresso.output_loaders,
    "espresso-xml": espresso.xml_loaders,
    "vasp-xml": vasp.xml_loaders,
    "gpw": gpaw.gpw_loaders,
    "gpaw-out": gpaw.text_loaders,
    "aims-output": aims.output_loaders,
}
_SIGNATURES = (
    (b"Program PWSCF", "espresso-out"),
    (b"qes:espresso", "espresso-xml"),
    (b"<modeling>", "vasp-xml"),
    (b"- of Ulmgpaw", "gpw"),
    (b"- of UlmGPAW", "gpw"),
    (b"Invoking FHI-aims", "aims-output"),
    (b"|   |   |_  | | | |", "gpaw-out"),  # to GPAW 25
    (b"| _ |_)|_||  |", "gpaw-out"),  # the logo since GPAW 26, which ASE does not know
)


def read_states(
    path: str | PathLike,
    index: int = -1,
    format: str | None = None,
    n_electrons: float | None = None,
) -> ElectronicStates:
    """Read the eigenvalues of one structure from the output of a DFT program.

    Parameters
    ----------
    path : str or path-like
        Quantum ESPRESSO output or data-file-schema.xml, VASP vasprun.xml, GPAW .gpw or text
        (one k-point only: it prints no more), FHI-aims output.
    index : int
        Which structure, among those with eigenvalues; the last by default.
    format : str, optional
        One of `FORMATS`; recognised from the content by default.
    n_electrons : float, optional
        Electrons in the cell, instead of what the file says.

    Returns
    -------
    ElectronicStates
        With Fermi level, smearing width and -TS where the program printed them. Quantum
        ESPRESSO's output rounds the width to 1e-4 Ry; its XML file does not.

    Raises
    ------
    ValueError
        If the format is unknown, or the file is empty, cut off, not converged or without
        (all) eigenvalues. The message names the file and what to do.
    """
    path = checked_path(path)
    try:
        loaders = [load for load in _loaders(path, format) if load is not None]
        try:
            load = loaders[index]
        except IndexError:
            raise ValueError(
                f"it has {len(loaders)} structures with eigenvalues, none at index {index}"
            ) from None
        return _build(load, n_electrons)
    except (ValueError, ET.ParseError) as error:
        raise ValueError(f"{path}: {_explain(error)}") from error


def read_frames(
    path: str | PathLike,
    index: int | slice = slice(None),
    format: str | None = None,
    n_electrons: float | None = None,
) -> list[tuple[Atoms, ElectronicStates]]:
    """Read every structure that has eigenvalues, with these, for training.

    Parameters
    ----------
    path, format, n_electrons
        As in `read_states`.
    index : int or slice
        Which structures, among those with eigenvalues; all by default.

    Returns
    -------
    list of (Atoms, ElectronicStates)

    Raises
    ------
    ValueError
        As `read_states`; one unconverged structure among those asked for is enough.
    """
    path = checked_path(path)
    try:
        format = format or _sniff(path)
        loaders = _loaders(path, format)
        structures = _structures(path, format)
        if len(structures) != len(loaders):
            raise ValueError(
                f"found {len(structures)} structures but {len(loaders)} sets of eigenvalues, "
                "so they cannot be paired; is the file cut off?"
            )
        pairs = [
            (atoms, load)
            for atoms, load in zip(structures, loaders, strict=True)
            if load is not None
        ]
        chosen = pairs[index] if isinstance(index, slice) else [pairs[index]]
        return [(atoms, _build(load, n_electrons)) for atoms, load in chosen]
    except (ValueError, IndexError, ET.ParseError) as error:
        raise ValueError(f"{path}: {_explain(error)}") from error


def is_output(path: str | PathLike) -> bool:
    """Whether a file looks like the output of a DFT program that `read_frames` knows."""
    return Path(path).is_file() and _sniff(Path(path)) in FORMATS


def _sniff(path: Path) -> str:
    """Return the format of a file from its first bytes, or what ASE makes of it."""
    with path.open("rb") as file:
        head = file.read(20_000)
    for signature, format in _SIGNATURES:
        if signature in head:
            return format
    from ase.io.formats import UnknownFileTypeError, filetype

    try:
        return filetype(str(path), guess=False)
    except (UnknownFileTypeError, OSError):
        return "unknown"


def _loaders(path: Path, format: str | None) -> list[Loader | None]:
    format = format or _sniff(path)
    if format not in FORMATS:
        raise ValueError(
            f"format {format!r} holds no eigenvalues that ase_dos can read; "
            f"expected one of {', '.join(FORMATS)}"
        )
    loaders = FORMATS[format](path)
    if not any(load is not None for load in loaders):
        raise ValueError("no eigenvalues found; is the file cut off, or was the run stopped?")
    return loaders


def _structures(path: Path, format: str) -> list[Atoms]:
    """Return the structures in the order in which the format's parser counts them."""
    if format == "espresso-xml":
        return [espresso.xml_atoms(path)]
    if format == "gpaw-out" and "| symbol |" in (text := path.read_text(errors="replace")):
        return gpaw.text_atoms(text)
    from ase.io import read

    with warnings.catch_warnings():
        # ASE announces that its FHI-aims reader moves to a plugin.
        warnings.filterwarnings("ignore", "FHI-aims IO is moving", FutureWarning)
        try:
            return list(read(path, index=":", format=format))
        except Exception as error:  # ASE's readers raise anything on a broken file
            raise ValueError(
                f"ASE cannot read its structures ({error!r}); is it cut off?"
            ) from error


def _build(load: Loader, n_electrons: float | None) -> ElectronicStates:
    arguments = load()
    if n_electrons is not None:
        arguments["n_electrons"] = n_electrons
    if arguments.get("n_electrons") is None:
        raise ValueError(
            "the file does not say how many electrons there are; in Python, pass n_electrons"
        )
    return ElectronicStates(**arguments)


def _explain(error: Exception) -> str:
    if isinstance(error, ET.ParseError):
        return f"broken XML ({error}); the file is cut off, or the run is not finished"
    return str(error)
