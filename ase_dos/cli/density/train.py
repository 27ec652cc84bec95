"""``ase-dos density train``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ase_dos.cli.arguments import integer, number
from ase_dos.cli.density.data import Molecules, add_data_arguments, divided, read_molecules
from ase_dos.cli.outputs import output_file, save_or_elsewhere

if TYPE_CHECKING:
    from ase_dos.density.model import DensityModel

__all__ = ["add_arguments", "run"]

HYPERPARAMETERS = (
    ("cutoff", number(above=0), 4.0, "radius of the surroundings of an atom (Angstrom)"),
    ("max-radial", integer(1), 6, "radial functions"),
    ("max-angular", integer(0), 4, "largest angular momentum of the surroundings"),
    ("width", number(above=0), 0.3, "width of the Gaussians (Angstrom)"),
    ("sparse-points", integer(1), 100, "atoms of every species that others are compared with"),
    ("zeta", integer(1), 2, "degree of the kernel"),
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_data_arguments(parser)
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="MODEL.npz", help="model file to write")
    add(
        "--validation",
        type=number(least=0, below=1),
        default=0.15,
        metavar="SHARE",
        help="share of the molecules kept for validation (default: %(default)s)",
    )
    add("--seed", type=int, default=0, help="seed of the split (default: %(default)s)")
    add(
        "--groups",
        metavar="NAME",
        help="leave molecules out together that have the same value of this in their info, such "
        "as family; or the same composition",
    )
    add(
        "--metric",
        default="coulomb",
        choices=["coulomb", "overlap", "identity"],
        help="what counts as an error of a density: the energy of its field, its square, or that "
        "of its coefficients (default: %(default)s)",
    )
    add(
        "--electron-number",
        default="exact",
        choices=["exact", "a_posteriori", "free"],
        help="keep the number of electrons in training and prediction, correct it in predictions, "
        "or leave it (default: %(default)s)",
    )
    for name, kind, default, text in HYPERPARAMETERS:
        add(
            f"--{name}",
            type=kind,
            default=default,
            metavar="N",
            help=f"{text} (default: %(default)s)",
        )
    add("-q", "--quiet", action="store_true", help="no progress bar")


def run(args: Namespace) -> None:
    """Train a model on densities of molecules.

    Of the molecules a share is kept for validation: blocks of consecutive molecules of a file,
    chosen by their content. Their errors are printed, and set the size of the error bars.
    """
    output_file(args.output, "--output", (".npz",), args.data)
    training, validation = divided(read_molecules(args), args.validation, args.seed)
    model = _untrained(args, training)
    print(f"training on {len(training.frames)} molecules in {model.options.basis.name}")
    with training.named_in_errors():
        model.fit(
            training.frames,
            training.densities,
            groups=_groups(args, training),
            progress=not args.quiet,
        )
    print(f"leave-one-out error {model.info['leave_one_out_percent']:.4f} %")
    if validation.frames:
        with validation.named_in_errors():
            print(
                f"validation: {model.calibrate(validation.frames, validation.densities).summary()}"
            )
    place, error = save_or_elsewhere(model.save, args.output)
    print(f"wrote {place}")
    if error is not None:
        raise error


def _untrained(args: Namespace, training: Molecules) -> DensityModel:
    from ase_dos.density.model import DensityModel
    from ase_dos.descriptors.lambda_soap import LambdaSOAP

    basis = training.densities[0].basis
    descriptor = LambdaSOAP(
        cutoff=args.cutoff,
        max_radial=args.max_radial,
        max_angular=args.max_angular,
        width=args.width,
        species=tuple(sorted({int(z) for atoms in training.frames for z in atoms.numbers})),
        max_lambda=basis.max_l,
    )
    return DensityModel(
        descriptor,
        basis,
        metric=args.metric,
        electron_number=args.electron_number,
        n_points=args.sparse_points,
        zeta=args.zeta,
    )


def _groups(args: Namespace, training: Molecules) -> list[str] | str | None:
    """Labels of the molecules that are left out together, where the user names them."""
    if args.groups in (None, "composition"):
        return args.groups
    for name, atoms in zip(training.names, training.frames, strict=True):
        if args.groups not in atoms.info:
            known = ", ".join(sorted(atoms.info)) or "nothing"
            raise ValueError(
                f"--groups: {name} has no {args.groups!r} in its info, which has {known}"
            )
    return [str(atoms.info[args.groups]) for atoms in training.frames]
