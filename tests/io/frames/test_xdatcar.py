"""XDATCAR is what ASE reads; broken ones keep their whole frames."""

import ase.io
import numpy as np
import pytest
from toy_files import N_FRAMES, assert_same

from ase_dos.io.frames import open_frames


@pytest.fixture(params=["fixed", "changing"])
def path(request, images, tmp_path):
    """One header, or one for each frame."""
    if request.param == "fixed":
        for atoms in images:
            atoms.set_cell(images[0].cell, scale_atoms=True)
    ase.io.write(tmp_path / "XDATCAR", images)
    return tmp_path / "XDATCAR"


def test_xdatcar_is_what_ase_reads(images, path):
    frames, expected = open_frames(path), ase.io.read(path, ":")
    assert frames.count() == len(expected) == N_FRAMES
    for i in (3, 0, 4, 1, -1):
        assert_same(frames[i], expected[i], 1e-12)
        assert frames[i].info == {}  # its configurations are numbered, which is no step
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert_same(open_frames(path)[2], expected[2], 1e-12)
    assert_same(open_frames(path, cache_index=True)[2], expected[2], 1e-12)
    assert_same(open_frames(path, cache_index=True)[3], expected[3], 1e-12)


def test_a_run_that_was_killed_in_a_header(path):
    expected = ase.io.read(path, ":")
    text = path.read_text()
    for lines in range(1, 8):
        path.write_text(text + "".join(text.splitlines(keepends=True)[:lines]) + text)
        frames = open_frames(path)
        assert frames.count() == 2 * N_FRAMES
        for i in range(2 * N_FRAMES):
            assert_same(frames[i], expected[i % N_FRAMES], 1e-12)


@pytest.mark.parametrize("cut", [1, 10, 60, 150, 250])
def test_a_run_that_was_killed_and_continued(path, cut):
    """The header of the continuation stands behind a line that was cut."""
    expected = ase.io.read(path, ":")
    text = path.read_text()
    path.write_text(text[:-cut] + text)
    frames = open_frames(path)
    assert frames.count() == 2 * N_FRAMES
    for i in (0, 1, 2, 3, 5, 6, 7, 8, 9):
        assert_same(frames[i], expected[i % N_FRAMES], 1e-12)
    with pytest.raises(ValueError, match=r"frame 4 of .*XDATCAR"):
        frames[4]


def test_a_negative_scale_is_the_volume(images, path):
    lines = path.read_text().splitlines(keepends=True)
    cell = images[0].cell
    path.write_text("".join([lines[0], f"{-8 * cell.volume}\n", *lines[2:]]))
    np.testing.assert_allclose(open_frames(path)[0].cell.array, 2 * cell.array, rtol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Ge", "Xy", "symbol of an element, got 'Xy'"),
        ("Direct", "Wrong", "no line"),
        ("Si", "8", "symbols|symbol of an element"),
    ],
)
def test_bad_xdatcar_names_the_frame_and_the_fault(path, old, new, message):
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=f"frame 0 of .*XDATCAR: .*({message})"):
        open_frames(path)[0]
