"""``ase-dos evaluate``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ase_dos.cli.arguments import number
from ase_dos.cli.data import FILES, add_grid_arguments, read_data
from ase_dos.cli.main import reports_user_errors
from ase_dos.cli.outputs import output_directory


class CLICommand:
    """Compare the predictions of a model with a data set.

    Prints errors after the best rigid shift of every structure, and those of the quantities
    that no shift changes.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        add = parser.add_argument
        add("model", metavar="MODEL", help="model file, or name of a shipped model")
        add("data", metavar="DATA", help=FILES)
        add(
            "--split",
            default="test",
            metavar="PART",
            help="train, validation, test or heldout (default: %(default)s)",
        )
        add_grid_arguments(parser)
        add(
            "--smearing",
            type=number(above=0),
            metavar="eV",
            help="Gaussian broadening of this DOS; must be that of the model (the default)",
        )
        add(
            "-o",
            "--output",
            metavar="DIRECTORY",
            help="write the figures spectra.png and parity.png into this directory",
        )

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Evaluate and print."""
        from ase_dos.model.loading import load_trained

        if args.output:
            output_directory(args.output, "--output")
        model = load_trained(args.model)
        if args.smearing not in (None, model.smearing):
            raise ValueError(
                f"--smearing: the model predicts a DOS broadened by {model.smearing:g} eV, which "
                f"cannot be compared with one broadened by {args.smearing:g} eV"
            )
        data = read_data([args.data], args, model.smearing, args.split)
        part = data.whole(args.split)
        with part.named_in_errors():
            evaluation = model.evaluate(part.frames, part.targets, part.families)
        print(evaluation.summary())
        if args.output:
            from ase_dos.cli.plot import save_figures
            from ase_dos.model_selection.plots import plot_parity, plot_spectra
            from ase_dos.plot.style import figure_of

            axes = {"spectra": plot_spectra(evaluation), "parity": plot_parity(evaluation)}
            save_figures(args.output, {name: figure_of(ax) for name, ax in axes.items()})
