"""``ase-dos export``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase_dos.cli.arguments import (
    add_model_argument,
    add_on_error_argument,
    add_repeated_argument,
    integer,
    number,
)
from ase_dos.cli.main import reports_user_errors
from ase_dos.cli.outputs import StoredResult, output_file
from ase_dos.cli.quasi_harmonic import ENDINGS, is_quasi_harmonic, write_quasi_harmonic
from ase_dos.cli.trajectory import add_frame_arguments, selected_frames
from ase_dos.utils.quantities import HEAT_CAPACITY_UNITS

if TYPE_CHECKING:
    from ase_dos.results.heat_capacity_table import HeatCapacityTable

SUFFIXES = (".csv", ".dat", ".ttm_mod", ".ttm_cascade", ".ttm_thermal")
COUPLED = (".ttm_mod", ".ttm_thermal")
UNIT = "J/m^3/K"


class CLICommand:
    """Write heat capacities or free energies of the electrons for other programs.

    STRUCTURES is anything that ASE reads, compressed or not; STRUCTURES@START:STOP:STEP takes
    some of its frames. C_el(T_e) is averaged over them. The name of a file says what is written:

    FILE.csv          C_el, S, U(T) - U(0), F(T) - F(0) and mu(T) - E_F with errors.

    FILE.dat          T_e and C_el in two columns, as udkm1Dsim and NTMpy can use it (both with
    --unit J/kg/K). The header has C_el as one expression too.

    FILE.ttm_mod      parameter file of LAMMPS fix ttm/mod, with C_el fitted to its analytic form.
    Needs --coupling. Other entries by --set NAME=VALUE: D_e (heat diffusivity), gamma_s, v_0
    (electronic stopping), I_0, l_skin, tau (pulse), B (electronic pressure), lambda, lsurface,
    rsurface, surface_movement, T_e_min; units metal. Without it D_e, stopping, pulse and pressure
    are zero.

    FILE.ttm_cascade  table for the keyword cetab of LAMMPS fix ttm/cascade.

    FILE.ttm_thermal  property file of LAMMPS fix ttm/thermal for a grid of --grid cells. That fix
    has one heat capacity for all temperatures: the value written is the mean between --from and
    --to. Needs --coupling, and --conductivity where heat is to flow.

    FILEfe-v.dat      free energies along volumes for phonopy-qha --efe, and FILEe-v.dat beside it.
    STRUCTURES are then one crystal at five or more volumes, in one file or in several, with the
    energies that they carry or those of --energies; or outputs of DFT, whose levels are taken in
    place of a model (each the last structure), with --energies.

    Errors are one standard deviation: of the mean over frames, and with --uncertainty also that
    of the model. Those of a fit are relative to C_el, or to one hundredth of its largest value
    where it is smaller.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        add = parser.add_argument
        add("structures", metavar="STRUCTURES", nargs="+", help="structures, or one trajectory")
        add_model_argument(parser)
        add(
            "-o",
            "--output",
            required=True,
            action="append",
            metavar="FILE",
            help="file to write, named *" + ", *".join((*SUFFIXES, *ENDINGS)) + "; may be repeated",
        )
        add(
            "--from",
            dest="lowest",
            type=number(least=0),
            metavar="K",
            help="lowest electronic temperature (default: 300; 0 for phonopy)",
        )
        add(
            "--to",
            dest="highest",
            type=number(above=0),
            metavar="K",
            help="highest electronic temperature (default: the highest that the model allows; 1000 "
            "for phonopy)",
        )
        add(
            "--points",
            type=integer(8),
            metavar="N",
            help="number of temperatures, eight or more (default: 100; 101 for phonopy)",
        )
        add_frame_arguments(parser)
        add_repeated_argument(parser)
        add_on_error_argument(parser)
        add("--uncertainty", action="store_true", help="also give the error of the model")
        add(
            "--atomic-volume",
            type=number(above=0),
            metavar="A^3",
            help="volume per atom (default: from the cells; needed for slabs and clusters)",
        )
        add(
            "--unit",
            choices=HEAT_CAPACITY_UNITS,
            help=f"unit of C_el in a .dat file (default: {UNIT})",
        )
        add(
            "--coupling",
            type=number(above=0),
            metavar="G",
            help="electron-phonon coupling of .ttm_mod and .ttm_thermal in W/m^3/K",
        )
        add(
            "--conductivity",
            type=number(least=0),
            metavar="KAPPA",
            help="heat conductivity of the electrons of .ttm_thermal in W/m/K (default: 0)",
        )
        add(
            "--grid",
            type=integer(1),
            nargs=3,
            metavar="N",
            help="cells of .ttm_thermal along x, y and z (default: 1 1 1)",
        )
        add(
            "--set",
            dest="entries",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="entry of .ttm_mod; may be repeated",
        )
        add(
            "--energies",
            metavar="FILE",
            help="e-v.dat: volumes and energies of phonopy's cell, a line for each structure",
        )
        add(
            "--phonons",
            nargs="+",
            metavar="FILE",
            help="thermal_properties.yaml of phonopy, of all volumes or of one, whose cell and "
            "temperatures fe-v.dat takes",
        )
        add("-q", "--quiet", action="store_true", help="no progress bar")

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Average, and write the files."""
        from ase_dos.trajectory.heat_capacity import heat_capacity_table

        if any(map(is_quasi_harmonic, args.output)):
            return write_quasi_harmonic(args)
        if args.lowest == 0.0:
            raise ValueError("--from: expected a number > 0, got 0; free energies alone have it")
        entries = dict(map(_entry, args.entries))
        outputs = _outputs(args, entries)
        path, selection = selected_frames(args.structures[0], args)
        table = heat_capacity_table(
            path,
            args.model,
            lowest=300.0 if args.lowest is None else args.lowest,
            highest=args.highest,
            points=args.points or 100,
            n_members=64 if args.uncertainty else 0,
            volume=args.atomic_volume,
            repeated=args.repeated,
            on_error=args.on_error,
            progress=not args.quiet,
            **selection,
        )
        print(summary(table))
        stored = StoredResult("the other files are written")
        for output in outputs:
            with stored.step(str(output)):
                print(f"wrote {output}{_write(output, table, args, entries)}")
        stored.finish()


def summary(table: HeatCapacityTable) -> str:
    """Heat capacity at a few temperatures, with its errors."""
    import numpy as np

    from ase_dos.results.averages import UNKNOWN

    average = table.heat_capacity
    quantity = average.quantity
    lines = [
        f"{table.n_structures} structures, {table.electrons:g} electrons per atom, "
        f"{table.volume:.4g} Angstrom^3 per atom",
        f"{'T_e (K)':>9} {quantity.shown.label:>15} {'error':>9} {'model error':>12}",
    ]
    columns = (average.mean, average.sampling_error, np.asarray(average.model_error))
    for i in np.unique(np.linspace(0, len(table.temperatures) - 1, 6).astype(int)):
        mean, error, of_model = (column[i] / quantity.size for column in columns)
        model = f"{of_model:.2g}" if np.isfinite(of_model) else ""
        sampling = f"{error:.2g}" if np.isfinite(error) else UNKNOWN
        lines.append(
            f"{table.temperatures[i]:>9.0f} {quantity.format(mean):>15} {sampling:>9} "
            f"{model:>12}".rstrip()
        )
    return "\n".join(lines)


def _outputs(args: Namespace, entries: dict[str, float]) -> list[Path]:
    """Files to write; those that cannot be written are refused before any work."""
    outputs = [output_file(name, "--output", SUFFIXES) for name in args.output]
    suffixes = {output.suffix for output in outputs}
    if ".ttm_mod" in suffixes:
        from ase_dos.adapters.lammps_ttm import check_entries

        check_entries(args.coupling, entries)
    elif entries:
        raise ValueError("--set is for .ttm_mod files; no --output has this ending")
    if ".ttm_thermal" in suffixes:
        from ase_dos.results.heat_capacity_table import check_ttm_thermal

        check_ttm_thermal(**_thermal(args))
    elif args.conductivity is not None or args.grid is not None:
        raise ValueError(
            "--conductivity and --grid are for .ttm_thermal files; no --output has this ending"
        )
    if args.coupling is not None and suffixes.isdisjoint(COUPLED):
        raise ValueError(
            f"--coupling is for {' and '.join(COUPLED)} files; no --output has one of these endings"
        )
    if args.energies or args.phonons:
        raise ValueError(f"--energies and --phonons are for {ENDINGS[0]}; no --output has this end")
    if len(args.structures) > 1:
        raise ValueError(
            f"expected one file of structures, got {len(args.structures)}: write a pattern of "
            "names in quotes; only fe-v.dat takes several files"
        )
    return outputs


def _thermal(args: Namespace) -> dict[str, Any]:
    """Options of a .ttm_thermal file."""
    return {
        "coupling": args.coupling,
        "conductivity": args.conductivity or 0.0,
        "grid": tuple(args.grid or (1, 1, 1)),
    }


def _entry(text: str) -> tuple[str, float]:
    """Name and value of ``NAME=VALUE``."""
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise ValueError(f"--set: expected NAME=VALUE with a number, got {text!r}") from None


def _write(
    output: Path, table: HeatCapacityTable, args: Namespace, entries: dict[str, float]
) -> str:
    """Write one file; return a remark on it."""
    from ase_dos.adapters.lammps_ttm import fit_gaussian_polynomial, write_ttm_mod

    if output.suffix == ".csv":
        table.write_csv(output)
    elif output.suffix == ".ttm_cascade":
        table.write_ttm_cascade(output)
    elif output.suffix == ".ttm_thermal":
        worst = table.write_ttm_thermal(output, **_thermal(args))
        return f": one C_e, the table deviates from it by {100 * worst:.2g} % at most"
    elif output.suffix == ".ttm_mod":
        return f": {write_ttm_mod(output, table, args.coupling, entries).quality()}"
    else:
        unit = args.unit or UNIT
        values = table.factor(unit) * table.heat_capacity.mean
        fit = fit_gaussian_polynomial(table.temperatures, values)
        table.write_columns(output, unit, [f"C_el = {fit.expression()}", f"is a {fit.quality()}"])
    return ""
