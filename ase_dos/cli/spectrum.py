"""``ase-dos spectrum``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ase_dos.cli.arguments import number
from ase_dos.cli.main import reports_user_errors
from ase_dos.cli.outputs import figure_suffixes, output_file
from ase_dos.utils.files import errors_name


class CLICommand:
    """Infrared spectrum of a trajectory with dipole moments.

    RESULT is a directory of `ase-dos trajectory` with --density-model. Prints the bands, with
    errors from blocks of the run. The spectrum is the power of the time derivative of the dipole
    moment (the Fourier transform of its autocorrelation) under Hann's window, times the quantum
    correction of harmonic vibrations; its integral over a band (1/cm) is the intensity in km/mol.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        add = parser.add_argument
        add("result", metavar="RESULT", help="directory with the results")
        add(
            "-T",
            "--temperature",
            type=number(above=0),
            required=True,
            metavar="K",
            help="temperature of the atoms in the simulation",
        )
        add(
            "--timestep",
            type=number(above=0),
            metavar="FS",
            help="time from one frame of the results to the next (default: that of the results)",
        )
        add(
            "--resolution",
            type=number(above=0),
            default=10.0,
            metavar="N",
            help="width at half height of a sharp line (1/cm), which sets the length of a block: "
            "4.8 ps for 10 (default: %(default)g)",
        )
        add("-o", "--output", metavar="FILE.csv", help="write the spectrum as a table")
        add("--plot", metavar="FIGURE", help="draw the spectrum into this file")

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Print the bands, and write what was asked for."""
        from ase_dos.results.dipoles import trajectory_spectrum
        from ase_dos.results.result import TrajectoryResult

        if args.output:
            output_file(args.output, "--output", (".csv",))
        if args.plot:
            output_file(args.plot, "--plot", figure_suffixes())
        result = TrajectoryResult.load(args.result)
        spectrum = trajectory_spectrum(result, args.temperature, args.timestep, args.resolution)
        print(spectrum.table())
        if args.output:
            spectrum.write_csv(args.output)
            print(f"wrote {args.output}")
        if args.plot:
            from ase_dos.cli.plot import DPI
            from ase_dos.plot.style import figure_of
            from ase_dos.results.dipole_plots import plot_infrared

            with errors_name(args.plot):
                figure_of(plot_infrared(spectrum)).savefig(args.plot, dpi=DPI)
            print(f"wrote {args.plot}")
