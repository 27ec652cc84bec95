"""``ase-dos info``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase_dos.cli.main import reports_user_errors

if TYPE_CHECKING:
    from ase_dos.spectra.states import ElectronicStates


class CLICommand:
    """Print what a model, a data set, a directory of results or a DFT output contains.

    Without an argument, list the shipped models.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "source",
            nargs="?",
            metavar="MODEL_OR_FILE",
            help="model file or name, data set, directory of results, or DFT output",
        )

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Print."""
        for line in _describe(args.source):
            print(line)


def _describe(source: str | None) -> Iterator[str]:
    if source is None:
        return _shipped()
    path = Path(source)
    if path.is_dir():
        return _result(path)
    if path.suffix == ".npz" and path.is_file():
        return _dataset(path) if _is_dataset(path) else _model(source)
    if path.suffix == ".pt":
        return _metatomic(path)
    return _states(path) if path.exists() else _model(source)


def _shipped() -> Iterator[str]:
    from ase_dos.io.model_file import KINDS, shipped_models

    for kind, content in KINDS.items():
        if names := shipped_models(kind):
            yield f"shipped models of the {content}:"
            yield from (f"  {name}" for name in names)


def _model(source: str) -> Iterator[str]:
    from ase_dos.density.model import DensityModel
    from ase_dos.io.model_file import find_model, kind_of, read_model
    from ase_dos.model.dos_model import DOSModel
    from ase_dos.model.tight_binding import TightBindingModel

    by_kind = {"density": DensityModel, "tight_binding": TightBindingModel}
    info, _ = read_model(find_model(source))
    model = by_kind.get(kind_of(info), DOSModel).load(source)
    return _header(model.options.to_dict(), model.info)


def _metatomic(path: Path) -> Iterator[str]:
    from ase_dos.model.metatomic import load_metatomic

    model = load_metatomic(path)
    return _header({"cutoff": model.cutoff}, model.info)


def _header(options: Mapping[str, Any], info: Mapping[str, Any]) -> Iterator[str]:
    """Hyperparameters and origin of a model, without its hundreds of numbers."""
    plain = {**options, **{k: v for k, v in info.items() if k not in ("options", "descriptor")}}
    if isinstance(basis := plain.get("basis"), Mapping):
        plain["basis"] = basis["name"]
    for key, value in plain.items():
        yield f"{key:<22} {value}"


def _is_dataset(path: Path) -> bool:
    """Whether the archive is a data set: a model keeps its header as an array."""
    import zipfile

    return zipfile.is_zipfile(path) and "header.json" in zipfile.ZipFile(path).namelist()


def _dataset(path: Path) -> Iterator[str]:
    from collections import Counter

    from ase_dos.io.dataset import load_dataset

    data = load_dataset(path)
    yield f"data set of {len(data.frames)} structures, {sum(map(len, data.frames))} atoms"
    for family, count in sorted(Counter(data.families.tolist()).items()):
        parts = Counter(data.split[data.families == family].tolist())
        yield f"  {family:<20} {count:>4}  " + ", ".join(f"{n} {s}" for s, n in parts.items())


def _result(path: Path) -> Iterator[str]:
    from ase_dos.results.result import TrajectoryResult

    result = TrajectoryResult.load(path)
    yield f"written by ase_dos {result.about['ase_dos_version']}: {result.about['command']}"
    for key, value in result.about["options"].items():
        yield f"{key:<22} {value}"
    yield result.summary()


def _states(path: Path) -> Iterator[str]:
    from ase_dos.io.dft import read_frames

    bad: list[str] = []
    pairs = read_frames(path, on_error=lambda _, error: bad.append(str(error)))
    if not pairs:
        raise ValueError(bad[0])
    yield f"{len(pairs)} structures with eigenvalues"
    for atoms, states in pairs:
        yield (
            f"  {atoms.get_chemical_formula():<12} {states.n_electrons:g} electrons, "
            f"{states.n_spins} spin x {states.n_kpoints} k x {states.n_bands} bands, "
            f"complete to {states.valid_to:.3f} eV, {_gap(states)}{_moment(states)}"
        )
    for reason in bad:
        yield f"  cannot be used: {reason}"


def _moment(states: ElectronicStates) -> str:
    if states.n_spins == 1:
        return ""
    try:
        return f", moment {states.magnetic_moment():.3f} mu_B"
    except ValueError:
        return ""


def _gap(states: ElectronicStates) -> str:
    try:
        gap = states.band_gap
    except ValueError:  # there is more to tell of such a file
        return "too few bands for a Fermi level"
    return f"gap {gap:.3f} eV" if gap else "no gap"
