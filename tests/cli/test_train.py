"""``ase-dos train`` and ``evaluate``."""

import json
import re
import shutil
from types import SimpleNamespace

import ase.io
import numpy as np
import pytest
from command_line import QUICK, SMALL, TINY, fails, is_png
from paths import STATES

from ase_dos.cli.main import main
from ase_dos.io.dataset import Dataset, load_dataset, save_dataset
from ase_dos.model.dos_model import DOSModel

# The tiny models of these tests know little, and say so.
pytestmark = pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning")


def test_train_says_what_it_did(dataset, tmp_path, capsys):
    main(["train", str(dataset), "-o", str(tmp_path / "m.npz"), "--reference", "fermi", *TINY])
    out = capsys.readouterr().out
    assert "18 structures" in out
    assert "states eV^-1/2 per atom" in out
    main(["info", str(tmp_path / "m.npz")])
    assert "fermi" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:training set. 18 structures are given again")
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
    assert final.info["n_structures"] == 24  # each once
    assert final.info["validation"] == {**model.info["validation"], "refitted": True}
    assert final.evaluate(frames, states).rmse < rmse
    assert "there are no validation structures" in fails(
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
        search = ["--search", "4", *SMALL, "--reference", "fermi"]
        grid = ["--grid-start", "-15", "--grid-step", "0.05"]
        output = ["-o", str(tmp_path / name)]
        main(["train", str(dos_file.parent), *output, *search, *grid, *options])
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


def test_folder_of_outputs(tmp_path, capsys):
    from ase_dos.cli.data import read_data

    source = STATES
    for name in ("si.pwo", "si_md.pwo", "again/si.pwo", "si.pwi", ".hidden.pwo", "al_dense.pwo"):
        target = tmp_path / "runs" / name
        target.parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(source / target.name.replace(".hidden", "si"), target)
    args = SimpleNamespace(grid_start=None, grid_step=None)
    with pytest.warns(UserWarning, match=r"skipped: .*al_dense.pwo"):
        data = read_data([str(tmp_path / "runs")], args, 0.3, "train")
    assert [len(part.frames) for part in data.files] == [1, 3]
    out = capsys.readouterr().out
    assert "5 structures in 3 files, 1 other files skipped, 1 repeated structures left out" in out
    lost = tmp_path / "absent" / "m.npz"
    assert "no directory" in fails(capsys, "train", tmp_path / "runs", "-o", lost)
    (tmp_path / "empty").mkdir()
    assert "found none" in fails(capsys, "train", tmp_path / "empty", "-o", tmp_path / "m.npz")


@pytest.mark.filterwarnings("ignore:training set. 18 structures are given again")
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


def test_structures_of_a_named_group_are_left_out_together(dataset, tmp_path, capsys):
    data, output = load_dataset(dataset), tmp_path / "m.npz"
    main(["train", str(dataset), "-o", str(output), *QUICK, "--groups", "family"])
    assert "2 groups of like structures" in capsys.readouterr().out
    grouped = DOSModel.load(output)
    assert grouped.info["n_groups"] == 2
    frames, states = data.select("train")
    families = [atoms.info["family"] for atoms in frames]
    same = DOSModel.from_options(grouped.options).fit(frames, states, groups=families)
    assert grouped.info["leave_one_out_rmse"] == pytest.approx(same.info["leave_one_out_rmse"])
    main(["train", str(dataset), "-o", str(output), *QUICK, "--groups", "name"])
    assert DOSModel.load(output).info["n_groups"] == 18
    error = fails(capsys, "train", dataset, "-o", output, *QUICK, "--groups", "run")
    assert "has no 'run' in its info, which has family, name" in error
