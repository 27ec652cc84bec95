"""The same results wherever frames are analysed, and none lost with a worker."""

import os
import signal
import sys
from dataclasses import dataclass

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from toy_model import ToyModel
from toy_run import content, frames_of, run

from ase_dos.results.result import TrajectoryResult
from ase_dos.utils.parallel import parallel_map

# dask's own: sockets of a cluster that is being closed, and the event loop of a dead worker.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(unclosed|Event loop).*:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", worker_dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture
def address(cluster):
    return cluster.scheduler_address


@pytest.fixture(autouse=True)
def small_tasks(monkeypatch):
    monkeypatch.setattr("ase_dos.trajectory.run.TASK_FRAMES", 2)


@pytest.fixture
def md(tmp_path):
    frames = frames_of([1, 1, 2, 1, 1, 1, 1, 1, 1])
    ase.io.write(tmp_path / "md.extxyz", frames)
    return tmp_path / "md.extxyz"


@dataclass
class Murdered(ToyModel):
    """A model whose process is killed at one structure, once."""

    flag: str

    def __post_init__(self):
        super().__init__()

    def predict(self, atoms):
        if atoms.info.get("time") == 8.0 and not os.path.exists(self.flag):
            open(self.flag, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(atoms)


def square(x):
    return x**2, os.getpid()


def test_results_come_in_order_and_chunks_as_needed(address):
    taken = []

    def chunks():
        for i in range(20):
            taken.append(i)
            yield i

    results = []
    for value, pid in parallel_map(square, chunks(), address):
        assert len(taken) <= len(results) + 4  # two workers, two chunks each
        results.append(value)
        assert pid != os.getpid()
    assert results == [i**2 for i in range(20)]


def test_serial_is_lazy():
    results = parallel_map(square, iter([1, 2]))
    assert next(results) == (1, os.getpid())


@pytest.mark.parametrize("bad", [0, -2, True, 1.5, object()])
def test_what_is_no_backend(bad):
    with pytest.raises(
        ValueError, match=r"processes: expected 1 or more|backend: expected None, a"
    ):
        list(parallel_map(square, [1], bad))


def test_no_scheduler_there():
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
        pytest.raises(ValueError, match="no dask scheduler answers there"),
    ):
        list(parallel_map(square, [1], "tcp://127.0.0.1:9"))


def test_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ase_dos.utils.dask_workers", None)
    with pytest.raises(ImportError, match=r"pip install 'ase_dos\[dask\]'"):
        list(parallel_map(square, [1], "tcp://127.0.0.1:9"))


@pytest.mark.parametrize("kind", ["file", "memory", "format that ASE parses", "processes"])
def test_results_are_those_of_a_serial_run(address, md, tmp_path, kind):
    source = md
    if kind == "memory":
        source = ase.io.read(md, ":")
    elif kind == "format that ASE parses":
        source = tmp_path / "md.json"
        ase.io.write(source, ase.io.read(md, ":"))
    run(source, tmp_path / "serial", start=1, step=2)
    backend = 2 if kind == "processes" else address
    run(source, tmp_path / "here", start=1, step=2, backend=backend)
    assert content(tmp_path / "here") == content(tmp_path / "serial")


def test_bad_frames_are_told_as_in_a_serial_run(address, tmp_path):
    frames = frames_of([1] * 6)
    frames[3].numbers[:] = 6
    ase.io.write(tmp_path / "md.extxyz", frames)
    lines = (tmp_path / "md.extxyz").read_text().splitlines(keepends=True)
    lines[14] = "Si 0.1 zero 0.3\n"
    (tmp_path / "md.extxyz").write_text("".join(lines))
    for name, where in (("serial", None), ("here", address)):
        with pytest.raises(ValueError, match="frame 1 of"):
            run(tmp_path / "md.extxyz", tmp_path / name, backend=where)
        result = run(tmp_path / "md.extxyz", tmp_path / name, on_error="skip", backend=where)
        assert list(result.missing) == [1, 3]
    assert content(tmp_path / "here") == content(tmp_path / "serial")


def test_doubts_of_workers_are_voiced_once(md, address):
    with pytest.warns(UserWarning, match="4 of 9 frames, the first is frame 5: doubtful") as caught:
        run(md, model=Doubtful(), backend=address)
    assert len(caught) == 1


class Doubtful(ToyModel):
    def predict(self, atoms):
        import warnings

        if atoms.info["time"] >= 10:
            warnings.warn("doubtful", UserWarning, stacklevel=2)
        return super().predict(atoms)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_worker_of_a_cluster_loses_nothing(address, md, tmp_path):
    run(md, tmp_path / "serial")
    run(md, tmp_path / "here", Murdered(str(tmp_path / "flag")), backend=address)
    assert (tmp_path / "flag").exists()
    assert content(tmp_path / "here") == content(tmp_path / "serial")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_process_is_told_and_loses_nothing(md, tmp_path):
    run(md, tmp_path / "serial")
    model = Murdered(str(tmp_path / "flag"))
    with pytest.raises(ChildProcessError, match="the same call continues"):
        run(md, tmp_path / "here", model, backend=1)
    assert len(TrajectoryResult.load(tmp_path / "here")) >= 2
    run(md, tmp_path / "here", model)
    assert content(tmp_path / "here") == content(tmp_path / "serial")


def test_a_client_stays_open(address, md):
    from distributed import Client

    with Client(address) as client:
        assert len(run(md, backend=client)) == 9
        assert client.status == "running"
        assert client.submit(sum, [1, 2]).result() == 3


def test_model_of_eigenvalues_on_a_cluster(address, toy_model):
    """A trained model, its compiled kernels with it, on workers."""
    frames = [bulk("Si", cubic=True) for _ in range(3)]
    for i, atoms in enumerate(frames):
        atoms.rattle(0.05, seed=i)
    here = _quietly(frames, toy_model)
    there = _quietly(frames, toy_model, backend=address)
    np.testing.assert_allclose(there.dos, here.dos, rtol=1e-12)
    np.testing.assert_allclose(there.heat_capacity, here.heat_capacity, rtol=1e-10)


@pytest.mark.parametrize("kind", [None, "cluster"])
def test_blocks_of_large_frames(kind, address, toy_model):
    atoms = bulk("Si", cubic=True).repeat((3, 2, 2))
    atoms.rattle(0.05, seed=1)
    whole = _quietly([atoms], toy_model, local=True, members=4)
    backend = address if kind else None
    parts = _quietly([atoms], toy_model, local=True, members=4, block_atoms=20, backend=backend)
    for name in (
        "dos",
        "dos_error",
        "fermi_level_member",
        "coefficients",
        "local_charge",
        "novelty",
    ):
        expected = whole.dataset[name].values
        # Local quantities are stored in single precision.
        accuracy = 1e-12 if expected.dtype == np.float64 else 1e-6
        found = parts.dataset[name].values
        np.testing.assert_allclose(
            found, expected, atol=accuracy * np.abs(expected).max(), err_msg=name
        )


def _quietly(frames, model, **options):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tiny model knows little, and says so
        return run(frames, None, model, **options)
