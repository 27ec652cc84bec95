"""Time and memory per frame of reading trajectories, against evaluating what was read.

    python -m benchmarks.io.reading [--atoms 110592] [--frames 6] [--threads 2] [--formats ...]

Rattled silicon in a trajectory of each format. Every measurement has a process of its own and
goes twice through all frames: the second time counts. Memory is the peak of the process, less
that of one that only imports the package. ``ours`` reads by `open_frames`; ``reach`` opens the
file and reads its last frame only; ``read and evaluate`` takes every frame to the local DOS, the
DOS, E_F and C_el(T) of the shipped model; ``end to end`` is `analyze_trajectory`, which adds the
parts of every atom and writes all results to disk, and whose memory is given; ``ASE`` is ASE's
reader alone, frame by frame where it can. dscribe computes the features of one frame and nothing
else. With ``--cpu`` seconds are those of the processor, for a machine that is not idle.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import sys
import tempfile
import time
from multiprocessing import Process
from pathlib import Path

import numpy as np

from benchmarks.measure import peak_megabytes, print_head, print_row, rattled_silicon, run_child

NAMES = (
    "md.dump",
    "md.dump.gz",
    "md.extxyz",
    "md.extxyz.gz",
    "md.traj",
    "md.h5md",
    "md.nc",
    "md.dcd",
    "md.xtc",
)
TYPES = ("md.dump", "md.dump.gz", "md.h5md")
NEED_TOPOLOGY = ("md.nc", "md.dcd", "md.xtc")
TEMPERATURES = [0.0, 3000.0]


def write(folder, wanted, count):
    """Write every format whose package is installed."""
    import ase.io

    start = rattled_silicon(wanted)
    images = []
    for i in range(count):
        atoms = start.copy()
        atoms.positions += np.random.default_rng(i + 1).normal(0, 0.02, atoms.positions.shape)
        images.append(atoms)
    ase.io.write(folder / "start.traj", start)
    ase.io.write(folder / "md.extxyz", images)
    ase.io.write(folder / "md.traj", images)
    write_dump(folder / "md.dump", images)
    for name in ("md.extxyz", "md.dump"):
        with (
            open(folder / name, "rb") as plain,
            gzip.open(f"{folder / name}.gz", "wb", 6) as packed,
        ):
            shutil.copyfileobj(plain, packed)
    try:
        write_h5md(folder / "md.h5md", images)
        write_coordinates(folder, images)
    except ImportError as error:
        print(f"formats left out: {error}", file=sys.stderr)


def write_dump(path, images):
    """As LAMMPS writes it: six digits, atoms out of order."""
    order = np.random.default_rng(0).permutation(len(images[0]))
    with open(path, "w") as file:
        for step, atoms in enumerate(images):
            file.write(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(atoms)}\n")
            file.write("ITEM: BOX BOUNDS pp pp pp\n")
            file.writelines(f"0.0 {length!r}\n" for length in atoms.cell.lengths().tolist())
            file.write("ITEM: ATOMS id type x y z\n")
            file.writelines(
                f"{i + 1} 1 {x:g} {y:g} {z:g}\n"
                for i, (x, y, z) in zip(order, atoms.positions[order], strict=True)
            )


def write_h5md(path, images):
    """One group of particles, single precision."""
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group("particles/all")
        group["position/value"] = np.array([a.positions for a in images], dtype=np.float32)
        group["position/step"] = np.arange(len(images))
        group["position/value"].attrs["unit"] = "Angstrom"
        group["box/edges"] = images[0].cell.array
        group["box"].attrs["boundary"] = ["periodic"] * 3
        group["species"] = np.ones(len(images[0]), dtype=int)


def write_coordinates(folder, images):
    """By MDAnalysis."""
    import MDAnalysis as mda

    universe = mda.Universe.empty(len(images[0]), trajectory=True)
    universe.dimensions = images[0].cell.cellpar()
    for name in NEED_TOPOLOGY:
        try:
            with mda.Writer(str(folder / name), len(images[0])) as writer:
                for atoms in images:
                    universe.atoms.positions = atoms.positions
                    writer.write(universe.atoms)
        except ImportError as error:
            print(f"{name} left out: {error}", file=sys.stderr)


def opened(path):
    """Frames by our reader."""
    from ase_dos.io.frames import open_frames

    options = {}
    if path.name in TYPES:
        options["types"] = ["Si"]
    if path.name in NEED_TOPOLOGY:
        options["topology"] = path.with_name("start.traj")
    return open_frames(path, **options)


def ours(path):
    yield from opened(path)


def evaluated(path):
    from ase_dos import DOSModel

    model = DOSModel.load("silicon")
    for atoms in opened(path):
        yield model.predict(atoms).total().electron_gas(TEMPERATURES)


def stored(path):
    from ase_dos import analyze_trajectory

    output = Path(tempfile.mkdtemp(dir=path.parent), "md.zarr")
    result = analyze_trajectory(opened(path), "silicon", TEMPERATURES[1:], output, progress=False)
    yield from result.frames


def ase(path):
    from ase.io import iread

    yield from iread(path, ":")


def reach(path):
    frames = opened(path)
    yield frames[frames.count() - 1]


def dscribe(path):
    from dscribe.descriptors import SOAP

    soap = SOAP(species=["Si"], r_cut=5.0, n_max=8, l_max=6, sigma=0.5, periodic=True)
    yield soap.create(opened(path)[0])


def nothing(path):
    import ase_dos.io.frames  # noqa: F401

    yield None


WAYS = {way.__name__: way for way in (ours, evaluated, stored, ase, reach, dscribe, nothing)}


def measure(way, path, clock):
    """Run in a child: seconds per frame of the second time, and peak memory (MB)."""
    clock = getattr(time, clock)
    for _ in range(2):
        start = clock()
        frames = sum(1 for _ in WAYS[way](Path(path)))
        seconds = (clock() - start) / frames
    return {"seconds": seconds, "megabytes": peak_megabytes()}


def child(way, path, args):
    """Run `measure` in a process of its own."""
    clock = "process_time" if args.cpu else "perf_counter"
    return run_child(__spec__.name, (way, str(path), clock), args.threads)


def table(folder, args):
    """Measure and print row by row."""
    print_head(
        "format",
        "MB a frame",
        "ours, s",
        "reach, s",
        "read and evaluate, s",
        "reading, %",
        "end to end, s",
        "MB",
        "ASE, s",
        "ASE, MB",
    )
    for name in args.formats:
        path = folder / name
        if not path.exists():
            continue
        base = child("nothing", path, args)["megabytes"]
        read, last, both, whole = (
            child(way, path, args) for way in ("ours", "reach", "evaluated", "stored")
        )
        cells = [
            name,
            f"{path.stat().st_size / args.frames / 1e6:.1f}",
            f"{read['seconds']:.3f}",
            f"{last['seconds']:.3f}",
            f"{both['seconds']:.3f}",
            f"{100 * read['seconds'] / both['seconds']:.0f}",
            f"{whole['seconds']:.3f}",
            f"{whole['megabytes'] - base:.0f}",
        ]
        if name in ("md.h5md", *NEED_TOPOLOGY):
            cells += ["", ""]  # ASE does not read it, or not the elements
        else:
            other = child("ase", path, args)
            cells += [f"{other['seconds']:.3f}", f"{other['megabytes'] - base:.0f}"]
        print_row(*cells)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atoms", type=int, default=110592)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--formats", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(*json.loads(args.child))))
        return
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own, for a child starts with the peak of memory of its parent.
        writing = Process(target=write, args=(Path(folder), args.atoms, args.frames))
        writing.start()
        writing.join()
        print(f"{len(rattled_silicon(args.atoms))} atoms, {args.threads} threads\n")
        table(Path(folder), args)
        try:
            features = child("dscribe", Path(folder, "md.traj"), args)
            print(f"\ndscribe, features alone: {features['seconds']:.2f} s a frame")
        except RuntimeError as error:
            print(f"\nnot measured: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
