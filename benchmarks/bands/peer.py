"""Iterated conditional modes beside those of fuller, in one process.

    python -m benchmarks.bands.peer [--sizes 48 96] [--seeds 3]

Needs the package fuller (https://github.com/mpes-kit/fuller) with TensorFlow. A band seen through
counts on a square grid of even size, which the peer needs, from a start 0.1 eV off; 100 parallel
epochs of the peer on the CPU, ours until no label changes. Processor seconds; ours with laying out
the field. The energy is -log P; the last columns are the share of nodes with the same label, and
what the least energy of tree-reweighted messages is below.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
import warnings

import numpy as np

from ase_dos.kernels.iterated_modes import iterated_modes
from ase_dos.kernels.markov_field import field_energy, make_field
from ase_dos.kernels.tree_reweighted import least_energy, no_messages
from benchmarks.measure import machine, print_head, print_row, use_threads

ENERGIES = np.linspace(-2.0, 0.0, 200)
STEP = ENERGIES[1] - ENERGIES[0]


def simulate(size, seed):
    """Momenta, band (eV) and counts (size, size, energies)."""
    rng = np.random.default_rng(seed)
    k = np.linspace(-1.3, 1.3, size)
    x, y = np.meshgrid(k, k, indexing="ij")
    band = -1.0 + 0.4 * np.cos(2.4 * x) * np.cos(1.9 * y) + 0.1 * rng.normal() * x
    line = np.exp(-(((ENERGIES - band[..., None]) / 0.06) ** 2) / 2)
    return k, band, rng.poisson(4.0 * line + 0.2).astype(float)


def seconds(function):
    """Return what a function does, and its processor seconds."""
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def compare(size, seed, eta):
    """One row of the table."""
    from fuller.mrfRec import MrfRec

    k, band, counts = simulate(size, seed)
    peer = MrfRec(ENERGIES, k, k, I=counts.copy(), eta=eta)
    peer.smoothenI((1, 1, 2))
    peer.I = np.maximum(peer.I, 1e-6)
    start = np.abs(ENERGIES - (band + 0.1)[..., None]).argmin(2)
    weight = STEP**2 / (2 * eta**2)

    def run_peer():
        peer.indEb = start.copy()
        peer.iter_para(100, use_gpu=False, disable_tqdm=True)
        return -peer.getLogP()

    def run_ours():
        field = make_field(-np.log(peer.I), weight, weight, 0.0, 0.0)
        return field, iterated_modes(field, start, 100)

    run_peer(), run_ours()  # compiles
    theirs, busy_theirs = seconds(run_peer)
    (field, ours), busy_ours = seconds(run_ours)
    best = least_energy(field, 1e-4, 200, no_messages(field))
    print_row(
        size,
        seed,
        eta,
        f"{theirs:.6f}",
        f"{abs(field_energy(field, peer.indEb) / theirs - 1):.0e}",
        f"{ours.energy / theirs - 1:.0e}",
        ours.epochs,
        f"{busy_theirs:.2f}",
        f"{busy_ours:.4f}",
        f"1/{busy_theirs / busy_ours:.0f}",
        f"{(ours.labels == peer.indEb).mean():.4f}",
        f"{theirs - best.energy:.2f} (gap {best.gap:.0e})",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[48, 96])
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    use_threads(1)
    print(machine() + "\n")
    print_head(
        "k points",
        "seed",
        "eta, eV",
        "peer's energy",
        "ours of its labels: relative",
        "our ICM: relative",
        "our epochs",
        "peer, s",
        "ours, s",
        "ratio",
        "same labels",
        "least energy below by",
    )
    for size in args.sizes:
        for seed in range(args.seeds):
            for eta in (0.05, 0.1):
                with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
                    warnings.simplefilter("ignore")
                    compare(size, seed, eta)


if __name__ == "__main__":
    main()
