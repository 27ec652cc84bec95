"""Arguments that several commands share."""

from __future__ import annotations

from argparse import ArgumentParser

__all__ = ["add_model_argument", "add_repeated_argument", "add_temperature_argument"]


def add_model_argument(parser: ArgumentParser) -> None:
    """Declare the model that predicts."""
    parser.add_argument(
        "--model", default="silicon", help="model file or name (default: %(default)s)"
    )


def add_temperature_argument(parser: ArgumentParser) -> None:
    """Declare the electronic temperatures."""
    parser.add_argument(
        "-T",
        "--temperature",
        type=float,
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
