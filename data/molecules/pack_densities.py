"""Fits of all calculations of a folder, in one file.

    python -m data.molecules.pack_densities structures.extxyz runs/ data/molecules/molecules.npz

The file is one of `ase_dos.density.files`: coefficients closest in the Coulomb metric, with the
exact number of electrons. `load` reads it with the arrays that stand beside: fits in the overlap
metric, electrons that fits without a constraint have too many, total energies, dipole moments and
potentials of the calculations.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.io import iread

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.density import Density
from ase_dos.density.files import read_densities, write_densities
from ase_dos.density.fitting import fit_density
from ase_dos.density.metric import ElectronNumber, metric_matrix
from ase_dos.density.surface import surface_points
from data.molecules.run_dft import BASIS, FUNCTIONAL, molecule_of

METRICS = ("coulomb", "overlap")
AUXILIARY = "def2-universal-jkfit"
HERE = Path(__file__).parent / "molecules.npz"


@dataclass(frozen=True, eq=False)
class Molecules:
    """The data set, molecule by molecule.

    Attributes
    ----------
    frames : list of Atoms
        ``info`` has ``name``, ``family`` and ``charge``.
    energies : (n,) array
        Total energies (eV).
    dipoles : (n, 3) array
        Of the calculations, about the centre of nuclear charge (e Angstrom).
    potentials : list of (points,) arrays
        Of the calculations (V), on `ase_dos.density.surface.surface_points`.
    fits : dict of lists of Density
        With the exact number of electrons, by metric.
    excess : (n, 2) array
        Electrons that fits without the constraint have too many, in both metrics.
    """

    frames: list[Atoms]
    energies: np.ndarray
    dipoles: np.ndarray
    potentials: list[np.ndarray]
    fits: dict[str, list[Density]]
    excess: np.ndarray

    def of(self, *families: str) -> np.ndarray:
        """Return the indices of the molecules of some families."""
        return np.flatnonzero([atoms.info["family"] in families for atoms in self.frames])

    def density(self, index: int, metric: str, electron_number: str) -> Density:
        """Fit of one molecule, "exact" or "free"."""
        fit = self.fits[metric][index]
        if electron_number == "exact":
            return fit
        excess = self.excess[index, METRICS.index(metric)]
        return with_electrons(fit, metric, fit.n_electrons + excess)


def with_electrons(density: Density, metric: str, n_electrons: float) -> Density:
    """Closest density that holds a number of electrons."""
    matrix = metric_matrix(metric, density.basis, density.numbers, density.positions)
    number = ElectronNumber.of(density.basis.charges(density.numbers), matrix)
    return replace(density, coefficients=number.corrected(density.coefficients, n_electrons))


def load(path: str | Path = HERE) -> Molecules:
    """Read the data set."""
    frames, densities = read_densities(path)
    with np.load(path) as file:
        differences = file["overlap_differences"].astype(float)
        ends = np.cumsum([one.coefficients.size for one in densities])
        others = [
            replace(one, coefficients=one.coefficients + difference)
            for one, difference in zip(densities, np.split(differences, ends[:-1]), strict=True)
        ]
        counts = [len(surface_points(atoms.numbers, atoms.positions)) for atoms in frames]
        return Molecules(
            frames,
            file["energies"],
            file["dipoles"],
            np.split(file["potentials"].astype(float), np.cumsum(counts)[:-1]),
            {"coulomb": densities, "overlap": others},
            file["excess"],
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structures", help="extended xyz file")
    parser.add_argument("runs", type=Path, help="folder of `run_dft`")
    parser.add_argument("output", help="file to write")
    given = parser.parse_args()
    frames = list(iread(given.structures))
    species = sorted({int(z) for atoms in frames for z in atoms.numbers})
    basis = AuxiliaryBasis.from_pyscf(AUXILIARY, species=species)
    fits: dict[str, list[Density]] = {metric: [] for metric in METRICS}
    excess, results = [], []
    for atoms in frames:
        with np.load(given.runs / f"{atoms.info['name']}.npz") as file:
            result = dict(file)
        molecule, matrix = molecule_of(atoms), result.pop("density_matrix")
        electrons = []
        for metric in METRICS:
            free = fit_density(molecule, metric, "free", basis, matrix)
            fits[metric].append(with_electrons(free, metric, molecule.nelectron))
            electrons.append(free.n_electrons - molecule.nelectron)
        excess.append(electrons)
        results.append(result)
    pairs = zip(fits["overlap"], fits["coulomb"], strict=True)
    differences = np.concatenate([one.coefficients - other.coefficients for one, other in pairs])
    write_densities(
        given.output,
        fits["coulomb"],
        frames,
        info={
            "program": "PySCF",
            "functional": FUNCTIONAL,
            "orbitals": BASIS,
            "structures": "GFN2-xTB molecular dynamics (tblite, ASE)",
            "fit": "Coulomb metric, exact number of electrons",
        },
        dtype=np.float32,
        overlap_differences=differences.astype(np.float32),
        excess=np.array(excess),
        energies=np.array([one["energy"] * units.Hartree for one in results]),
        dipoles=np.array([one["dipole"] for one in results]),
        potentials=np.concatenate([one["potential"] for one in results]).astype(np.float32),
    )


if __name__ == "__main__":
    main()
