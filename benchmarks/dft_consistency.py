"""Our Fermi level and entropy against those GPAW printed, for each run of a data set."""

import argparse
from pathlib import Path

import numpy as np
from ase.units import kB

from ase_dos.io.dataset import load_dataset

DATA = Path(__file__).resolve().parents[1] / "data" / "silicon" / "silicon.npz"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=DATA, help="default: silicon")
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
    judged = np.where(entropy < 3e-5, 0.0, relative)
    print(f"{len(rows)} runs")
    print(f"E_F: largest difference {fermi.max():.3f} meV, median {np.median(fermi):.3f} meV")
    print(
        f"-TS: largest difference {entropy.max():.2e} eV, median {np.median(entropy):.2e} eV; "
        f"largest relative difference above 3e-5 eV {100 * judged.max():.3f} %"
    )


if __name__ == "__main__":
    main()
