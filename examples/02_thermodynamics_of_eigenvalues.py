"""Electron thermodynamics from DFT eigenvalues, and what Gaussian broadening does to it.

Compares our Fermi level and entropy with what the DFT program printed for the same run, then the
heat capacity of the exact levels with that of the broadened DOS.
"""

from pathlib import Path

import numpy as np
from ase.units import kB

from ase_dos.io.dataset import load_dataset
from ase_dos.spectra.target import target_from_states

data = load_dataset(Path(__file__).resolve().parents[1] / "data" / "silicon" / "silicon.npz")
index = int(np.flatnonzero(data.families == "liquid")[0])
run = data.printed[index]
gas = run.electron_gas(run.smearing_width / kB)
print(f"{data.frames[index].info['name']}: {len(data.frames[index])} atoms")
print(f"Fermi level  {gas.fermi_level:9.4f} eV, printed {run.fermi_level:9.3f}")
print(f"-TS          {-gas.temperature * gas.entropy:9.5f} eV, printed {run.entropy_term:9.5f}")

states = data.states[index]
target = target_from_states(states, smearing=0.3)
energies = np.arange(target.start, target.valid_to, 0.05)
temperatures = np.array([3000.0, 6000.0, 12000.0])
exact = states.electron_gas(temperatures).heat_capacity / len(data.frames[index])
smeared = target.dos(energies).electron_gas(temperatures).heat_capacity / len(data.frames[index])
print("T (K)   C_el of the levels   C_el of the broadened DOS (k_B per atom)")
for t, a, b in zip(temperatures, exact / kB, smeared / kB, strict=True):
    print(f"{t:6.0f}  {a:18.4f}   {b:25.4f}")
