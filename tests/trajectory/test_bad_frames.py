"""Bad frames end a run or are left out, and are named."""

import gzip
import lzma

import ase.io
import numpy as np
import pytest
from ase import Atoms
from toy_run import analyze, assert_same

from ase_dos.results.result import TrajectoryResult


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_nan_position_names_its_frame(frames, model, tmp_path, on_error):
    frames[4].positions[2, 1] = np.nan
    out = tmp_path / "out"
    if on_error == "raise":
        with pytest.raises(ValueError, match=r"frame 4 of .*NaN"):
            analyze(frames, model, out)
        result = TrajectoryResult.load(out)
        assert result.frames.tolist() == [0, 1, 2, 3]
    else:
        result = analyze(frames, model, out, on_error="skip")
        assert result.frames.tolist() == [0, 1, 2, 3, 5, 6]
    assert list(result.missing) == [4]
    assert "NaN" in result.missing[4]


def test_skipped_frame_that_is_mended_is_no_longer_missing(frames, model, tmp_path):
    good = frames[4].positions.copy()
    frames[4].positions[2, 1] = np.nan
    analyze(frames, model, tmp_path / "out", on_error="skip")
    frames[4].positions = good
    result = analyze(frames, model, tmp_path / "out")
    assert result.missing == {}
    assert_same(result, analyze(frames, model))


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_truncated_file(md, model, tmp_path, on_error):
    text = md.read_text().splitlines(keepends=True)
    md.write_text("".join(text[:-3]))
    out = tmp_path / "out"
    if on_error == "raise":
        with pytest.raises(ValueError, match=r"frame 6 of .*ends after 5 of 8 atoms"):
            analyze(md, model, out)
    else:
        analyze(md, model, out, on_error="skip")
    assert TrajectoryResult.load(out).frames.tolist() == list(range(6))


@pytest.mark.parametrize(
    ("line", "text", "left", "missing"),
    [
        (34, "Si 0.1 zero 0.3\n", [0, 1, 2, 4, 5, 6], [3]),
        (34, "Si 0.1\n", [0, 1, 2, 4, 5, 6], [3]),
        (31, "Lattice=garbage\n", [0, 1, 2, 4, 5, 6], [3]),
        (34, "", [0, 1, 2], [3, 4]),  # what follows a lost line cannot be told apart
        (40, "eight\n", [0, 1, 2, 3], [4]),
    ],
)
def test_broken_lines(md, model, line, text, left, missing):
    lines = md.read_text().splitlines(keepends=True)
    lines[line] = text
    md.write_text("".join(lines))
    with pytest.raises(ValueError, match=f"frame {missing[0]} of"):
        analyze(md, model)
    result = analyze(md, model, on_error="skip")
    assert result.frames.tolist() == left
    assert list(result.missing) == missing


@pytest.mark.parametrize("suffix", ["gz", "xz"])
def test_truncated_compressed_file(frames, model, tmp_path, suffix):
    big = [a.repeat(3) for a in frames]
    md = tmp_path / "md.extxyz"
    ase.io.write(md, big)
    packed = tmp_path / f"md.extxyz.{suffix}"
    data = {"gz": gzip, "xz": lzma}[suffix].compress(md.read_bytes())
    packed.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(ValueError, match=r"frame [0-6] of .*md\.extxyz"):
        analyze(packed, model)


def test_truncated_traj(frames, model, tmp_path):
    ase.io.write(tmp_path / "md.traj", frames)
    data = (tmp_path / "md.traj").read_bytes()
    (tmp_path / "md.traj").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"frame [0-6] of"):
        analyze(tmp_path / "md.traj", model)


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "empty"), ("hello world\n", "frame 0 of .*number of atoms"), ("\n\n", "no frame")],
)
def test_files_without_frames(model, tmp_path, content, message):
    (tmp_path / "md.xyz").write_text(content)
    with pytest.raises(ValueError, match=message):
        analyze(tmp_path / "md.xyz", model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_unknown_and_senseless_sources(model, tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        analyze(tmp_path / "absent.xyz", model)
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match="frame 0 of"):
        analyze(tmp_path / "noise.bin", model)
    with pytest.raises(ValueError, match="no frame"):
        analyze([], model)
    with pytest.raises(ValueError, match="expected Atoms, got int"):
        analyze([3], model)
    with pytest.raises(ValueError, match=r"frame 0 of .*no atoms"):
        analyze([Atoms()], model)
    with pytest.raises(ValueError, match="could be analysed"):
        analyze([Atoms("C")] * 2, model, on_error="skip")
