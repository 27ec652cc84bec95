"""Cache of compiled kernels: shared by processes, and no failure where there is none."""

import os
import shutil
import subprocess
import sys

import pytest
from paths import REPOSITORY

SQUARE = """
import sys, time
from pathlib import Path
from ase_dos.kernels import cache, jit
PREPARE
import kernel_of_a_test
print(kernel_of_a_test.square(3.0))
print(sum(kernel_of_a_test.square.stats.cache_hits.values()))
"""
MODULE = """
from ase_dos.kernels.jit import inner_kernel, kernel

@inner_kernel
def times(a, b):
    return a * b

@kernel
def square(x):
    return times(x, x)
"""


@pytest.fixture
def run(tmp_path):
    """Run a program that calls a kernel; return its standard output and error."""
    (tmp_path / "kernel_of_a_test.py").write_text(MODULE)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{tmp_path}",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }

    def start(prepare="", wait=True):
        code = SQUARE.replace("PREPARE", prepare)
        process = subprocess.Popen(
            [sys.executable, "-W", "always", "-c", code],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return process.communicate() if wait else process

    return start


def result(out):
    value, hits = out.split()
    return float(value), int(hits)


def test_second_process_finds_what_the_first_compiled(run):
    assert result(run()[0]) == (9.0, 0)
    assert result(run()[0]) == (9.0, 1)


def test_kernels_outlive_an_installation_of_the_same_files(run, tmp_path):
    run()
    os.utime(tmp_path / "kernel_of_a_test.py", (0, 0))
    assert result(run()[0]) == (9.0, 1)


def test_change_of_any_file_with_kernels_compiles_again(run):
    """An inner kernel may stand in another file than the kernel that it is compiled into."""
    run()
    touched = "cache._SOURCES += 'other'"
    assert result(run(touched)[0]) == (9.0, 0)
    assert result(run(touched)[0]) == (9.0, 1)


def test_processes_that_begin_at_once_compile_once(run):
    """One compiles, the others wait for it; none breaks what another one writes."""
    processes = [run(wait=False) for _ in range(4)]
    results = [result(process.communicate()[0]) for process in processes]
    assert [value for value, _ in results] == [9.0] * 4
    assert sorted(hits for _, hits in results) == [0, 1, 1, 1]
    assert result(run()[0]) == (9.0, 1)


def test_no_directory_for_the_cache_is_a_warning_and_no_failure(run):
    without = "from numba.core import caching; caching.CacheImpl._locator_classes = []"
    out, err = run(without)
    assert out.split()[0] == "9.0"
    assert err.count("set NUMBA_CACHE_DIR to a directory that can be written") == 1


def test_damaged_cache_is_compiled_anew(run, tmp_path):
    run()
    for damage in (b"", b"no pickle", b"\x80\x04N."):
        files = list((tmp_path / "cache").rglob("*.nb?"))
        assert files
        for file in files:
            file.write_bytes(damage)
        out, err = run()
        assert result(out) == (9.0, 0), err
    assert result(run()[0]) == (9.0, 1)


def test_full_disk_is_a_warning_and_no_failure(run, tmp_path):
    full = """
def full(self, name):
    raise OSError(28, "No space left on device")
from numba.core.caching import IndexDataCacheFile
IndexDataCacheFile._open_for_write = full
"""
    out, err = run(full)
    assert result(out) == (9.0, 0)
    assert "cannot be kept ([Errno 28] No space left on device)" in err
    shutil.rmtree(tmp_path / "cache")
    assert result(run()[0]) == (9.0, 0)


def test_compiling_is_said_once(tmp_path):
    """On stderr, with the time it takes; a process that finds compiled kernels is silent."""
    code = "from ase_dos.kernels.fermi_tables import table_shape; print(table_shape(0.1, 0.05, 9))"
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    first, second = (done.stderr for done in runs)
    assert first.count("compiling kernels once, about 3 s") == 1
    assert second == ""
