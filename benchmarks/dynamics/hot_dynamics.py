"""Conservation of energy in dynamics of silicon with hot electrons, against the potential alone.

    pip install matscipy
    python -m benchmarks.dynamics.hot_dynamics [--atoms 64] [--time 10] [--steps 1 0.5] [--laws ...]

Ions of the crystal at 300 K on Tersoff's potential (of matscipy, which is fast enough not to
dominate) with the shipped silicon model. Each law of conservation of two-temperature dynamics at
each time step (fs): the drift of the conserved energy (slope of a straight line), its fluctuation
(root mean square around that line), the same of the potential alone, and the time of a step.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from ase import units
from ase.build import bulk
from ase.md.verlet import VelocityVerlet
from matscipy.calculators.manybody import Manybody
from matscipy.calculators.manybody.explicit_forms import TersoffBrenner
from matscipy.calculators.manybody.explicit_forms.tersoff_brenner import Tersoff_PRB_39_5566_Si_C

from ase_dos import DOSCalculator, LaserPulse, TwoTemperature

FS = units.fs
HOT = 6000.0
LAWS = {
    "potential alone: K + E_0": None,
    "T_e fixed, no coupling: K + E_0 + dF": {"bath_temperature": HOT},
    "electrons isolated: K + E_0 + dU": {},
    "coupled, G = 5e17 W/m3/K: K + E_0 + dU": {"coupling": 5e17},
    "coupled, with a pulse of 0.3 eV/atom: K + E_0 + dU - absorbed": {
        "coupling": 5e17,
        "pulse": LaserPulse(0.3, 300 * FS, 100 * FS),
    },
    "coupled, pulse, 2 x 2 x 2 cells, 50 W/m/K": {
        "coupling": 5e17,
        "pulse": LaserPulse(0.3, 300 * FS, 100 * FS, depth=50.0),
        "cells": (2, 2, 2),
        "conductivity": 50.0,
    },
}


def crystal(n_atoms):
    """Cubic crystal with velocities for 300 K once half of their energy is potential energy."""
    atoms = bulk("Si", a=5.432, cubic=True).repeat(round((n_atoms / 8) ** (1 / 3)))
    masses = atoms.get_masses()[:, None]
    velocities = np.random.default_rng(0).normal(
        0, np.sqrt(units.kB * 600 / masses), (len(atoms), 3)
    )
    atoms.set_velocities(velocities - (masses * velocities).sum(axis=0) / masses.sum())
    return atoms


def run(n_atoms, law, step, duration):
    """Give times (ps), the conserved energy (meV/atom) at them, seconds a step, and the run."""
    atoms, potential = crystal(n_atoms), Manybody(**TersoffBrenner(Tersoff_PRB_39_5566_Si_C))
    if law is None:
        atoms.calc = potential
        dynamics = VelocityVerlet(atoms, step * FS)
        energy = atoms.get_total_energy
    else:
        cold = "pulse" in law
        atoms.calc = DOSCalculator(
            "silicon", ground_state=potential, electronic_temperature=300.0 if cold else HOT
        )
        dynamics = TwoTemperature(atoms, step * FS, rng=1, **law)

        def energy():
            return dynamics.conserved_energy

    energies = []
    dynamics.attach(lambda: energies.append(energy()))
    start = time.process_time()
    dynamics.run(round(1000 * duration / step))
    seconds = (time.process_time() - start) / dynamics.nsteps
    times = np.arange(len(energies)) * step / 1000
    return times, 1000 * np.array(energies) / len(atoms), seconds, dynamics


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atoms", type=int, nargs="+", default=[64])
    parser.add_argument("--time", type=float, default=10.0, help="ps")
    parser.add_argument("--steps", type=float, nargs="+", default=[1.0, 0.5], help="fs")
    parser.add_argument("--laws", type=int, nargs="+", default=range(len(LAWS)), help="numbers")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # hot ions far from the training set: only sums count here
    print(
        "| conserved | atoms | ps | time step (fs) | drift (meV/atom/ps) | "
        "fluctuation (meV/atom) | T_e, T_ion at the end (K) | ms/step |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for n_atoms in args.atoms:
        for name in [list(LAWS)[i] for i in args.laws]:
            for step in args.steps:
                times, energy, seconds, dynamics = run(n_atoms, LAWS[name], step, args.time)
                line = np.polyfit(times, energy, 1)
                rest = np.std(energy - np.polyval(line, times))
                hot = getattr(dynamics, "electronic_temperature", np.nan)
                ions = dynamics.atoms.get_temperature()
                print(
                    f"| {name} | {len(dynamics.atoms)} | {args.time:g} | {step:g} | {line[0]:.5f} "
                    f"| {rest:.4f} | {hot:.0f}, {ions:.0f} | {1000 * seconds:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
