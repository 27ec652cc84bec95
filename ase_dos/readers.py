"""Read eigenvalues, or densities of states on a grid, from the output of DFT programs.

One function per format turns a file into a list with one entry per structure: a function that
parses the eigenvalues of that structure, or None where the program printed none.
"""

from __future__ import annotations

import re
import warnings
import xml.etree.ElementTree as ET
from bisect import bisect_left
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree, Rydberg
from numpy.typing import ArrayLike, NDArray

from ase_dos.checks import as_array, as_positive
from ase_dos.spectrum import DOS
from ase_dos.states import ElectronicStates

__all__ = ["read_dos_frames", "read_frames", "read_states"]

# What a format's parser returns for one structure: the arguments of ElectronicStates.
Loader = Callable[[], dict[str, Any]]


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
    path = _checked_path(path)
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
    path = _checked_path(path)
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


def read_dos_frames(
    path: str | PathLike,
    energies: ArrayLike | None = None,
    *,
    start: float | None = None,
    step: float | None = None,
    smearing: float = 0.0,
    n_electrons: float | None = None,
) -> list[tuple[Atoms, DOS]]:
    """Read structures that carry a DOS on a grid in `atoms.info` (extended xyz, traj, ...).

    Expects `info["DOS"]` (states/eV of the whole cell), and uses `info["mask"]` (1 where the
    DOS is complete, then 0) and `info["number_of_electrons"]` if they are there.

    Parameters
    ----------
    path : str or path-like
        Any file of several structures that ASE reads.
    energies : (n,) array, optional
        Energies (eV) of the grid. Without it, give `start` and `step`.
    start, step : float, optional
        First energy and spacing of the grid (eV).
    smearing : float
        Standard deviation of the Gaussian (eV) the file's states were broadened with.
    n_electrons : float, optional
        Electrons in each cell, instead of the file's.

    Returns
    -------
    list of (Atoms, DOS)
        `DOS.valid_to` is the last energy that the mask calls complete. The two arrays are
        moved out of `atoms.info`.

    Raises
    ------
    ValueError
        If a frame has no DOS or electron count, the grid does not fit, or the mask is not a
        run of ones followed by zeros.
    """
    from ase.io import read

    path = _checked_path(path)
    if (energies is None) == (start is None or step is None):
        raise ValueError("energy grid: give either energies, or start and step (eV)")
    frames = []
    for number, atoms in enumerate(read(path, index=":")):
        try:
            dos = _frame_dos(atoms.info, energies, start, step, smearing, n_electrons)
        except ValueError as error:
            raise ValueError(f"{path}, frame {number}: {error}") from error
        atoms.info = {k: v for k, v in atoms.info.items() if k not in ("DOS", "mask")}
        frames.append((atoms, dos))
    return frames


def _frame_dos(
    info: dict,
    energies: ArrayLike | None,
    start: float | None,
    step: float | None,
    smearing: float,
    n_electrons: float | None,
) -> DOS:
    """Return the DOS in one frame's info."""
    if "DOS" not in info:
        raise ValueError(f'expected info["DOS"], got the keys {sorted(info)}')
    values = as_array(info["DOS"], 'info["DOS"]', (None,))
    if start is not None and step is not None:
        energies = start + step * np.arange(values.size)
    energies = as_array(energies, "energies", values.shape)
    if n_electrons is None and "number_of_electrons" not in info:
        raise ValueError('no info["number_of_electrons"]; pass n_electrons')
    count = info["number_of_electrons"] if n_electrons is None else n_electrons
    valid_to = energies[-1]
    if "mask" in info:
        valid_to = energies[_complete_points(info["mask"], values.size) - 1]
    return DOS(energies, values, as_positive(count, "number of electrons"), smearing, valid_to)


def _complete_points(mask: ArrayLike, size: int) -> int:
    """Return how many grid points a mask (1 complete, 0 not) declares complete."""
    mask = as_array(mask, 'info["mask"]', (size,))
    if not np.isin(mask, (0, 1)).all():
        raise ValueError('info["mask"]: expected zeros and ones')
    # Not "~mask": on the integers these files hold that is -1 and -2, both true.
    unknown = mask == 0
    complete = size if not unknown.any() else int(unknown.argmax())
    if complete == 0 or not unknown[complete:].all():
        raise ValueError(
            'info["mask"]: expected ones up to some energy and zeros above it, '
            f"got {int((~unknown).sum())} ones of {size} with the first zero at {complete}"
        )
    return complete


# ------------------------------------------------------------------------- dispatch


def _checked_path(path: str | PathLike) -> Path:
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty; did the calculation start?")
    return path


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
        return [_espresso_xml_atoms(path)]
    if format == "gpaw-out" and "| symbol |" in (text := path.read_text(errors="replace")):
        return _gpaw_text_atoms(text)
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
        raise ValueError("the file does not say how many electrons there are; pass n_electrons")
    return ElectronicStates(**arguments)


def _explain(error: Exception) -> str:
    if isinstance(error, ET.ParseError):
        return f"broken XML ({error}); the file is cut off, or the run is not finished"
    return str(error)


def _only(pattern: str, text: str) -> float | None:
    """Return the number that the last match of ``pattern`` in ``text`` captures."""
    found = re.findall(pattern, text)
    return float(found[-1]) if found else None


def _positions(pattern: str | re.Pattern, text: str) -> list[int]:
    """Return where the matches of ``pattern`` begin, in rising order."""
    return [match.start() for match in re.finditer(pattern, text)]


def _latest(positions: list[int], here: int) -> int:
    """Return the last position before ``here``, or 0."""
    before = bisect_left(positions, here)
    return positions[before - 1] if before else 0


def _first(positions: list[int], here: int) -> int:
    """Return the first position from ``here`` on; there is one."""
    return positions[bisect_left(positions, here)]


# ------------------------------------------------------- Quantum ESPRESSO, text output

_PATH = "calculation='bands' follows a path, which samples no DOS; use 'nscf'"
_QE_END = re.compile(r"End of (?:self-consistent|band structure) calculation")


def _espresso(path: Path) -> list[Loader | None]:
    text = path.read_text(errors="replace")
    ends = _positions(_QE_END, text)
    if not ends:
        raise ValueError(
            "no end of a calculation in this pw.x output; it is cut off or not finished"
        )
    starts, lists = _positions("Program PWSCF", text), _positions("number of k points=", text)
    loaders: list[Loader | None] = []
    for here, there in pairwise([*ends, len(text)]):
        # Positions, not copies: thousands of steps share one text.
        run = _latest(starts, here)
        listed = max(_latest(lists, here), run)
        header, kpoints = (slice(begin, _first(ends, begin)) for begin in (run, listed))
        loaders.append(partial(_espresso_step, text, header, kpoints, slice(here, there)))
    return loaders


def _espresso_step(text: str, header: slice, kpoints: slice, result: slice) -> dict[str, Any]:
    """Parse one calculation: the parts of ``text`` with its settings, k-points and bands."""
    before, after = text[header], text[result]
    _require_finished_espresso(after)
    weights = _espresso_weights(text[kpoints])
    bands = _espresso_bands(after)
    spinors = "Noncollinear calculation" in before
    n_spins = 2 if "SPIN DOWN" in after else 1
    if len(bands) != n_spins * len(weights):
        raise ValueError(
            f"expected eigenvalues at {n_spins * len(weights)} k-points, got {len(bands)}; "
            "it is cut off"
        )
    lengths = sorted({len(values) for values in bands})
    if len(lengths) != 1:
        raise ValueError(f"k-points have different numbers of bands, {lengths}; it is cut off")
    degeneracy = 1 if spinors or n_spins == 2 else 2
    arguments: dict[str, Any] = {
        "eigenvalues": np.reshape(bands, (n_spins, len(weights), lengths[0])),
        "weights": weights,
        "n_electrons": _only(r"number of electrons\s*=\s*([\d.]+)", before),
        "spin_degeneracy": degeneracy,
        "fermi_level": _only(r"the Fermi energy is\s+(\S+) ev", after),
    }
    width = _only(r"Fermi-Dirac smearing, width \(Ry\)\s*=\s*(\S+)", before)
    if width is not None:
        arguments["smearing_width"] = width * Rydberg
        # A fixed magnetisation has two Fermi levels, and -TS belongs to both of them.
        entropy = _only(r"smearing contrib\. \(-TS\)\s*=\s*(\S+) Ry", after)
        if entropy is not None and arguments["fermi_level"] is not None:
            arguments["entropy_term"] = entropy * Rydberg
    return arguments


def _require_finished_espresso(after: str) -> None:
    if after.startswith("End of band"):
        if "Fermi energ" not in after and "highest occupied" not in after:
            raise ValueError(f"no Fermi or highest occupied level: {_PATH}")
        return
    if "convergence NOT achieved" in after:
        raise ValueError("self-consistency was not reached (convergence NOT achieved)")
    if "convergence has been achieved" not in after:
        raise ValueError("the output ends before 'convergence has been achieved'; it is cut off")


def _espresso_weights(listed: str) -> NDArray:
    """Return the weights (kpoints,) in a list of k-points."""
    count = _only(r"number of k points=\s*(\d+)", listed)
    if count is None:
        raise ValueError("no 'number of k points' in this pw.x output; it is cut off")
    weights = re.findall(r"wk\s*=\s*([\d.]+)", listed)
    if len(weights) < count:
        raise ValueError(
            f"expected {count:.0f} k-point weights, got {len(weights)}; pw.x prints 100 or more "
            "only with verbosity='high' in &CONTROL (or read data-file-schema.xml of the run)"
        )
    # With high verbosity the list is printed twice, in Cartesian and crystal coordinates.
    return np.array(weights[: int(count)], dtype=float)


def _espresso_bands(after: str) -> list[list[float]]:
    """Return the eigenvalues of every k-point, spin up before spin down."""
    blocks = re.split(r"bands \(ev\):[^\n]*\n", after)[1:]
    if not blocks:
        raise ValueError(
            "no eigenvalues in this pw.x output; set verbosity='high' in &CONTROL (needed from "
            "100 k-points on), or read data-file-schema.xml of the run"
        )
    bands = []
    for block in blocks:
        printed = block.lstrip("\n").split("\n\n")[0]
        if "*" in printed:
            raise ValueError("an eigenvalue did not fit its column (****); read the XML file")
        # Four decimals end a column, so numbers that touch each other still come apart.
        bands.append([float(number) for number in re.findall(r"-?\d+\.\d{4}", printed)])
    return bands


# ------------------------------------------------------- Quantum ESPRESSO, XML data file


def _espresso_xml(path: Path) -> list[Loader | None]:
    return [partial(_espresso_xml_step, ET.parse(path).getroot())]


def _espresso_xml_step(root: ET.Element) -> dict[str, Any]:
    """Parse the band structure of the last step; energies are in Hartree."""
    output = _element(root, "output")
    _require_converged_espresso_xml(root, output)
    bands = _element(output, "band_structure")
    points = bands.findall("ks_energies")
    if not points:
        raise ValueError("no <ks_energies> in <band_structure>; the run did not finish")
    lsda = _is_true(bands, "lsda")
    # Both channels of a k-point stand in one list, up before down.
    energies = as_array([_numbers(point, "eigenvalues") for point in points], "eigenvalues")
    values = energies.reshape(len(points), 2 if lsda else 1, -1).swapaxes(0, 1)
    arguments: dict[str, Any] = {
        "eigenvalues": values * Hartree,
        "weights": [float(_element(point, "k_point").get("weight", "nan")) for point in points],
        "n_electrons": float(_numbers(bands, "nelec")[0]),
        "spin_degeneracy": 1 if lsda or _is_true(bands, "noncolin") else 2,
    }
    level, smearing = bands.find("fermi_energy"), bands.find("smearing")
    if bands.findtext("occupations_kind", "").strip() == "fixed":
        level = None  # what stands there is the highest occupied level
    if level is not None:
        arguments["fermi_level"] = float(_numbers(bands, "fermi_energy")[0]) * Hartree
    if smearing is not None and (smearing.text or "").strip().lower() in ("fd", "fermi-dirac"):
        arguments["smearing_width"] = float(smearing.get("degauss", "nan")) * Hartree
        if level is not None and output.find("total_energy/demet") is not None:
            entropy_term = float(_numbers(output, "total_energy/demet")[0]) * Hartree
            arguments["entropy_term"] = entropy_term
    return arguments


def _require_converged_espresso_xml(root: ET.Element, output: ET.Element) -> None:
    calculation = root.findtext("input/control_variables/calculation", "scf").strip()
    if calculation == "bands":
        raise ValueError(_PATH)
    converged = output.findtext("convergence_info/scf_conv/convergence_achieved", "true")
    # A run at fixed density iterates nothing and says "false".
    if calculation != "nscf" and converged.strip() != "true":
        raise ValueError("self-consistency was not reached (convergence_achieved is false)")


def _espresso_xml_atoms(path: Path) -> Atoms:
    structure = _element(ET.parse(path).getroot(), "output/atomic_structure")
    atoms = structure.findall("atomic_positions/atom")
    positions = [[float(x) for x in (atom.text or "").split()] for atom in atoms]
    cell = np.array([_numbers(structure, f"cell/a{i}") for i in (1, 2, 3)])
    # Species may carry a tag: Fe1, Ni_up.
    names = "".join(re.sub(r"^([A-Za-z][a-z]?).*", r"\1", atom.get("name", "X")) for atom in atoms)
    return Atoms(names, positions=np.array(positions) * Bohr, cell=cell * Bohr, pbc=True)


def _element(parent: ET.Element, path: str) -> ET.Element:
    """Return the element at ``path``."""
    found = parent.find(path)
    if found is None:
        raise ValueError(f"no <{path}> in <{parent.tag}>; the run did not finish")
    return found


def _numbers(parent: ET.Element, path: str) -> NDArray:
    """Return the numbers in the text of the element at ``path``."""
    return np.array([float(word) for word in (_element(parent, path).text or "").split()])


def _is_true(parent: ET.Element, path: str) -> bool:
    return parent.findtext(path, "false").strip().lower() in ("true", "1")


# ------------------------------------------------------------------------- VASP


def _vasp(path: Path) -> list[Loader | None]:
    root = ET.parse(path).getroot()
    parameters = _element(root, "parameters").iter("i")
    named = {item.get("name", ""): (item.text or "").strip() for item in parameters}
    listed = root.findall("kpoints/varray[@name='weights']/v")
    weights = [float(item.text or "nan") for item in listed]
    return [
        partial(_vasp_step, step, named, weights)
        if step.find("eigenvalues/array/set") is not None
        else None
        for step in root.findall("calculation")
    ]


def _vasp_step(step: ET.Element, named: dict[str, str], weights: list[float]) -> dict[str, Any]:
    _require_converged_vasp(step, named)
    values = [
        [[float((row.text or "nan").split()[0]) for row in kpoint.findall("r")] for kpoint in spin]
        for spin in _element(step, "eigenvalues/array/set")
    ]
    spinors = named.get("LNONCOLLINEAR", "F").startswith("T")
    arguments: dict[str, Any] = {
        "eigenvalues": values,
        "weights": weights,
        "n_electrons": float(named["NELECT"]) if "NELECT" in named else None,
        "spin_degeneracy": 1 if spinors or len(values) == 2 else 2,
    }
    level = step.find("dos/i[@name='efermi']")
    if level is not None:
        arguments["fermi_level"] = float(level.text or "nan")
    if named.get("ISMEAR") == "-1":
        arguments["smearing_width"] = float(named["SIGMA"])
        # Not "eentropy": only some iterations list it. And not calculation/energy, whose
        # "e_wo_entrp" is wrong in several releases.
        free_energy, energy = (_vasp_energies(step, n) for n in ("e_fr_energy", "e_wo_entrp"))
        if free_energy and len(energy) == len(free_energy):
            arguments["entropy_term"] = free_energy[-1] - energy[-1]
    return arguments


def _vasp_energies(step: ET.Element, name: str) -> list[float]:
    """Return one kind of energy (eV) of every iteration of a step."""
    listed = step.findall(f"scstep/energy/i[@name='{name}']")
    return [float(item.text or "nan") for item in listed]


def _require_converged_vasp(step: ET.Element, named: dict[str, str]) -> None:
    """Reject a step that used up its NELM iterations with the energy still moving."""
    energies = _vasp_energies(step, "e_fr_energy")
    limit = int(named.get("NELM", 0))
    # ICHARG from 11 on keeps the density, so its few iterations converge nothing.
    if int(named.get("ICHARG", 0)) > 10 or not 1 < limit <= len(energies):
        return
    change, allowed = abs(energies[-1] - energies[-2]), float(named.get("EDIFF", 1e-4))
    if change > allowed:
        raise ValueError(
            f"self-consistency was not reached: after NELM={limit} iterations the energy still "
            f"changes by {change:.2g} eV (EDIFF={allowed:g})"
        )


# ------------------------------------------------------------------------- GPAW


def _gpw(path: Path) -> list[Loader | None]:
    return [partial(_gpw_step, path)]


def _gpw_step(path: Path) -> dict[str, Any]:
    """Read eigenvalues of a .gpw file with ASE alone, so that GPAW need not be installed."""
    from ase.io import ulm

    with path.open("rb") as file:  # ulm leaves files open that it cannot read
        try:
            reader = ulm.open(file)
            waves = reader.wave_functions
            values, weights = np.array(waves.eigenvalues), np.array(waves.kpts.weights)
            occupations, levels = np.array(waves.occupations), np.ravel(waves.fermi_levels)
            results, parameters = reader.results.asdict(), reader.parameters.asdict()
        except (ulm.InvalidULMFileError, ValueError, IndexError, OSError) as error:
            raise ValueError(f"not a complete .gpw file ({error})") from error
        except AttributeError as error:
            raise ValueError(f"{error} in this .gpw file; expected format version 3+") from error
    if values.ndim == 2:  # non-collinear: one channel of spinors
        values, occupations = values[None], occupations[None]
        degeneracy = 1
    else:
        degeneracy = 1 if len(values) == 2 else 2
    # In the file every state is filled from 0 to 1, spin-paired or not.
    count = degeneracy * np.einsum("k,skn->", weights, occupations)
    return {
        "eigenvalues": values,
        "weights": weights,
        "n_electrons": float(np.round(count, 8)),
        "spin_degeneracy": degeneracy,
        "fermi_level": float(levels[0]) if levels.size == 1 else None,
        **_gpaw_smearing(parameters, results, levels.size),
    }


def _gpaw_smearing(parameters: dict, results: dict, n_levels: int) -> dict[str, float]:
    """Return width and -TS if the run had Fermi-Dirac occupations with one Fermi level."""
    occupations = parameters.get("occupations") or {}
    if occupations.get("name") != "fermi-dirac" or n_levels != 1:
        return {}
    found = {"smearing_width": float(occupations["width"])}
    if "free_energy" in results and "energy" in results:
        # GPAW extrapolates to zero width: energy = free_energy + TS/2.
        found["entropy_term"] = 2 * (results["free_energy"] - results["energy"])
    return found


_GPAW_LOGO = re.compile(r"\|__ \|  _\|___\|_____\||\|__\|\|  \| \|\|/\\\|")


def _gpaw_text(path: Path) -> list[Loader | None]:
    text = path.read_text(errors="replace")
    ends = _positions(re.compile(r"^Converged (?:after|in) ", re.M), text)
    if not ends:
        raise ValueError("no converged calculation in this GPAW text; it is cut off or failed")
    logos = _positions(_GPAW_LOGO, text)
    loaders: list[Loader | None] = []
    for here, there in pairwise([*ends, len(text)]):
        run = _latest(logos, here)
        header = slice(run, _first(ends, run))
        loaders.append(partial(_gpaw_text_step, text, header, slice(here, there)))
    return loaders


def _gpaw_text_step(text: str, header: slice, result: slice) -> dict[str, Any]:
    """Parse the table of eigenvalues behind one self-consistency cycle."""
    before, after = text[header], text[result]
    kpoints = _only(r"(\d+) k-points? in the [Ii]rreducible", before)
    kpoints = kpoints or _only(r"Number of IBZ points: (\d+)", before) or 1
    bands = _only(r"Bands:\s+(\d+)", before)
    bands = bands or _only(r"[Nn]umber of bands in calculation: (\d+)", before)
    rows = _gpaw_table(after)
    if kpoints != 1 or bands is None or len(rows) != bands:
        raise ValueError(
            f"GPAW's text shows eigenvalues for part of the {kpoints:.0f} k-points and "
            f"{bands or 0:.0f} bands only; write calc.write('run.gpw') and read that file"
        )
    values = rows[:, 1::2].T[:, None]
    electrons = _only(r"Valence electrons: (\S+)", before)
    electrons = electrons or _only(r"Number of valence electrons: (\S+)", before)
    arguments: dict[str, Any] = {
        "eigenvalues": values,
        "weights": [1.0],
        "n_electrons": electrons,
        "spin_degeneracy": 1 if len(values) == 2 else 2,
    }
    level = re.search(r"^Fermi level:\s+(\S+)\s*$", after, re.M)
    if level:
        arguments["fermi_level"] = float(level[1])
    width = re.findall(r"Fermi-Dirac:\s+width:\s+(\S+)", before)
    entropy = re.search(r"^\s*Entropy[^:]*:\s+(\S+)", after, re.M)
    if width and level:
        arguments["smearing_width"] = float(width[-1])
        arguments["entropy_term"] = float(entropy[1]) if entropy else None
    return arguments


def _gpaw_table(after: str) -> NDArray:
    """Return rows (band, eigenvalue, occupation, ...) of the first table of eigenvalues."""
    new, old = r"\| band index \|[^\n]*\n\|[-|]+\|", r" *Band +Eigenvalues +Occupancy[^\n]*"
    header = re.search(rf"^(?:{new}|{old})\n", after, re.M)
    if header is None:
        raise ValueError("no table of eigenvalues in this GPAW text; it is cut off")
    rows = []
    for line in after[header.end() :].splitlines():
        words = line.replace("|", " ").split()
        if not words:
            break
        rows.append([float(word) for word in words])
    return np.array(rows)


def _gpaw_text_atoms(text: str) -> list[Atoms]:
    """Read structures from GPAW's text since release 26, whose tables ASE does not know."""
    structures = []
    for block in text.split("\nAtoms  # ")[1:]:
        rows = [line.replace("|", " ").split() for line in block.splitlines()]
        start = rows.index(next(row for row in rows if row[:1] == ["0"]))
        sites = []
        for row in rows[start:]:
            if not row:
                break
            sites.append(row)
        cell = [row for row in rows if row[:1] in (["yes"], ["no"])][:3]
        structures.append(
            Atoms(
                [site[1].split(".")[0] for site in sites],
                positions=[[float(x) for x in site[2:5]] for site in sites],
                cell=[[float(x) for x in row[1:4]] for row in cell],
                pbc=[row[0] == "yes" for row in cell],
            )
        )
    return structures


# ------------------------------------------------------------------------- FHI-aims


def _aims(path: Path) -> list[Loader | None]:
    text = path.read_text(errors="replace")
    if text.count("Invoking FHI-aims") > 1:
        raise ValueError("several FHI-aims runs in one file; give every run its own")
    header, *cycles = text.split("Begin self-consistency loop")
    if not cycles:
        raise ValueError("no self-consistency loop in this FHI-aims output; it is cut off")
    return [partial(_aims_step, header, cycles[0], cycle) for cycle in cycles]


def _aims_step(header: str, first: str, cycle: str) -> dict[str, Any]:
    """Parse the last eigenvalues of one self-consistency cycle."""
    # The k-points are listed behind the first "Begin", and not in every later cycle.
    before = header + first + cycle
    if "Self-consistency cycle converged." not in cycle:
        raise ValueError("a self-consistency cycle did not converge, or the output is cut off")
    n_spins = int(_only(r"\| Number of spin channels\s*:\s*(\d+)", before) or 1)
    n_kpoints = int(_only(r"\| Number of k-points\s*:\s*(\d+)", before) or 1)
    values = _aims_bands(cycle, n_spins, n_kpoints)
    arguments: dict[str, Any] = {
        "eigenvalues": values,
        "weights": _aims_weights(before, n_kpoints),
        "n_electrons": _only(r"a total of\s+(\S+) electrons", before),
        "spin_degeneracy": 1 if n_spins == 2 else 2,
        "fermi_level": _only(r"Chemical potential \(Fermi level\)[^:\n]*:\s*(\S+) eV", cycle),
    }
    width = re.findall(r"Occupation type:\s*[Ff]ermi[^=\n]*=\s*(\S+)\s*eV", before)
    energy = _only(r"\| Total energy uncorrected\s*:\s*(\S+) eV", cycle)
    free_energy = _only(r"\| Electronic free energy\s*:\s*(\S+) eV", cycle)
    if width:
        arguments["smearing_width"] = float(width[-1])
        if energy is not None and free_energy is not None:
            arguments["entropy_term"] = free_energy - energy
    return arguments


def _aims_weights(before: str, n_kpoints: int) -> NDArray:
    listed = dict(re.findall(r"\| k-point:\s*(\d+) at [^\n]*weight:\s*(\S+)", before))
    if n_kpoints == 1:
        return np.ones(1)
    if len(listed) != n_kpoints:
        raise ValueError(
            f"expected the weights of {n_kpoints} k-points, got {len(listed)}; set "
            "'output k_point_list' in control.in"
        )
    return np.array([float(listed[str(k + 1)]) for k in range(n_kpoints)])


def _aims_bands(cycle: str, n_spins: int, n_kpoints: int) -> list[list[list[float]]]:
    """Return eigenvalues [spin][kpoint][band] of the last list in a cycle."""
    blocks = cycle.split("Writing Kohn-Sham eigenvalues.")
    earlier = "".join(blocks[:-1])
    if len(blocks) > 1 and not re.search("self-consistency iteration #|Convergence:", earlier):
        # What output_level MD_light leaves: the only list precedes the first iteration.
        raise ValueError(
            "the only eigenvalues are those of the starting density; set 'output_level normal' "
            "and, for several k-points, 'output k_eigenvalue N' in control.in"
        )
    found: dict[tuple[int, int], list[float]] = {}
    spin = kpoint = 0
    rows: list[float] | None = None
    for line in blocks[-1].splitlines() if len(blocks) > 1 else ():
        words = line.split()
        if line.lstrip().startswith(("Spin-up", "Spin-down")):
            spin = int("Spin-down" in line)
        elif line.lstrip().startswith("K-point:"):
            kpoint = int(words[1]) - 1
        elif words[:2] == ["State", "Occupation"]:
            rows = found[spin, kpoint] = []
        elif rows is not None and len(words) == 4 and words[0].isdigit():
            if "*" in words[3]:
                raise ValueError("an eigenvalue did not fit its column (****)")
            rows.append(float(words[3]))
        elif rows:
            rows = None
    if set(found) != {(s, k) for s in range(n_spins) for k in range(n_kpoints)}:
        raise ValueError(
            f"expected eigenvalues for {n_spins} spin channel(s) at {n_kpoints} k-points, got "
            f"{len(found)} lists; set 'output k_eigenvalue {n_kpoints}' in control.in"
        )
    return [[found[s, k] for k in range(n_kpoints)] for s in range(n_spins)]


FORMATS: dict[str, Callable[[Path], list[Loader | None]]] = {
    "espresso-out": _espresso,
    "espresso-xml": _espresso_xml,
    "vasp-xml": _vasp,
    "gpw": _gpw,
    "gpaw-out": _gpaw_text,
    "aims-output": _aims,
}
