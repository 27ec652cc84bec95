"""ASE's own trajectories: damaged ones give what is whole."""

import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from toy_files import N_FRAMES, assert_same

from ase_dos.io.frames import open_frames


@pytest.fixture
def path(images, tmp_path):
    for atoms in images:
        atoms.calc = SinglePointCalculator(atoms, energy=-1.5, forces=np.ones((8, 3)))
    ase.io.write(tmp_path / "md.traj", images)
    return tmp_path / "md.traj"


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.7, 0.9])
def test_whole_frames_before_the_cut_are_read(images, path, kept):
    """Also where the table of the frames, which stands behind the first of them, is lost."""
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    frames, whole = open_frames(path), 0
    for i in range(frames.count()):
        try:
            atoms = frames[i]
        except ValueError as error:
            assert f"frame {i} of {path}" in str(error)  # noqa: PT017
            continue
        assert_same(atoms, images[i], 0)
        assert atoms.get_potential_energy() == -1.5
        whole += 1
    assert whole == int(kept * N_FRAMES + 0.1)


def test_a_lost_table_of_frames_is_searched(images, path):
    data = bytearray(path.read_bytes())
    data[40:48] = (1 << 60).to_bytes(8, "little")  # where it is
    path.write_bytes(data)
    frames = open_frames(path)
    assert frames.count() == N_FRAMES
    for atoms, expected in zip(frames, images, strict=True):
        assert_same(atoms, expected, 0)


def test_an_array_larger_than_the_file_is_refused(path):
    data = path.read_bytes()
    place = data.rindex(b'"positions.": {"ndarray": [[8, 3]')
    path.write_bytes(data[:place] + data[place:].replace(b"[8, 3]", b"[9**9]"[:6], 1))
    with pytest.raises(ValueError, match=r"frame 4 of .*md\.traj"):
        open_frames(path)[4]
    path.write_bytes(data[:place] + data[place:].replace(b"[8, 3]", b"[8e13]"[:6], 1))
    with pytest.raises(ValueError, match=r"frame 4 of .*ends before an array of shape"):
        open_frames(path)[4]


@pytest.mark.parametrize("content", [b"garbage", b"- of Ulm", b"- of Ulmother" + bytes(100)])
def test_what_is_no_trajectory_says_so(tmp_path, content):
    (tmp_path / "md.traj").write_bytes(content)
    with pytest.raises(ValueError, match=r"frame 0 of .*md\.traj: .*ASE"):
        open_frames(tmp_path / "md.traj")[0]
