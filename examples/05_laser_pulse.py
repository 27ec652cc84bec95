"""Heat aluminium with a laser pulse and watch electrons and ions come together.

Writes laser_pulse.png and laser_pulse.log into the current directory. The number of steps (1 fs
each) may be given: ``python 05_laser_pulse.py 5000`` takes minutes and shows five picoseconds.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.units import fs, kB

from ase_dos import DOSCalculator, LaserPulse, TwoTemperature

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 400
log = Path("laser_pulse.log")
log.unlink(missing_ok=True)

atoms = bulk("Al", a=4.05, cubic=True).repeat(3)
sigma = np.sqrt(2 * kB * 300 / atoms.get_masses())[:, None]  # half of it becomes potential energy
velocities = sigma * np.random.default_rng(0).normal(size=(len(atoms), 3))
atoms.set_velocities(velocities - velocities.mean(axis=0))

# E_0 of cold electrons from any potential, all that the electrons do from the density of states.
atoms.calc = DOSCalculator("aluminium", ground_state=EMT(), electronic_temperature=300)
dynamics = TwoTemperature(
    atoms,
    1.0 * fs,
    coupling=2.5e17,  # W/m^3/K
    pulse=LaserPulse(energy=0.25, center=100 * fs, duration=60 * fs),  # eV per atom
    rng=0,
    logfile=str(log),
)
dynamics.run(steps)

table = np.loadtxt(log)
time, electrons, ions = table[:, :3].T
conserved = table[:, 9] / len(atoms)
print(f"absorbed                  {dynamics.absorbed / len(atoms):8.4f} eV/atom")
print(f"hottest electrons         {electrons.max():8.0f} K")
print(f"after {time[-1]:5.0f} fs: electrons {electrons[-1]:8.0f} K, ions {ions[-1]:.0f} K")
print(f"conserved energy within   {1000 * np.ptp(conserved):8.4f} meV/atom")

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(time, electrons, label="electrons")
ax.plot(time, ions, label="ions")
ax.set(xlabel="time (fs)", ylabel="temperature (K)", ylim=(0, None))
ax.legend(frameon=False)
fig.savefig("laser_pulse.png", dpi=150)
