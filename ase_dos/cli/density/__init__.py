"""``ase-dos density``: electron densities of molecules, one module for each action."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ase_dos.cli.actions import add_actions, run_action
from ase_dos.cli.main import reports_user_errors

ACTIONS = ("train", "evaluate", "predict")


class CLICommand:
    """Learn the electron density of molecules, and predict it with its error bars.

    Densities are expanded in an auxiliary basis on the atoms. DATA are files of such densities, as
    the module ase_dos.density.files describes them. What follows from a predicted density: dipole
    moment, charges, electrostatic potential, cube files. `ase-dos trajectory` with --density-model
    gives dipole moments and charges along a trajectory, `ase-dos spectrum` the infrared spectrum.

    Every action has its own help: ase-dos density train --help
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
