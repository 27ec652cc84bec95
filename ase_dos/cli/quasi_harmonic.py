"""Files for phonopy's quasi-harmonic approximation, which ``ase-dos export`` writes."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ase_dos.cli.outputs import output_file
from ase_dos.cli.trajectory import selected_frames
from ase_dos.utils.files import errors_name

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    from ase_dos.spectra.dos import DOS
    from ase_dos.spectra.states import ElectronicStates

__all__ = ["ENDINGS", "is_quasi_harmonic", "write_quasi_harmonic"]

ENDINGS = ("fe-v.dat", "e-v.dat")
_LAST, _POINTS = 1000.0, 101  # grid of phonopy, if it is not told another one
# Options of other files.
_OTHERS = ("atomic_volume", "conductivity", "coupling", "entries", "grid", "uncertainty", "unit")


def is_quasi_harmonic(name: str) -> bool:
    """Whether the name of an output is that of a file for phonopy."""
    return name.endswith(ENDINGS)


def write_quasi_harmonic(args: Namespace) -> None:
    """Find the free energies of the electrons at all volumes, and write the files."""
    from ase_dos.adapters.phonopy import electronic_free_energies, read_e_v

    outputs = _outputs(args)
    n_atoms, temperatures = _cell_and_temperatures(args)
    e_v = None if args.energies is None else read_e_v(args.energies)
    table = electronic_free_energies(_structures(args), temperatures, e_v)
    if n_atoms is not None and e_v is None:
        table = table.of_cell(n_atoms)
    elif n_atoms not in (None, table.n_atoms):
        raise ValueError(
            f"{args.energies}: its cells have {table.n_atoms} atoms, those of "
            f"{args.phonons[0]} {n_atoms}; expected one cell"
        )
    if args.phonons is not None and len(args.phonons) not in (1, table.volumes.size):
        raise ValueError(
            f"--phonons: expected a file for each of {table.volumes.size} volumes, or one, "
            f"got {len(args.phonons)}"
        )
    print(
        f"{table.volumes.size} volumes of {table.n_atoms} atoms, {temperatures[0]:g} to "
        f"{temperatures[-1]:g} K: electrons change the free energy by "
        f"{1e3 * table.excitations[-1].min() / table.n_atoms:.3g} to "
        f"{1e3 * table.excitations[-1].max() / table.n_atoms:.3g} meV/atom at the highest"
    )
    for output in outputs:
        write = table.write_fe_v if output.name.endswith("fe-v.dat") else table.write_e_v
        with errors_name(output):
            write(output)
        print(f"wrote {output}")


def _outputs(args: Namespace) -> list[Path]:
    """Files to write; what does not go together is refused before any work."""
    others = [name for name in args.output if not is_quasi_harmonic(name)]
    if others:
        raise ValueError(f"--output: expected {' or '.join(ENDINGS)} alone, got {others[0]} too")
    given = [name for name in _OTHERS if getattr(args, name)]
    if args.on_error == "skip":
        given.append("on_error")  # phonopy has files of all volumes
    if args.phonons is not None:
        given += [name for name in ("lowest", "highest", "points") if getattr(args, name)]
    if given:
        options = {"lowest": "from", "highest": "to", "entries": "set"}
        name = options.get(given[0], given[0]).replace("_", "-")
        beside = "--phonons" if args.phonons is not None and given[0] in options else ENDINGS[0]
        raise ValueError(f"--{name}: has no meaning with {beside}")
    inputs = [path for path in (*args.structures, args.energies, *(args.phonons or ())) if path]
    return [output_file(name, "--output", inputs=inputs) for name in args.output]


def _cell_and_temperatures(args: Namespace) -> tuple[int | None, NDArray]:
    """Atoms of a cell, where that is known, and temperatures (K) of the phonon calculation."""
    import numpy as np

    from ase_dos.adapters.phonopy import read_thermal_properties

    if args.phonons is not None:
        return read_thermal_properties(args.phonons)
    first = 0.0 if args.lowest is None else args.lowest
    last = _LAST if args.highest is None else args.highest
    if last <= first:
        raise ValueError(f"--to: expected more than {first:g} K, got {last:g}")
    return None, np.linspace(first, last, args.points or _POINTS)


def _structures(args: Namespace) -> Iterator[tuple[Atoms, ElectronicStates | DOS]]:
    """Cells with the levels of their DFT outputs, or with the DOS of the model."""
    from ase_dos.io.dft import is_output, read_frames
    from ase_dos.model.loading import load_model

    outputs = [name for name in args.structures if is_output(name)]
    if outputs and len(outputs) < len(args.structures):
        other = next(name for name in args.structures if name not in outputs)
        raise ValueError(
            f"expected DFT outputs or structures, got both: {outputs[0]} has levels, {other} not"
        )
    if outputs:
        print(f"levels of {len(outputs)} DFT outputs; no model is used")
        for name in outputs:
            yield from read_frames(name, slice(-1, None))
        return
    model = load_model(args.model)
    for name in args.structures:
        frames, selection = selected_frames(name, args)
        for index in range(frames.length())[slice(*map(selection.get, ("start", "stop", "step")))]:
            atoms = frames[index]
            try:
                yield atoms, model.predict(atoms).total()
            except ValueError as error:
                raise ValueError(f"frame {index} of {frames.name}: {error}") from error
