"""``ase-dos train``."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ase_dos.cli.arguments import integer, number
from ase_dos.cli.data import FILES, add_grid_arguments, divided, read_data
from ase_dos.cli.main import reports_user_errors
from ase_dos.cli.outputs import StoredResult, output_directory, output_file, save_or_elsewhere
from ase_dos.cli.parts import Part, joined
from ase_dos.cli.training_report import beside, report_directory, split_record, write_report

if TYPE_CHECKING:
    from ase_dos.model.dos_model import DOSModel
    from ase_dos.model.evaluation import Evaluation
    from ase_dos.model.options import ModelOptions
    from ase_dos.model_selection.report import ErrorBars
    from ase_dos.model_selection.search import Search

UNIT = "states eV^-1/2 per atom"
SHARE = 0.15
# Of `ase_dos.model_selection.hyperparameters.DEFAULTS`, whose import would make the help slow.
HYPERPARAMETERS = (
    ("cutoff", number(above=0), "radius of the surroundings of an atom (Angstrom; default: 6)"),
    (
        "cutoff-smoothing",
        number(least=0),
        "shell in which neighbours fade out (Angstrom; default: 0.5)",
    ),
    ("max-radial", integer(1), "radial functions (default: 8)"),
    ("max-angular", integer(0), "largest angular momentum (default: 6)"),
    ("width", number(above=0), "width of the Gaussians (Angstrom; default: 0.4)"),
    (
        "sparse-points",
        integer(1),
        "atoms of every species that a kernel compares others with (default: 500)",
    ),
    ("degree", integer(1), "degree of the kernel (default: 6)"),
    (
        "radial-basis",
        integer(1),
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
            type=number(least=0, below=1),
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
            type=integer(1),
            metavar="TRIALS",
            help="search for the hyperparameters with the smallest leave-one-out error, in at most "
            "this many trials; they are stored in MODEL.search.json",
        )
        add(
            "--budget",
            type=number(above=0),
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
            type=number(above=0),
            default=0.3,
            metavar="eV",
            help="Gaussian broadening of the levels, and of a DOS that structures carry "
            "(default: %(default)s)",
        )
        add(
            "--headroom",
            type=number(above=0),
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
            "--spin",
            default="total",
            choices=["total", "channels"],
            help="what is learned of spin-polarised states: the DOS of both spins together, or "
            "also majority and minority, which give magnetic moments (default: %(default)s)",
        )
        add(
            "--count-below",
            type=number(),
            metavar="E",
            help="energy (eV, 0 at the mean Fermi level) in a gap that every structure has: "
            "electrons below it are exact in every prediction",
        )
        add(
            "--valence",
            nargs="+",
            type=_element_and_valence,
            metavar="ELEMENT=N",
            help="valence electrons of each element, such as Ga=3 As=5 (default: what the "
            "electrons of the structures say)",
        )
        add(
            "--modes",
            type=integer(1),
            default=32,
            help="energy modes to keep (default: %(default)s)",
        )
        for name, kind, text in HYPERPARAMETERS:
            add(f"--{name}", type=kind, metavar="N", help=text)
        add(
            "--radial-scaling",
            type=number(above=0),
            nargs=3,
            metavar=("RATE", "SCALE", "EXPONENT"),
            help="weigh neighbours: RATE / (RATE + (r / SCALE)^EXPONENT)",
        )

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Search, train, save and report."""
        # What is bound to fail is refused before hours of reading and training.
        _options_for(args, ["H"], _given(args))
        output_file(args.output, "--output", (".npz",), args.data)
        if not args.no_report:
            output_directory(report_directory(args), "--report")
        training, validation, left_out = _structures(args)
        if args.refit and not validation.frames:
            raise ValueError("--refit: there are no validation structures to train on")
        both = joined([training, validation])
        with both.named_in_errors():
            _check_valences(args, both)
        with training.named_in_errors():
            found = _search(args, training, validation)
            model = _trained(args, training, found.best.choice if found else _given(args))
        stored = StoredResult("")
        _save(args, model, stored)
        bars, evaluation = _validated(args, model, validation, stored)
        if args.refit:
            with stored.step("--refit"):
                _save(args, _refitted(model, both, _groups(args, both)), stored)
        if not args.no_report:
            with stored.step("report"):
                groups = _groups(args, training)
                write_report(
                    args, model, training, validation, found, evaluation, bars, groups, stored
                )
        if left_out:
            print(left_out)
        stored.finish()


def _structures(args: Namespace) -> tuple[Part, Part, str]:
    """Return structures for training and for validation, and a remark on those left out."""
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
    return training, validation, data.remark


def _check_valences(args: Namespace, part: Part) -> None:
    """Refuse structures whose electrons contradict the others, before any search or training."""
    import numpy as np

    from ase_dos.descriptors.species import species_counts
    from ase_dos.model.valences import valences

    species = _species(part)
    electrons = np.array([target.n_electrons for target in part.targets])
    given = dict(args.valence) if args.valence else None
    valences(species_counts(part.frames, species), electrons, species, given)


def _species(part: Part) -> list[int]:
    return sorted({int(z) for atoms in part.frames for z in atoms.numbers})


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
        "spin": args.spin,
        "count_below": args.count_below,
        **({"valence": dict(args.valence)} if args.valence else {}),
    }


def _groups(args: Namespace, part: Part) -> list[str] | None:
    """Labels of the structures that are left out together, where the user names them."""
    if args.groups is None:
        return None
    for name, atoms in zip(part.names, part.frames, strict=True):
        if args.groups not in atoms.info:
            known = ", ".join(sorted(atoms.info)) or "nothing"
            raise ValueError(
                f"--groups: {name} has no {args.groups!r} in its info, which has {known}"
            )
    return [str(atoms.info[args.groups]) for atoms in part.frames]


def _options_for(args: Namespace, species: Sequence[Any], choice: dict[str, Any]) -> ModelOptions:
    """Options of the model with chosen hyperparameters."""
    from ase_dos.model_selection.hyperparameters import make_options

    return make_options(choice, species, **_options(args))


def _element_and_valence(text: str) -> tuple[str, float]:
    """Type of argument: words like Ga=3."""
    from ase.data import atomic_numbers

    element, equals, valence = text.partition("=")
    if not equals or element not in atomic_numbers:
        raise ArgumentTypeError(f"expected ELEMENT=N such as Ga=3, got {text!r}")
    return element, number(above=0)(valence)


def _search(args: Namespace, training: Part, validation: Part) -> Search | None:
    """Search for hyperparameters, if asked to."""
    if args.search is None and args.budget is None:
        return None
    from ase_dos.model_selection.search import search_hyperparameters

    record = beside(args.output, ".search.json")
    limits = [f"{args.search} trials"] if args.search is not None else []
    limits += [f"{args.budget:g} minutes"] if args.budget is not None else []
    print(f"searching hyperparameters, at most {' and '.join(limits)}; trials in {record}")
    found = search_hyperparameters(
        training.frames,
        training.targets,
        trials=args.search,
        budget=None if args.budget is None else 60 * args.budget,
        seed=args.seed,
        fixed=_given(args),
        groups=_groups(args, training),
        record=record,
        about={"split": split_record(args.seed, training, validation)},
        **_options(args),
    )
    print(found.summary())
    return found


def _trained(args: Namespace, training: Part, choice: dict[str, Any]) -> DOSModel:
    from ase_dos.fit.outliers import too_few_to_judge
    from ase_dos.model.dos_model import DOSModel

    options = _options_for(args, _species(training), choice)
    size = options.descriptor.n_features
    print(f"training on {len(training.frames)} structures, {size} features")
    model = DOSModel.from_options(options).fit(
        training.frames, training.targets, groups=_groups(args, training)
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
    if model.info["outliers"] is None:
        print(
            "structures that contradict the others were not looked for: "
            + too_few_to_judge(model.info["n_structures"])
        )
    return model


def _save(args: Namespace, model: DOSModel, stored: StoredResult) -> None:
    """Save a model; where there is no room, elsewhere, and so all that follows."""
    place, error = save_or_elsewhere(model.save, args.output)
    if not stored.where or error is not None:
        print(f"wrote {place}")
    if error is not None:
        stored.errors.append(("--output", error))
    args.output, stored.where = place, f"{place} holds the trained model"


def _validated(
    args: Namespace, model: DOSModel, validation: Part, stored: StoredResult
) -> tuple[ErrorBars | None, Evaluation | None]:
    """Compare the model with other structures, and store it with their errors."""
    bars = evaluation = None
    if validation.frames and not args.no_report:
        from ase_dos.model_selection.report import error_bars

        with stored.step("error bars"), validation.named_in_errors():
            bars = error_bars(model, validation.frames)
    if validation.frames:
        with stored.step("validation"), validation.named_in_errors():
            evaluation = model.calibrate(validation.frames, validation.targets, validation.families)
            _save(args, model, stored)
            print(
                f"validation RMSE {evaluation.rmse:.4f} {UNIT} "
                f"({len(validation.frames)} structures)"
            )
    return bars, evaluation


def _refitted(model: DOSModel, both: Part, groups: list[str] | None) -> DOSModel:
    """Return the model trained on the validation structures as well."""
    with both.named_in_errors():
        final = model.refitted(both.frames, both.targets, groups=groups)
    print(
        f"trained again on {len(both.frames)} structures, "
        f"leave-one-out RMSE {final.info['leave_one_out_rmse']:.4f} {UNIT}"
    )
    return final
