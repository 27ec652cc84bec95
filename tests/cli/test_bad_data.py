"""Files that cannot be trained on are named and passed over; a trained model outlives errors."""

import errno
import os
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import ase.io
import numpy as np
import pytest
from command_line import QUICK, fails
from pwx_output import pwx_output

from ase_dos.cli.data import read_data
from ase_dos.cli.main import main
from ase_dos.cli.outputs import save_or_elsewhere
from ase_dos.io.dataset import load_dataset, save_dataset
from ase_dos.model.dos_model import DOSModel
from ase_dos.model_selection.report import Report
from ase_dos.utils import files

# The tiny models of these tests know little, and say so.
pytestmark = pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning")

NARROW = [*QUICK, "--smearing", "0.05"]
KPOINTS = 8


def levels(alat, bands):
    """A metal of constant DOS; 3 of its bands end 0.05 of their width above the Fermi level."""
    step = 0.075 * (7.0 / alat) ** 2
    return step * np.arange(bands * KPOINTS).reshape(bands, KPOINTS).T


@pytest.fixture
def runs(tmp_path):
    """Folder with six runs of aluminium."""
    folder = tmp_path / "runs"
    folder.mkdir()
    for i in range(6):
        alat = 6.8 + 0.08 * i
        (folder / f"al{i}.out").write_text(pwx_output(levels(alat, 6), 3, alat))
    return folder


def train(capsys, *words):
    main(["train", *map(str, words)])
    return capsys.readouterr()


@pytest.mark.filterwarnings("always:skipped")
def test_bad_files_are_passed_over_and_counted(runs, tmp_path, capsys):
    (runs / "insulator.out").write_text(pwx_output(levels(7.0, 1), 2))
    whole = pwx_output(levels(7.0, 6), 3)
    (runs / "cut.out").write_text(whole[: whole.index("End of self-consistent")])
    (runs / "notes.txt").write_text("nothing to train on")
    out, err = train(capsys, runs, "-o", tmp_path / "m.npz", *NARROW)
    assert "6 structures in 6 files, 1 other files skipped" in out
    assert out.count("2 bad files or structures were skipped") == 2  # where they are read, and last
    assert f"warning: skipped: {runs / 'insulator.out'}: 1 bands: " in err
    assert f"warning: skipped: {runs / 'cut.out'}: " in err
    info = DOSModel.load(tmp_path / "m.npz").info
    assert info["n_structures"] + info["validation"]["n_structures"] == 6
    line = fails(capsys, "train", runs / "insulator.out", "-o", tmp_path / "n.npz", *NARROW)
    assert "insulator.out: 1 bands: " in line


def test_files_given_one_by_one_are_treated_as_those_of_a_folder(runs, capsys):
    (runs / "insulator.out").write_text(pwx_output(levels(7.0, 1), 2))
    args = SimpleNamespace(grid_start=None, grid_step=None)
    with pytest.warns(UserWarning, match=r"skipped: .*insulator\.out"):
        data = read_data(sorted(map(str, runs.iterdir())), args, 0.05, "train")
    assert len(data.files) == 6
    with pytest.raises(ValueError, match=r"absent\.out: no such file or folder"):
        read_data([str(runs), str(runs / "absent.out")], args, 0.05, "train")


def test_whatever_a_reader_raises_ends_at_its_file(runs, monkeypatch, capsys):
    import ase_dos.io.dft as dft

    read = dft.read_frames

    def broken(path, **options):
        if "al2" in str(path):
            raise KeyError("Oa")
        return read(path, **options)

    monkeypatch.setattr(dft, "read_frames", broken)
    args = SimpleNamespace(grid_start=None, grid_step=None)
    with pytest.warns(UserWarning, match=r"al2\.out: cannot be read: KeyError\('Oa'\)"):
        data = read_data([str(runs)], args, 0.05, "train")
    assert len(data.files) == 5


@pytest.mark.filterwarnings("ignore:skipped")
def test_nothing_to_train_on_is_an_error(tmp_path, capsys):
    for i in range(3):
        (tmp_path / f"bad{i}.out").write_text(pwx_output(levels(7.0, 1), 2))
    line = fails(capsys, "train", tmp_path, "-o", tmp_path / "m.npz", *NARROW)
    assert "bad0.out: 1 bands" in line
    assert "(nor can 2 others be used)" in line


@pytest.mark.filterwarnings("always:energy grid")
def test_metals_with_few_bands_are_trained_on(runs, tmp_path, capsys):
    """At 1000 K their electrons leave the known states; their alignment begins all the same."""
    for i in range(6):
        alat = 6.8 + 0.08 * i
        (runs / f"al{i}.out").write_text(pwx_output(levels(alat, 3), 3, alat))
    train(capsys, runs, "-o", tmp_path / "m.npz", *NARROW, "--validation", "0")
    model = DOSModel.load(tmp_path / "m.npz")
    assert model.info["n_structures"] == 6
    assert 0 < model.grid.stop < 0.3  # known to 0.3 eV above the Fermi level, less three smearings
    _, err = train(capsys, runs, "-o", tmp_path / "n.npz", *QUICK, "--validation", "0")
    assert "below the mean Fermi level, so the model will know" in err


def test_errors_of_training_name_the_file(runs, tmp_path, capsys):
    (runs / "charged.out").write_text(pwx_output(levels(7.0, 6), 2))
    for share, seed in (("0", 0), *(("0.3", seed) for seed in range(4))):  # whatever it is for
        words = [*NARROW, "--validation", share, "--seed", seed]
        line = fails(capsys, "train", runs, "-o", tmp_path / "m.npz", *words)
        assert f"{runs / 'charged.out'}: 2 electrons, but the others imply 3" in line
    (runs / "charged.out").rename(tmp_path / "charged.out")
    train(capsys, runs, "-o", tmp_path / "m.npz", *NARROW)
    line = fails(capsys, "evaluate", tmp_path / "m.npz", tmp_path / "charged.out")
    assert "charged.out: 2 electrons, but the model has 3 for it" in line


def test_valences_are_an_option(runs, tmp_path, capsys):
    train(capsys, runs, "-o", tmp_path / "m.npz", *NARROW, "--valence", "Al=3")
    assert DOSModel.load(tmp_path / "m.npz").options.valence == {"Al": 3}
    command = ("train", runs, "-o", tmp_path / "m.npz", *NARROW, "--valence")
    assert "the given valences (Al 5) make 5" in fails(capsys, *command, "Al=5")
    assert "expected a number for each of Al" in fails(capsys, *command, "Ga=3")
    for word in ("Al:3", "Al", "Xx=3"):
        assert "expected ELEMENT=N" in fails(capsys, *command, word)


def unconverged(text):
    """A run of the same structure, without convergence."""
    return text.replace(
        "convergence has been achieved in   5", "convergence NOT achieved after 100"
    )


@pytest.mark.filterwarnings("always:skipped")
def test_a_step_without_convergence_is_named_and_the_rest_of_its_file_used(runs, tmp_path, capsys):
    texts = [pwx_output(levels(a, 6), 3, a) for a in (6.85, 6.95, 7.05)]
    texts[1] = unconverged(texts[1])
    (runs / "relax.out").write_text("".join(texts))
    out, err = train(capsys, runs, "-o", tmp_path / "m.npz", *NARROW)
    assert "8 structures in 7 files" in out
    assert "1 bad files or structures were skipped" in out
    assert f"skipped: {runs / 'relax.out'}: structure 1: self-consistency was not reached" in err
    main(["info", str(runs / "relax.out")])
    printed = capsys.readouterr().out
    assert "2 structures with eigenvalues" in printed
    assert "cannot be used: " in printed
    assert "structure 1: self-consistency" in printed
    (runs / "relax.out").write_text(texts[1])
    assert "self-consistency was not reached" in fails(capsys, "info", runs / "relax.out")


def boom(*args, **kwargs):
    raise RuntimeError("boom")


@pytest.mark.parametrize(
    ("owner", "name", "step"),
    [
        ("ase_dos.model_selection.report", "error_bars", "error bars"),
        (DOSModel, "calibrate", "validation"),
        (DOSModel, "refitted", "--refit"),
        ("ase_dos.model_selection.learning", "learning_curve", "learning curve"),
        (Report, "text", "report"),
        (Report, "figures", "report"),
    ],
)
def test_a_trained_model_outlives_what_fails_after_it(
    runs, tmp_path, capsys, monkeypatch, owner, name, step
):
    target = f"{owner}.{name}" if isinstance(owner, str) else owner
    monkeypatch.setattr(*((target, boom) if isinstance(owner, str) else (owner, name, boom)))
    output = tmp_path / "m.npz"
    words = [w for w in NARROW if w != "--no-report"]
    line = fails(capsys, "train", runs, "-o", output, *words, "--refit")
    assert f"{step}: RuntimeError('boom'); {output} holds the trained model" in line
    info = DOSModel.load(output).info
    assert info["n_structures"] == (5 if name == "refitted" else 6)
    assert ("validation" in info) == (name != "calibrate")
    report = tmp_path / "m.report" / "report.md"
    assert report.exists() == (name != "text")
    if name != "text":
        assert ("a model trained again" in report.read_text()) == (name != "refitted")


def full_at(folder, monkeypatch, after=0):
    """Refuse files in a folder as a full disk does, once some were written."""
    write, count = files.replace_file, []

    def refuse(path, *rest):
        count.append(path)
        if Path(path).parent == folder and len(count) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, *rest)

    monkeypatch.setattr(files, "replace_file", refuse)


@pytest.mark.parametrize("after", [0, 1])
def test_a_full_disk_does_not_lose_the_model(runs, tmp_path, capsys, monkeypatch, after):
    """Neither at the first save, nor at that behind the validation."""
    full, other = tmp_path / "full", tmp_path / "other"
    for folder in (full, other):
        folder.mkdir()
    (full / "m.npz").write_bytes(b"earlier")
    (other / "m.npz").touch()
    monkeypatch.chdir(other)
    full_at(full, monkeypatch, after)
    line = fails(capsys, "train", runs, "-o", full / "m.npz", *NARROW)
    assert re.search(
        r"--output: \[Errno 28\] No space .*\(\S+ MB are needed, \S+ MB are free", line
    )
    assert f"{other / 'm-2.npz'} holds the trained model" in line
    assert "validation" in DOSModel.load(other / "m-2.npz").info
    if not after:
        assert (full / "m.npz").read_bytes() == b"earlier"


def test_a_model_that_was_not_saved_can_be_saved_elsewhere(tmp_path, monkeypatch):
    model = DOSModel.load("silicon")
    full_at(tmp_path, monkeypatch)
    (tmp_path / "other").mkdir()
    with pytest.raises(OSError, match=r"MB are needed, .* what was there before is unchanged"):
        model.save(tmp_path / "m.npz")
    model.save(tmp_path / "other" / "m.npz")
    assert DOSModel.load(tmp_path / "other" / "m.npz").info == model.info


def test_without_room_anywhere_all_places_are_named(tmp_path, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left", str(path))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(OSError, match=r"nowhere: .*a/m\.npz.*/m\.npz.*home/m\.npz.*Make room"):
        save_or_elsewhere(full, "a/m.npz")


def test_outputs_that_cannot_be_written_are_refused_before_the_training(runs, tmp_path, capsys):
    data = runs / "al0.out"
    (tmp_path / "file").touch()
    (tmp_path / "folder.npz").mkdir()
    for words, message in (
        (["-o", tmp_path / "m.dat"], "--output: expected a name that ends with .npz"),
        (["-o", tmp_path / "folder.npz"], "is a directory"),
        (["-o", tmp_path / "absent" / "m.npz"], "there is no directory"),
        (["-o", tmp_path / "file" / "m.npz"], "is no directory"),
        (["-o", tmp_path / "m.npz", "--report", tmp_path / "file"], "--report: "),
    ):
        assert message in fails(capsys, "train", data, *words)


def test_a_model_does_not_replace_the_data_it_is_trained_on(dataset, capsys):
    before = dataset.read_bytes()
    line = fails(capsys, "train", dataset, "-o", dataset, *QUICK)
    assert "is an input of this command" in line
    assert dataset.read_bytes() == before


def test_structures_that_cannot_be_used_cost_only_themselves(dos_file, tmp_path, capsys):
    """Two of eighteen: one whose DOS is not a number, one whose atoms stand in one place."""
    images = ase.io.read(dos_file, ":")
    images[3].info["DOS"][10] = np.nan
    images[7].positions[1] = images[7].positions[0]
    path = tmp_path / "dos.extxyz"
    ase.io.write(path, images)
    args = SimpleNamespace(grid_start=-15.0, grid_step=0.05)
    with pytest.warns(UserWarning, match="^skipped: ") as given:
        data = read_data([str(path)], args, 0.3, "train")
    reasons = [str(w.message).removeprefix("skipped: ") for w in given]
    assert reasons[0].startswith(f'{path}, frame 3: info["DOS"]: 1 of ')
    at_one_place = f"{path}, structure 7: positions: atoms 0 and 1 are at the same place"
    assert reasons[1].startswith(at_one_place)
    assert len(reasons) == 2
    kept = [i for i in range(18) if i not in (3, 7)]
    assert data.files[0].names == [f"{path}, structure {i}" for i in kept]
    for atoms, i in zip(data.files[0].frames, kept, strict=True):
        np.testing.assert_allclose(atoms.positions, images[i].positions)


def test_a_grid_for_which_there_is_no_dos_is_an_error(runs, tmp_path, capsys):
    grid = ("--grid-start", "-15", "--grid-step", "0.05")
    line = fails(capsys, "train", runs, "-o", tmp_path / "m.npz", *NARROW, *grid)
    assert "no structure carries a DOS" in line


def test_structures_of_a_data_set_are_named(dataset, tmp_path, capsys):
    data = load_dataset(dataset)
    row = int(np.flatnonzero(data.split == "train")[4])
    one = data.states[row]
    data.states[row] = replace(one, eigenvalues=one.eigenvalues[..., :4])
    path = tmp_path / "set.npz"
    save_dataset(path, data, provenance={})
    args = SimpleNamespace(grid_start=None, grid_step=None)
    name = re.escape(f"{path}, structure {row} ({data.frames[row].info['name']}): 4 bands")
    with pytest.warns(UserWarning, match=f"^skipped: {name}"):
        part = read_data([str(path)], args, 0.3, "train").parts["train"][0]
    assert len(part.frames) == len(part.targets) == len(part.families) == 17
