"""Bands of a metal in localised bases against plane waves, as Markdown tables.

    python -m data.tools.plane_waves --element Al --lattice-constant 4.05 dzp
    python -m data.tools.plane_waves --element Al --lattice-constant 4.05 \
        --basis-path runs/ dzp 2s2p2d1f

One k-point mesh for all, in a crystal with one atom. For windows of energy above the Fermi level:
the mean error of the levels (eV) and of the broadened DOS (RMS, states/eV/atom), and the number of
states per atom below the top of the window. Then heat capacities of hot electrons on that mesh, and
those of a few hundred kelvin, which need a denser one.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from ase.build import bulk
from gpaw import GPAW, PW, FermiDirac

from ase_dos.spectra.kpoints import mesh_points
from ase_dos.spectra.states import ElectronicStates
from data.tools.gpaw_lcao import WIDTH, BlochMatrices, self_consistent, use_basis_path
from data.tools.run_dft import Method

WINDOWS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)  # eV above the Fermi level
HOT = (10_000.0, 20_000.0, 30_000.0, 50_000.0)  # K
COLD = (300.0, 600.0, 900.0, 2000.0)  # K
SMEARING = Method.smearing
MISSED = 1e-2  # of the electrons; bases that end early are to be seen in the table


def plane_waves(atoms, args, log):
    """Eigenvalues above the Fermi level, k-points, weights, and electrons."""
    calc = GPAW(
        mode=PW(args.cutoff),
        xc="PBE",
        setups=args.setup,
        kpts=(12, 12, 12),
        occupations=FermiDirac(WIDTH),
        txt=log,
    )
    atoms = atoms.copy()
    atoms.calc = calc
    atoms.get_potential_energy()
    dense = calc.fixed_density(
        kpts={"size": (args.mesh,) * 3, "gamma": True},
        nbands=args.bands + 6,
        convergence={"bands": args.bands},
        maxiter=400,
        txt=log,
    )
    points, weights = dense.get_ibz_k_points(), np.asarray(dense.get_k_point_weights())
    levels = np.array([dense.get_eigenvalues(kpt=k) for k in range(len(weights))])
    levels = levels[:, args.semicore : args.bands] - calc.get_fermi_level()
    return levels, points, weights, calc.get_number_of_electrons() - 2 * args.semicore


def broadened(levels, weights, energies):
    """DOS of levels (k, bands) in states/eV."""
    per_level = np.repeat(2 * weights / weights.sum(), levels.shape[1])
    edges = np.arange(levels.min() - 0.005, levels.max() + 0.01, 0.01)
    count, _ = np.histogram(levels, bins=edges, weights=per_level.reshape(levels.shape))
    x = (energies[:, None] - edges[:-1] - 0.005) / SMEARING
    return np.exp(-0.5 * x * x) @ count / (SMEARING * np.sqrt(2 * np.pi))


def print_windows(basis, exact, levels, weights):
    """Print a row for each window: errors of levels and DOS, and states per atom below its top."""
    bounds = (np.floor(exact.min()), *WINDOWS)
    energies = np.arange(bounds[0], bounds[-1], 0.05)
    truth, other = (broadened(one, weights, energies) for one in (exact, levels))
    share, n = weights / weights.sum(), min(levels.shape[1], exact.shape[1])
    for low, high in pairwise(bounds):
        inside = (exact[:, :n] >= low) & (exact[:, :n] < high)
        of_level = np.broadcast_to(share[:, None], inside.shape)[inside]
        error = np.average((levels[:, :n] - exact[:, :n])[inside], weights=of_level)
        window = (energies >= low) & (energies < high)
        rms = np.sqrt(np.mean((other - truth)[window] ** 2))
        counts = (2 * share @ (e < high).sum(axis=1) for e in (exact, levels))
        below = " | ".join(f"{count:.2f}" for count in counts)
        print(f"| {basis} | {low:g} to {high:g} | {error:+.2f} | {rms:.3f} | {below} |")


def print_capacities(name, levels, weights, n_electrons, temperatures):
    """Print C_el (1e-5 eV/K per atom) as a row."""
    states = ElectronicStates(levels, weights, n_electrons, 2)
    gas = states.electron_gas(temperatures, missed_electrons=MISSED)
    print(f"| {name} | {' | '.join(f'{1e5 * value:.3f}' for value in gas.heat_capacity)} |")


def print_heading(*names):
    """Print the head of a Markdown table."""
    print(f"\n| {' | '.join(names)} |\n|{'---|' * len(names)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bases", nargs="+", help="names of localised bases")
    parser.add_argument("--element", required=True)
    parser.add_argument("--lattice-constant", type=float, required=True, help="Angstrom")
    parser.add_argument("--structure", default="fcc", help="as ase.build.bulk knows it")
    parser.add_argument("--basis-path", help="directory of bases that are not GPAW's own")
    parser.add_argument("--setup", default=Method.setup, help="name of GPAW's PAW data")
    parser.add_argument("--semicore", type=int, default=0, help="deep bands to leave out")
    parser.add_argument("--cutoff", type=float, default=350.0, help="of plane waves (eV)")
    parser.add_argument("--bands", type=int, default=26, help="of plane waves that are converged")
    parser.add_argument("--mesh", type=int, default=20, help="k-points along each direction")
    parser.add_argument("--dense", type=int, default=72, help="the same, for the cold electrons")
    args = parser.parse_args()
    use_basis_path(args.basis_path)
    atoms = bulk(args.element, args.structure, a=args.lattice_constant)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        log = str(Path(folder, "log.txt"))
        exact, points, weights, electrons = plane_waves(atoms, args, log)
        states_below = "states below, plane waves"
        print_heading("basis", "window (eV)", "level error (eV)", "DOS", states_below, "here")
        for basis in args.bases:
            calc = self_consistent(atoms, 0.25, log, basis=basis, setups=args.setup)
            found[basis] = matrices = BlochMatrices.from_gpaw(calc, log)
            levels = matrices.eigenvalues(points)[0, :, args.semicore :] - calc.get_fermi_level()
            print_windows(basis, exact, levels, weights)
    print_heading("C_el (1e-5 eV/K)", *(f"{temperature:g} K" for temperature in HOT))
    print_capacities("plane waves", exact, weights, electrons, HOT)
    for basis, matrices in found.items():
        levels = matrices.eigenvalues(points)[0, :, args.semicore :]
        print_capacities(basis, levels, weights, electrons, HOT)
    print_heading("C_el (1e-5 eV/K)", *(f"{temperature:g} K" for temperature in COLD))
    for basis, matrices in found.items():
        points, weights = mesh_points((args.dense,) * 3)
        levels = matrices.eigenvalues(points)[0, :, args.semicore :]
        print_capacities(basis, levels, weights, electrons, COLD)


if __name__ == "__main__":
    main()
