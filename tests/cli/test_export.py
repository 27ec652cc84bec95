"""``ase-dos export``."""

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write
from command_line import fails

from ase_dos.cli.main import main
from ase_dos.trajectory.heat_capacity import heat_capacity_table


@pytest.fixture
def trajectory(tmp_path):
    frames = [bulk("Si", cubic=True) for _ in range(3)]
    for i, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=i)
    write(tmp_path / "md.extxyz", frames)
    return tmp_path / "md.extxyz"


def test_command_writes_what_the_names_say(trajectory, tmp_path, capsys):
    outputs = [
        tmp_path / f"si{end}"
        for end in (".csv", ".dat", ".ttm_mod", ".ttm_cascade", ".ttm_thermal")
    ]
    named = [word for path in outputs for word in ("-o", str(path))]
    main(
        [
            "export",
            f"{trajectory}@0:2",
            *named,
            "--from",
            "3000",
            "--points",
            "20",
            "--coupling",
            "1e17",
            "--set",
            "gamma_s=0.5",
            "--unit",
            "J/kg/K",
        ]
    )
    printed = capsys.readouterr().out
    assert "2 structures, 4 electrons per atom" in printed
    assert "si.ttm_mod: fit of C_e with errors of" in printed
    assert "si.ttm_thermal: one C_e, the table deviates from it by" in printed
    assert all(path.exists() for path in outputs)
    entries = outputs[2].read_text().splitlines()
    name = next(line for line in entries if line.startswith("gamma_s"))
    assert entries[entries.index(name) + 1] == "0.5"
    expected = heat_capacity_table(str(trajectory), "silicon", stop=2, lowest=3000, points=20)
    _, c = np.loadtxt(outputs[1], unpack=True)
    np.testing.assert_allclose(
        c, expected.factor("J/kg/K") * expected.heat_capacity.mean, rtol=1e-6
    )


def test_command_refuses_before_it_works(trajectory, tmp_path, capsys):
    good = ["-o", str(tmp_path / "a.ttm_mod")]
    thermal = ["-o", str(tmp_path / "a.ttm_thermal"), "--coupling", "1e17"]
    for words, message in (
        (["-o", str(tmp_path / "a.xyz")], "expected a name that ends with .csv"),
        (["-o", str(tmp_path / "no" / "a.csv")], "no directory"),
        (
            ["-o", str(tmp_path / "a.csv"), "--coupling", "1e17"],
            "--coupling is for .ttm_mod and .ttm_thermal files",
        ),
        (["-o", str(tmp_path / "a.csv"), "--set", "D_e=1"], "--set is for .ttm_mod files"),
        (
            ["-o", str(tmp_path / "a.ttm_thermal")],
            "ttm/thermal: expected the electron",
        ),
        (["-o", str(tmp_path / "a.csv"), "--grid", "2", "2", "1"], "are for .ttm_thermal files"),
        ([*thermal, "--grid", "2", "0", "1"], "grid"),
        ([*thermal, "--conductivity", "-1"], "conductivity"),
        ([*good, "--set", "D_e"], "expected NAME=VALUE"),
        ([*good, "--coupling", "1e17", "--to", "1e6"], "supports up to"),
        (good, "either the electron-phonon coupling"),
        ([*good, "--points", "7"], "--points: expected an integer >= 8, got 7"),
        ([*good, "--unit", "cal/K"], "invalid choice: 'cal/K'"),
    ):
        with pytest.raises(SystemExit):
            main(["export", str(trajectory), "--from", "3000", *words])
        assert message in capsys.readouterr().err
    assert not (tmp_path / "a.ttm_mod").exists()


@pytest.mark.filterwarnings("always:1 of 3 frames left out")
def test_bad_frames_can_be_left_out(trajectory, tmp_path, capsys):
    lines = trajectory.read_text().splitlines(keepends=True)
    lines[12] = "Si zero 0 0\n"
    trajectory.write_text("".join(lines))
    command = ["export", trajectory, "-o", tmp_path / "a.csv", "--from", "3000", "--points", "8"]
    line = fails(capsys, *command)
    assert "error: frame 1 of " in line
    assert line.endswith("; --on-error skip leaves bad frames out")
    with pytest.warns(UserWarning, match=r"1 of 3 frames left out: frame 1 of .*md\.extxyz: "):
        table = heat_capacity_table(trajectory, lowest=3000, points=8, on_error="skip")
    assert table.n_structures == 2
    main([*map(str, command), "--on-error", "skip"])
    out, err = capsys.readouterr()
    assert "2 structures, " in out
    assert "1 of 3 frames left out: frame 1" in err
    trajectory.write_text("".join(lines[:10] + lines[10:13] + lines[20:]).replace("Si ", "Xx "))
    with pytest.raises(ValueError, match="no frame could be used: frame 0 of "):
        heat_capacity_table(trajectory, lowest=3000, points=8, on_error="skip")
    with pytest.raises(ValueError, match="on_error: expected 'raise' or 'skip'"):
        heat_capacity_table(trajectory, on_error="ignore")
