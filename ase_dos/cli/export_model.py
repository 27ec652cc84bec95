"""``ase-dos export-model``."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ase_dos.cli.arguments import number
from ase_dos.cli.main import reports_user_errors
from ase_dos.cli.outputs import output_file


class CLICommand:
    """Write a model as a metatomic file, for metatrain, torch-sim, i-PI and other programs.

    The file holds energies, broadening and valences in its metadata; its output mtt::dos is the
    DOS of every atom. ase-dos takes it as --model FILE.pt. With -T a second output, energy, is the
    free energy of hot electrons, F(T) - F(0) of all atoms, from which programs take forces and
    stress; they have to see all atoms at once (one MPI rank). Needs pip install
    'ase_dos[metatomic]'.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("model", metavar="MODEL", help="model file or name")
        parser.add_argument(
            "-o", "--output", required=True, metavar="FILE", help="file to write, named *.pt"
        )
        parser.add_argument(
            "-T",
            "--temperature",
            type=number(least=0),
            metavar="K",
            help="electronic temperature of the output energy (default: no such output)",
        )

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Load and write."""
        from ase_dos.adapters.metatomic import export_metatomic
        from ase_dos.model.dos_model import DOSModel

        output = output_file(args.output, "--output", (".pt",))
        export_metatomic(
            DOSModel.load(args.model),
            output,
            Path(args.model).stem,
            electronic_temperature=args.temperature,
        )
        print(f"wrote {output}, {os.path.getsize(output) / 1e6:.2g} MB")
