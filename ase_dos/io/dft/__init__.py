"""Readers of eigenvalues, and of densities of states on a grid, in the output of DFT programs.

One function per format turns a file into a list with one `Step` per structure, or None where the
program printed no eigenvalues of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from pathlib import Path

from ase import Atoms

from ase_dos.io.dft import (
    aims_final,
    castep,
    espresso,
    espresso_xml,
    gpaw,
    siesta,
    vasp,
    vasp_eigenval,
)
from ase_dos.io.dft.common import Step, checked_path, named_errors
from ase_dos.io.dft.dos_frames import read_dos_frames
from ase_dos.spectra.states import ElectronicStates
from ase_dos.utils.checks import as_array
from ase_dos.utils.compression import open_plain
from ase_dos.utils.structure_errors import OnError, error_taker

__all__ = ["FORMATS", "is_output", "read_dos_frames", "read_frames", "read_states"]

FORMATS: dict[str, Callable[[Path], list[Step | None]]] = {
    "espresso-out": espresso.output_steps,
    "espresso-xml": espresso_xml.xml_steps,
    "vasp-xml": vasp.xml_steps,
    "vasp-eigenval": vasp_eigenval.eigenval_steps,
    "gpw": gpaw.gpw_steps,
    "gpaw-out": gpaw.text_steps,
    "aims-output": aims_final.output_steps,
    "aims-eigenvalues": aims_final.final_steps,
    "castep-bands": castep.bands_steps,
    "siesta-eig": siesta.eig_steps,
}
# Of files that lie beside another one with the same levels, a folder needs one.
_REPEATED = {
    "vasp-eigenval": vasp_eigenval.is_repeated,
    "aims-eigenvalues": aims_final.is_repeated,
}
# What a program prints, at the start of a line if it is text: names as run.out tell nothing.
_SIGNATURES = (
    (rb"^[ \t]*Program PWSCF +v\.", "espresso-out"),
    (rb"<qes:espresso", "espresso-xml"),
    (rb"<modeling>", "vasp-xml"),
    (
        # DOSCAR begins in the same way, but has five numbers in the sixth line.
        rb"\A *\d+ +\d+ +\d+ +[12]\s*\n.*\n.*\n *CAR\s*\n.*\n *\d+ +\d+ +\d+\s*\n",
        "vasp-eigenval",
    ),
    (rb"\A(?:- of Ulm|AFFormat)(?:gpaw|GPAW)", "gpw"),
    (rb"^[ \t]*Invoking FHI-aims", "aims-output"),
    (rb"^# Plain ASCII output of the Kohn-Sham eigenvalues", "aims-eigenvalues"),
    (rb"\Ak-point number:", "aims-eigenvalues"),
    (rb"\ANumber of k-points +\d+\s*\nNumber of spin components", "castep-bands"),
    (
        rb"\A\s*[-+.\dEe]+\s*\n *\d+ +[12] +\d+\s*\n +1 +[-+]?\d+\.\d+",
        "siesta-eig",
    ),
    # Known, to say so: no well-kept parser gives all that is needed of them.
    (rb"^[. ]*Version +\S+ +of ABINIT", "abinit-out"),
    (rb"^ *(?:CP2K|DBCSR)\| ", "cp2k-out"),
    (rb"^[ \t]*\|   \|   \|_  \| \| \| \|", "gpaw-out"),  # to GPAW 25
    (rb"^[ \t]*\| _ \|_\)\|_\|\|  \|", "gpaw-out"),  # since GPAW 26
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
        Output or data-file-schema.xml of Quantum ESPRESSO; vasprun.xml or EIGENVAL of VASP; .gpw or
        text (one k-point only: it prints no more) of GPAW; output or Final_KS_eigenvalues.dat of
        FHI-aims; .bands of CASTEP; .EIG of SIESTA. Compressed or not; what a file does not say is
        looked for in the files of the same run beside it.
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
    with named_errors(path):
        steps = _steps(path, format)
        (number,) = _chosen(len(steps), index)
        with _named_structure(number, len(steps)):
            return _build(steps[number], n_electrons)


def read_frames(
    path: str | PathLike,
    index: int | slice = slice(None),
    format: str | None = None,
    n_electrons: float | None = None,
    on_error: OnError = "raise",
) -> list[tuple[Atoms, ElectronicStates]]:
    """Read every structure that has eigenvalues, with these, for training.

    Parameters
    ----------
    path, format, n_electrons
        As in `read_states`.
    index : int or slice
        Which structures, among those with eigenvalues; all by default.
    on_error : {"raise", "skip"} or callable
        At a structure that cannot be used: raise its error; leave it out with a warning, unless
        there is no other; or leave it out and call a function with its index and error.

    Returns
    -------
    list of (Atoms, ElectronicStates)
        Elements, positions, cell and periodicity; the Atoms have no calculator.

    Raises
    ------
    ValueError
        As `read_states`. By default one unconverged structure among those asked for is enough.
    """
    path, take_error = checked_path(path), error_taker(on_error)
    with named_errors(path):
        steps = _steps(path, format)
        chosen = _chosen(len(steps), index)
    frames, errors = [], []
    for number in chosen:
        try:
            with named_errors(path), _named_structure(number, len(steps)):
                frames.append((_structure(steps[number]), _build(steps[number], n_electrons)))
        except ValueError as error:
            errors.append(error)
            take_error(number, error)
    if errors and not frames and on_error == "skip":
        raise errors[0]
    return frames


def is_output(path: str | PathLike) -> bool:
    """Whether a file looks like an output of DFT that `read_frames` knows, for use of a folder.

    Files whose levels another file beside them has as well, as EIGENVAL beside vasprun.xml, are
    none of these.
    """
    path = Path(path)
    if not path.is_file():
        return False
    try:
        format = _sniff(path)
        repeated = _REPEATED.get(format)
        return format in FORMATS and not (repeated and repeated(path))
    except (ValueError, OSError):  # no right to read it, damaged gzip: `read_frames` says so
        return True


def _sniff(path: Path) -> str:
    """Return the format of a file from its first bytes; of other files, what ASE calls them."""
    with open_plain(path) as file:
        head = file.read(65_536)
    for signature, format in _SIGNATURES:
        if re.search(signature, head, re.M):
            return format
    from ase.io.formats import UnknownFileTypeError, filetype

    try:
        named = filetype(str(path), guess=False)
    except (UnknownFileTypeError, OSError):
        return "unknown"
    # ASE goes by names as well, and takes any *.out for pw.x.
    return "unknown" if named in FORMATS else named


def _steps(path: Path, format: str | None) -> list[Step]:
    """Return the structures of a file that have eigenvalues."""
    format = format or _sniff(path)
    if format not in FORMATS:
        raise ValueError(
            f"format {format!r} holds no eigenvalues that ase_dos can read; "
            f"expected one of {', '.join(FORMATS)}"
        )
    steps = [step for step in FORMATS[format](path) if step is not None]
    if not steps:
        raise ValueError("no eigenvalues found; is the file cut off, or was the run stopped?")
    return steps


def _chosen(count: int, index: int | slice) -> list[int]:
    """Return which of ``count`` structures an index means."""
    if isinstance(index, slice):
        return list(range(count))[index]
    if not -count <= index < count:
        raise ValueError(f"it has {count} structures with eigenvalues, none at index {index}")
    return [index % count]


def _named_structure(number: int, count: int) -> AbstractContextManager[None]:
    """Name the structure in errors if a file has several."""
    return named_errors(f"structure {number}") if count > 1 else nullcontext()


def _structure(step: Step) -> Atoms:
    atoms = step.atoms()
    for name, values in (("positions", atoms.positions), ("cell", atoms.cell.array)):
        as_array(values, name)  # numbers, not NaN
    return atoms


def _build(step: Step, n_electrons: float | None) -> ElectronicStates:
    arguments = step.states()
    if n_electrons is not None:
        arguments["n_electrons"] = n_electrons
    if arguments.get("n_electrons") is None:
        raise ValueError(
            "the file does not say how many electrons there are; in Python, pass n_electrons"
        )
    return ElectronicStates(**arguments)
