"""Tight-binding Hamiltonian with its parameters: bands, states and local DOS of any structure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.kernels.broadening import broaden
from ase_dos.kernels.threads import on_threads
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.kpoints import kpoint_mesh, mesh_points
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.spectra.states import ElectronicStates
from ase_dos.tight_binding.bloch import BlochHamiltonian, BlochStates
from ase_dos.tight_binding.form import HamiltonianForm, integral_name, level_name, overlap_name
from ase_dos.tight_binding.local_derivatives import local_density
from ase_dos.utils.checks import as_array, as_count, as_integers, as_positive
from ase_dos.utils.short_repr import short_repr

if TYPE_CHECKING:
    from ase.dft.kpoints import BandPath
    from ase.spectrum.band_structure import BandStructure

__all__ = ["TightBindingHamiltonian", "checked_mesh"]

SPIN_DEGENERACY = 2
# Spacings of an energy grid are divided until a standard deviation has so many.
_STEPS_PER_SIGMA = 6


@dataclass(frozen=True, eq=False)
class TightBindingHamiltonian:
    """Two-centre Hamiltonian, spin-paired.

    Meshes of k-points are Gamma-centred; the number along an open boundary is 1.

    Parameters
    ----------
    form : HamiltonianForm
        What it is made of.
    parameters : (n,) array
        Energies (eV), and overlaps, by which its functions are multiplied, in the order of
        `HamiltonianForm.arrays`.

    Raises
    ------
    ValueError
        If there are too few or too many parameters. Methods raise it for structures with other
        species, with atoms at the same place, or so close that their orbitals are not independent.
    """

    form: HamiltonianForm
    parameters: NDArray

    __repr__ = short_repr

    def __post_init__(self) -> None:
        parameters = as_array(self.parameters, "parameters", (self.form.n_parameters,)).copy()
        parameters.flags.writeable = False
        object.__setattr__(self, "parameters", parameters)

    def n_electrons(self, atoms: Atoms) -> float:
        """Valence electrons of a structure."""
        return float(sum(self.form.valence[z] for z in atoms.numbers))

    def states(self, atoms: Atoms, mesh: Sequence[int]) -> ElectronicStates:
        """Levels on a mesh of k-points: three numbers of points."""
        points, weights = mesh_points(checked_mesh(mesh, atoms))
        bloch = BlochHamiltonian(atoms, self.form)
        parts = on_threads(
            len(points), lambda begin, end: bloch.energies(self.parameters, points[begin:end])
        )
        levels = np.concatenate(parts)
        return ElectronicStates(levels, weights, self.n_electrons(atoms), SPIN_DEGENERACY)

    def band_structure(
        self, atoms: Atoms, path: BandPath | str | None = None, *, spacing: float = 0.15
    ) -> BandStructure:
        """Bands along a path through the Brillouin zone.

        Parameters
        ----------
        atoms : ase.Atoms
            The structure.
        path : ase.dft.kpoints.BandPath or str, optional
            The path, or its special points, "GXL" for example; that of ASE by default.
        spacing : float
            Of the mesh of k-points from which the Fermi level follows (1/Angstrom).

        Returns
        -------
        ase.spectrum.band_structure.BandStructure
            Its reference is the Fermi level.
        """
        from ase.dft.kpoints import BandPath
        from ase.spectrum.band_structure import BandStructure

        if not isinstance(path, BandPath):
            return self.band_structure(
                atoms, atoms.cell.bandpath(path, pbc=atoms.pbc), spacing=spacing
            )
        levels = BlochHamiltonian(atoms, self.form).energies(self.parameters, path.kpts)
        states = self.states(atoms, kpoint_mesh(atoms, as_positive(spacing, "spacing")))
        # No bands are missing above the highest.
        fermi_level = states.electron_gas(0.0, top=np.inf).fermi_level
        return BandStructure(path, levels[None], float(fermi_level))

    def local_dos(
        self, atoms: Atoms, mesh: Sequence[int], grid: EnergyGrid, smearing: float
    ) -> LocalDOS:
        """Density of states of every atom; each state is shared as its orbitals are (Mulliken).

        The sum over the atoms is the broadened DOS of `states`.

        Parameters
        ----------
        atoms : ase.Atoms
        mesh : three int
            Points of the mesh along the reciprocal lattice vectors.
        grid : EnergyGrid
            Energies (eV).
        smearing : float
            Standard deviation of the Gaussian (eV).
        """
        points, weights = mesh_points(checked_mesh(mesh, atoms))
        bloch = BlochHamiltonian(atoms, self.form)

        def of_some(begin: int, end: int) -> tuple[NDArray, NDArray]:
            levels, shares = [], []
            for some in bloch.batches(end - begin):
                states = bloch.solve(self.parameters, points[begin:end][some])
                per_level = SPIN_DEGENERACY * weights[begin:end][some][:, None, None]
                levels.append(states.energies.ravel())
                shares.append((per_level * bloch.weights(states)).reshape(-1, len(atoms)))
            return np.concatenate(levels), np.concatenate(shares)

        levels, shares = map(np.concatenate, zip(*on_threads(len(points), of_some), strict=True))
        parts = on_threads(
            len(atoms),
            lambda begin, end: [
                _broadened(levels, np.ascontiguousarray(shares[:, atom]), grid, smearing)
                for atom in range(begin, end)
            ],
        )
        values = np.array([values for part in parts for values in part])
        valence = np.array([self.form.valence[z] for z in atoms.numbers])
        return LocalDOS(values, None, grid.energies, valence, smearing)

    def dos(self, atoms: Atoms, mesh: Sequence[int], grid: EnergyGrid, smearing: float) -> NDArray:
        """Broadened density of states (n,) of a cell (states/eV); see `local_dos`."""
        states = self.states(atoms, mesh)
        shares = np.repeat(SPIN_DEGENERACY * states.weights, states.n_bands)
        return _broadened(states.eigenvalues.ravel(), shares, grid, smearing)

    def differentiate(
        self, atoms: Atoms, mesh: Sequence[int], slope: Callable[[NDArray], NDArray]
    ) -> tuple[NDArray, NDArray]:
        r"""Differentiate a sum over states, :math:`2 \sum_k w_k \sum_n \phi(\epsilon_{nk})`.

        By the Hellmann-Feynman theorem; degenerate levels need no care.

        Parameters
        ----------
        atoms : ase.Atoms
        mesh : three int
            Points of the mesh along the reciprocal lattice vectors.
        slope : callable
            Returns :math:`\phi'` at energies (eV), in their shape: the occupations, where the sum
            is the grand potential of the electrons.

        Returns
        -------
        gradient : (atoms, 3) array
            By the positions (1/Angstrom).
        virial : (3, 3) array
            By strain, symmetric.
        """

        def density(states: BlochStates) -> NDArray:
            vectors, levels = states.vectors[0], states.energies[0]
            own = vectors * slope(levels)
            return np.array([own @ vectors.conj().T, -(own * levels) @ vectors.conj().T])

        return self._differentiate(BlochHamiltonian(atoms, self.form), mesh, density)

    def differentiate_local_dos(
        self,
        atoms: Atoms,
        mesh: Sequence[int],
        grid: EnergyGrid,
        smearing: float,
        weights: NDArray,
        groups: NDArray,
    ) -> tuple[NDArray, NDArray]:
        """Differentiate a sum of `local_dos` over atoms and energies.

        Parameters
        ----------
        atoms, mesh, grid, smearing
            As of `local_dos`.
        weights : (groups, n) array
            Weights of the energies for every group of atoms.
        groups : (atoms,) int array
            Group of every atom.

        Returns
        -------
        gradient, virial
            As of `differentiate`.
        """
        bloch = BlochHamiltonian(atoms, self.form)
        labels = groups[bloch.atom_of]

        def density(states: BlochStates) -> NDArray:
            return local_density(states, grid, smearing, weights, labels)

        return self._differentiate(bloch, mesh, density)

    def _differentiate(
        self,
        bloch: BlochHamiltonian,
        mesh: Sequence[int],
        density: Callable[[BlochStates], NDArray],
    ) -> tuple[NDArray, NDArray]:
        points, weights = mesh_points(checked_mesh(mesh, bloch.atoms))
        return bloch.differentiate(self.parameters, points, SPIN_DEGENERACY * weights, density)

    def shifted(self, energy: float) -> TightBindingHamiltonian:
        """Return the same with all levels raised by an energy (eV)."""
        parameters = self.parameters.copy()
        arrays = self.form.split(parameters)
        for number in self.form.species:
            arrays[level_name(number)][:, 0, 0] += energy
        for a, b in self.form.overlapping():
            arrays[integral_name(a, b)][:, 0, : self.form.n_overlap] += (
                energy * arrays[overlap_name(a, b)][:, 0]
            )
        return replace(self, parameters=parameters)


def _broadened(levels: NDArray, shares: NDArray, grid: EnergyGrid, smearing: float) -> NDArray:
    """Density of states (n,) of levels (m,) that hold so many electrons each (m,)."""
    sigma = as_positive(smearing, "smearing")
    finer = int(np.ceil(_STEPS_PER_SIGMA * grid.step / sigma - 1e-9))
    nodes = (sigma, grid.start, grid.step / finer, (grid.size - 1) * finer + 1)
    return broaden(levels[None, :, None], shares, *nodes)[0][::finer]


def checked_mesh(mesh: Sequence[int], atoms: Atoms) -> tuple[int, int, int]:
    """Return a mesh of three numbers, which are 1 along open boundaries."""
    a, b, c = (as_count(n, "mesh", 1) for n in as_integers(mesh, "mesh", (3,)).tolist())
    for size, periodic in zip((a, b, c), atoms.pbc, strict=True):
        if size > 1 and not periodic:
            raise ValueError(
                f"mesh: expected 1 along the open boundaries (periodic: {atoms.pbc.tolist()}), "
                f"got {a} x {b} x {c}"
            )
    return a, b, c
