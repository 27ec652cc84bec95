"""C_el(T) of aluminium, 300 to 50 000 K: shipped model against DFT eigenvalues and published.

    python -m benchmarks.model.aluminium [--data data/aluminium/aluminium.npz] [--model aluminium]

Tables in Markdown. The first, over the structures of the test part: deviations from C_el of the
eigenvalues (exact sums, no broadening) of the DOS that models learn, the same levels broadened by
0.3 eV; of that with the leading bias of broadening removed, sigma^2/2 int g h'', where kT > sigma;
and of the predicted DOS. The second: the perfect fcc crystal of 4.05 Angstrom, per cell of four
atoms, against DFTTK.

Above some 36 000 K electrons reach states above the bands that were kept, at 50 000 K a share of
1e-4 of all. It is the same for eigenvalues and model, and is allowed here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.units import kB, kJ, mol

from ase_dos.electrons.gas import gas_from_dos
from ase_dos.io.dataset import load_dataset
from ase_dos.model.dos_model import DOSModel
from ase_dos.spectra.target import target_from_states
from benchmarks.measure import dataset_path, print_head, print_row

TEMPERATURES = np.array(
    [300.0, 600.0, 1000.0, 2000.0, 3000.0, 6000.0, 10e3, 20e3, 30e3, 40e3, 50e3]
)
MISSED = 1e-3  # share of electrons above the known bands that is allowed
# https://github.com/PhasesResearchLab/dfttk, thermal electronic contribution of its Al example.
PUBLISHED = {
    "C(300 K) (1e-5 eV/K)": 1.353,
    "C(600 K)": 2.538,
    "C(900 K)": 3.602,
    "S(300 K)": 1.367,
    "F(300 K) - F(0) (1e-3 eV)": -2.049,
}


def heat_capacity(dos, temperatures, corrected=False):
    """C_el (eV/K per cell); NaN where broadening cannot be removed."""
    result = np.full(len(temperatures), np.nan)
    able = temperatures * kB > dos.smearing if corrected else np.full(len(temperatures), True)
    result[able] = gas_from_dos(
        dos.energies,
        dos.values,
        dos.n_electrons,
        temperatures[able],
        valid_to=dos.valid_to,
        smearing=dos.smearing,
        correct_smearing=corrected,
        missed_electrons=MISSED,
    ).heat_capacity
    return result


def deviations(data, model):
    """Relative deviations (structures, 3, temperatures) of broadened and predicted DOS."""
    rows = []
    for atoms, states in zip(*data.select("test"), strict=True):
        exact = states.electron_gas(TEMPERATURES, missed_electrons=MISSED).heat_capacity
        target = target_from_states(states, model.smearing)
        broadened, predicted = target.dos(target.nodes), model.predict(atoms).total()
        curves = (
            heat_capacity(broadened, TEMPERATURES),
            heat_capacity(broadened, TEMPERATURES, corrected=True),
            heat_capacity(predicted, TEMPERATURES),
        )
        rows.append(np.array(curves) / exact - 1)
    return np.array(rows)


def print_deviations(data, model):
    table = 100 * deviations(data, model)
    names = [atoms.info["name"] for atoms in data.select("test")[0]]
    print(f"C_el against that of the eigenvalues, {len(names)} test structures, %\n")
    print_head(
        "T (K)",
        "broadened: mean size",
        "largest",
        "bias removed: largest",
        "predicted: mean",
        "mean size",
        "largest",
        "of",
    )
    for temperature, (broad, mended, predicted) in zip(
        TEMPERATURES, np.moveaxis(table, (0, 1), (2, 1)), strict=True
    ):
        size, largest = np.abs(predicted), np.abs(mended).max()
        print_row(
            f"{temperature:.0f}",
            f"{np.abs(broad).mean():.2f}",
            f"{np.abs(broad).max():.2f}",
            "" if np.isnan(largest) else f"{largest:.2f}",
            f"{predicted.mean():+.2f}",
            f"{size.mean():.2f}",
            f"{size.max():.2f}",
            names[size.argmax()],
        )


def quantities(gas):
    """Values of `PUBLISHED`, and gamma, from one atom at 0, 300, 600 and 900 K."""
    capacity, entropy, free = (
        4 * values for values in (gas.heat_capacity, gas.entropy, gas.free_energy)
    )
    gamma = 1e6 * gas.heat_capacity[1] / 300.0 / (kJ / mol)
    return [*(1e5 * capacity[1:]), 1e5 * entropy[1], 1e3 * (free[1] - free[0]), gamma]


def print_crystal(data, model):
    temperatures = [0.0, 300.0, 600.0, 900.0]
    crystal = bulk("Al", a=4.05)
    states = next(
        states
        for atoms, states in zip(data.frames, data.states, strict=True)
        if len(atoms) == 1 and np.allclose(atoms.cell, crystal.cell, atol=1e-3)
    )
    target = target_from_states(states, model.smearing)
    columns = {"DFTTK": [*PUBLISHED.values(), 1.09]}
    for name, one in (
        ("eigenvalues", states),
        ("broadened", target.dos(target.nodes)),
        ("predicted", model.predict(crystal).total()),
    ):
        columns[name] = quantities(one.electron_gas(temperatures))
    print()
    print_head("fcc, 4.05 Angstrom, four atoms", *columns)
    rows = zip(*columns.values(), strict=True)
    for name, row in zip([*PUBLISHED, "gamma (mJ/mol/K^2)"], rows, strict=True):
        print_row(name, *(f"{value:.3f}" for value in row))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=dataset_path("aluminium"))
    parser.add_argument("--model", default="aluminium")
    args = parser.parse_args()
    data, model = load_dataset(args.data), DOSModel.load(args.model)
    print_deviations(data, model)
    print_crystal(data, model)


if __name__ == "__main__":
    main()
