"""``ase-dos train``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from ase_dos.cli._data import FILES, Part, add_grid_arguments, read_data
from ase_dos.cli.main import reports_user_errors

ERROR_UNIT = "states eV^-1/2 per atom"


class CLICommand:
    """Train a model on densities of states.

    DATA are data sets (.npz) of which the training part is taken, outputs of DFT programs with
    eigenvalues (Quantum ESPRESSO, VASP, GPAW, FHI-aims), or structures that carry a DOS on a
    grid (extended xyz), of which every structure is taken. The validation parts of data sets
    are evaluated, and the errors kept in the model file.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        add = parser.add_argument
        add("data", nargs="+", metavar="DATA", help=FILES)
        add("-o", "--output", required=True, metavar="MODEL.npz", help="model file to write")
        add("--reference", default="adaptive", choices=["adaptive", "fermi", "average_potential"],
            help="energy reference of the training structures (default: %(default)s)")  # fmt: skip
        add_grid_arguments(parser)
        add("--smearing", type=float, default=0.3, metavar="eV",
            help="Gaussian broadening of the levels, and of a DOS that structures carry "
                 "(default: %(default)s)")  # fmt: skip
        add("--regressor", default="kernel", choices=["ridge", "kernel", "network"],
            help="linear in the features, sparse polynomial kernel, or network with a hidden "
                 "layer, whose training needs PyTorch (default: %(default)s)")  # fmt: skip
        add("--sparse-points", type=int, default=500, metavar="N",
            help="environments of every species that a kernel compares with "
                 "(default: %(default)s)")  # fmt: skip
        add("--degree", type=int, default=6, help="of the kernel (default: %(default)s)")
        add("--metric", default="dos", choices=["dos", "cumulative", "mix"],
            help="what counts as an error: that of the DOS, of its integral, or both "
                 "(default: %(default)s)")  # fmt: skip
        add("--count-below", type=float, metavar="E",
            help="energy (eV, 0 at the mean Fermi level) in a gap that every structure has: "
                 "electrons below it are exact in every prediction")  # fmt: skip
        add("--modes", type=int, default=32, help="energy modes to keep (default: %(default)s)")
        for name, kind, default, text in (
            ("cutoff", float, 6.0, "radius of the environments (Angstrom)"),
            ("cutoff-smoothing", float, 0.5, "shell in which neighbours fade out (Angstrom)"),
            ("max-radial", int, 8, "radial functions"),
            ("max-angular", int, 6, "largest angular momentum"),
            ("width", float, 0.4, "width of the Gaussians (Angstrom)"),
        ):
            add(f"--{name}", type=kind, default=default, help=f"{text} (default: %(default)s)")
        add("--radial-basis", type=int, metavar="N",
            help="contract the radial functions to the N principal components of the training "
                 "set, for every species and angular momentum")  # fmt: skip
        add("--radial-scaling", type=float, nargs=3, metavar=("RATE", "SCALE", "EXPONENT"),
            help="weigh neighbours: RATE / (RATE + (r / SCALE)^EXPONENT)")  # fmt: skip

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Train and save."""
        from ase_dos.model import DOSModel

        parts = read_data(args.data, args, args.smearing, "train", "validation")
        training, validation = parts["train"], parts.get("validation")
        descriptor = _descriptor(args, training)
        model = DOSModel(
            descriptor, radial_basis=args.radial_basis, reference=args.reference,
            smearing=args.smearing, n_modes=args.modes, regressor=_regressor(args),
            metric=args.metric, count_below=args.count_below,
        )  # fmt: skip
        print(f"training on {len(training.frames)} structures, {descriptor.n_features} features")
        model.fit(training.frames, training.states)
        if args.radial_basis is not None:
            kept = model.descriptor_
            print(
                f"radial basis of {kept.n_radial} functions of {kept.max_radial} primitive ones, "
                f"{kept.n_features} features"
            )
        print(f"leave-one-out RMSE {model.info['leave_one_out_rmse']:.4f} {ERROR_UNIT}")
        if validation is not None:
            report = model.calibrate(validation.frames, validation.states)
            print(
                f"validation RMSE {report.rmse:.4f} {ERROR_UNIT} "
                f"({len(validation.frames)} structures)"
            )
        model.save(args.output)
        print(f"wrote {args.output}")


def _regressor(args: Namespace) -> Any:
    from ase_dos.fit.kernel import SparseKernel

    if args.regressor == "kernel":
        return SparseKernel(args.sparse_points, args.degree)
    return args.regressor


def _descriptor(args: Namespace, training: Part) -> Any:
    from ase_dos.soap import SOAP

    scaling = args.radial_scaling
    if scaling and scaling[2].is_integer():
        scaling = [*scaling[:2], int(scaling[2])]
    return SOAP(
        cutoff=args.cutoff, cutoff_smoothing=args.cutoff_smoothing, max_radial=args.max_radial,
        max_angular=args.max_angular, width=args.width, radial_scaling=scaling,
        species=tuple(sorted({int(z) for atoms in training.frames for z in atoms.numbers})),
    )  # fmt: skip
