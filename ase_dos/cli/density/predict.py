"""``ase-dos density predict``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ase_dos.cli.arguments import add_charge_argument, number
from ase_dos.cli.outputs import output_file
from ase_dos.cli.trajectory import add_element_arguments, read_structure, split_selection

if TYPE_CHECKING:
    from ase_dos.density.density import Density

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("structure", metavar="STRUCTURE", help="file with a molecule")
    add_element_arguments(parser)
    add(
        "--model",
        default="water-density",
        help="density model, a file or name (default: %(default)s)",
    )
    add_charge_argument(parser)
    add("-o", "--output", metavar="FILE.npz", help="write the density, as Density.load reads it")
    add("--cube", metavar="FILE.cube", help="write the density on a grid")
    add(
        "--spacing",
        type=number(above=0),
        default=0.1,
        metavar="A",
        help="distance of the points of the grid (Angstrom; default: %(default)s)",
    )
    add(
        "--padding",
        type=number(least=0),
        default=4.0,
        metavar="A",
        help="room on all sides of the molecule (Angstrom; default: %(default)s)",
    )


def run(args: Namespace) -> None:
    """Predict the electron density of a molecule.

    STRUCTURE is any file that `ase-dos trajectory` reads; of several structures the last one is
    taken, or the one that STRUCTURE@INDEX names. Prints the dipole moment and the charge of every
    atom, with error bars where the model has them.
    """
    path, _ = split_selection(args.structure)
    if args.output:
        output_file(args.output, "--output", (".npz",), [path])
    if args.cube:
        output_file(args.cube, "--cube", (".cube",), [path])
    from ase_dos.density.interface import load_density_model

    atoms, model = read_structure(args), load_density_model(args.model)
    try:
        density = model.predict(atoms, args.charge)
    except ValueError as error:
        raise ValueError(f"{args.structure}: {error}") from error
    print("\n".join(_lines(density)))
    if args.output:
        density.save(args.output)
        print(f"wrote {args.output}")
    if args.cube:
        off = density.write_cube(args.cube, spacing=args.spacing, padding=args.padding)
        print(f"wrote {args.cube}: its sum is off by {off:.1e} electrons")


def _lines(density: Density) -> list[str]:
    """Dipole moment and charges with their error bars."""
    import numpy as np
    from ase import Atoms
    from ase.units import Debye

    known = density.members is not None
    unknown = np.full(max(len(density.numbers), 3), np.nan)
    dipole, charges = density.dipole(), density.charges()
    of_dipole = density.dipole_std() if known else unknown[:3]
    of_charges = density.charges_std() if known else unknown
    symbols = Atoms(numbers=density.numbers).symbols
    lines = [
        f"{symbols.formula}, {density.n_electrons:.6f} electrons",
        f"|dipole moment| {np.linalg.norm(dipole) / Debye:.4f} D",
        f"{'dipole moment':<14} {'D':>9} {'+-':>8}",
    ]
    columns = zip("xyz", dipole / Debye, of_dipole / Debye, strict=True)
    lines += [f"{axis:<14} {value:9.4f} {_error(error)}" for axis, value, error in columns]
    lines.append(f"{'atom':<14} {'e':>9} {'+-':>8}")
    for i, (symbol, value) in enumerate(zip(symbols, charges, strict=True)):
        lines.append(f"{i:<5}{symbol:<9} {value:9.4f} {_error(of_charges[i])}")
    return lines


def _error(value: float) -> str:
    return f"{value:8.4f}" if value == value else f"{'-':>8}"
