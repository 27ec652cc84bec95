"""A density model of water without training: charges that follow the bonds."""

import numpy as np
from ase import units

from ase_dos.density.basis import AuxiliaryBasis, Shell
from ase_dos.density.density import Density

BASIS = AuxiliaryBasis(
    "toy",
    {
        1: (Shell.normalized(0, [1.0], [1.0]), Shell.normalized(1, [1.0], [1.0])),
        8: (
            Shell.normalized(0, [20.0], [1.0]),
            Shell.normalized(0, [1.0], [1.0]),
            Shell.normalized(1, [1.0], [1.0]),
        ),
    },
)


class ToyDensityModel:
    """Water: a hydrogen at distance d from the oxygen has the charge 0.3 + 0.2 (d - 0.96).

    Member j says (1 + j/10) times as much.
    """

    def __init__(self, name="toy-density", members=3):
        self.info = {"hash": name, "kind": "density"}
        self.n_members = members
        self.calls = 0

    def predict(self, atoms, charge=0.0):
        self.calls += 1
        if atoms.pbc.any():
            raise ValueError("atoms: periodic densities are not supported yet")
        if set(atoms.numbers) - {1, 8}:
            raise ValueError("atoms: unknown species")
        charges = self.charges(atoms)
        charges[0] += charge
        factors = [1 + 0.1 * j for j in range(1, self.n_members + 1)]
        members = [self.coefficients(atoms, factor * charges) for factor in factors]
        return Density(
            BASIS,
            atoms.numbers,
            atoms.positions,
            self.coefficients(atoms, charges),
            charge,
            np.array(members) if members else None,
        )

    def charges(self, atoms):
        """Charges of one molecule O, H, H."""
        of_hydrogen = 0.3 + 0.2 * (atoms.get_distances(0, [1, 2]) - 0.96)
        return np.array([-of_hydrogen.sum(), *of_hydrogen])

    def dipole(self, atoms):
        """Dipole moment (e Angstrom), about the centre of nuclear charge."""
        center = atoms.numbers @ atoms.positions / atoms.numbers.sum()
        return self.charges(atoms) @ (atoms.positions - center)

    def coefficients(self, atoms, charges):
        """Electrons in the outer sphere of every atom, and two in the inner one of oxygen."""
        integrals = BASIS.charges(atoms.numbers)
        found = np.zeros(len(integrals))
        spheres = np.flatnonzero(integrals)
        oxygen, *hydrogens = (atoms.numbers - charges).tolist()
        found[spheres] = np.array([2.0, oxygen - 2.0, *hydrogens]) / integrals[spheres]
        return found


def vibrating_water(n, timestep=2.0, wavenumber=1500.0, amplitude=0.05):
    """Frames (n) of water whose bonds vibrate together, with their times in fs."""
    from ase.build import molecule

    frames = []
    for i in range(n):
        atoms = molecule("H2O")
        phase = 2 * np.pi * units._c * 1e-13 * wavenumber * timestep * i
        bonds = atoms.positions[1:] - atoms.positions[0]
        atoms.positions[1:] += amplitude * np.cos(phase) * bonds
        atoms.info["time_fs"] = timestep * i
        frames.append(atoms)
    return frames
