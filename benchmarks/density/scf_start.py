"""Cycles that PySCF needs from learned densities, and Harris energies of these.

    python -m benchmarks.density.scf_start [--molecules 6] [--training 40]

Waters of `data/molecules` that the model has not seen, in the calculation they were computed with.
Starts: PySCF's default, the fitted density, the learned one. The Harris energy (J. Harris, Phys.
Rev. B 31, 1770 (1985)) is that of the density without a cycle: its error is of second order in that
of the density.
"""

from __future__ import annotations

import argparse

import numpy as np
from ase import units
from pyscf import df, dft

from ase_dos.density.density import Density
from ase_dos.density.model import DensityModel
from ase_dos.density.pyscf import auxiliary_molecule, pyscf_order
from ase_dos.descriptors.lambda_soap import LambdaSOAP
from benchmarks.measure import print_head, print_row
from data.molecules.pack_densities import load
from data.molecules.run_dft import FUNCTIONAL, molecule_of


def harris_energy(mean_field: dft.rks.RKS, density: Density) -> float:
    """Energy (eV) of a density by the Harris functional."""
    molecule = mean_field.mol
    auxiliary = auxiliary_molecule(molecule, density.basis)
    coefficients = density.coefficients[pyscf_order(density.basis.layout(density.numbers))]
    out = density.initial_guess(mean_field)
    integrals = df.incore.aux_e2(molecule, auxiliary)
    energy = np.sum(out * (mean_field.get_hcore() + integrals @ coefficients))
    energy += mean_field.energy_nuc() - density.hartree_energy() / units.Hartree
    integrator, grids = dft.numint.NumInt(), mean_field.grids
    orbitals = integrator.eval_ao(molecule, grids.coords, deriv=1)
    rho_out = integrator.eval_rho(molecule, orbitals, out, xctype="GGA")
    rho = integrator.eval_ao(auxiliary, grids.coords, deriv=1) @ coefficients
    per_electron, potential = integrator.eval_xc_eff(FUNCTIONAL, rho, deriv=1, xctype="GGA")[:2]
    local = per_electron * rho[0] + np.sum(potential * (rho_out - rho), axis=0)
    return float(energy + local @ grids.weights) * units.Hartree


def cycles(mean_field: dft.rks.RKS, start: np.ndarray | None) -> int:
    """Count the cycles to convergence."""
    mean_field.kernel(dm0=start)
    return mean_field.cycles


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--molecules", type=int, default=6)
    parser.add_argument("--training", type=int, default=40)
    given = parser.parse_args()
    data = load()
    order = np.random.default_rng(0).permutation(data.of("water"))
    chosen, test = order[: given.training], order[-given.molecules :]
    fits = data.fits["coulomb"]
    descriptor = LambdaSOAP(4.0, 5, 4, 0.4, ("H", "O"))
    model = DensityModel(descriptor, fits[0].basis, n_points=40)
    model.fit([data.frames[i] for i in chosen], [fits[i] for i in chosen])
    print_head("molecule", "default", "fitted", "learned", "Harris, learned - fitted (meV)")
    for index in test:
        atoms = data.frames[index]
        learned = model.predict(atoms)
        mean_field = dft.RKS(molecule_of(atoms), xc=FUNCTIONAL)
        mean_field.grids.build()
        densities = (fits[index], learned)
        counts = [cycles(mean_field, None)]
        counts += [cycles(mean_field, one.initial_guess(mean_field)) for one in densities]
        fitted, own = (harris_energy(mean_field, one) for one in densities)
        print_row(atoms.info["name"], *counts, f"{1e3 * (own - fitted):+.4f}")


if __name__ == "__main__":
    main()
