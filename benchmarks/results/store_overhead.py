"""Cost of storing a trajectory on top of predicting it: 1 000 frames of 512 atoms.

    python -m benchmarks.results.store_overhead [--frames 1000] [--repeat 3]

Bare is the prediction of the local DOS, the DOS, E_F, C_el and novelty; analysis adds the local
scalars of every atom; stored is the whole of `analyze_trajectory`, frames in memory, results on
disk. Wall time and processor time, in ms per frame, the best of the repetitions.
"""

import argparse
import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from ase_dos import DOSModel, analyze_trajectory
from ase_dos.trajectory.frame import FrameAnalysis
from ase_dos.trajectory.run import TASK_FRAMES
from benchmarks.measure import rattled_silicon, times_in_turns

TEMPERATURES = np.array([3000.0])


def make_frames(count):
    distinct = [rattled_silicon(512, seed) for seed in range(10)]
    return [distinct[i % 10] for i in range(count)]


def bare(frames, model):
    for atoms in frames:
        dos = model.predict(atoms).total()
        dos.electron_gas(np.append(0.0, TEMPERATURES))


def analysis(frames, model):
    analysis = FrameAnalysis(model, TEMPERATURES)
    items = [(i, partial(frames.__getitem__, i)) for i in range(len(frames))]
    for first in range(0, len(items), TASK_FRAMES):
        analysis(items[first : first + TASK_FRAMES])


def stored(frames, model, folder):
    path = Path(tempfile.mkdtemp(dir=folder), "md.zarr")
    analyze_trajectory(frames, model, TEMPERATURES, path, progress=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of surroundings unlike the training set
    model, frames = DOSModel.load("silicon"), make_frames(args.frames)
    with tempfile.TemporaryDirectory() as folder:  # removed after the measurement
        ways = {
            "bare": partial(bare, frames, model),
            "analysis": partial(analysis, frames, model),
            "stored": partial(stored, frames, model, folder),
        }
        best = [times.min(axis=1) for times in times_in_turns(list(ways.values()), args.repeat)]
    wall, busy = 1e3 * np.array(best) / len(frames)
    print(f"{'':10} {'wall ms':>9} {'cpu ms':>9}  of bare (wall, cpu)")
    for name, one, other in zip(ways, wall, busy, strict=True):
        print(f"{name:10} {one:9.3f} {other:9.3f}  {one / wall[0]:.3f} {other / busy[0]:.3f}")


if __name__ == "__main__":
    main()
