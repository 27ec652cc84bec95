"""Heat capacity of aluminium at constant pressure: phonons by phonopy, electrons by a model.

The quasi-harmonic approximation takes energies and phonons of a crystal at nine volumes (here of
ASE's effective-medium potential); hot electrons add their free energy at each of them. The same
files can come from DFT. Needs phonopy (pip install "ase_dos[phonopy]"). Writes volumes.extxyz, the
files of phonopy and heat_capacity.png into the current directory, in half a minute on one core.
"""

import subprocess
import sysconfig
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms

HOTTEST = 930  # K; aluminium melts at 933 K
# Angstrom. Outside of these ASE's potential is not smooth: it softens under compression. From 3.88
# to 4.24, C_p at 900 K changes by 0.8 J/mol/K with the equation of state; here by 0.1.
SIDES = np.linspace(3.94, 4.20, 9)
SUPERCELL = np.diag((4, 4, 4))


def main():
    cells = [bulk("Al", a=side) for side in SIDES]
    phonons = [f"thermal_properties-{i}.yaml" for i in range(len(cells))]
    for atoms, path in zip(cells, phonons, strict=True):
        write_phonons(atoms, path)
        atoms.calc = EMT()
        atoms.get_potential_energy()
    write("volumes.extxyz", cells)
    outputs = ("-o", "e-v.dat", "-o", "fe-v.dat")
    run(
        "ase-dos",
        "export",
        "volumes.extxyz",
        "--model",
        "aluminium",
        "--phonons",
        *phonons,
        *outputs,
    )

    curves = {}
    for name, options in (("phonons", ()), ("phonons and electrons", ("--efe", "fe-v.dat"))):
        run("phonopy-qha", "e-v.dat", *phonons, *options, "--tmax", str(HOTTEST))
        curves[name] = np.loadtxt("Cp-temperature.dat", unpack=True)
        temperatures, values = curves[name]
        at = np.searchsorted(temperatures, 900.0)
        print(f"C_p({temperatures[at]:.0f} K) of {name}: {values[at]:.2f} J/mol/K")
    plot(curves, "heat_capacity.png")


def write_phonons(atoms, path):
    """Write the thermal properties of harmonic phonons, from forces on displaced atoms."""
    cell = PhonopyAtoms(
        atoms.get_chemical_symbols(),
        cell=atoms.cell.array,
        scaled_positions=atoms.get_scaled_positions(),
    )
    phonons = Phonopy(cell, SUPERCELL)
    phonons.generate_displacements(distance=0.01)
    phonons.forces = [forces(one) for one in phonons.supercells_with_displacements]
    phonons.produce_force_constants()
    phonons.run_mesh((20, 20, 20), is_gamma_center=True)
    if (
        phonons.mesh.frequencies.min() < -0.01
    ):  # THz: at a volume that is not stable, there is no free energy
        raise ValueError(f"{path}: imaginary modes at {atoms.get_volume():.2f} Angstrom^3")
    phonons.run_thermal_properties(t_max=HOTTEST + 30, t_step=10, exclude_gamma_acoustic=True)
    phonons.write_yaml_thermal_properties(filename=path)


def forces(cell):
    """Give the forces (eV/Angstrom) of the potential."""
    atoms = Atoms(cell.symbols, cell=cell.cell, scaled_positions=cell.scaled_positions, pbc=True)
    atoms.calc = EMT()
    return atoms.get_forces()


def run(program, *words):
    """Run a program of this Python environment."""
    path = Path(sysconfig.get_path("scripts")) / program
    subprocess.run([path, *words], check=True, capture_output=program == "phonopy-qha")


def plot(curves, path):
    """Draw the heat capacities."""
    figure, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
    for name, (temperatures, values) in curves.items():
        ax.plot(temperatures, values, label=name)
    ax.set(xlabel="T (K)", ylabel="$C_p$ (J/mol/K)", xlim=(0, HOTTEST), ylim=(0, None))
    ax.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
