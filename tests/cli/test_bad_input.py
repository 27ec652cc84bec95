"""Bad input ends a command with one line that says what to do."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from command_line import TINY, fails

from ase_dos.cli.main import main

# The tiny models of these tests know little, and say so.
pytestmark = pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning")


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


def test_bad_options(capsys, model, md, tmp_path):
    out = tmp_path / "out"
    base = ("trajectory", md, "--model", model, "-o", out)
    assert "-5" in fails(capsys, *base, "-T", "-5")
    assert "supports up to" in fails(capsys, *base, "-T", "1e6")
    main([str(a) for a in (*base, "-T", "500")])  # a start that stored nothing binds nobody
    out = tmp_path / "other"
    base = (*base[:-1], out)
    assert "step" in fails(capsys, *base, "--step", "-2")
    for index in ("x", "::-1"):
        assert "expected" in fails(
            capsys, "trajectory", f"{md}@{index}", "--model", model, "-o", out
        )
    assert "not both" in fails(
        capsys, "trajectory", f"{md}@1:", "--step", "2", "--model", model, "-o", out
    )
    assert "--output" in fails(capsys, "predict", md, "--model", model, "-o", "dos.pdf")


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


def test_corrupted_model(capsys, model, md, tmp_path):
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"not a model at all")
    assert "broken.npz" in fails(capsys, "info", broken)
    assert "broken.npz" in fails(capsys, "predict", md, "--model", broken)


def test_frames_of_a_file_that_is_damaged_or_of_no_known_format(capsys, model, md, tmp_path):
    bad = tmp_path / "bad.xtc"
    bad.write_bytes(b"garbage\n")
    command = ("trajectory", bad, "--topology", md, "--model", model, "-o", tmp_path / "out")
    for more in ((), ("--on-error", "skip")):
        line = fails(capsys, *command, *more)
        assert f"frame 0 of {bad}: this is no XTC file" in line
    unknown = tmp_path / "md.abc"
    unknown.write_bytes(b"garbage\n")
    line = fails(capsys, "trajectory", unknown, "--model", model, "-o", tmp_path / "out")
    assert f"{unknown}: the format of this file is not known (.abc); known are LAMMPS" in line


def test_the_last_frames(capsys, model, md, tmp_path):
    for i, (index, count) in enumerate((("@-1", 1), ("@-3:", 3), ("@-3:-1", 2))):
        out = tmp_path / f"{i}.zarr"
        main(["trajectory", f"{md}{index}", "--model", str(model), "-T", "500", "-o", str(out)])
        assert f"wrote {out}: {count} frames" in capsys.readouterr().out
    command = ["trajectory", str(md), "--start", "-2", "--model", str(model), "-T", "500"]
    main([*command, "-o", str(tmp_path / "3.zarr")])
    assert ": 2 frames" in capsys.readouterr().out
