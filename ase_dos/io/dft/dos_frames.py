"""Densities of states on a grid that structures carry in a file of ASE's."""

from __future__ import annotations

from os import PathLike

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from ase_dos.io.dft.common import checked_path, named_errors
from ase_dos.io.frames.sources import open_frames, readers_to_the_end
from ase_dos.spectra.dos import DOS
from ase_dos.utils.checks import as_array, as_positive
from ase_dos.utils.structure_errors import OnError, error_taker


def read_dos_frames(
    path: str | PathLike,
    energies: ArrayLike | None = None,
    *,
    start: float | None = None,
    step: float | None = None,
    smearing: float = 0.0,
    n_electrons: float | None = None,
    on_error: OnError = "raise",
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
    on_error : {"raise", "skip"} or callable
        As in `ase_dos.io.dft.read_frames`.

    Returns
    -------
    list of (Atoms, DOS)
        Each DOS ends at the last energy that its mask calls complete: what the file holds above
        it (parts of bands, zeros, NaN) is never read. The two arrays are moved out of
        `atoms.info`.

    Raises
    ------
    ValueError
        If a frame has no DOS or electron count, the grid does not fit, the mask is not a run of
        ones followed by zeros, or the known states cannot hold the electrons.
    """
    path, take_error = checked_path(path), error_taker(on_error)
    if (energies is None) == (start is None or step is None):
        raise ValueError("energy grid: give either energies, or start and step (eV)")
    with named_errors(path):
        source = open_frames(path)
    frames: list[tuple[Atoms, DOS]] = []
    errors: list[ValueError] = []
    for number, read in readers_to_the_end(source):
        try:
            with named_errors(f"{path}, frame {number}"):
                atoms = read()
                dos = _frame_dos(atoms.info, energies, start, step, smearing, n_electrons)
        except ValueError as error:
            errors.append(error)
            take_error(number, error)
            continue
        atoms.info = {k: v for k, v in atoms.info.items() if k not in ("DOS", "mask")}
        frames.append((atoms, dos))
    if errors and not frames and on_error == "skip":
        raise errors[0]
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
    values = np.asarray(info["DOS"])
    if values.ndim != 1:
        raise ValueError(f'info["DOS"]: expected one dimension, got shape {values.shape}')
    if start is not None and step is not None:
        energies = start + step * np.arange(values.size)
    energies = as_array(energies, "energies", values.shape)
    if n_electrons is None and "number_of_electrons" not in info:
        raise ValueError(
            'no info["number_of_electrons"]; write it to the file, or in Python pass n_electrons'
        )
    count = info["number_of_electrons"] if n_electrons is None else n_electrons
    known = values.size if "mask" not in info else _complete_points(info["mask"], values.size)
    values = as_array(values[:known], 'info["DOS"]')
    dos = DOS(energies[:known], values, as_positive(count, "number of electrons"), smearing)
    _check_room(dos)
    return dos


def _check_room(dos: DOS) -> None:
    """Refuse a DOS that ends, or whose spacing makes it end, before its electrons have room."""
    room = float(np.trapezoid(dos.values, dos.energies))
    if room <= dos.n_electrons:
        raise ValueError(
            f"the known states, up to {dos.valid_to:g} eV, hold {room:g} electrons, but the cell "
            f"has {dos.n_electrons:g}; check the grid's spacing, the mask, and that the DOS counts "
            "both spins of the whole cell"
        )


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
