"""What is on disk: whole after a kill, a full disk or a refusal, and open to any program."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray
import zarr
from paths import SUPPORT
from toy_model import ToyModel
from toy_run import TEMPERATURES, content, frames_of, run

from ase_dos.results import store, zarr_rows
from ase_dos.results.result import TrajectoryResult
from ase_dos.results.store import Store
from ase_dos.results.variables import FINISHED, MISSING, VARIABLES
from ase_dos.trajectory.frame import FrameAnalysis
from ase_dos.utils import files


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of two frames of eight atoms, chunks of a few rows: what takes gigabytes else."""
    monkeypatch.setattr(store, "BLOCK_ATOMS", 16)
    monkeypatch.setattr(store, "CHUNK_BYTES", 8192)


# -- open to others ----------------------------------------------------------------------------


def test_xarray_opens_it_with_units_and_provenance(tmp_path):
    run(frames_of([1, 1, 1]), tmp_path / "md.zarr")
    code = (
        "import sys, warnings; warnings.simplefilter('error'); import xarray; "
        "data = xarray.open_zarr(sys.argv[1]); print(sorted(data.sizes.items())); "
        "print(data.dos.attrs['units'], data.attrs['model_hash'], 'ase_dos' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "md.zarr"],
        capture_output=True,
        text=True,
        check=True,
    )
    sizes, last = done.stdout.splitlines()
    assert dict(eval(sizes)) == {"atom": 8, "energy": 321, "frame": 3, "mode": 2, "temperature": 2}
    assert last == "states/eV toy False"


def test_every_variable_is_that_of_the_table(tmp_path):
    run(frames_of([1, 2]), tmp_path / "md.zarr")
    with xarray.open_zarr(tmp_path / "md.zarr") as data:
        assert set(data.coords) == {"frame", "time", "md_step", "energy", "temperature"}
        for name, variable in data.variables.items():
            expected = VARIABLES[name]
            assert variable.dims == expected.dims
            assert variable.dtype == np.dtype(expected.dtype)
            assert variable.attrs["long_name"] == expected.meaning
        assert json.loads(data.attrs["options"])["temperatures"] == [300.0, 3000.0]


def test_without_consolidated_metadata_it_is_the_same(tmp_path):
    run(frames_of([1, 2, 1]), tmp_path / "md.zarr")
    a = xarray.open_zarr(tmp_path / "md.zarr")
    with xarray.open_zarr(tmp_path / "md.zarr", consolidated=False) as b:
        xarray.testing.assert_identical(a, b)
    group = zarr.open_group(tmp_path / "md.zarr", mode="r")
    np.testing.assert_array_equal(group["fermi_level"][:], a["fermi_level"].values)
    a.close()


def test_equal_runs_give_equal_files(tmp_path):
    for name in "ab":
        run(frames_of([1, 2, 1]), tmp_path / name)
    a, b = (
        {
            p.relative_to(tmp_path / n): p.read_bytes()
            for p in (tmp_path / n).rglob("*")
            if p.is_file()
        }
        for n in "ab"
    )
    assert a == b


# -- frames of every size ----------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[1, 3, 2, 1, 5, 1, 1], [3, 1, 1, 1], [1, 1, 1, 1, 1, 1, 9]])
@pytest.mark.usefixtures("small_blocks")
def test_frames_of_different_sizes(sizes, tmp_path):
    frames, model = frames_of(sizes), ToyModel()
    result = run(frames, tmp_path / "md.zarr")
    data = result.dataset
    assert data.sizes["atom"] == 8 * max(sizes)
    for i, atoms in enumerate(frames):
        expected = FrameAnalysis(model, TEMPERATURES, local=True).one(i, atoms.copy).record
        for name, values in result.local(i).items():
            np.testing.assert_array_equal(values, expected[name])
        for name in ("dos", "entropy", "fermi_level"):
            np.testing.assert_array_equal(data[name][i], expected[name])
        assert np.isnan(data["local_charge"][i, len(atoms) :]).all()
        assert np.isnan(data["coefficients"][i, len(atoms) :]).all()
        assert (data["numbers"][i, len(atoms) :] == 0).all()


@pytest.mark.usefixtures("small_blocks")
def test_growth_writes_no_finished_block_again(tmp_path):
    path = tmp_path / "md.zarr"
    run(frames_of([1] * 6), path)
    before = {p: p.stat().st_mtime_ns for p in path.rglob("[0-9]*")}
    run(frames_of([1] * 40), path)
    again = [p for p, when in before.items() if p.stat().st_mtime_ns != when]
    assert all(p.name == "0" or p.name.startswith("0.") for p in again)
    # A chunk of the arrays over atoms holds one block here.
    assert not any(p.parent.name in ("local_charge", "coefficients") for p in again)


def test_huge_frames_are_blocks_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "BLOCK_ATOMS", 4)
    run(frames_of([1, 1, 1]), tmp_path / "md.zarr")
    names = sorted(p.name for p in (tmp_path / "md.zarr" / "local_charge").glob("[0-9]*"))
    assert names == ["0.0", "0.1", "1.0", "1.1", "2.0", "2.1"]


def test_frames_that_take_long_are_committed_by_time(tmp_path, monkeypatch):
    seen = []

    class Watching(ToyModel):
        def predict(self, atoms):
            if self.calls:
                seen.append(len(TrajectoryResult.load(tmp_path / "md.zarr")))
            return super().predict(atoms)

    monkeypatch.setattr(store, "COMMIT_SECONDS", -1.0)
    monkeypatch.setattr("ase_dos.trajectory.run.LONGEST_WAIT", 0.0)
    run(frames_of([1] * 4), tmp_path / "md.zarr", Watching())
    assert seen == [1, 2, 3]


def test_other_axes_are_refused(tmp_path):
    class Wandering(ToyModel):
        def predict(self, atoms):
            return super().predict(atoms).shifted(0.1 * self.calls)

    with pytest.raises(
        ValueError, match=r"frame 1 of .*energy: differs from that of the frames before"
    ):
        run(frames_of([1, 1]), tmp_path / "md.zarr", Wandering())


# -- nothing is lost ---------------------------------------------------------------------------

KILLED = """
import os, sys, time, warnings
sys.path[:0] = sys.argv[1:]
warnings.simplefilter("ignore")  # of threads that a fork leaves behind: these have nothing to do
from toy_model import ToyModel
from toy_run import TEMPERATURES, frames_of, run
from ase_dos.results import store
from ase_dos.trajectory.frame import FrameAnalysis
FrameAnalysis(ToyModel(), TEMPERATURES).one(0, frames_of([1])[0].copy)  # compile; no zarr, which
# has a thread that a forked process would miss
store.BLOCK_ATOMS, store.CHUNK_BYTES = 16, 8192
from ase_dos.utils import files
replace = files.os.replace
def slowly(*args):
    time.sleep(2e-4)  # most moments are inside of a commit
    replace(*args)
files.os.replace = slowly
print("ready", flush=True)
for path in sys.stdin:
    child = os.fork()
    if not child:
        run(frames_of([1, 1, 2] * 8), path.strip())
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.usefixtures("small_blocks")
def test_fifty_kills_at_any_moment_lose_nothing(tmp_path):
    run(frames_of([1, 1, 2] * 8), tmp_path / "whole")
    whole, rng = content(tmp_path / "whole"), np.random.default_rng(3)
    kills = finished = 0
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(SUPPORT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        while kills < 50 or not finished:
            path = tmp_path / f"{finished}"
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            child = int(process.stdout.readline())
            if kills < 50:
                time.sleep(rng.uniform(0.0, 0.15))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            status = int(process.stdout.readline())
            assert status in (0, signal.SIGKILL)
            kills += status == signal.SIGKILL
            if (path / ".zmetadata").exists():
                read = content(path)  # opens, and everything in it can be read
            if status == 0:
                assert read == whole
                finished += 1
        process.stdin.close()


@pytest.mark.usefixtures("small_blocks")
def test_death_between_any_two_files(tmp_path, monkeypatch):
    """A commit is a row of files replaced one by one: stop before this one or that."""
    frames = frames_of([1, 1, 2])
    replace, left = os.replace, [10**9]

    class Killed(BaseException):
        pass

    def dying(*args):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        replace(*args)

    monkeypatch.setattr(files.os, "replace", dying)
    run(frames, tmp_path / "whole", local=False)
    count, expected = 10**9 - left[0], content(tmp_path / "whole")
    for budget in [0, 1, 2, *range(3, count, count // 12), count - 2, count - 1]:
        path, left[0] = tmp_path / str(budget), budget
        with pytest.raises(Killed):
            run(frames, path, local=False)
        left[0] = 10**9
        run(frames, path, local=False)
        assert content(path) == expected


def _has_frames(path):
    try:
        TrajectoryResult.load(path)
    except ValueError as error:
        assert "no finished frame" in str(error) or "not the results" in str(error)  # noqa: PT017
        return False
    return True


@pytest.mark.parametrize("writes", [30, 45, 60, 100])
@pytest.mark.usefixtures("small_blocks")
def test_full_disk(tmp_path, monkeypatch, writes):
    frames, path = frames_of([1, 2, 1, 1, 2, 1]), tmp_path / "md.zarr"
    run(frames, tmp_path / "whole")
    room = [writes]
    write = zarr_rows.replace_file

    def full(target, what):
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        write(target, what)

    monkeypatch.setattr(zarr_rows, "replace_file", full)
    with pytest.raises(OSError, match="No space left"):
        run(frames, path)
    if _has_frames(path):
        content(path)
    room[0] = 10**9
    run(frames, path)
    assert content(path) == content(tmp_path / "whole")


def test_what_was_never_begun_binds_nobody(tmp_path):
    """A run that was killed before its first commit may be followed by any other."""
    path = tmp_path / "md.zarr"
    beginning = Store(path)
    beginning.open({"temperatures": [5.0]}, {})
    record = FrameAnalysis(ToyModel(), TEMPERATURES[:1]).one(0, frames_of([3])[0].copy).record
    beginning.put(0, 0, record)
    beginning._arrays.close()  # the process ends here
    run(frames_of([1, 2]), path)
    run(frames_of([1, 2]), tmp_path / "whole")
    assert content(path) == content(tmp_path / "whole")


def test_missing_frames_have_rows_and_reasons(tmp_path):
    frames = frames_of([1, 1, 1, 1])
    frames[0].numbers[:] = 6
    frames[2].numbers[:] = 6
    result = run(frames, tmp_path / "md.zarr", on_error="skip")
    data = result.dataset
    assert data["status"].values.tolist() == [MISSING, FINISHED, MISSING, FINISHED]
    assert data["frame"].values.tolist() == [0, 1, 2, 3]
    assert np.isnan(data["dos"].values[[0, 2]]).all()
    assert list(result.missing) == [0, 2]
    assert "unknown species" in result.missing[2]
    assert result.frames.tolist() == [1, 3]
    again = run(frames, tmp_path / "md.zarr", on_error="skip")
    assert again.missing == result.missing


def test_damaged_chunk_is_told(tmp_path):
    path = tmp_path / "md.zarr"
    run(frames_of([1, 1]), path)
    chunk = path / "status" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r"status/0: the file is damaged"):
        run(frames_of([1, 1]), path)


# -- one writer --------------------------------------------------------------------------------


def test_two_runs_do_not_write_the_same_store(tmp_path):
    path = tmp_path / "md.zarr"

    class Intruding(ToyModel):
        def predict(self, atoms):
            if self.calls == 1:
                with pytest.raises(ValueError, match="another run is writing there"):
                    run(frames_of([1]), path)
            return super().predict(atoms)

    run(frames_of([1, 1, 1]), path, Intruding())
    assert len(TrajectoryResult.load(path)) == 3


@pytest.mark.parametrize("what", ["zarr", "files", "file"])
def test_foreign_places_are_left_alone(tmp_path, what):
    path = tmp_path / "theirs"
    if what == "zarr":
        xarray.Dataset({"a": ("x", [1.0])}).to_zarr(path, zarr_format=2)
    elif what == "files":
        path.mkdir()
        (path / "thesis.tex").write_text("done")
    else:
        path.write_text("done")
    names = sorted(tmp_path.rglob("*"))
    before = [p.read_bytes() for p in names if p.is_file()]
    with pytest.raises(ValueError, match="holds no results of a trajectory"):
        run(frames_of([1]), path)
    assert sorted(tmp_path.rglob("*")) == names
    assert [p.read_bytes() for p in names if p.is_file()] == before


def test_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r"pip install 'ase_dos\[trajectory\]'"):
        run(frames_of([1]))


def test_options_that_matter_are_kept():
    analysis = FrameAnalysis.of(ToyModel(), [3000.0, 300.0, 300.0], members=4)
    assert analysis.options == {
        "model": "toy",
        "temperatures": [300.0, 3000.0],
        "local": False,
        "members": 4,
    }
    with pytest.raises(ValueError, match="members: expected 2 or more, got 1"):
        FrameAnalysis.of(ToyModel(), [300.0], members=1)
