import json
import re
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from paths import STATES

from ase_dos import __version__
from ase_dos.cli.main import main
from ase_dos.io.dataset import Dataset, load_dataset, save_dataset
from ase_dos.io.model_file import shipped_models
from ase_dos.model.dos_model import DOSModel
from ase_dos.results.result import TrajectoryResult
from ase_dos.spectra.states import ElectronicStates
from ase_dos.spectra.target import target_from_states

# The tiny models of these tests know little, and say so.
pytestmark = pytest.mark.filterwarnings("ignore:.*surroundings unlike")


def states_of(atoms):
    """A solvable crystal: levels of a chain whose width follows the volume."""
    width = 4.0 * (40.0 / atoms.cell.volume * len(atoms) / 2) ** (2 / 3)
    k = (np.arange(60) + 0.5) / 60
    bands = -width * np.cos(np.pi * k)[:, None] + 5.0 * np.arange(5 * len(atoms)) / len(atoms)
    return ElectronicStates(bands, np.full(60, 1 / 60), 4.0 * len(atoms), 2)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    frames = []
    for i in range(24):
        atoms = bulk("Si", a=5.0 + 0.04 * i)
        atoms.rattle(0.03, seed=i)
        atoms.info = {"name": f"si-{i}", "family": "diamond" if i % 2 else "strained"}
        frames.append(atoms)
    states = [states_of(atoms) for atoms in frames]
    split = np.array(["train", "train", "train", "test"] * 6)
    path = tmp_path_factory.mktemp("data") / "set.npz"
    save_dataset(path, Dataset(frames, states, states, split), provenance={})
    return path


TINY = [
    "--regressor",
    "ridge",
    "--cutoff",
    "4",
    "--max-radial",
    "3",
    "--max-angular",
    "2",
    "--modes",
    "6",
    "--no-report",
]
QUICK = [*TINY, "--reference", "fermi"]


@pytest.fixture(scope="session")
def dos_file(dataset):
    """The training structures with their broadened DOS on one grid, unknown above their bands."""
    frames, states = load_dataset(dataset).select("train")
    energies = -15.0 + 0.05 * np.arange(900)
    images = []
    for atoms, one in zip(frames, states, strict=True):
        dos = target_from_states(one, 0.3).dos(energies)
        images.append(Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True))
        images[-1].info = {
            "DOS": dos.values,
            "mask": (energies <= dos.valid_to).astype(int),
            "number_of_electrons": dos.n_electrons,
        }
    path = dataset.with_name("dos.extxyz")
    ase.io.write(path, images)
    return path


@pytest.fixture(scope="session")
def model(dataset):
    path = dataset.with_name("tiny.npz")
    main(["train", str(dataset), "-o", str(path), *TINY])
    return path


@pytest.fixture
def md(tmp_path):
    frames = []
    for i in range(4):
        atoms = bulk("Si", a=5.4, cubic=True)
        atoms.rattle(0.05, seed=i)
        frames.append(atoms)
    ase.io.write(tmp_path / "md.extxyz", frames)
    return tmp_path / "md.extxyz"


def fails(capsys, *args):
    """Run a command that must fail with one line on stderr; return the line."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in args])
    assert stop.value.code not in (0, None)
    errors = capsys.readouterr().err
    lines = [s for s in errors.splitlines() if not s.startswith("ase-dos: warning")]
    assert len(lines) == 1, errors
    assert lines[0].startswith("ase-dos: error: ")
    return lines[0]


def is_png(path):
    return path.read_bytes()[:4] == b"\x89PNG" and path.stat().st_size > 5000


def test_help_is_fast_and_imports_nothing_heavy():
    code = (
        "import sys; from ase_dos.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "bad = {'numba', 'scipy', 'matplotlib', 'ase_dos.model.dos_model'} & set(sys.modules)\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - started < 3
    for command in ("train", "evaluate", "predict", "trajectory", "plot", "info"):
        assert command in done.stdout


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert __version__ in capsys.readouterr().out


def test_train_says_what_it_did(dataset, tmp_path, capsys):
    main(["train", str(dataset), "-o", str(tmp_path / "m.npz"), "--reference", "fermi", *TINY])
    out = capsys.readouterr().out
    assert "18 structures" in out
    assert "states eV^-1/2 per atom" in out
    main(["info", str(tmp_path / "m.npz")])
    assert "fermi" in capsys.readouterr().out


def test_train_evaluates_the_validation_part(dataset, tmp_path, capsys):
    data = load_dataset(dataset)
    split = np.where(data.split == "test", "validation", data.split)
    path, output = tmp_path / "set.npz", tmp_path / "m.npz"
    save_dataset(path, Dataset(data.frames, data.states, data.printed, split), provenance={})
    main(["train", str(path), str(dataset), "-o", str(output), *QUICK])
    out = capsys.readouterr().out
    assert "training on 36 structures" in out
    model = DOSModel.load(output)
    frames, states = load_dataset(path).select("validation")
    rmse = model.evaluate(frames, states).rmse
    assert model.info["validation"]["rmse"] == pytest.approx(rmse, rel=1e-9)
    assert model.info["validation"]["n_structures"] == 6
    assert f"validation RMSE {rmse:.4f} states eV^-1/2 per atom (6 structures)" in out
    refitted = tmp_path / "r.npz"
    main(["train", str(path), str(dataset), "-o", str(refitted), *QUICK, "--refit"])
    out = capsys.readouterr().out
    assert f"validation RMSE {rmse:.4f} states eV^-1/2 per atom (6 structures)" in out
    final = DOSModel.load(refitted)
    assert "trained again on 42 structures, leave-one-out RMSE" in out
    assert final.info["n_structures"] == 42
    assert final.info["validation"] == {**model.info["validation"], "refitted": True}
    assert final.evaluate(frames, states).rmse < rmse
    assert "there are no structures for validation" in fails(
        capsys, "train", dataset, "-o", output, *QUICK, "--refit"
    )
    main(["train", str(dataset), "-o", str(output), *QUICK])
    assert "validation" not in capsys.readouterr().out
    assert "validation" not in DOSModel.load(output).info


def test_train_keeps_structures_for_validation(dataset, dos_file, tmp_path, capsys):
    grid = ["--grid-start", "-15", "--grid-step", "0.05"]
    models = []
    for seed in ("0", "0", "4"):
        output = tmp_path / f"{len(models)}.npz"
        main(["train", str(dos_file), "-o", str(output), *grid, *QUICK, "--seed", seed])
        assert "15 structures for training, 3 for validation" in capsys.readouterr().out
        models.append(DOSModel.load(output).info)
    assert models[0] == models[1]
    assert models[0]["validation"]["n_structures"] == 3
    assert models[0]["training_set_hash"] != models[2]["training_set_hash"]
    assert "own split" in fails(
        capsys, "train", dataset, "-o", output, *QUICK, "--validation", "0.1"
    )


def test_the_order_of_files_does_not_matter(dos_file, tmp_path):
    frames = ase.io.read(dos_file, ":")
    paths = [tmp_path / "a.extxyz", tmp_path / "b.extxyz"]
    ase.io.write(paths[0], frames[:11])
    ase.io.write(paths[1], frames[11:])
    grid = ["--grid-start", "-15", "--grid-step", "0.05"]
    hashes = []
    for files in (paths, paths[::-1]):
        main(["train", *map(str, files), "-o", str(tmp_path / "m.npz"), *grid, *QUICK])
        hashes.append(DOSModel.load(tmp_path / "m.npz").info["hash"])
    assert hashes[0] == hashes[1]


def test_search_that_was_killed_ends_like_one_that_was_not(dos_file, tmp_path, capsys, monkeypatch):
    from ase_dos.model_selection.trials import TrialRunner

    def train(name, *options):
        command = [
            "train",
            str(dos_file.parent),
            "-o",
            str(tmp_path / name),
            "--search",
            "4",
            "--regressor",
            "ridge",
            "--cutoff",
            "4",
            "--max-radial",
            "3",
            "--max-angular",
            "2",
            "--modes",
            "6",
            "--reference",
            "fermi",
            "--grid-start",
            "-15",
            "--grid-step",
            "0.05",
            *options,
        ]
        main(command)
        return capsys.readouterr().out

    whole = train("whole.npz")
    assert "at most 4 trials" in whole
    assert "4 trials," in whole
    run, calls = TrialRunner.run, []

    def killed(self, choice):
        calls.append(choice)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(self, choice)

    monkeypatch.setattr(TrialRunner, "run", killed)
    with pytest.raises(SystemExit):
        train("killed.npz", "--no-report")
    assert not (tmp_path / "killed.npz").exists()
    train("killed.npz", "--no-report")
    assert len(calls) == 5  # two finished, one killed, two more
    models = [DOSModel.load(tmp_path / name) for name in ("whole.npz", "killed.npz")]
    assert models[0].info == models[1].info
    assert models[0].descriptor.cutoff == 4  # given, so not searched
    split = json.loads((tmp_path / "whole.report" / "split.json").read_text())
    record = json.loads((tmp_path / "killed.search.json").read_text())
    assert record["about"]["split"] == split
    assert not (tmp_path / "killed.report").exists()
    report = (tmp_path / "whole.report" / "report.md").read_text()
    assert f"`{models[0].info['hash']}`" in report
    for name in ("learning_curve", "parity", "shifts", "spectra", "calibration"):
        assert is_png(tmp_path / "whole.report" / f"{name}.png")
        assert f"({name}.png)" in report
    with pytest.raises(SystemExit):
        train("killed.npz", "--seed", "1")
    assert "seed was 0, is 1" in capsys.readouterr().err


def test_help_states_the_defaults():
    from ase_dos.cli.train import HYPERPARAMETERS
    from ase_dos.model_selection.hyperparameters import DEFAULTS

    assert {name.replace("-", "_") for name, *_ in HYPERPARAMETERS} == set(DEFAULTS) - {
        "radial_scaling"
    }
    for name, _, text in HYPERPARAMETERS:
        default = DEFAULTS[name.replace("-", "_")]
        assert default is None or f"default: {default:g})" in text


def test_folder_of_outputs(tmp_path, capsys):
    from ase_dos.cli._data import read_data

    source = STATES
    for name in ("si.pwo", "si_md.pwo", "again/si.pwo", "si.pwi", ".hidden.pwo", "al_dense.pwo"):
        target = tmp_path / "runs" / name
        target.parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(source / target.name.replace(".hidden", "si"), target)
    args = SimpleNamespace(grid_start=None, grid_step=None)
    with pytest.warns(UserWarning, match=r"passed over: .*al_dense.pwo"):
        data = read_data([str(tmp_path / "runs")], args, 0.3, "train")
    assert [len(part.frames) for part in data.files] == [1, 3]
    out = capsys.readouterr().out
    assert "5 structures in 3 files, 1 other files passed over, 1 found again left out" in out
    lost = tmp_path / "absent" / "m.npz"
    assert "no directory" in fails(capsys, "train", tmp_path / "runs", "-o", lost)
    (tmp_path / "empty").mkdir()
    assert "found none" in fails(capsys, "train", tmp_path / "empty", "-o", tmp_path / "m.npz")


def test_train_and_evaluate_structures_that_carry_a_dos(model, dataset, dos_file, tmp_path, capsys):
    grid = ["--grid-start", "-15", "--grid-step", "0.05", "--smearing", "0.3"]
    output = tmp_path / "m.npz"
    main(["train", str(dos_file), "-o", str(output), *grid, *TINY, "--validation", "0"])
    assert "training on 18 structures" in capsys.readouterr().out
    from_dos, from_states = DOSModel.load(output), DOSModel.load(model)
    assert from_dos.smearing == 0.3
    main(["evaluate", str(output), str(dos_file), *grid])
    assert "18 structures" in capsys.readouterr().out
    # The same structures with eigenvalues give the same model.
    frames, states = load_dataset(dataset).select("test")
    errors = [one.evaluate(frames, states).rmse for one in (from_dos, from_states)]
    assert errors[0] == pytest.approx(errors[1], rel=0.02)
    # And both kinds can be trained on together.
    main(
        [
            "train",
            str(dos_file),
            str(dataset),
            "-o",
            str(output),
            *grid,
            *QUICK,
            "--validation",
            "0",
        ]
    )
    assert "training on 36 structures" in capsys.readouterr().out


def test_train_passes_the_descriptor_on(dataset, tmp_path, capsys):
    output = tmp_path / "m.npz"
    main(
        [
            "train",
            str(dataset),
            "-o",
            str(output),
            *QUICK,
            "--cutoff-smoothing",
            "0.8",
            "--radial-scaling",
            "1",
            "2.5",
            "4",
        ]
    )
    soap = DOSModel.load(output).descriptor
    assert soap.cutoff_smoothing == 0.8
    assert soap.radial_scaling == (1.0, 2.5, 4)
    assert "exponent" in fails(
        capsys, "train", dataset, "-o", output, "--radial-scaling", "1", "2.5", "4.5"
    )


def test_train_contracts_the_radial_basis(dataset, tmp_path, capsys):
    output = tmp_path / "m.npz"
    main(["train", str(dataset), "-o", str(output), *QUICK, "--radial-basis", "2"])
    assert "2 functions of 3 primitive ones, 9 features" in capsys.readouterr().out
    assert DOSModel.load(output).descriptor.n_radial == 2
    main(["info", str(output)])
    assert re.search(r"^radial_basis +2$", capsys.readouterr().out, re.M)
    assert "radial basis: expected an integer from 1 to 3" in fails(
        capsys, "train", dataset, "-o", output, *QUICK, "--radial-basis", "4"
    )


def test_evaluate(model, dataset, tmp_path, capsys):
    main(["evaluate", str(model), str(dataset), "--split", "test", "-o", str(tmp_path / "eval")])
    out = capsys.readouterr().out
    assert "RMSE" in out
    assert is_png(tmp_path / "eval" / "spectra.png")
    assert is_png(tmp_path / "eval" / "parity.png")


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_predict(model, md, tmp_path, capsys, suffix):
    output, figure = tmp_path / f"dos.{suffix}", tmp_path / "dos.png"
    main(
        [
            "predict",
            str(md),
            "--model",
            str(model),
            "-T",
            "300",
            "-T",
            "3000",
            "-o",
            str(output),
            "--plot",
            str(figure),
        ]
    )
    out = capsys.readouterr().out
    assert "Si8, 32 electrons" in out
    assert "3000" in out
    assert is_png(figure)
    if suffix == "csv":
        energies, values = np.loadtxt(output, delimiter=",", skiprows=1).T
    else:
        with np.load(output, allow_pickle=False) as arrays:
            energies, values = arrays["energies"], arrays["dos"]
            local = arrays["coefficients"] @ arrays["basis"]
        np.testing.assert_allclose(local.sum(axis=0), values, atol=1e-9)
    filled = values[energies < 0].sum() * (energies[1] - energies[0])
    assert filled == pytest.approx(32, rel=0.02)


def test_trajectory_then_resume_plot_and_info(model, md, tmp_path, capsys):
    out = tmp_path / "out"
    command = [
        "trajectory",
        str(md),
        "--model",
        str(model),
        "-T",
        "300",
        "-T",
        "3000",
        "-o",
        str(out),
        "--local",
        "--plot",
        str(tmp_path / "drawn"),
        "--extxyz",
        str(tmp_path / "atoms.extxyz"),
    ]
    main(command)
    first = capsys.readouterr().out
    assert "C_el(3000 K) (k_B/atom)" in first
    for name in ("ensemble", "time_series", "dos_image"):
        assert is_png(tmp_path / "drawn" / f"{name}.png")
    images = ase.io.read(tmp_path / "atoms.extxyz", ":")
    assert len(images) == 4
    assert images[0].arrays["local_charge"].shape == (8,)
    stamps = {p: p.stat().st_mtime_ns for p in (out / "dos").iterdir()}
    main(command)
    assert {p: p.stat().st_mtime_ns for p in (out / "dos").iterdir()} == stamps
    assert capsys.readouterr().out == first
    main(["plot", str(out), "-o", str(tmp_path / "figures")])
    assert is_png(tmp_path / "figures" / "ensemble.png")
    main(["info", str(out)])
    told = capsys.readouterr().out
    assert "4 frames" in told
    assert " ".join(command[:2]) in told


@pytest.mark.parametrize(
    ("suffix", "options", "frames"),
    [("@1:4:2", [], 2), ("", ["--start", "1", "--stop", "3"], 2), ("@2", [], 1)],
)
def test_frames_are_chosen(model, md, tmp_path, capsys, suffix, options, frames):
    main(
        ["trajectory", f"{md}{suffix}", "--model", str(model), "-o", str(tmp_path / "o"), *options]
    )
    assert f": {frames} frames, " in capsys.readouterr().out


def test_plot_and_info_of_model_and_dataset(model, dataset, tmp_path, capsys):
    main(["plot", str(model), "-o", str(tmp_path)])
    assert is_png(tmp_path / "modes.png")
    main(["info", str(model)])
    assert "adaptive" in capsys.readouterr().out
    main(["info", str(dataset)])
    assert "24 structures" in capsys.readouterr().out
    main(["info"])
    assert capsys.readouterr().out.split() == ["shipped", "models:", *shipped_models()]


# -- bad input ---------------------------------------------------------------------------------


def test_missing_files(capsys, model, dataset, tmp_path):
    absent = tmp_path / "absent.xyz"
    assert "no such file" in fails(capsys, "trajectory", absent, "--model", model, "-o", "x")
    assert "absent.xyz" in fails(capsys, "predict", absent, "--model", model)
    assert "absent.npz" in fails(capsys, "info", tmp_path / "absent.npz")
    assert "absent.npz" in fails(capsys, "evaluate", model, tmp_path / "absent.npz")
    assert "absent.npz" in fails(capsys, "train", tmp_path / "absent.npz", "-o", tmp_path / "m.npz")
    assert "unobtainium" in fails(capsys, "plot", "unobtainium")
    assert "split" in fails(capsys, "evaluate", model, dataset, "--split", "heldout")


def test_bad_structures(capsys, model, tmp_path):
    for name, atoms, message in (
        ("carbon", Atoms("C"), "unknown species"),
        ("nan", Atoms("Si", [[np.nan, 0, 0]]), "NaN"),
    ):
        path = tmp_path / f"{name}.extxyz"
        ase.io.write(path, atoms)
        assert message in fails(capsys, "predict", path, "--model", model)
        line = fails(capsys, "trajectory", path, "--model", model, "-o", tmp_path / name)
        assert message in line
        assert "frame 0" in line
    (tmp_path / "empty.xyz").touch()
    line = fails(capsys, "trajectory", tmp_path / "empty.xyz", "--model", model, "-o", "x")
    assert "empty" in line
    assert "empty.xyz" in fails(capsys, "predict", tmp_path / "empty.xyz", "--model", model)


def test_truncated_trajectory_keeps_what_is_done(capsys, model, md, tmp_path):
    md.write_text("".join(md.read_text().splitlines(keepends=True)[:-2]))
    command = ["trajectory", md, "--model", model, "-o", tmp_path / "out"]
    assert "frame 3 of" in fails(capsys, *command)
    assert TrajectoryResult.load(tmp_path / "out").frames.tolist() == [0, 1, 2]
    main([str(a) for a in [*command, "--on-error", "skip"]])
    assert "missing: frame 3" in capsys.readouterr().out


def test_bad_options(capsys, model, md, tmp_path):
    out = tmp_path / "out"
    base = ("trajectory", md, "--model", model, "-o", out)
    assert "-5" in fails(capsys, *base, "-T", "-5")
    assert "supports up to" in fails(capsys, *base, "-T", "1e6")
    main([str(a) for a in (*base, "-T", "500")])  # a start that stored nothing binds nobody
    out = tmp_path / "other"
    base = (*base[:-1], out)
    assert "start" in fails(capsys, *base, "--start", "-2")
    for index in ("x", "-1"):
        assert "expected" in fails(
            capsys, "trajectory", f"{md}@{index}", "--model", model, "-o", out
        )
    assert "not both" in fails(
        capsys, "trajectory", f"{md}@1:", "--step", "2", "--model", model, "-o", out
    )
    assert "--output" in fails(capsys, "predict", md, "--model", model, "-o", "dos.pdf")


@pytest.mark.parametrize("temperature", ["-5", "nan", "1e6"])
def test_predict_checks_temperatures_before_any_output(capsys, model, md, tmp_path, temperature):
    command = ["predict", str(md), "--model", str(model), "-o", str(tmp_path / "dos.csv")]
    with pytest.raises(SystemExit) as stop:
        main([*command, "-T", "300", "-T", temperature])
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len([s for s in err.splitlines() if not s.startswith("ase-dos: warning")]) == 1, err
    assert {"-5": "-5", "nan": "NaN", "1e6": "supports up to"}[temperature] in err
    assert not (tmp_path / "dos.csv").exists()


def test_grid_options(capsys, model, dataset, dos_file, md, tmp_path):
    train = ("train", "-o", tmp_path / "m.npz", *TINY)
    for command in ((*train, dos_file), ("evaluate", model, dos_file)):
        line = fails(capsys, *command)
        assert "dos.extxyz" in line
        assert "--grid-start and --grid-step" in line
        assert "both or neither" in fails(capsys, *command, "--grid-start", "-15")
    grid = ("--grid-start", "-15", "--grid-step", "0.05")
    assert "data sets hold eigenvalues" in fails(capsys, *train, dataset, *grid)
    assert 'info["DOS"]' in fails(capsys, *train, md, *grid)
    assert "no eigenvalues" in fails(capsys, *train, md)
    assert "broadened by 0.3 eV" in fails(
        capsys, "evaluate", model, dos_file, *grid, "--smearing", "0.2"
    )
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    assert "noise.bin" in fails(capsys, *train, tmp_path / "noise.bin", *grid)
    assert "noise.bin" in fails(capsys, *train, tmp_path / "noise.bin")
    assert not (tmp_path / "m.npz").exists()


def test_other_temperatures_do_not_resume(capsys, model, md, tmp_path):
    base = ["trajectory", str(md), "--model", str(model), "-o", str(tmp_path / "out")]
    main([*base, "-T", "300"])
    assert "temperatures was [300.0], is [600.0]" in fails(capsys, *base, "-T", "600")


def test_corrupted_model(capsys, model, md, tmp_path):
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"not a model at all")
    assert "broken.npz" in fails(capsys, "info", broken)
    assert "broken.npz" in fails(capsys, "predict", md, "--model", broken)


def test_traceback_on_request(model, tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        main(["-T", "trajectory", str(tmp_path / "absent"), "--model", str(model), "-o", "x"])


def test_interrupt_is_not_a_success(capsys, model, md, tmp_path, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("ase_dos.trajectory.frame.frame_record", interrupt)
    with pytest.raises(SystemExit) as stop:
        main(["trajectory", str(md), "--model", str(model), "-o", str(tmp_path / "o")])
    assert stop.value.code == 130
    assert "interrupted" in capsys.readouterr().err
