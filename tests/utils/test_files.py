"""Files that are whole or absent, and a full disk that is told of by the file's name."""

import errno
import os
import re
from contextlib import contextmanager

import numpy as np
import pytest
from ase.build import bulk
from toy_model import ToyModel
from toy_run import analyze

from ase_dos.results.html import write_report
from ase_dos.utils.files import errors_name, replace_arrays, replace_file, replaced_path

resource = pytest.importorskip("resource")  # not on Windows


@contextmanager
def files_end_at(size):
    """No file of this process becomes longer: the system refuses as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_of_by_the_name_of_the_file(tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(b"old")
    text = rf"File too large: '{re.escape(str(path))}'"
    with files_end_at(1000), pytest.raises(OSError, match=text) as caught:
        replace_file(path, lambda file: file.write(b"x" * 2000))
    assert caught.value.errno == errno.EFBIG
    text = rf"File too large \(8 MB are needed, .* unchanged\): '{re.escape(str(path))}'"
    with files_end_at(1000), pytest.raises(OSError, match=text):
        replace_arrays(path, {"values": np.arange(1e6)})
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.npz"]


def test_the_kind_of_error_stays(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent/a\.txt'"):
        replace_file(tmp_path / "absent" / "a.txt", lambda file: file.write(b""))
    text = r"a\.png: cannot be written \(encoder error -2\)"
    with pytest.raises(OSError, match=text), errors_name("a.png"):
        raise OSError("encoder error -2")


def test_stores_reports_and_structures_name_their_files(tmp_path, tmp_path_factory):
    frames = [bulk("Si", cubic=True) for _ in range(3)]
    for seed, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=seed)
    # Kernels are compiled ahead: their files would be the first that the disk has no room for.
    analyze(frames, ToyModel(), tmp_path_factory.mktemp("ahead") / "md.zarr")
    store = re.escape(str(tmp_path / "md.zarr"))
    with files_end_at(2000), pytest.raises(OSError, match=f"'{store}/"):
        analyze(frames, ToyModel(), tmp_path / "md.zarr")
    result = analyze(frames, ToyModel(), tmp_path / "md.zarr")  # goes on
    assert len(result) == 3
    page = tmp_path / "page.html"
    with files_end_at(2000), pytest.raises(OSError, match=re.escape(f"'{page}'")):
        write_report(result, page, viewer=False)
    atoms = tmp_path / "atoms.extxyz"
    with files_end_at(2000), pytest.raises(OSError, match=re.escape(f"'{atoms}'")):
        result.write_extxyz(atoms, frames)
    assert [path.name for path in tmp_path.iterdir()] == ["md.zarr"]


def test_what_writes_at_a_path_replaces_a_file_only_when_it_is_whole(tmp_path):
    path = tmp_path / "map.nc"
    with replaced_path(path) as partial:
        partial.write_text("old")
    half = replaced_path(path)
    half.__enter__().write_text("half")
    assert not half.__exit__(KeyError, KeyError("stopped"), None)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["map.nc"]
