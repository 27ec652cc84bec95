"""``ase-dos train``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ase_dos.cli._data import read_data
from ase_dos.cli.main import reports_user_errors

if TYPE_CHECKING:
    from ase import Atoms

    from ase_dos.states import ElectronicStates


class CLICommand:
    """Train a model on densities of states.

    DATA are data sets (.npz) of which the training part is taken, or outputs of DFT programs
    with eigenvalues (Quantum ESPRESSO, VASP, GPAW, FHI-aims) of which every structure is taken.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        add = parser.add_argument
        add("data", nargs="+", metavar="DATA", help="data sets or DFT outputs")
        add("-o", "--output", required=True, metavar="MODEL.npz", help="model file to write")
        add("--reference", default="adaptive", choices=["adaptive", "fermi", "average_potential"],
            help="energy reference of the training structures (default: %(default)s)")  # fmt: skip
        add("--smearing", type=float, default=0.3, metavar="eV",
            help="Gaussian broadening of the levels (default: %(default)s)")  # fmt: skip
        add("--modes", type=int, default=32, help="energy modes to keep (default: %(default)s)")
        for name, kind, default, text in (
            ("cutoff", float, 6.0, "radius of the environments (Angstrom)"),
            ("max-radial", int, 8, "radial functions"),
            ("max-angular", int, 6, "largest angular momentum"),
            ("width", float, 0.4, "width of the Gaussians (Angstrom)"),
        ):
            add(f"--{name}", type=kind, default=default, help=f"{text} (default: %(default)s)")

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Train and save."""
        from ase_dos.model import DOSModel
        from ase_dos.soap import SOAP

        frames, states = _training_data(args.data)
        species = tuple(sorted({int(z) for atoms in frames for z in atoms.numbers}))
        descriptor = SOAP(
            cutoff=args.cutoff, max_radial=args.max_radial, max_angular=args.max_angular,
            width=args.width, species=species,
        )  # fmt: skip
        model = DOSModel(
            descriptor, reference=args.reference, smearing=args.smearing, n_modes=args.modes
        )
        print(f"training on {len(frames)} structures, {descriptor.n_features} features")
        model.fit(frames, states)
        model.save(args.output)
        error = model.info["leave_one_out_rmse"]
        print(f"leave-one-out RMSE {error:.4f} states eV^-1/2 per atom")
        print(f"wrote {args.output}")


def _training_data(paths: list[str]) -> tuple[list[Atoms], list[ElectronicStates]]:
    frames: list[Atoms] = []
    states: list[ElectronicStates] = []
    for path in paths:
        some_frames, some_states, _ = read_data(path, "train")
        frames += some_frames
        states += some_states
    return frames, states
