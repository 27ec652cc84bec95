"""Vibrations of a water molecule in GFN2-xTB, and its normal modes: restartable, some 10 minutes.

    python -m data.water.make_trajectory runs/ examples/water.extxyz.xz data/water/normal_modes.json

Needs tblite (pip install tblite). Each run begins with the energy k_B T in every normal mode, at
random phases, and without angular momentum; then the energy is constant. A run whose file exists
is skipped. Runs follow each other in the trajectory, with a gap in time between them.
"""

from __future__ import annotations

import argparse
import json
import lzma
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ase import Atoms, units
from ase.build import molecule
from ase.io import write
from ase.md.velocitydistribution import Stationary, ZeroRotation
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS
from ase.vibrations import Infrared
from tblite.ase import TBLite

from ase_dos.utils.files import replace_file, replaced_path

TEMPERATURE = 300.0  # K
STEP = 0.5  # fs
STORED = 5  # steps from one stored frame to the next
LENGTH = 5000.0  # fs of a run
RUNS = 3
DELTA = 0.005  # Angstrom, of the finite differences
DECIMALS = 4  # of stored positions (Angstrom)
HBAR = units._hbar * units.J * units.second  # eV and ASE's unit of time
KM_PER_MOL = 42.2556  # of an intensity in (D/Angstrom)^2/amu


def calculator() -> TBLite:
    return TBLite(method="GFN2-xTB", accuracy=0.05, verbosity=0)


def relaxed() -> Atoms:
    atoms = molecule("H2O", calculator=calculator())
    BFGS(atoms, logfile=None).run(fmax=1e-5)
    return atoms


def normal_modes(atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wavenumbers (1/cm) and intensities (km/mol) of the vibrations, and their modes.

    Modes are orthonormal in mass-weighted coordinates, (modes, atoms, 3).
    """
    with TemporaryDirectory() as folder:
        infrared = Infrared(atoms, name=f"{folder}/modes", delta=DELTA)
        infrared.run()
        infrared.summary(log=StringIO())
    vibrations = slice(-(3 * len(atoms) - 6), None)
    wavenumbers = infrared.get_frequencies()[vibrations].real
    modes = infrared.modes[vibrations].reshape(len(wavenumbers), -1, 3)
    return wavenumbers, KM_PER_MOL * infrared.intensities[vibrations], modes


def frames(atoms: Atoms, wavenumbers: np.ndarray, modes: np.ndarray, seed: int) -> Iterator[Atoms]:
    """Give the stored frames of a run."""
    phases = np.random.default_rng(seed).uniform(0.0, 2 * np.pi, len(modes))
    amplitude = np.sqrt(2 * units.kB * TEMPERATURE)
    roots = np.sqrt(atoms.get_masses())[:, None]
    frequencies = wavenumbers * units.invcm / HBAR
    displaced = atoms.copy()
    displaced.calc = atoms.calc
    displaced.positions += np.tensordot(np.cos(phases) / frequencies, modes, 1) * amplitude / roots
    displaced.set_momenta(-np.tensordot(np.sin(phases), modes, 1) * amplitude * roots)
    Stationary(displaced)
    ZeroRotation(displaced)
    for _ in VelocityVerlet(displaced, STEP * units.fs).irun(round(LENGTH / STEP) - 1):
        yield displaced


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("runs", "trajectory", "modes"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    args.runs.mkdir(parents=True, exist_ok=True)
    atoms = relaxed()
    wavenumbers, intensities, modes = normal_modes(atoms)
    for seed in range(RUNS):
        path = args.runs / f"run_{seed}.extxyz"
        if path.exists():
            continue
        stored = []
        for number, frame in enumerate(frames(atoms, wavenumbers, modes, seed)):
            if number % STORED == 0:
                positions = frame.positions - frame.get_center_of_mass()
                stored.append(Atoms(frame.symbols, positions.round(DECIMALS)))
                stored[-1].info["time_fs"] = 2 * seed * LENGTH + number * STEP
        with replaced_path(path) as partial:
            write(partial, stored, format="extxyz")
        print(f"{path}: {len(stored)} frames, last energy {frame.get_total_energy():.6f} eV")
    whole = b"".join((args.runs / f"run_{seed}.extxyz").read_bytes() for seed in range(RUNS))
    replace_file(args.trajectory, lambda file: file.write(lzma.compress(whole, preset=9)))
    about = {
        "program": "tblite, GFN2-xTB, through ASE",
        "temperature_K": TEMPERATURE,
        "step_fs": STEP,
        "finite_difference_Angstrom": DELTA,
        "bond_Angstrom": round(float(atoms.get_distance(0, 1)), 5),
        "angle_degree": round(float(atoms.get_angle(1, 0, 2)), 3),
        "wavenumber_per_cm": wavenumbers.round(2).tolist(),
        "intensity_km_per_mol": intensities.round(2).tolist(),
    }
    text = json.dumps(about, indent=1).encode() + b"\n"
    replace_file(args.modes, lambda file: file.write(text))


if __name__ == "__main__":
    main()
