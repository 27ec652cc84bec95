"""Arguments that several commands share."""

from __future__ import annotations

from argparse import ArgumentParser

__all__ = ["add_model_argument", "add_temperature_argument"]


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
