"""Times, processes of their own, tables and systems that the benchmarks share.

All benchmarks run as modules from the root of the repository: ``python -m benchmarks.io.reading``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
MELTING = ROOT / "examples" / "silicon_melting.extxyz.xz"


def dataset_path(material: str) -> Path:
    """Return the file of a data set of the repository, "silicon" or "aluminium"."""
    return ROOT / "data" / material / f"{material}.npz"


def rattled_silicon(wanted: int, seed: int = 0) -> Atoms:
    """Diamond of about ``wanted`` atoms, displaced by 0.1 Angstrom."""
    from ase.build import bulk

    atoms = bulk("Si", cubic=True, a=5.43).repeat(round((wanted / 8) ** (1 / 3)))
    atoms.positions += np.random.default_rng(seed).normal(0, 0.1, atoms.positions.shape)
    return atoms


def use_threads(count: int) -> None:
    """Let compiled loops and matrix products of this process use so many threads."""
    import numba
    import threadpoolctl

    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
    threadpoolctl.threadpool_limits(count)


def times_in_turns(
    functions: Sequence[Callable[[], object]], repeats: int
) -> tuple[NDArray, NDArray]:
    """Wall and processor seconds, each (functions, repeats), of functions that take turns.

    Other work on the machine then hits all alike. A first turn, which compiles, is not counted.
    """
    wall, busy = np.empty((2, len(functions), repeats + 1))
    for turn in range(repeats + 1):
        for row, function in enumerate(functions):
            start, start_busy = time.perf_counter(), time.process_time()
            function()
            wall[row, turn] = time.perf_counter() - start
            busy[row, turn] = time.process_time() - start_busy
    return wall[:, 1:], busy[:, 1:]


def peak_megabytes() -> float:
    """Most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def run_child(module: str, arguments: Sequence, threads: int, **environment: str) -> dict:
    """Run ``module --child ARGUMENTS`` in a process of its own; return the JSON that it prints."""
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    command = [sys.executable, "-W", "ignore", "-m", module, "--child", json.dumps(arguments)]
    done = subprocess.run(
        command,
        env={**os.environ, **dict.fromkeys(names, str(threads)), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"killed, status {done.returncode}"]
        raise RuntimeError(f"{arguments}: {said[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def print_head(*columns: str) -> None:
    """Begin a table in Markdown."""
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|", flush=True)


def print_row(*cells: object) -> None:
    """Print a row of a table in Markdown."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def machine():
    """One line on the processor: vectors that kernels are compiled for, and sizes of its caches."""
    from llvmlite.binding import get_host_cpu_name
    from numba import config

    from ase_dos.kernels.vector import compiles_for

    name = config.CPU_NAME or get_host_cpu_name()
    vectors = 512 if compiles_for("avx512f") else 256 if compiles_for("avx2") else 128
    caches = []
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (
            (folder / part).read_text().strip() for part in ("level", "type", "size")
        )
        if kind != "Instruction":
            caches.append(f"L{level} {size}")
    return f"{name}: vectors of {vectors} bits; {', '.join(caches)}"
