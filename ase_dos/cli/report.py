"""``ase-dos report``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ase_dos.cli.arguments import add_repeated_argument, integer
from ase_dos.cli.main import reports_user_errors
from ase_dos.cli.outputs import output_file


class CLICommand:
    """Write a web page on the results of a trajectory.

    The page has averages with their errors, figures, the origin of the results, and a view of
    structures coloured by the local DOS of their atoms (needs chemiscope:
    pip install 'ase_dos[report]'). It is a single file that any browser opens without a network.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        add = parser.add_argument
        add("result", metavar="RESULT", help="directory with the results")
        add(
            "-o",
            "--output",
            default="report.html",
            metavar="FILE",
            help="file for the page (default: %(default)s)",
        )
        add(
            "--structures",
            metavar="MD_FILE",
            help="the trajectory that was analysed (default: the file that the results name)",
        )
        add(
            "--frames",
            type=integer(1),
            default=6,
            metavar="N",
            help="number of frames whose atoms are shown (default: %(default)s)",
        )
        add(
            "--atoms",
            type=integer(1),
            default=2000,
            metavar="N",
            help="largest number of atoms shown of a frame (default: %(default)s)",
        )
        add_repeated_argument(parser)
        add("--no-viewer", action="store_true", help="leave the view of structures out")
        add("--title", default="", help="title of the page")

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Write the page."""
        from ase_dos.results.html import write_report
        from ase_dos.results.result import TrajectoryResult

        output_file(args.output, "--output")
        write_report(
            TrajectoryResult.load(args.result),
            args.output,
            structures=args.structures,
            n_frames=args.frames,
            n_atoms=args.atoms,
            viewer=not args.no_viewer,
            title=args.title,
            repeated=args.repeated,
        )
        print(f"wrote {args.output}")
