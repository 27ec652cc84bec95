"""``ase-dos predict``, ``trajectory``, ``plot`` and ``info``."""

import ase.io
import numpy as np
import pytest
from command_line import fails, is_png
from paths import STATES
from toy_files import dump

from ase_dos.cli.main import main
from ase_dos.io.model_file import KINDS, shipped_models
from ase_dos.results.result import TrajectoryResult

# The tiny models of these tests know little, and say so.
pytestmark = pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning")


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


def test_predict_reads_what_trajectories_are_read_from(capsys, model, md, tmp_path):
    """Units of i-PI, types of a dump, and one of several structures."""
    frames = ase.io.read(md, ":")
    bohr = 0.529177210903
    cell = " ".join(f"{x:.8f}" for x in frames[1].cell.cellpar() / [bohr, bohr, bohr, 1, 1, 1])
    positions = (frames[1].positions / bohr).tolist()
    (tmp_path / "ipi.xyz").write_text(
        f"8\n# CELL(abcABC): {cell} Step: 0 positions{{atomic_unit}} cell{{atomic_unit}}\n"
        + "".join(f"Si {x:.10f} {y:.10f} {z:.10f}\n" for x, y, z in positions)
    )
    rows = [f"{i} 1 {x:.9f} {y:.9f} {z:.9f}" for i, (x, y, z) in enumerate(frames[1].positions)]
    box = "pp pp pp" + "".join(f"\n0 {length}" for length in frames[1].cell.lengths())
    (tmp_path / "md.dump").write_text(dump(rows, box=box))
    printed = []
    for words in ([f"{md}@1"], [tmp_path / "ipi.xyz"], [tmp_path / "md.dump", "--types", "Si"]):
        main(["predict", *map(str, words), "--model", str(model)])
        printed.append(capsys.readouterr().out)
    assert "Si8, 32 electrons" in printed[0]
    assert printed[0] == printed[1] == printed[2]
    assert "--types" in fails(capsys, "predict", tmp_path / "md.dump", "--model", model)
    assert f"{md}@99:: no structure" in fails(capsys, "predict", f"{md}@99:", "--model", model)


@pytest.mark.parametrize("temperature", ["-5", "nan", "1e6"])
def test_predict_checks_temperatures_before_any_output(capsys, model, md, tmp_path, temperature):
    command = ["predict", str(md), "--model", str(model), "-o", str(tmp_path / "dos.csv")]
    with pytest.raises(SystemExit) as stop:
        main([*command, "-T", "300", "-T", temperature])
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len([s for s in err.splitlines() if not s.startswith("ase-dos: warning")]) == 1, err
    assert {"-5": "-5", "nan": "nan", "1e6": "supports up to"}[temperature] in err
    assert not (tmp_path / "dos.csv").exists()


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
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("  ")] == [
        "shipped models of the density of states:",
        "shipped models of the density of states by tight binding:",
        "shipped models of the electron density:",
    ]
    named = [line.strip() for line in lines if line.startswith("  ")]
    assert named == [name for kind in KINDS for name in shipped_models(kind)]
    assert sorted(named) == shipped_models()


def test_truncated_trajectory_keeps_what_is_done(capsys, model, md, tmp_path):
    md.write_text("".join(md.read_text().splitlines(keepends=True)[:-2]))
    command = ["trajectory", md, "--model", model, "-o", tmp_path / "out"]
    assert "frame 3 of" in fails(capsys, *command)
    assert TrajectoryResult.load(tmp_path / "out").frames.tolist() == [0, 1, 2]
    main([str(a) for a in [*command, "--on-error", "skip"]])
    assert "missing: frame 3" in capsys.readouterr().out


def test_other_temperatures_do_not_resume(capsys, model, md, tmp_path):
    base = ["trajectory", str(md), "--model", str(model), "-o", str(tmp_path / "out")]
    main([*base, "-T", "300"])
    assert "temperatures was [300.0], is [600.0]" in fails(capsys, *base, "-T", "600")


def test_info_of_a_dft_output_tells_its_gap(capsys):
    main(["info", str(STATES / "si.pwo")])
    assert "8 electrons, 1 spin x 4 k x 8 bands, complete to 9.587 eV, gap 0.655 eV" in (
        capsys.readouterr().out
    )
    main(["info", str(STATES / "al.pwo")])
    assert "no gap" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.xyz", None, "absent.xyz: no such file"),
        ("empty.xyz", "", "empty.xyz: the file is empty"),
        ("text.note", "nothing", "text.note: the format of this file is not known"),
        ("md.extxyz@9", None, "md.extxyz@9: no structure"),
        ("md.extxyz@9:12", None, "md.extxyz@9:12: no structure"),
        ("md.extxyz@last", None, "@last"),
        ("cut.xyz", "2\n\nSi 0 0 0\n", "frame 0 of cut.xyz: the frame ends after 1 of 2 atoms"),
        ("nan.xyz", "1\n\nSi nan 0 0\n", "nan.xyz: positions: 1 of 3 values are NaN"),
        ("carbon.xyz", "1\n\nC 0 0 0\n", "carbon.xyz: atoms: unknown species C (6)"),
    ],
)
def test_structures_that_cannot_be_predicted_are_named(
    model, md, tmp_path, capsys, monkeypatch, name, content, message
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_text(content)
    assert message in fails(capsys, "predict", name, "--model", model)
