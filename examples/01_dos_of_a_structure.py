"""Attach the calculator to a structure and look at its density of states.

Writes dos_of_a_structure.png into the current directory.
"""

from ase.build import bulk

from ase_dos import DOSCalculator

atoms = bulk("Si", cubic=True).repeat(2)
atoms.rattle(0.1, seed=1)
atoms.calc = DOSCalculator("silicon", electronic_temperature=3000)

dos = atoms.calc.get_dos()  # 0 at the Fermi level
gas = atoms.calc.get_electron_gas()
print(f"{len(atoms)} atoms, {dos.n_electrons:.0f} valence electrons")
print(f"Fermi level above the band bottom  {-dos.band_bottom:8.3f} eV")
print(f"g(E_F)                             {dos.at(0.0) / len(atoms):8.4f} states/eV/atom")
print(f"electronic entropy at 3000 K       {gas.entropy / len(atoms):8.2e} eV/K/atom")
print(f"electronic heat capacity at 3000 K {gas.heat_capacity / len(atoms):8.2e} eV/K/atom")
print(f"occupation 0.5 eV above E_F        {gas.occupations(0.5):8.4f}")

local = atoms.calc.get_local_dos()
print(f"local DOS: {local.coefficients.shape[1]} mode coefficients for each of {len(local)} atoms")

dos.plot().figure.savefig("dos_of_a_structure.png", dpi=150)
