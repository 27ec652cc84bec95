"""What storing a trajectory costs on top of predicting it: 1 000 frames of 512 atoms.

    python benchmarks/store_overhead.py [--frames 1000] [--repeat 3]

Bare is the prediction of the local DOS, the DOS, E_F, C_el and novelty; analysis adds the local
scalars of every atom; stored is the whole of `analyze_trajectory`, frames in memory, results on
disk. Wall time and processor time, in ms per frame, the best of the repetitions.
"""

import argparse
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from ase.build import bulk

from ase_dos import DOSModel, analyze_trajectory
from ase_dos.trajectory.frame import FrameAnalysis
from ase_dos.trajectory.run import TASK_FRAMES

TEMPERATURES = np.array([3000.0])


def make_frames(count, repeat=4):
    distinct = []
    for seed in range(10):
        atoms = bulk("Si", cubic=True).repeat(repeat)
        atoms.rattle(0.1, seed=seed)
        distinct.append(atoms)
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
    analyze_trajectory(frames, model, TEMPERATURES, Path(folder, "md.zarr"), progress=False)


def measure(function, *arguments):
    with tempfile.TemporaryDirectory() as folder:  # to remove it is not part of the work
        if function is stored:
            arguments = (*arguments, folder)
        wall, cpu = time.perf_counter(), time.process_time()
        function(*arguments)
        return np.array([time.perf_counter() - wall, time.process_time() - cpu])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of surroundings unlike the training set
    model, frames = DOSModel.load("silicon"), make_frames(args.frames)
    measure(stored, frames[:2], model)  # compile
    functions = (bare, analysis, stored)
    times = {function: [] for function in functions}
    for _ in range(args.repeat):
        for function in functions:
            times[function].append(1e3 * measure(function, frames, model) / len(frames))
    best = {function: np.min(values, axis=0) for function, values in times.items()}
    print(f"{'':10} {'wall ms':>9} {'cpu ms':>9}  of bare (wall, cpu)")
    for function in functions:
        share = best[function] / best[bare]
        print(
            f"{function.__name__:10} {best[function][0]:9.3f} {best[function][1]:9.3f}  "
            f"{share[0]:.3f} {share[1]:.3f}"
        )


if __name__ == "__main__":
    main()
