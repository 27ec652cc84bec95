"""``ase-dos predict``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ase_dos.cli.arguments import add_model_argument, add_temperature_argument
from ase_dos.cli.main import reports_user_errors
from ase_dos.cli.outputs import figure_suffixes, output_file
from ase_dos.cli.trajectory import add_element_arguments, read_structure, split_selection
from ase_dos.utils.files import errors_name, replace_arrays, replace_file
from ase_dos.utils.quantities import QUANTITIES

if TYPE_CHECKING:
    from ase import Atoms

    from ase_dos.adapters.ase import DOSCalculator
    from ase_dos.spectra.dos import DOS
    from ase_dos.spectra.local_dos import LocalDOS


class CLICommand:
    """Predict the density of states of one structure.

    STRUCTURE is any file that `ase-dos trajectory` reads; of several structures the last one is
    taken, or the one that STRUCTURE@INDEX names. Prints electronic quantities, energies relative to
    the Fermi level at T = 0.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        add = parser.add_argument
        add("structure", metavar="STRUCTURE", help="file with a structure")
        add_element_arguments(parser)
        add_model_argument(parser)
        add_temperature_argument(parser)
        add(
            "-o",
            "--output",
            metavar="FILE",
            help="write the DOS: .csv (total), or .npz (also of every atom)",
        )
        add("--plot", metavar="FIGURE", help="draw the DOS into this file, such as dos.png")

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Predict, print, and write what was asked for."""
        from ase.calculators.calculator import InputError

        from ase_dos.adapters.ase import DOSCalculator
        from ase_dos.utils.checks import as_temperature

        temperatures = as_temperature(args.temperature or [300.0]).tolist()
        path, _ = split_selection(args.structure)
        if args.output:
            output_file(args.output, "--output", (".csv", ".npz"), [path])
        if args.plot:
            output_file(args.plot, "--plot", figure_suffixes(), [path])
        atoms = read_structure(args)
        calc = DOSCalculator(args.model)
        try:
            dos = calc.get_dos(atoms)
        except InputError as error:
            raise ValueError(f"{args.structure}: {error}") from error
        _print_gas(calc, dos, atoms, temperatures)
        if args.output:
            _write(Path(args.output), dos, calc.get_local_dos())
            print(f"wrote {args.output}")
        if args.plot:
            from ase_dos.cli.plot import DPI
            from ase_dos.plot.curve import plot_dos
            from ase_dos.plot.style import ENERGY, figure_of

            ax = plot_dos(dos)
            ax.axvline(0.0, color="black", lw=0.8, ls="--")
            ax.set_xlabel(ENERGY)
            with errors_name(args.plot):
                figure_of(ax).savefig(args.plot, dpi=DPI)
            print(f"wrote {args.plot}")


def _print_gas(calc: DOSCalculator, dos: DOS, atoms: Atoms, temperatures: Sequence[float]) -> None:
    import numpy as np

    n = len(atoms)
    # What may be refused comes before any output.
    gas = calc.get_electron_gas([0.0, *temperatures])
    thermal = {
        "chemical_potential": np.asarray(gas.fermi_level),
        "entropy": np.asarray(gas.entropy) / n,
        "heat_capacity": np.asarray(gas.heat_capacity) / n,
        "free_energy": (np.asarray(gas.free_energy) - np.asarray(gas.free_energy)[0]) / n,
    }
    print(f"{atoms.get_chemical_formula()}, {dos.n_electrons:g} electrons")
    cold = {
        "occupied_width": -dos.band_bottom,
        "dos_at_fermi_level": float(np.asarray(gas.thermal_dos)[0]) / n,
    }
    if dos.spin is not None:
        cold["magnetic_moment"] = float(dos.moment_of(gas)[0]) / n
    for name, value in cold.items():
        quantity = QUANTITIES[name].per_atom
        print(f"{quantity.symbol:<18} {quantity.format(value)} {quantity.unit}")
    columns = [QUANTITIES[name].shown.per_atom for name in thermal]
    print(f"{'T (K)':>9}" + "".join(f" {column.label:>22}" for column in columns))
    for i, temperature in enumerate(temperatures, start=1):
        values = [values[i] / QUANTITIES[name].size for name, values in thermal.items()]
        cells = [column.format(value) for column, value in zip(columns, values, strict=True)]
        print(f"{temperature:>9g}" + "".join(f" {cell:>22}" for cell in cells))


def _write(path: Path, dos: DOS, local: LocalDOS) -> None:
    import numpy as np

    if path.suffix == ".csv":
        head = "energy relative to E_F (eV),DOS (states/eV)"
        table = np.column_stack([dos.energies, dos.values])
        if dos.spin is not None:
            head += ",majority (states/eV),minority (states/eV)"
            table = np.column_stack([table, *dos.channels])
        save = partial(np.savetxt, X=table, fmt="%.8g", delimiter=",", header=head, comments="")
        replace_file(path, save)
        return
    arrays = {
        "energies": dos.energies,
        "dos": dos.values,
        "n_electrons": dos.n_electrons,
        "coefficients": local.coefficients,
        "valence": local.valence,
        "basis": local.basis,
        "spin_dos": dos.spin,
        "spin_basis": local.spin_basis,
    }
    known = {name: array for name, array in arrays.items() if array is not None}
    replace_arrays(path, known, compressed=True)
