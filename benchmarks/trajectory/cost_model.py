"""Costs of a frame, to read, compute, transfer and write, and those of a large run.

    python -m benchmarks.trajectory.cost_model [--sizes 512 4096 32768 110592] [--format traj]

Each cost is fitted as a + b n for frames of n atoms (relative errors weigh alike) and
extrapolated to runs of 1e9 atoms x frames under the assumptions that docs/trajectory.md states:
workers read and compute, the one process that started the run receives and writes. Processor
time of one thread, so that other work on the machine counts little.
"""

import argparse
import pickle
import socket
import tempfile
import threading
import time
import warnings
from pathlib import Path

import ase.io
import numpy as np

from ase_dos import DOSModel
from ase_dos.io.frames import frame_readers
from ase_dos.results.store import Store
from ase_dos.trajectory.frame import FrameAnalysis
from benchmarks.measure import rattled_silicon, times_in_turns, use_threads

STEPS = ("read", "compute", "transfer", "write")


def processor_time(function):
    """Processor seconds of a call, the best of three."""
    return times_in_turns([function], 3)[1].min()


def send(data):
    """Bytes through a socket of this machine, from one thread to another."""
    here, there = socket.socketpair()
    with here, there:
        sender = threading.Thread(target=here.sendall, args=(data,))
        sender.start()
        left = len(data)
        while left:
            left -= len(there.recv(min(left, 2**20)))
        sender.join()


def costs(n_atoms, suffix, analysis, folder):
    """Seconds of every step and bytes on disk, for one frame of about so many atoms."""
    frames = [rattled_silicon(n_atoms, seed) for seed in range(2)]
    n_atoms = len(frames[0])
    count = min(max(4, 2**17 // n_atoms), 256)
    file = folder / f"md.{suffix}"
    ase.io.write(file, [frames[i % 2] for i in range(count)])
    read = processor_time(lambda: [reader() for reader in frame_readers(file)]) / count
    compute = processor_time(lambda: analysis.analyze_frame(0, lambda: frames[0]))
    outcome = analysis.analyze_frame(0, lambda: frames[0])
    transfer = processor_time(lambda: send(pickle.dumps(outcome, 5)))
    transfer += processor_time(lambda: pickle.loads(pickle.dumps(outcome, 5)))
    records = [alike(outcome.record, seed) for seed in range(count)]
    store = Store(folder / f"{n_atoms}.zarr")
    store.open({}, {})
    store.put(0, 0, records[0])
    store.commit()  # what a run costs only once is behind us
    start = time.process_time()
    for row in range(1, count):
        store.put(row, row, records[row])
    store.commit()
    write = (time.process_time() - start) / (count - 1)
    store.close()
    size = sum(f.stat().st_size for f in store.path.rglob("*") if f.is_file()) / count
    return n_atoms, [read, compute, transfer, write], size


def alike(record, seed):
    """Record of another frame, as far as compression is concerned."""
    rng, fixed = np.random.default_rng(seed), ("energy", "temperature", "basis", "valence")
    return {
        name: values
        if name in fixed or values.dtype.kind != "f"
        else (values * (1 + 1e-3 * rng.standard_normal(values.shape))).astype(values.dtype)
        for name, values in record.items()
    }


def fitted(atoms, values):
    """Return a and b of a + b n, both not negative."""
    from scipy.optimize import nnls

    design = np.stack([np.ones(len(atoms)), atoms], axis=1) / values[:, None]
    return nnls(design, np.ones(len(atoms)))[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 4096, 32768, 110592])
    parser.add_argument("--format", default="traj", help="suffix of the trajectory")
    parser.add_argument("--local", action="store_true", help="store the local DOS")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of surroundings unlike the training set
    use_threads(1)
    analysis = FrameAnalysis.of(DOSModel.load("silicon"), [3000.0], local=args.local)
    with tempfile.TemporaryDirectory() as folder:
        costs(512, args.format, analysis, Path(folder))  # compile
        measured = [costs(n, args.format, analysis, Path(folder) / ".") for n in args.sizes]
    atoms = np.array([n for n, _, _ in measured])
    times, sizes = np.array([t for _, t, _ in measured]), np.array([s for _, _, s in measured])
    print("ms per frame" + "".join(f"{step:>10}" for step in STEPS) + "   kB on disk")
    for n, row, size in zip(atoms, times, sizes, strict=True):
        print(f"{n:>8} atoms" + "".join(f"{1e3 * t:10.3f}" for t in row) + f"{size / 1e3:13.1f}")
    models = {step: fitted(atoms, times[:, i]) for i, step in enumerate(STEPS)}
    models["bytes"] = fitted(atoms, sizes)
    print("\ncost = a + b n")
    for step, (a, b) in models.items():
        print(f"  {step:9} a = {a:.3g}, b = {b:.3g} " + ("bytes" if step == "bytes" else "s"))
    print("\n1e9 atoms x frames" + " " * 12 + "core hours   writer hours   full use up to   GB")
    for n, frames in ((1_000, 1_000_000), (100_000, 10_000), (10_000_000, 100)):
        cost = {step: frames * (a + b * n) for step, (a, b) in models.items()}
        work, serial = cost["read"] + cost["compute"], cost["transfer"] + cost["write"]
        print(
            f"{frames:>9} frames of {n:>10} {work / 3600:10.1f} {serial / 3600:14.2f} "
            f"{work / serial:11.0f} cores {cost['bytes'] / 1e9:6.1f}"
        )


if __name__ == "__main__":
    main()
