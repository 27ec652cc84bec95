"""C_el(T) of aluminium, 300 to 50 000 K: shipped model against DFT eigenvalues and published.

    python benchmarks/aluminium.py [--data data/aluminium/aluminium.npz] [--model aluminium]

Tables in Markdown. The first, over the structures of the test part: deviations from C_el of the
eigenvalues (exact sums, no broadening) of the DOS that the model learns, the same levels broadened
by 0.3 eV, which is what broadening does; of that with the leading bias of broadening removed,
sigma^2/2 int g h'', where kT > sigma; and of the predicted DOS, with and without removal. The
second: perfect fcc crystal of 4.05 Angstrom, per cell of four atoms, against DFTTK.

Above some 36 000 K electrons reach states above the bands that were kept, at 50 000 K a share of
1e-4 of all. It is the same for eigenvalues and model, and is allowed here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.units import kB, kJ, mol

from ase_dos.dataset import load_dataset
from ase_dos.model import DOSModel
from ase_dos.targets import target_from_states
from ase_dos.thermo import gas_from_dos

DATA = Path(__file__).resolve().parents[1] / "data" / "aluminium" / "aluminium.npz"
TEMPERATURES = np.array(
    [300.0, 600.0, 1000.0, 2000.0, 3000.0, 6000.0, 10e3, 20e3, 30e3, 40e3, 50e3]
)
MISSED = 1e-3  # share of electrons above the known bands that is allowed
# https://github.com/PhasesResearchLab/dfttk, thermal electronic contribution of its Al example.
PUBLISHED = {
    "C(300 K) (1e-5 eV/K)": 1.353, "C(600 K)": 2.538, "C(900 K)": 3.602, "S(300 K)": 1.367,
    "F(300 K) - F(0) (1e-3 eV)": -2.049,
}  # fmt: skip


def heat_capacity(dos, temperatures, corrected=False):
    """C_el (eV/K per cell); NaN where broadening cannot be removed."""
    result = np.full(len(temperatures), np.nan)
    able = temperatures * kB > dos.smearing if corrected else np.full(len(temperatures), True)
    result[able] = gas_from_dos(
        dos.energies, dos.values, dos.n_electrons, temperatures[able], valid_to=dos.valid_to,
        smearing=dos.smearing, correct_smearing=corrected, missed_electrons=MISSED,
    ).heat_capacity  # fmt: skip
    return result


def deviations(data, model):
    """Relative deviations (structures, 4, temperatures) of broadened and predicted DOS."""
    rows = []
    for atoms, states in zip(*data.select("test"), strict=True):
        exact = states.electron_gas(TEMPERATURES, missed_electrons=MISSED).heat_capacity
        target = target_from_states(states, model.smearing)
        curves = (target.dos(target.nodes), model.predict(atoms).total())
        rows.append([heat_capacity(dos, TEMPERATURES, how) / exact - 1
                     for dos in curves for how in (False, True)])  # fmt: skip
    return np.array(rows)


def print_deviations(data, model):
    table = 100 * deviations(data, model)
    names = [atoms.info["name"] for atoms in data.select("test")[0]]
    print(f"C_el against that of the eigenvalues, {len(names)} test structures, %\n")
    print("| T (K) | broadened: mean | largest | bias removed: largest | predicted: mean | "
          "mean of sizes | largest | of | bias removed: largest |")  # fmt: skip
    print("|---" * 9 + "|")
    for temperature, by_curve in zip(TEMPERATURES, np.moveaxis(table, -1, 0), strict=True):
        broad, mended, predicted, both = by_curve.T
        largest = [f"{np.abs(column).max():.2f}" if np.isfinite(column).all() else ""
                   for column in (mended, both)]  # fmt: skip
        print(f"| {temperature:.0f} | {broad.mean():+.2f} | {np.abs(broad).max():.2f} | "
              f"{largest[0]} | {predicted.mean():+.2f} | {np.abs(predicted).mean():.2f} | "
              f"{np.abs(predicted).max():.2f} | {names[np.abs(predicted).argmax()]} | "
              f"{largest[1]} |")  # fmt: skip


def quantities(gas):
    """Values of `PUBLISHED` for the gas at 0, 300, 600 and 900 K, and gamma, per four atoms."""
    capacity, free = gas.heat_capacity, gas.free_energy
    gamma = 1e6 * capacity[1] / 300.0 / 4 / (kJ / mol)
    return [*(1e5 * capacity[1:]), 1e5 * gas.entropy[1], 1e3 * (free[1] - free[0]), gamma]


def print_crystal(data, model):
    temperatures = [0.0, 300.0, 600.0, 900.0]
    crystal = bulk("Al", a=4.05)
    columns = {"DFTTK": [*PUBLISHED.values(), 1.09]}
    for atoms, states in zip(data.frames, data.states, strict=True):
        same = len(atoms) == 1 and np.allclose(atoms.cell, crystal.cell, atol=1e-3)
        if same:
            target = target_from_states(states, model.smearing)
            per_four = 4 / len(atoms)
            for name, gas in (
                ("eigenvalues", states.electron_gas(temperatures)),
                ("broadened", target.dos(target.nodes).electron_gas(temperatures)),
            ):
                columns[name] = scaled(quantities(gas), per_four)
    columns["predicted"] = scaled(
        quantities(model.predict(crystal).total().electron_gas(temperatures)), 4.0
    )
    print("\n| fcc, 4.05 Angstrom, four atoms | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    rows = zip(*columns.values(), strict=True)
    for name, row in zip([*PUBLISHED, "gamma (mJ/mol/K^2)"], rows, strict=True):
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row) + " |")


def scaled(values, factor):
    return [factor * value for value in values]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", default="aluminium")
    args = parser.parse_args()
    data, model = load_dataset(args.data), DOSModel.load(args.model)
    print_deviations(data, model)
    print_crystal(data, model)


if __name__ == "__main__":
    main()
