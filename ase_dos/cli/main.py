"""Entry point of the command ``ase-dos``."""

from __future__ import annotations

import re
import shlex
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from ase_dos._version import __version__

__all__ = ["main", "reports_user_errors"]

INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C ended
NAMES = (
    "train",
    "evaluate",
    "predict",
    "trajectory",
    "spectrum",
    "report",
    "export",
    "export-model",
    "plot",
    "info",
    "bands",
    "density",
    "compile",
)
COMMANDS = [(name, f"ase_dos.cli.{name.replace('-', '_')}") for name in NAMES]


def main(args: Sequence[str] | None = None) -> None:
    """Run ``ase-dos``; ``args`` are those of the process by default."""
    from ase.cli.main import main as ase_main

    ase_main(
        "ase-dos",
        "Densities of states and electron densities of structures and trajectories.",
        __version__,
        commands=COMMANDS,
        hook=_parse,
        args=args,
    )


def reports_user_errors(run: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """Turn what a user can mend into one line on stderr; warnings into one line each.

    With ``ase-dos --traceback <command>`` errors come with their traceback. Any exception that is
    not expected of bad input passes, and ASE's frame says how to get its traceback.
    """

    @wraps(run)
    def wrapped(args: Namespace) -> None:
        from ase.calculators.calculator import CalculatorError
        from ase.cli.main import CLIError

        with _short_warnings():
            try:
                run(args)
            except KeyboardInterrupt:
                # ASE's frame would end a broken-off run with success.
                print("ase-dos: interrupted", file=sys.stderr)
                raise SystemExit(INTERRUPTED) from None
            except (ValueError, OSError, ImportError, CalculatorError) as error:
                if args.traceback:
                    raise
                message = _as_typed(" ".join(str(error).split()), args)
                if re.match(r"frame \d+ of ", message) and "on_error" in args:
                    message += "; --on-error skip leaves bad frames out"
                raise CLIError(message) from error

    return wrapped


def _as_typed(message: str, args: Namespace) -> str:
    """Message with the option that the user typed in place of the Python name it begins with."""
    name = re.match(r"[a-z]+(_[a-z]+)+(?=[: ])", message)
    if name is None or name[0] not in vars(args):
        return message
    return f"--{name[0].replace('_', '-')}{message[name.end() :]}"


def _parse(parser: ArgumentParser, args: Sequence[str] | None) -> Namespace:
    """Parse; errors of this, and of all that follows, are one line without the usage."""

    def error(message: Any) -> None:
        parser.exit(2, f"{parser.prog}: error: {message}\n")

    for one in _parsers(parser):
        one.error = error  # type: ignore[assignment, method-assign]
    namespace = parser.parse_args(args)
    namespace.words = shlex.join(["ase-dos", *(sys.argv[1:] if args is None else args)])
    return namespace


def _parsers(parser: ArgumentParser) -> Iterator[ArgumentParser]:
    """Give a parser, and those of its commands and of their actions."""
    yield parser
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            for one in action.choices.values():
                yield from _parsers(one)


@contextmanager
def _short_warnings() -> Iterator[None]:
    import warnings

    def show(message: Warning | str, *where: object, **more: object) -> None:
        print(f"ase-dos: warning: {message}", file=sys.stderr)

    shown, warnings.showwarning = warnings.showwarning, show
    try:
        yield
    finally:
        warnings.showwarning = shown
