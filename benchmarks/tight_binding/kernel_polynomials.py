"""Time, memory and error of the DOS of large structures by kernel polynomials.

    python -m benchmarks.tight_binding.kernel_polynomials [--sizes 1000 8000 110592] [--levels 64]

Rattled silicon; s, p and d orbitals, cutoff 6 Angstrom, standard deviation 0.3 eV. Parameters are
universal ones, or those of a file (--hamiltonian data/silicon/hamiltonian.json), with the Fermi
level of the crystal at zero. Every size has a process of its own, whose
kernels are compiled before. More atoms need fewer vectors for the same error, down to one pass; so
the exponent in the last column is that of the processor time of a vector, from the size before.
Below, errors against diagonalisation on a dense mesh of k-points and their ratio to the stated
ones, for several seeds (--levels gives the atoms; 0 leaves this out).
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from ase.build import bulk

from ase_dos.spectra.dos import DOS, EnergyGrid
from ase_dos.spectra.ensemble import DOSEnsemble
from ase_dos.tight_binding import (
    HamiltonianForm,
    KernelPolynomials,
    TightBindingHamiltonian,
    load_hamiltonian,
    universal_parameters,
)
from benchmarks.measure import (
    peak_megabytes,
    print_head,
    print_row,
    rattled_silicon,
    run_child,
    use_threads,
)

_GRID, _SMEARING = EnergyGrid(-25.0, 0.05, 1100), 0.3
_SEEDS = 4


def hamiltonian(path):
    """Hamiltonian of a file, or of universal parameters."""
    if path:
        ours, crystal = load_hamiltonian(path), bulk("Si", a=5.43)
        gas = ours.states(crystal, (8, 8, 8)).electron_gas(3000.0, top=np.inf)
        return ours.shifted(-float(gas.fermi_level))
    form = HamiltonianForm({14: (0, 1, 2)}, {14: 4})
    return TightBindingHamiltonian(form, universal_parameters(form, {14: (-8.0, 0.0, 8.0)}))


def size_of(curve, n_atoms):
    """Root mean square (states eV^-1/2 per atom)."""
    return float(np.sqrt(_GRID.step * np.sum(curve**2))) / n_atoms


def child(arguments):
    """DOS of one structure; print seconds, megabytes and errors."""
    use_threads(arguments["threads"])
    ours = hamiltonian(arguments["hamiltonian"])
    KernelPolynomials(ours, rattled_silicon(8), _GRID, _SMEARING).trace(10.0)  # compile
    atoms = rattled_silicon(arguments["atoms"])
    start, busy = time.perf_counter(), time.process_time()
    polynomials = KernelPolynomials(ours, atoms, _GRID, _SMEARING)
    built = time.process_time() - busy
    trace = polynomials.trace(arguments["error"])
    found = {
        "atoms": len(atoms),
        "wall": time.perf_counter() - start,
        "busy": time.process_time() - busy,
        "built": built,
        "megabytes": peak_megabytes(),
        "vectors": len(trace.curves),
        "error": size_of(trace.error, len(atoms)),
    }
    dos = DOS(_GRID.energies, trace.mean, 4.0 * len(atoms), _SMEARING)
    likely = DOSEnsemble(dos, dos.values + trace.noise(100, 0), 0.0, np.zeros(len(atoms)))
    for name in ("fermi_level", "heat_capacity"):
        value = float(getattr(dos.electron_gas(3000.0), name))
        found[name] = value, float(np.std(getattr(likely.electron_gas(3000.0), name)))
    print(json.dumps(found))


def electrons(dos):
    """Fermi level (eV), and heat capacity of the electrons (eV/K per atom)."""
    gas = dos.electron_gas(3000.0)
    return f"E_F {gas.fermi_level:.3f} eV, C_el {gas.heat_capacity * 4 / dos.n_electrons:.3g} eV/K"


def compare_with_levels(ours, n_atoms, error):
    """Print errors against diagonalisation."""
    atoms = rattled_silicon(n_atoms)
    levels = ours.dos(atoms, (6, 6, 6), _GRID, _SMEARING)
    n_electrons = ours.n_electrons(atoms)
    print(f"{len(atoms)} atoms: {electrons(DOS(_GRID.energies, levels, n_electrons, _SMEARING))}")
    polynomials = KernelPolynomials(ours, atoms, _GRID, _SMEARING)
    for seed in range(_SEEDS):
        trace = polynomials.trace(error, seed)
        true = size_of(trace.mean - levels, len(atoms))
        stated = size_of(trace.error, len(atoms))
        print(
            f"seed {seed}: error {true:.4f}, stated {stated:.4f} states eV^-1/2 per atom, ratio "
            f"{true / stated:.2f}, "
            + electrons(DOS(_GRID.energies, trace.mean, n_electrons, _SMEARING)),
            flush=True,
        )


def main():
    """Print one row for every size, and errors against levels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 8000, 110_592])
    parser.add_argument("--error", type=float, default=0.02)
    parser.add_argument("--levels", type=int, default=64)
    parser.add_argument("--hamiltonian", default="")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        child(args.child)
        return
    print_head(
        "atoms",
        "vectors",
        "stated error",
        "wall (s)",
        "CPU (s)",
        "of it matrix and bounds (s)",
        "of it a vector (s)",
        "memory (MB)",
        "E_F (eV)",
        "C_el (eV/K/atom)",
        "exponent",
    )
    before = None
    for size in args.sizes:
        arguments = {"atoms": size, "error": args.error, "hamiltonian": args.hamiltonian}
        found = run_child(
            "benchmarks.tight_binding.kernel_polynomials",
            arguments | {"threads": args.threads},
            args.threads,
        )
        now = found["atoms"], (found["busy"] - found["built"]) / found["vectors"]
        grown = np.log(np.divide(now, before)) if before else None
        print_row(
            found["atoms"],
            found["vectors"],
            f"{found['error']:.4f}",
            f"{found['wall']:.1f}",
            f"{found['busy']:.1f}",
            f"{found['built']:.1f}",
            f"{now[1]:.2f}",
            f"{found['megabytes']:.0f}",
            "{:.3f} +- {:.3f}".format(*found["fermi_level"]),
            "{:.3g} +- {:.1g}".format(*np.divide(found["heat_capacity"], found["atoms"])),
            "" if grown is None else f"{grown[1] / grown[0]:.2f}",
        )
        before = now
    if args.levels:
        compare_with_levels(hamiltonian(args.hamiltonian), args.levels, args.error)


if __name__ == "__main__":
    main()
