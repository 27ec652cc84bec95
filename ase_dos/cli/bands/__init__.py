"""``ase-dos bands``: band structures from photoemission maps, one module for each action."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from importlib import import_module
from textwrap import dedent

from ase_dos.cli.main import reports_user_errors

ACTIONS = ("simulate", "align", "number", "reconstruct", "compare", "similarity", "plot", "info")


class CLICommand:
    """Find the bands of a calculation in a photoemission map.

    Maps are files of mpes, fuller or sed (HDF5), NXmpes, NetCDF, or zarr stores, over kx and ky or
    one momentum, in 1/Angstrom, and energy. Calculated bands are a k mesh (.npz with kpoints,
    energies, cell, numbers and scaled_positions), a band structure of ASE (.json), or NetCDF that
    another action wrote.

    Every action has its own help: ase-dos bands reconstruct --help
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the actions and their arguments."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        for name in ACTIONS:
            module = import_module(f"ase_dos.cli.bands.{name}")
            text = dedent("    " + (module.run.__doc__ or "")).strip()
            one = actions.add_parser(
                name,
                help=text.splitlines()[0],
                description=text,
                formatter_class=RawDescriptionHelpFormatter,
            )
            module.add_arguments(one)

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Run the action."""
        import_module(f"ase_dos.cli.bands.{args.action}").run(args)
