"""Softening of the TA(X) phonon of silicon by hot electrons: self-consistent DFT and models.

    python -m data.silicon.soft_mode [silicon ...] [--no-dft]

Atoms of the diamond crystal at a = 5.432 Angstrom are displaced by 0.1 Angstrom along the mode, in
the cell of four atoms that it fits into. Printed is its spring constant (eV/Angstrom^2 per atom)
from F(T_e), for DFT its frequency (THz), and the change from 1160 K, the smearing of the data set.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ase import Atoms
from ase.data import atomic_masses
from ase.units import fs, kB

from ase_dos import DOSCalculator
from data.tools.gpaw_lcao import self_consistent

TEMPERATURES = (1160.45, 4000.0, 6000.0, 8000.0, 12_000.0)  # K
DISPLACEMENT = 0.1  # Angstrom


def crystal(displacement: float, a: float = 5.432) -> Atoms:
    """Four layers along z, displaced in pairs along [110], across which no bond is stretched."""
    side = a / np.sqrt(2)
    places = [[0, 0, 0], [0.5, 0, 0.25], [0.5, 0.5, 0.5], [0, 0.5, 0.75]]
    atoms = Atoms("Si4", scaled_positions=places, cell=[side, side, a], pbc=True)
    atoms.positions[:, 0] += displacement * np.array([1, 1, -1, -1])
    return atoms


def spring(energies: list[float]) -> float:
    """Spring constant (eV/Angstrom^2 per atom) from energies without and with the displacement."""
    return 2 * (energies[1] - energies[0]) / (4 * DISPLACEMENT**2)


def frequency(constant: float) -> float:
    """Frequency in THz; negative where the mode is unstable."""
    squared = constant / atomic_masses[14]
    return np.sign(squared) * np.sqrt(abs(squared)) / (2 * np.pi) * fs * 1e3


def by_dft(temperature: float, log: Path) -> float:
    """Return the spring constant from self-consistent free energies."""
    energies = []
    for displacement in (0.0, DISPLACEMENT):
        calc = self_consistent(crystal(displacement), 0.3, log, width=kB * temperature)
        energies.append(calc.get_property("free_energy", calc.atoms))
    return spring(energies)


def by_model(model: str, temperature: float) -> float:
    """Return what hot electrons add to the spring constant."""
    energies = []
    for displacement in (0.0, DISPLACEMENT):
        atoms = crystal(displacement)
        atoms.calc = DOSCalculator(model, electronic_temperature=temperature)
        energies.append(atoms.get_potential_energy())
    return spring(energies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["silicon"])
    parser.add_argument("--no-dft", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of tails in the gap
    for model in args.models:
        constants = [by_model(model, temperature) for temperature in TEMPERATURES]
        print(model, *(f"{constant - constants[0]:.3f}" for constant in constants))
    if args.no_dft:
        return
    with TemporaryDirectory() as folder:
        first = None
        for temperature in TEMPERATURES:
            constant = by_dft(temperature, Path(folder, "log"))
            first = constant if first is None else first
            print(
                f"DFT {temperature:g} K: {frequency(constant):.2f} THz, change "
                f"{constant - first:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
