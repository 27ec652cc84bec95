"""Fermi level and entropy from eigenvalues against those that GPAW printed, run by run.

python -m benchmarks.electrons.dft_consistency [data/silicon/silicon.npz]
"""

import argparse
from pathlib import Path

import numpy as np
from ase.units import kB

from ase_dos.io.dataset import load_dataset
from benchmarks.measure import dataset_path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    silicon = dataset_path("silicon")
    parser.add_argument("data", nargs="?", type=Path, default=silicon, help="default: silicon")
    data = load_dataset(parser.parse_args().data)
    rows = []
    for run in data.printed:
        gas = run.electron_gas(run.smearing_width / kB)
        entropy_term = -gas.temperature * gas.entropy
        rows.append(
            (
                1000 * (gas.fermi_level - run.fermi_level),
                entropy_term - run.entropy_term,
                run.entropy_term,
            )
        )
    fermi, entropy, printed = np.abs(rows).T
    relative = entropy / np.maximum(printed, 1e-12)
    above = np.where(entropy < 3e-5, 0.0, relative)
    print(f"{len(rows)} runs")
    print(f"E_F: largest difference {fermi.max():.3f} meV, median {np.median(fermi):.3f} meV")
    print(
        f"-TS: largest difference {entropy.max():.2e} eV, median {np.median(entropy):.2e} eV; "
        f"largest relative difference above 3e-5 eV {100 * above.max():.3f} %"
    )


if __name__ == "__main__":
    main()
