"""``ase-dos bands``: band structures from photoemission maps, one module for each action."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ase_dos.cli.actions import add_actions, run_action
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
        add_actions(parser, __name__, ACTIONS)

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Run the action."""
        run_action(args, __name__)
