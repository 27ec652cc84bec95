"""Outputs of commands: refused before any work, and kept whatever happens after it."""

import os

import pytest
from command_line import fails

from ase_dos.cli.main import main
from ase_dos.cli.outputs import StoredResult, output_directory, output_file

# The tiny models of these tests know little, and say so.
pytestmark = pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning")


def boom(*args, **kwargs):
    raise RuntimeError("boom")


def test_files_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    for name, message in (
        (tmp_path, "is a directory"),
        (tmp_path / "absent" / "x", "there is no directory"),
        (tmp_path / "file" / "x", "is no directory"),
        (tmp_path / "x.txt", r"expected a name that ends with \.csv, \.npz, got"),
    ):
        suffixes = (".csv", ".npz") if name.suffix else ()
        with pytest.raises(ValueError, match=f"^--out: .*{message}"):
            output_file(str(name), "--out", suffixes)
    assert output_file(str(tmp_path / "x.csv"), "--out", (".csv",)) == tmp_path / "x.csv"


def test_an_input_is_not_replaced(tmp_path):
    (tmp_path / "md.xyz").touch()
    (tmp_path / "link.xyz").symlink_to(tmp_path / "md.xyz")
    for name in ("md.xyz", "link.xyz", "../" + tmp_path.name + "/md.xyz"):
        with pytest.raises(ValueError, match="is an input of this command"):
            output_file(str(tmp_path / name), "--out", inputs=[str(tmp_path / "md.xyz")])
    output_file(str(tmp_path / "new.xyz"), "--out", inputs=[str(tmp_path / "md.xyz")])


def test_directories_may_be_made_below_one_that_exists(tmp_path):
    (tmp_path / "file").touch()
    assert output_directory(tmp_path / "a" / "b", "--out") == tmp_path / "a" / "b"
    for name in ("file", "file/a"):
        with pytest.raises(ValueError, match=r"^--out: .*file is no directory"):
            output_directory(tmp_path / name, "--out")


def test_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # tests may run as root
    with pytest.raises(ValueError, match="--out: no permission to write to the directory"):
        output_file(str(tmp_path / "x"), "--out")


def test_steps_after_a_stored_result_do_not_depend_on_each_other():
    stored, done = StoredResult("m.npz holds the model"), []
    with stored.step("validation"):
        raise ValueError("run3.out: NaN")
    with stored.step("report"):
        done.append("report")
    with stored.step("figures"):
        raise KeyError("dos")
    assert done == ["report"]
    message = r"^validation: run3\.out: NaN; figures: KeyError\('dos'\); m\.npz holds the model$"
    with pytest.raises(ValueError, match=message):
        stored.finish()
    with pytest.raises(KeyboardInterrupt), stored.step("report"):
        raise KeyboardInterrupt
    StoredResult("nothing failed").finish()


def test_results_of_a_trajectory_outlive_their_figures(model, md, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ase_dos.cli.plot.result_figures", boom)
    out, images = tmp_path / "out.zarr", tmp_path / "atoms.extxyz"
    command = ("trajectory", md, "--model", model, "-o", out, "-q")
    line = fails(capsys, *command, "--plot", tmp_path / "drawn", "--extxyz", images)
    assert f"--plot: RuntimeError('boom'); {out} holds the results of 4 frames" in line
    assert images.exists()


def test_a_trajectory_is_not_replaced_by_its_results(model, md, tmp_path, capsys):
    before = md.read_bytes()
    command = ("trajectory", f"{md}@0:2", "--model", model, "-o", tmp_path / "o", "-q")
    assert "--extxyz: " in fails(capsys, *command, "--extxyz", md)
    assert md.read_bytes() == before


def test_files_of_a_table_outlive_one_that_fails(md, tmp_path, capsys, monkeypatch):
    from ase_dos.results.heat_capacity_table import HeatCapacityTable

    monkeypatch.setattr(HeatCapacityTable, "write_csv", boom)
    outputs = [tmp_path / "a.csv", tmp_path / "a.ttm_cascade"]
    words = [word for path in outputs for word in ("-o", path)]
    line = fails(capsys, "export", md, "--from", "3000", "--points", "8", "-q", *words)
    assert f"{outputs[0]}: RuntimeError('boom'); the other files are written" in line
    assert outputs[1].exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "x.csv/y.csv"], "--output: there is no directory"),
        (["--plot", "dos.xyz"], "--plot: expected a name that ends with"),
        (["--plot", "absent/dos.png"], "--plot: there is no directory"),
    ],
)
def test_predict_refuses_before_it_works(model, md, tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    line = fails(capsys, "predict", md, "--model", model, *words)
    assert message in line
    assert capsys.readouterr().out == ""


def test_plots_and_pages_refuse_before_they_work(model, tmp_path, capsys):
    (tmp_path / "file").touch()
    main(["plot", str(model), "-o", str(tmp_path / "drawn")])
    assert "--output: " in fails(capsys, "plot", model, "-o", tmp_path / "file")
    assert "--output: " in fails(capsys, "report", tmp_path, "-o", tmp_path / "absent" / "r.html")
    assert "--output: " in fails(capsys, "evaluate", model, model, "-o", tmp_path / "file")
