"""Report on a training of the command line: its split, its text and its figures."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase_dos.cli.outputs import StoredResult
from ase_dos.cli.parts import Part
from ase_dos.utils.files import replace_file

if TYPE_CHECKING:
    from ase_dos.model.dos_model import DOSModel
    from ase_dos.model.evaluation import Evaluation
    from ase_dos.model_selection.report import ErrorBars
    from ase_dos.model_selection.search import Search

__all__ = ["beside", "report_directory", "split_record", "write_report"]

# More kinds of structures than this are no longer told apart in a figure.
MOST_FAMILIES = 20


def report_directory(args: Namespace) -> Path:
    """Directory that the user named, or one beside the model."""
    return Path(args.report or beside(args.output, ".report"))


def beside(output: str, suffix: str) -> Path:
    """Path beside a model file, with another ending."""
    path = Path(output)
    return path.with_name(path.name.removesuffix(".npz") + suffix)


def split_record(seed: int, training: Part, validation: Part) -> dict[str, Any]:
    """Tell which structures train and which validate, by their checksums."""
    from ase_dos.utils.digests import structure_checksum

    parts = {"training": training, "validation": validation}
    hashes = {name: [structure_checksum(a) for a in part.frames] for name, part in parts.items()}
    return {"seed": seed, **hashes}


def write_report(
    args: Namespace,
    model: DOSModel,
    training: Part,
    validation: Part,
    found: Search | None,
    evaluation: Evaluation | None,
    bars: ErrorBars | None,
    groups: Sequence[str] | None,
    stored: StoredResult,
) -> None:
    """Write the split, the report and its figures; what fails is noted, and the rest is written."""
    from ase_dos.cli.plot import save_figures
    from ase_dos.model_selection.learning import learning_curve
    from ase_dos.model_selection.report import Report

    directory = report_directory(args)
    directory.mkdir(parents=True, exist_ok=True)
    split = split_record(args.seed, training, validation)
    split_text = json.dumps(split, indent=1).encode()
    replace_file(directory / "split.json", lambda file: file.write(split_text))
    is_refitted = args.refit and not stored.has_failed("--refit")
    known = (validation.frames, validation.targets) if validation.frames else None
    curve = None
    with stored.step("learning curve"), validation.named_in_errors():
        curve = learning_curve(
            model, training.frames, training.targets, known, groups=groups, seed=args.seed
        )
    report = Report(
        name=args.output,
        model=model,
        data=f"- {len(training.frames)} structures for training, {len(validation.frames)} for "
        f"validation, seed {args.seed}; their checksums are in `split.json`"
        + ("\n- the model file holds a model trained again, on all of them" * is_refitted),
        shifts=model.training.shifts - [target.fermi_level for target in training.targets],
        families=_families(training),
        curve=curve,
        search=found,
        evaluation=evaluation,
        bars=bars,
    )
    page = report.text().encode()
    replace_file(directory / "report.md", lambda file: file.write(page))
    print(f"wrote {directory / 'report.md'}")
    print(f"wrote {len(save_figures(directory, report.figures()))} figures beside it")


def _families(part: Part) -> list[str]:
    """Families, or else formulas, as long as a figure can show them."""
    names = part.families or [str(atoms.symbols.formula.reduce()[0]) for atoms in part.frames]
    return names if len(set(names)) <= MOST_FAMILIES else [""] * len(names)
