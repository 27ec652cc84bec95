"""Runs that are killed at random moments until they are done, against one left alone.

    python -m benchmarks.results.kills [--kills 50] [--frames 400]

Frames are small and commits frequent, so that many kills hit one.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import xarray
from ase.build import bulk

from ase_dos import analyze_trajectory
from ase_dos.results import store
from ase_dos.results.result import TrajectoryResult
from benchmarks.measure import ROOT


def frames_of(count):
    for i in range(count):
        atoms = bulk("Si", cubic=True).repeat((1 + i % 2, 1, 1))
        atoms.rattle(0.1, seed=i)
        yield atoms


def run(path, count):
    warnings.simplefilter("ignore")
    store.BLOCK_ATOMS, store.CHUNK_BYTES = 64, 2**14
    put = store.Store.put

    def first_put(self, *record):
        store.Store.put = put
        print("begins", flush=True)  # to store results
        put(self, *record)

    store.Store.put = first_put
    analyze_trajectory(frames_of(count), "silicon", (3000.0,), path, local=True, progress=False)


def content(path):
    with xarray.open_zarr(path) as data:
        return {name: (v.shape, v.values.tobytes()) for name, v in data.variables.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", metavar="PATH", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        run(args.run, args.frames)
        return
    moments = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        whole, path = Path(folder) / "whole", Path(folder) / "killed"
        start = time.perf_counter()
        run(whole, args.frames)
        seconds = time.perf_counter() - start
        kills = 0
        while kills < args.kills:
            command = [
                sys.executable,
                "-m",
                __spec__.name,
                "--run",
                path,
                "--frames",
                str(args.frames),
            ]
            with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
                process.stdout.readline()
                time.sleep(moments.uniform(0.0, 4.0 * seconds / args.kills))
                process.send_signal(signal.SIGKILL)
                if process.wait() == 0:  # all done: from the start again
                    assert content(path) == content(whole)
                    shutil.rmtree(path)
                    continue
            kills += 1
            try:
                done = len(TrajectoryResult.load(path))
            except ValueError:
                done = 0
            print(f"kill {kills}: {done} frames are stored")
        run(path, args.frames)
        same = content(path) == content(whole)
        print(f"{kills} kills; every array equal to that of the run that was left alone: {same}")


if __name__ == "__main__":
    main()
