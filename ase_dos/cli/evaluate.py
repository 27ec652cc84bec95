"""``ase-dos evaluate``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ase_dos.cli._data import read_data
from ase_dos.cli.main import reports_user_errors


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
        add("data", metavar="DATA", help="data set (.npz), or DFT output with eigenvalues")
        add("--split", default="test",
            help="train, validation, test or heldout (default: %(default)s)")  # fmt: skip
        add("-o", "--output", metavar="DIRECTORY",
            help="write figures there: spectra.png, parity.png")  # fmt: skip

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Evaluate and print."""
        from ase_dos.model import DOSModel

        model = DOSModel.load(args.model)
        evaluation = model.evaluate(*read_data(args.data, args.split))
        print(evaluation.summary())
        if args.output:
            from ase_dos.cli.plot import save_figures
            from ase_dos.plot import plot_parity, plot_spectra

            save_figures(
                args.output,
                {"spectra": plot_spectra(evaluation).figure,
                 "parity": plot_parity(evaluation).figure},
            )  # fmt: skip
