"""Commands with actions, each of which is a module of the command's package."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from textwrap import dedent

__all__ = ["add_actions", "run_action"]


def add_actions(parser: ArgumentParser, package: str, names: Sequence[str]) -> None:
    """Declare the actions of a command and their arguments.

    Parameters
    ----------
    parser : ArgumentParser
        Of the command.
    package : str
        Its ``__name__``.
    names : sequence of str
        Modules in it. ``run`` of each has the help for its docstring.
    """
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name in names:
        module = import_module(f"{package}.{name}")
        text = dedent("    " + (module.run.__doc__ or "")).strip()
        one = actions.add_parser(
            name,
            help=text.splitlines()[0],
            description=text,
            formatter_class=RawDescriptionHelpFormatter,
        )
        module.add_arguments(one)


def run_action(args: Namespace, package: str) -> None:
    """Run the action that the user typed."""
    import_module(f"{package}.{args.action}").run(args)
