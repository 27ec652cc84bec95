"""Bands of fcc aluminium in localised bases against plane waves, as a Markdown table.

    python -m data.aluminium.plane_waves --basis-path runs/

One k-point mesh for all. For windows of energy above the Fermi level: the mean error of the levels
(eV) and of the DOS broadened by 0.3 eV (RMS, states/eV/atom), and the number of states per atom
below the top of the window. Then the heat capacity of the dense mesh at low temperatures.
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

LATTICE = 4.05  # Angstrom
MESH = (20, 20, 20)
DENSE = (72, 72, 72)
CUTOFF = 350.0  # eV
BANDS = 26  # of the plane waves that are converged
TEMPERATURES = (300.0, 600.0, 900.0, 2000.0)  # K
SMEARING = Method.smearing
WINDOWS = (-13.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)


def plane_waves(atoms, log):
    """Eigenvalues above the Fermi level, k-points and weights."""
    calc = GPAW(
        mode=PW(CUTOFF), xc="PBE", kpts=(12, 12, 12), occupations=FermiDirac(WIDTH), txt=log
    )
    atoms = atoms.copy()
    atoms.calc = calc
    atoms.get_potential_energy()
    dense = calc.fixed_density(
        kpts={"size": MESH, "gamma": True},
        nbands=BANDS + 6,
        convergence={"bands": BANDS},
        maxiter=300,
        txt=log,
    )
    points, weights = dense.get_ibz_k_points(), np.asarray(dense.get_k_point_weights())
    levels = np.array([dense.get_eigenvalues(kpt=k)[:BANDS] for k in range(len(weights))])
    return levels - calc.get_fermi_level(), points, weights


def broadened(levels, weights, energies):
    """DOS of levels (k, bands) in states/eV."""
    per_level = np.repeat(2 * weights / weights.sum(), levels.shape[1])
    edges = np.arange(levels.min() - 0.005, levels.max() + 0.01, 0.01)
    count, _ = np.histogram(levels, bins=edges, weights=per_level.reshape(levels.shape))
    x = (energies[:, None] - edges[:-1] - 0.005) / SMEARING
    return np.exp(-0.5 * x * x) @ count / (SMEARING * np.sqrt(2 * np.pi))


def print_windows(basis, exact, levels, weights):
    """Print a row for each window: errors of levels and DOS, and states per atom below its top."""
    energies = np.arange(WINDOWS[0], WINDOWS[-1], 0.05)
    truth, other = (broadened(one, weights, energies) for one in (exact, levels))
    share, n = weights / weights.sum(), min(levels.shape[1], BANDS)
    for low, high in pairwise(WINDOWS):
        inside = (exact[:, :n] >= low) & (exact[:, :n] < high)
        of_level = np.broadcast_to(share[:, None], inside.shape)[inside]
        error = np.average((levels[:, :n] - exact[:, :n])[inside], weights=of_level)
        window = (energies >= low) & (energies < high)
        rms = np.sqrt(np.mean((other - truth)[window] ** 2))
        counts = (2 * share @ (e < high).sum(axis=1) for e in (exact, levels))
        below = " | ".join(f"{count:.2f}" for count in counts)
        print(f"| {basis} | {low:g} to {high:g} | {error:+.2f} | {rms:.3f} | {below} |")


def heat_capacities(matrices, n_electrons):
    """C_el (1e-5 eV/K) of four atoms on the dense mesh."""
    points, weights = mesh_points(DENSE)
    states = ElectronicStates(matrices.eigenvalues(points), weights, n_electrons, 2)
    return 4e5 * states.electron_gas(TEMPERATURES).heat_capacity


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--basis-path", required=True, help="directory of the basis 2s2p2d1f")
    use_basis_path(parser.parse_args().basis_path)
    atoms, capacities = bulk("Al", a=LATTICE), {}
    with tempfile.TemporaryDirectory() as folder:
        log = str(Path(folder, "log.txt"))
        exact, points, weights = plane_waves(atoms, log)
        print("| basis | window (eV) | level error (eV) | DOS | states below, plane waves | here |")
        print("|---|---|---|---|---|---|")
        for basis in ("dzp", "2s2p2d1f"):
            calc = self_consistent(atoms, 0.25, log, basis=basis)
            matrices = BlochMatrices.from_gpaw(calc, log)
            levels = matrices.eigenvalues(points)[0] - calc.get_fermi_level()
            print_windows(basis, exact, levels, weights)
            capacities[basis] = heat_capacities(matrices, calc.get_number_of_electrons())
    print("\n| basis | T (K) | C_el of 4 atoms (1e-5 eV/K) |\n|---|---|---|")
    for basis, values in capacities.items():
        for temperature, value in zip(TEMPERATURES, values, strict=True):
            print(f"| {basis} | {temperature:g} | {value:.3f} |")


if __name__ == "__main__":
    main()
