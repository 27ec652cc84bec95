"""``ase-dos density evaluate``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from ase_dos.cli.density.data import Molecules, add_data_arguments, read_molecules
from ase_dos.cli.outputs import output_directory
from ase_dos.utils.files import replace_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ase_dos.density.evaluation import DensityEvaluation

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="model file, or name of a shipped model")
    add_data_arguments(parser)
    add(
        "-o",
        "--output",
        metavar="DIRECTORY",
        help="write the errors of every molecule (errors.csv) and the figure dipoles.png into this "
        "directory",
    )


def run(args: Namespace) -> None:
    """Compare the predictions of a model with known densities.

    Prints the errors of coefficients, electron number, dipole moment and electrostatic potential,
    and how many dipole moments lie within their error bars; by family where there are several.
    """
    import numpy as np

    from ase_dos.density.model import DensityModel

    if args.output:
        output_directory(args.output, "--output")
    model, data = DensityModel.load(args.model), read_molecules(args)
    with data.named_in_errors():
        evaluation = model.evaluate(data.frames, data.densities)
    print(evaluation.summary())
    families = np.array(data.families)
    if len(kinds := np.unique(families)) > 1:
        for family in kinds:
            print(f"{family}: {_chosen(evaluation, families == family).summary()}")
    if args.output:
        from ase_dos.cli.plot import save_figures
        from ase_dos.density.plots import plot_dipole_parity
        from ase_dos.plot.style import figure_of

        axes = plot_dipole_parity(evaluation, data.densities)
        save_figures(args.output, {"dipoles": figure_of(axes[0])})
        replace_bytes(Path(args.output) / "errors.csv", _table(evaluation, data).encode())


def _chosen(evaluation: DensityEvaluation, rows: NDArray) -> DensityEvaluation:
    """Errors of some of the molecules."""
    values = {one.name: getattr(evaluation, one.name)[rows] for one in fields(evaluation)}
    return type(evaluation)(**values)


def _table(evaluation: DensityEvaluation, data: Molecules) -> str:
    """Errors of every molecule, as text with commas."""
    import numpy as np

    columns = {
        "Coulomb error (%)": evaluation.coulomb,
        "overlap error (%)": evaluation.overlap,
        "electrons too many": evaluation.electrons,
        **{f"dipole {axis} (D)": evaluation.dipoles[:, i] for i, axis in enumerate("xyz")},
        "potential (kcal/mol/e)": evaluation.potentials,
    }
    lines = [",".join(["molecule", "family", *columns])]
    rows = zip(data.names, data.families, np.column_stack(list(columns.values())), strict=True)
    for name, family, values in rows:
        lines.append(",".join([f'"{name}"', f'"{family}"', *(f"{v:.6g}" for v in values)]))
    return "\n".join(lines) + "\n"
