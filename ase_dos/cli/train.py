"""``ase-dos train``."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase_dos.cli.data import FILES, Part, add_grid_arguments, divided, joined, read_data
from ase_dos.cli.main import reports_user_errors
from ase_dos.utils.files import replace_file

if TYPE_CHECKING:
    from ase_dos.model.dos_model import DOSModel
    from ase_dos.model.evaluation import Evaluation
    from ase_dos.model_selection.report import ErrorBars
    from ase_dos.model_selection.search import Search
    from ase_dos.spectra.target import DOSTarget

UNIT = "states eV^-1/2 per atom"
SHARE = 0.15
# More kinds of structures than this are no longer told apart in a figure.
MOST_FAMILIES = 20
# Of `ase_dos.model_selection.hyperparameters.DEFAULTS`, whose import would make the help slow.
HYPERPARAMETERS = (
    ("cutoff", float, "radius of the surroundings of an atom (Angstrom; default: 6)"),
    ("cutoff-smoothing", float, "shell in which neighbours fade out (Angstrom; default: 0.5)"),
    ("max-radial", int, "radial functions (default: 8)"),
    ("max-angular", int, "largest angular momentum (default: 6)"),
    ("width", float, "width of the Gaussians (Angstrom; default: 0.4)"),
    (
        "sparse-points",
        int,
        "atoms of every species that a kernel compares others with (default: 500)",
    ),
    ("degree", int, "degree of the kernel (default: 6)"),
    (
        "radial-basis",
        int,
        "contract the radial functions to this many principal components of the training set, for "
        "every species and angular momentum",
    ),
)


class CLICommand:
    """Train a model on densities of states.

    DATA are data sets (.npz), outputs of DFT programs with eigenvalues (Quantum ESPRESSO, VASP,
    GPAW, FHI-aims, CASTEP, SIESTA; compressed or not), structures that carry a DOS on a grid
    (extended xyz), and folders of these.
    Data sets have their own training and validation parts; of all other structures a share is
    kept for validation: blocks of consecutive frames, chosen by their content. Validation errors
    are stored in the model file, and written to a report with figures; --refit then trains the
    model again, with the validation structures. With --search or --budget the hyperparameters
    that are not given are searched for; a search that was killed continues where it stopped.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        add = parser.add_argument
        add("data", nargs="+", metavar="DATA", help=FILES)
        add("-o", "--output", required=True, metavar="MODEL.npz", help="model file to write")
        add(
            "--report",
            metavar="DIRECTORY",
            help="where to write the report and its figures (default: MODEL.report)",
        )
        add("--no-report", action="store_true", help="write the model only")
        add(
            "--validation",
            type=float,
            metavar="SHARE",
            help="share of the structures kept for validation; data sets have their own split "
            "(default: 0.15)",
        )
        add(
            "--refit",
            action="store_true",
            help="after validation, train again with the validation structures; the report is that "
            "of the training without them",
        )
        add(
            "--seed",
            type=int,
            default=0,
            help="seed of the split and the search (default: %(default)s)",
        )
        add(
            "--groups",
            metavar="NAME",
            help="leave structures out together whose info has the same value of this name, such "
            "as family, or file; by default near copies and neighbouring frames of a run are found",
        )
        add(
            "--search",
            type=int,
            metavar="TRIALS",
            help="search for the hyperparameters with the smallest leave-one-out error, in at most "
            "this many trials; they are stored in MODEL.search.json",
        )
        add(
            "--budget",
            type=float,
            metavar="MINUTES",
            help="search in the same way, and start no trial after this many minutes",
        )
        add(
            "--reference",
            default="adaptive",
            choices=["adaptive", "fermi", "average_potential"],
            help="energy reference of the training structures (default: %(default)s)",
        )
        add_grid_arguments(parser)
        add(
            "--smearing",
            type=float,
            default=0.3,
            metavar="eV",
            help="Gaussian broadening of the levels, and of a DOS that structures carry "
            "(default: %(default)s)",
        )
        add(
            "--headroom",
            type=float,
            default=14.0,
            metavar="eV",
            help="highest energy of the model above the mean Fermi level; lower if fewer than half "
            "of the structures are known up to there; electrons of temperature T need some 13 kT "
            "(default: %(default)s)",
        )
        add(
            "--regressor",
            default="kernel",
            choices=["ridge", "kernel", "network"],
            help="linear in the features, sparse polynomial kernel, or network with a hidden "
            "layer, whose training needs PyTorch (default: %(default)s)",
        )
        add(
            "--metric",
            default="mix",
            choices=["dos", "cumulative", "mix"],
            help="what counts as an error: that of the DOS, of its integral, or both "
            "(default: %(default)s)",
        )
        add(
            "--count-below",
            type=float,
            metavar="E",
            help="energy (eV, 0 at the mean Fermi level) in a gap that every structure has: "
            "electrons below it are exact in every prediction",
        )
        add("--modes", type=int, default=32, help="energy modes to keep (default: %(default)s)")
        for name, kind, text in HYPERPARAMETERS:
            add(f"--{name}", type=kind, metavar="N" if kind is int else "X", help=text)
        add(
            "--radial-scaling",
            type=float,
            nargs=3,
            metavar=("RATE", "SCALE", "EXPONENT"),
            help="weigh neighbours: RATE / (RATE + (r / SCALE)^EXPONENT)",
        )

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Search, train, save and report."""
        from ase_dos.model.training_remarks import warn_of_kpoints
        from ase_dos.model.training_set import make_targets

        folder = Path(args.output).parent
        if not folder.is_dir():  # before hours of training
            raise ValueError(f"--output: there is no directory {folder}")
        training, validation = _structures(args)
        if args.refit and not validation.frames:
            raise ValueError("--refit: there are no validation structures to train on")
        warn_of_kpoints(training.frames, training.states)
        targets = make_targets(training.states, args.smearing)
        found = _search(args, training, targets, validation)
        model = _trained(args, training, targets, found.best.choice if found else _given(args))
        bars = evaluation = None
        if validation.frames:
            from ase_dos.model_selection.report import error_bars

            bars = None if args.no_report else error_bars(model, validation.frames)
            evaluation = model.calibrate(*validation)
            print(
                f"validation RMSE {evaluation.rmse:.4f} {UNIT} "
                f"({len(validation.frames)} structures)"
            )
        model.save(args.output)  # so that whatever happens afterwards, there is one
        if args.refit:
            _refitted(model, training, validation, targets, args).save(args.output)
        print(f"wrote {args.output}")
        if not args.no_report:
            _write_report(args, model, training, targets, validation, found, evaluation, bars)


def _beside(output: str, suffix: str) -> Path:
    path = Path(output)
    return path.with_name(path.name.removesuffix(".npz") + suffix)


def _structures(args: Namespace) -> tuple[Part, Part]:
    data = read_data(args.data, args, args.smearing, "train", "validation")
    if args.validation is not None and not data.files:
        raise ValueError("--validation: the data sets have their own split")
    share = SHARE if args.validation is None else args.validation
    training, validation = divided(data, share, args.seed)
    if data.files:
        print(
            f"{len(training.frames)} structures for training, {len(validation.frames)} for "
            f"validation (seed {args.seed})"
        )
    return training, validation


def _given(args: Namespace) -> dict[str, Any]:
    """Hyperparameters from the command line."""
    names = [name.replace("-", "_") for name, *_ in HYPERPARAMETERS] + ["radial_scaling"]
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    scaling = given.get("radial_scaling")
    if scaling and scaling[2].is_integer():
        given["radial_scaling"] = [*scaling[:2], int(scaling[2])]
    return given


def _options(args: Namespace) -> dict[str, Any]:
    return {
        "regressor": args.regressor,
        "reference": args.reference,
        "smearing": args.smearing,
        "headroom": args.headroom,
        "n_modes": args.modes,
        "metric": args.metric,
        "count_below": args.count_below,
    }


def _groups(args: Namespace, part: Part) -> list[Any] | None:
    """Labels of the structures that are left out together, where the user names them."""
    if args.groups is None:
        return None
    for number, atoms in enumerate(part.frames):
        if args.groups not in atoms.info:
            known = ", ".join(sorted(atoms.info)) or "nothing"
            raise ValueError(
                f"--groups: structure {number} ({atoms.info.get('file', 'of a data set')}) has no "
                f"{args.groups!r} in its info, which has {known}"
            )
    return [str(atoms.info[args.groups]) for atoms in part.frames]


def _split(args: Namespace, training: Part, validation: Part) -> dict[str, Any]:
    """Which structures train and which validate, by their checksums."""
    from ase_dos.utils.digests import structure_checksum

    parts = {"training": training, "validation": validation}
    hashes = {name: [structure_checksum(a) for a in part.frames] for name, part in parts.items()}
    return {"seed": args.seed, **hashes}


def _search(
    args: Namespace, training: Part, targets: list[DOSTarget], validation: Part
) -> Search | None:
    """Search for hyperparameters, if asked to."""
    if args.search is None and args.budget is None:
        return None
    from ase_dos.model_selection.search import search_hyperparameters

    record = _beside(args.output, ".search.json")
    limits = [f"{args.search} trials"] if args.search is not None else []
    limits += [f"{args.budget:g} minutes"] if args.budget is not None else []
    print(f"searching hyperparameters, at most {' and '.join(limits)}; trials in {record}")
    found = search_hyperparameters(
        training.frames,
        targets,
        trials=args.search,
        budget=None if args.budget is None else 60 * args.budget,
        seed=args.seed,
        fixed=_given(args),
        groups=_groups(args, training),
        record=record,
        about={"split": _split(args, training, validation)},
        **_options(args),
    )
    print(found.summary())
    return found


def _trained(
    args: Namespace, training: Part, targets: list[DOSTarget], choice: dict[str, Any]
) -> DOSModel:
    from ase_dos.model.dos_model import DOSModel
    from ase_dos.model_selection.hyperparameters import make_options

    species = sorted({int(z) for atoms in training.frames for z in atoms.numbers})
    options = make_options(choice, species, **_options(args))
    size = options.descriptor.n_features
    print(f"training on {len(training.frames)} structures, {size} features")
    model = DOSModel.from_options(options).fit(
        training.frames, targets, groups=_groups(args, training)
    )
    if options.radial_basis is not None:
        descriptor = model.descriptor
        print(
            f"radial basis of {descriptor.n_radial} functions of {descriptor.max_radial} primitive "
            f"ones, {descriptor.n_features} features"
        )
    print(
        f"leave-one-out RMSE {model.info['leave_one_out_rmse']:.4f} {UNIT} "
        f"({model.info['n_groups']} groups of like structures)"
    )
    return model


def _refitted(
    model: DOSModel,
    training: Part,
    validation: Part,
    targets: list[DOSTarget],
    args: Namespace,
) -> DOSModel:
    """Return the model trained on the validation structures as well."""
    from ase_dos.model.training_set import make_targets

    both = joined([training, validation])
    final = model.refitted(
        both.frames,
        targets + make_targets(validation.states, args.smearing),
        groups=_groups(args, both),
    )
    print(
        f"trained again on {len(training.frames) + len(validation.frames)} structures, "
        f"leave-one-out RMSE {final.info['leave_one_out_rmse']:.4f} {UNIT}"
    )
    return final


def _write_report(
    args: Namespace,
    model: DOSModel,
    training: Part,
    targets: list[DOSTarget],
    validation: Part,
    found: Search | None,
    evaluation: Evaluation | None,
    bars: ErrorBars | None,
) -> None:
    from ase_dos.cli.plot import save_figures
    from ase_dos.model_selection.learning import learning_curve
    from ase_dos.model_selection.report import Report

    directory = Path(args.report or _beside(args.output, ".report"))
    directory.mkdir(parents=True, exist_ok=True)
    split = _split(args, training, validation)
    text = json.dumps(split, indent=1).encode()
    replace_file(directory / "split.json", lambda file: file.write(text))
    known = (validation.frames, validation.states) if validation.frames else None
    report = Report(
        name=args.output,
        model=model,
        data=f"- {len(training.frames)} structures for training, {len(validation.frames)} for "
        f"validation, seed {args.seed}; their checksums are in `split.json`"
        + ("\n- the model file holds a model trained again, on all of them" * args.refit),
        shifts=model.training.shifts - [target.fermi_level for target in targets],
        families=_families(training),
        curve=learning_curve(
            model,
            training.frames,
            targets,
            known,
            groups=_groups(args, training),
            seed=args.seed,
        ),
        search=found,
        evaluation=evaluation,
        bars=bars,
    )
    save_figures(directory, report.figures())
    page = report.text().encode()
    replace_file(directory / "report.md", lambda file: file.write(page))
    print(f"wrote {directory / 'report.md'} and its figures")


def _families(part: Part) -> list[str]:
    """Families, or else formulas, as long as a figure can show them."""
    names = part.families or [str(atoms.symbols.formula.reduce()[0]) for atoms in part.frames]
    return names if len(set(names)) <= MOST_FAMILIES else [""] * len(names)
