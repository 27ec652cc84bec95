"""Stores are whole after a kill, a full disk or a refusal, and one process writes."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray
from paths import SUPPORT
from toy_model import ToyModel
from toy_run import content, frames_of, run

from ase_dos.results.result import TrajectoryResult

KILLED = """
import os, sys, time, warnings
sys.path[:0] = sys.argv[1:]
warnings.simplefilter("ignore")  # of threads that a fork leaves behind: these have nothing to do
from toy_model import ToyModel
from toy_run import TEMPERATURES, frames_of, run
from ase_dos.results import store
from ase_dos.trajectory.frame import FrameAnalysis
analysis = FrameAnalysis(ToyModel(), TEMPERATURES)
analysis.analyze_frame(0, frames_of([1])[0].copy)  # compile; no zarr, which has a thread that a
# forked process would miss
store.BLOCK_ATOMS, store.CHUNK_BYTES = 16, 8192
replace = os.replace
def slowly(*args):
    time.sleep(2e-4)  # most moments are inside of a commit
    replace(*args)
os.replace = slowly
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

    monkeypatch.setattr(os, "replace", dying)
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
    replace, room = os.replace, [writes]

    def full(source, target):
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        run(frames, path)
    if _has_frames(path):
        content(path)
    room[0] = 10**9
    run(frames, path)
    assert content(path) == content(tmp_path / "whole")


BEGINNING = """
import os, sys
sys.path[:0] = sys.argv[2:]
from toy_model import ToyModel
from toy_run import TEMPERATURES, frames_of
from ase_dos.results.store import Store
from ase_dos.trajectory.frame import FrameAnalysis
store = Store(sys.argv[1])
store.open({"temperatures": [5.0]}, {})
analysis = FrameAnalysis(ToyModel(), TEMPERATURES[:1])
store.put(0, 0, analysis.analyze_frame(0, frames_of([3])[0].copy).record)
os._exit(0)
"""


def test_what_was_never_begun_binds_nobody(tmp_path):
    """A run that was killed before its first commit may be followed by any other."""
    path = tmp_path / "md.zarr"
    subprocess.run([sys.executable, "-c", BEGINNING, path, SUPPORT], check=True)
    run(frames_of([1, 2]), path)
    run(frames_of([1, 2]), tmp_path / "whole")
    assert content(path) == content(tmp_path / "whole")


def test_damaged_chunk_is_told(tmp_path):
    path = tmp_path / "md.zarr"
    run(frames_of([1, 1]), path)
    chunk = path / "status" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r"status/0: the file is damaged"):
        run(frames_of([1, 1]), path)


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
    with pytest.raises(ValueError, match="has no results of a trajectory"):
        run(frames_of([1]), path)
    assert sorted(tmp_path.rglob("*")) == names
    assert [p.read_bytes() for p in names if p.is_file()] == before
