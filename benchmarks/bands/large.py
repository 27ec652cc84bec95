"""Cost of reconstructing a map of 256 x 256 x 470 points.

One process simulates the map and writes it, a fresh one reads it and reconstructs, so that time
and memory are those of a user's run. Compiled kernels are taken from the cache.

    python -m benchmarks.bands.reconstruction large --single
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ase_dos.bands import BandMap, read_theory, reconstruct_bands, write_theory
from benchmarks.bands.maps import measured, rmse, theory_of_wse2, true_energies
from benchmarks.measure import peak_megabytes, run_child

MAP, THEORY, TRUTH = "map.nc", "theory.nc", "truth.npy"


def simulate(folder: Path, size: int, counts: float, seed: int, single: bool) -> dict:
    """Write a map, its theory and the truth."""
    theory = theory_of_wse2(size)
    if single:
        theory = theory.select([13])
    truth = true_energies(theory, seed)
    measured(truth, theory, np.linspace(-8.2, 1.0, 470), counts, seed).to_netcdf(folder / MAP)
    write_theory(theory, folder / THEORY)
    np.save(folder / TRUTH, truth)
    return {"megabytes": peak_megabytes()}


def reconstruct(folder: Path) -> dict:
    """Read a map and reconstruct it; costs and errors."""
    start, busy = time.perf_counter(), time.process_time()
    band_map, theory = BandMap.read(folder / MAP), read_theory(folder / THEORY)
    read = time.perf_counter() - start
    bands = reconstruct_bands(band_map, theory, progress=False)
    costs = {
        "wall": time.perf_counter() - start,
        "read": read,
        "busy": time.process_time() - busy,
        "megabytes": peak_megabytes(),
    }
    truth = np.load(folder / TRUTH)
    off = np.abs(bands.energies - truth) / (np.nan if bands.std is None else bands.std)
    mean, worst = rmse(bands.energies, truth)
    inside = [float((off < times).mean()) for times in (1, 2)]
    gap = float(np.max(bands.gap))
    return {**costs, "mean": mean, "worst": worst, "inside": inside, "gap": gap}


def large_map(options) -> None:
    """All bands, or one, of a large map."""
    size, counts = options.size or 256, (options.counts or [500.0])[0]
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            given = [size, counts, seed, options.single]
            made = run_child("benchmarks.bands.large", ["simulate", folder, *given], 2)
            got = run_child("benchmarks.bands.large", ["reconstruct", folder], options.threads)
        print(
            f"{counts:6.0f} counts  seed {seed}  {size} x {size} x 470: {got['wall']:.1f} s "
            f"({got['read']:.1f} of them to read), {got['busy']:.1f} CPU s, "
            f"{got['megabytes']:.0f} MB (simulation {made['megabytes']:.0f}), "
            f"{options.threads} threads; {got['mean']:.1f} {got['worst']:.1f} meV, inside "
            f"{got['inside'][0]:.2f} {got['inside'][1]:.2f}, gap {got['gap']:.0e}",
            flush=True,
        )


def main() -> None:
    name, folder, *given = json.loads(sys.argv[2])
    made = simulate(Path(folder), *given) if name == "simulate" else reconstruct(Path(folder))
    print(json.dumps(made))


if __name__ == "__main__":
    main()
