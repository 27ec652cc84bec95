"""Arguments that several commands share, and the ranges of their numbers."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from math import isfinite

__all__ = [
    "add_charge_argument",
    "add_model_argument",
    "add_on_error_argument",
    "add_repeated_argument",
    "add_temperature_argument",
    "integer",
    "number",
]


def number(
    *, above: float | None = None, least: float | None = None, below: float | None = None
) -> Callable[[str], float]:
    """Make a type of argument: a finite number in a range.

    A number out of range is then refused by the name of its option, before anything is read.

    Parameters
    ----------
    above, least, below : float, optional
        The number is above, at least, or below these.
    """
    limits = [
        f"{sign} {limit:g}"
        for sign, limit in ((">", above), (">=", least), ("<", below))
        if limit is not None
    ]
    expected = " ".join(["a number", " and ".join(limits)]).strip()

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ArgumentTypeError(f"expected {expected}, got {text!r}") from None
        fits = (
            isfinite(value)
            and (above is None or value > above)
            and (least is None or value >= least)
            and (below is None or value < below)
        )
        if not fits:
            raise ArgumentTypeError(f"expected {expected}, got {text}")
        return value

    return parse


def integer(least: int) -> Callable[[str], int]:
    """Make a type of argument: an integer of at least ``least``."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ArgumentTypeError(f"expected an integer >= {least}, got {text!r}") from None
        if value < least:
            raise ArgumentTypeError(f"expected an integer >= {least}, got {text}")
        return value

    return parse


def add_model_argument(parser: ArgumentParser) -> None:
    """Declare the model that predicts."""
    parser.add_argument(
        "--model", default="silicon", help="model file or name (default: %(default)s)"
    )


def add_charge_argument(parser: ArgumentParser) -> None:
    """Declare the total charge of molecules whose density is predicted."""
    parser.add_argument(
        "--charge",
        type=number(),
        default=0.0,
        metavar="Q",
        help="total charge (e) for the density model (default: %(default)g)",
    )


def add_temperature_argument(parser: ArgumentParser) -> None:
    """Declare the electronic temperatures."""
    parser.add_argument(
        "-T",
        "--temperature",
        type=number(least=0),
        action="append",
        metavar="K",
        help="electronic temperature; may be repeated (default: 300)",
    )


def add_repeated_argument(parser: ArgumentParser) -> None:
    """Declare what is left out of frames that repeat others."""
    parser.add_argument(
        "--repeated",
        default="copies",
        choices=["copies", "last", "keep"],
        help="leave out of averages and figures: copies of earlier frames, all but the last frame "
        "of each step or time, or nothing (default: %(default)s)",
    )


def add_on_error_argument(parser: ArgumentParser) -> None:
    """Declare what happens at a frame that cannot be read or predicted."""
    parser.add_argument(
        "--on-error",
        choices=["raise", "skip"],
        default="raise",
        help="end at a bad frame, or leave it out (default: %(default)s)",
    )
