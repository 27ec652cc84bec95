"""Bad frames end a run or are left out, and are named."""

import gzip
import lzma

import ase.io
import numpy as np
import pytest
from ase import Atoms
from toy_binaries import trr, xtc
from toy_files import dump
from toy_run import N_FRAMES, analyze, assert_same

from ase_dos.io.frames import open_frames
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
        (34, "", [0, 1, 2, 4, 5, 6], [3]),
        (34, "Si 0 0 0\nSi 0 0 0\n", [0, 1, 2, 4, 5, 6], [3]),
        (40, "eight\n", [0, 1, 2, 3, 5, 6], [4]),
        (40, "7\n", [0, 1, 2, 3, 5, 6], [4]),
        (40, "9\n", [0, 1, 2, 3, 5, 6], [4]),
        (40, "", [0, 1, 2, 3, 5, 6], [4]),
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


def killed(path):
    """The file of a run that was killed, and of its continuation behind it."""
    data = path.read_bytes()
    path.write_bytes(data[:-60] + data)


@pytest.mark.parametrize(
    ("name", "elsewhere"),
    [(n, None) for n in ("md.extxyz", "md.dump", "XDATCAR", "md.xtc", "md.trr")] + [("md.dump", 2)],
)
def test_whole_frames_of_a_killed_run_are_kept(frames, model, tmp_path, name, elsewhere):
    """Before and after the cut, in any process, with the reason for the one that is not."""
    path, options = tmp_path / name, {}
    if name == "md.dump":
        rows = [[f"{i} Si {x} {y} {z}" for i, (x, y, z) in enumerate(a.positions)] for a in frames]
        box = "pp pp pp\n0 5.43\n0 5.43\n0 5.43"
        texts = [dump(r, "id element x y z", box, step=i) for i, r in enumerate(rows)]
        path.write_text("".join(texts))
    elif name == "md.xtc":
        path.write_bytes(xtc(frames, range(N_FRAMES), range(N_FRAMES)))
    elif name == "md.trr":
        path.write_bytes(trr(frames, range(N_FRAMES), range(N_FRAMES)))
    else:
        ase.io.write(path, frames)
    if name in ("md.xtc", "md.trr"):
        options["topology"] = frames[0]
    expected = analyze(open_frames(path, **options), model)
    killed(path)
    source = open_frames(path, **options)
    with pytest.raises(ValueError, match=rf"frame 6 of .*{name}: "):
        analyze(source, model)
    result = analyze(source, model, on_error="skip", backend=elsewhere)
    assert result.frames.tolist() == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13]
    np.testing.assert_array_equal(result.dos[:6], expected.dos[:6])
    np.testing.assert_array_equal(result.dos[6:], expected.dos)
    assert list(result.missing) == [6]
    assert f"frame 6 of {path}" in result.missing[6]


def test_the_file_of_a_pattern_is_named(frames, model, tmp_path):
    for i, atoms in enumerate(frames[:3]):
        ase.io.write(tmp_path / f"md.{i}.extxyz", atoms)
    path = tmp_path / "md.1.extxyz"
    path.write_text(path.read_text()[:-20])
    pattern = tmp_path / "md.*.extxyz"
    with pytest.raises(ValueError, match=r"frame 1 of .*md\.\*\.extxyz: .*md\.1\.extxyz: .*7 of 8"):
        analyze(pattern, model)
    assert analyze(pattern, model, on_error="skip").frames.tolist() == [0, 2]


def test_a_broken_file_of_a_pattern_is_one_broken_frame(frames, model, tmp_path):
    for i in range(3):
        ase.io.write(tmp_path / f"md.{i}.traj", frames[2 * i : 2 * i + 2])
    (tmp_path / "md.1.traj").write_bytes(b"- of UlmASE-Trajectory")
    pattern = tmp_path / "md.*.traj"
    for backend in (None, 2):
        result = analyze(pattern, model, on_error="skip", backend=backend)
        assert result.frames.tolist() == [0, 1, 3, 4]
        assert list(result.missing) == [2]
        assert "md.1.traj: the frame is damaged, ASE cannot read it" in result.missing[2]
    assert open_frames(pattern)[-1] == frames[5]


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_errors_of_any_library_are_plain(frames, model, tmp_path, on_error):
    """Those of chemfiles are no exceptions of Python."""
    pytest.importorskip("chemfiles")
    numbers = b"".join(number.to_bytes(8, "big") for number in (50, 4, 77))
    block = numbers + bytes(16) + b"X\0" + bytes(8) + b"data"  # whole, and of no use
    (tmp_path / "md.tng").write_bytes(block)
    source = open_frames(tmp_path / "md.tng", topology=frames[0])
    with pytest.raises(ValueError, match=r"frame 0 of .*md\.tng: .*chemfiles cannot read it"):
        analyze(source, model, on_error=on_error)


@pytest.mark.parametrize("suffix", ["gz", "xz"])
def test_truncated_compressed_file(frames, model, tmp_path, suffix):
    big = [a.repeat(3) for a in frames]
    md = tmp_path / "md.extxyz"
    ase.io.write(md, big)
    packed = tmp_path / f"md.extxyz.{suffix}"
    data = {"gz": gzip, "xz": lzma}[suffix].compress(md.read_bytes())
    packed.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(ValueError, match=r"frame [3-5] of .*md\.extxyz.*cut off"):
        analyze(packed, model)
    result = analyze(packed, model, on_error="skip")
    assert result.frames.tolist() == list(range(max(result.missing)))
    assert len(result.missing) == 1
    assert len(result) >= 3


def test_truncated_traj(frames, model, tmp_path):
    ase.io.write(tmp_path / "md.traj", frames)
    data = (tmp_path / "md.traj").read_bytes()
    (tmp_path / "md.traj").write_bytes(data[: len(data) // 2])
    result = analyze(tmp_path / "md.traj", model, on_error="skip")
    assert result.frames.tolist() == [0, 1]
    assert result.missing[2].endswith("(the file ends before the frame)")


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
