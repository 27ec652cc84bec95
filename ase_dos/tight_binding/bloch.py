"""Bloch Hamiltonian of one structure: matrices and states at any k-point, and derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos.kernels.threads import on_threads
from ase_dos.kernels.two_centre import add_bloch_sums, add_block_densities, integral_slopes
from ase_dos.tight_binding.form import HamiltonianForm
from ase_dos.tight_binding.terms import Surroundings, Term, terms_of

__all__ = ["BlochHamiltonian", "BlochStates", "OverlapError"]

# Elements of all matrices that are diagonalised at a time.
_BATCH = 2**20
_MEMORY = 16e9  # bytes that the matrices of one k-point may take
_COPIES = 6  # of a matrix that are held while it is diagonalised


class OverlapError(ValueError):
    """Orbitals of a structure that are not independent: no Hamiltonian of these parameters."""

    @classmethod
    def of(cls, around: Surroundings, numbers: NDArray, names: NDArray) -> OverlapError:
        """Name the closest pair of a structure: its atoms have atomic numbers, and are called."""
        closest = int(np.argmin(around.distances / around.sum_of_radii))
        pair = sorted([around.first[closest], around.second[closest]], key=names.__getitem__)
        one, other = (f"{chemical_symbols[numbers[i]]} {names[i]}" for i in pair)
        return cls(
            f"atoms: orbitals are not independent; of all pairs {one} and {other} are closest for "
            f"their size, {around.distances[closest]:.3f} Angstrom apart; move them apart, or fit "
            "to such structures"
        )


@dataclass(frozen=True, eq=False)
class BlochStates:
    """Eigenstates at some k-points.

    Attributes
    ----------
    energies : (kpoints, bands) array
        eV, rising.
    vectors : (kpoints, orbitals, bands) complex array
        Coefficients of the orbitals, in columns C with C^+ S C = 1.
    duals : (kpoints, orbitals, bands) complex array
        S C, with the overlaps S of the orbitals; the same as C for orthogonal ones.
    """

    energies: NDArray
    vectors: NDArray
    duals: NDArray

    def __iter__(self) -> Iterator[BlochStates]:
        """States of each k-point alone."""
        for energies, vectors, duals in zip(self.energies, self.vectors, self.duals, strict=True):
            yield BlochStates(energies[None], vectors[None], duals[None])


class BlochHamiltonian:
    """Hamiltonian of one structure, ready for any parameters and k-points.

    What depends on the structure alone is computed once, so that a fit can change the parameters.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure; any boundaries.
    form : HamiltonianForm

    Attributes
    ----------
    atoms, form
        As given.
    atom_of : (orbitals,) int array
        Atom of every orbital.

    Raises
    ------
    ValueError
        If the form lacks a species of the structure, or two atoms are at the same place.
    """

    def __init__(self, atoms: Atoms, form: HamiltonianForm) -> None:
        self.atoms, self.form = atoms, form
        self._reciprocal = 2 * np.pi * atoms.cell.reciprocal().array
        self._around = Surroundings.of(atoms, form)
        self._terms = terms_of(atoms, form, self._around)
        counts = np.array([form.orbitals(z) for z in atoms.numbers])
        self._starts = np.cumsum(counts) - counts
        self.atom_of = np.repeat(np.arange(len(atoms)), counts)

    def matrices(self, parameters: NDArray, kpoints: NDArray) -> NDArray:
        """Hamiltonian matrices (kpoints, orbitals, orbitals) in eV.

        Parameters
        ----------
        parameters : (n,) array
            In the order of `HamiltonianForm.arrays`.
        kpoints : (kpoints, 3) array
            In units of the reciprocal lattice vectors.

        Raises
        ------
        ValueError
            If the matrix is too large to be diagonalised.
        """
        return self._bloch_sums(parameters, kpoints, overlap=False)

    def overlaps(self, parameters: NDArray, kpoints: NDArray) -> NDArray:
        """Overlap matrices (kpoints, orbitals, orbitals) of the orbitals; see `matrices`."""
        sums = self._bloch_sums(parameters, kpoints, overlap=True)
        return np.eye(self.atom_of.size) + sums

    def _bloch_sums(self, parameters: NDArray, kpoints: NDArray, *, overlap: bool) -> NDArray:
        arrays = self.form.split(parameters)
        size = self.atom_of.size
        needed = _COPIES * np.dtype(complex).itemsize * size**2
        if needed > _MEMORY:
            raise ValueError(
                f"atoms: their {size} orbitals need {needed / 1e9:.0f} GB of memory to be "
                f"diagonalised, more than {_MEMORY / 1e9:.0f} GB; take a smaller structure, or a "
                "model with_kernel_polynomials()"
            )
        out = np.zeros((len(kpoints), size, size), dtype=complex)
        for term in self._terms:
            if term.overlap != overlap:
                continue
            blocks = term.make_blocks(arrays[term.name])
            if not term.hops:
                blocks /= 2  # of which the other half comes with the Hermitian conjugate
            add_bloch_sums(*self._places(term), blocks, self._phases(term, kpoints), out)
        return out + _adjoint(out)

    def solve(self, parameters: NDArray, kpoints: NDArray) -> BlochStates:
        """Diagonalise at k-points (kpoints, 3); see `matrices`.

        Raises
        ------
        OverlapError
            If the orbitals are not independent.
        """
        factors, inverse, reduced = self._reduced(parameters, kpoints)
        energies, vectors = np.linalg.eigh(reduced)
        return BlochStates(energies, _adjoint(inverse) @ vectors, factors @ vectors)

    def energies(self, parameters: NDArray, kpoints: NDArray) -> NDArray:
        """Levels (kpoints, bands) in eV, rising; see `solve`."""
        return np.concatenate(
            [
                np.linalg.eigvalsh(self._reduced(parameters, kpoints[some])[2])
                for some in self.batches(len(kpoints))
            ]
        )

    def _reduced(self, parameters: NDArray, kpoints: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Cholesky factors L of the overlaps, L^-1, and L^-1 H L^-+, which has the same levels."""
        try:
            factors = np.linalg.cholesky(self.overlaps(parameters, kpoints))
        except np.linalg.LinAlgError:
            names = np.arange(len(self.atoms))
            raise OverlapError.of(self._around, self.atoms.numbers, names) from None
        inverse = np.linalg.inv(factors)
        return factors, inverse, inverse @ self.matrices(parameters, kpoints) @ _adjoint(inverse)

    def batches(self, n_kpoints: int) -> list[slice]:
        """Cut k-points into runs whose matrices may be held at a time."""
        batch = max(1, _BATCH // self.atom_of.size**2)
        return [slice(i, i + batch) for i in range(0, n_kpoints, batch)]

    def weights(self, states: BlochStates) -> NDArray:
        """Share of every atom in every state, (kpoints, bands, atoms); they sum to one.

        By R. S. Mulliken, https://doi.org/10.1063/1.1740588; those of overlapping orbitals may be
        negative.
        """
        shares = (states.vectors.conj() * states.duals).real
        return np.add.reduceat(shares, self._starts, axis=1).transpose(0, 2, 1)

    def level_slopes(
        self, states: BlochStates, kpoints: NDArray, n_bands: int, *, overlaps: bool = True
    ) -> NDArray:
        """Differentiate the lowest levels by the parameters: (kpoints, n_bands, parameters).

        By first-order perturbation theory, c^+ (dH - e dS) c; for degenerate levels in the basis
        that the states are given in. Without ``overlaps`` these are as if they were constant.
        """
        out = np.zeros((len(kpoints), n_bands, self.form.n_parameters))
        shapes, slices = self.form.arrays(), self.form.slices()
        for term in self._terms:
            if term.overlap and not overlaps:
                continue
            components = term.blocks.components.copy()
            integrals = components[:, 2]
            angular = term.angular * (term.factors[integrals] * term.multiplicity)
            components[:, 2] = term.rows[integrals]
            n_integrals = shapes[term.name][0]
            functions = np.einsum("pq,pr->qrp", term.powers, term.radial)
            functions = functions.reshape(-1, term.first.size)
            for k, phases in enumerate(self._phases(term, kpoints)):
                vectors = states.vectors[k, :, :n_bands]
                found = integral_slopes(
                    np.ascontiguousarray(vectors.real),
                    np.ascontiguousarray(vectors.imag),
                    *self._places(term),
                    phases,
                    angular,
                    components,
                    n_integrals,
                )
                slopes = functions @ found.reshape(term.first.size, -1)
                slopes = slopes.reshape(-1, n_integrals, n_bands).transpose(2, 1, 0)
                if term.overlap:
                    slopes = -states.energies[k, :n_bands, None, None] * slopes
                out[k, :, slices[term.name]] = slopes.reshape(n_bands, -1)
        return out

    def differentiate(
        self,
        parameters: NDArray,
        kpoints: NDArray,
        weights: NDArray,
        density: Callable[[BlochStates], NDArray],
    ) -> tuple[NDArray, NDArray]:
        r"""Differentiate a function of the matrices H(k) and S(k) by positions and strain.

        It changes by :math:`\sum_k w_k \mathrm{tr}(D_k\,dH(k) + Q_k\,dS(k))`, with Hermitian
        matrices D and Q.
        k-points keep their coordinates in units of the reciprocal lattice vectors.

        Parameters
        ----------
        parameters : (n,) array
        kpoints : (kpoints, 3) array
            In units of the reciprocal lattice vectors.
        weights : (kpoints,) array
        density : callable
            Returns D and Q (2, orbitals, orbitals) of the states of one k-point.

        Returns
        -------
        gradient : (atoms, 3) array
            By the positions (1/Angstrom).
        virial : (3, 3) array
            By strain, symmetric.
        """
        arrays = self.form.split(parameters)
        densities = self._block_densities(parameters, kpoints, weights, density)
        n_atoms = self._starts.size
        gradient, virial = np.zeros((n_atoms, 3)), np.zeros((3, 3))
        of_surroundings = np.zeros_like(self._around.values)

        def add(first: NDArray, second: NDArray, vectors: NDArray, forces: NDArray) -> None:
            np.add.at(gradient, second, forces)
            np.subtract.at(gradient, first, forces)
            virial[:] += vectors.T @ forces

        for term, by_blocks in zip(self._terms, densities, strict=True):
            by_vector, by_surroundings = term.slopes(arrays[term.name], by_blocks)
            add(term.first, term.neighbor, term.vectors, by_vector)
            for atoms in (term.first, term.second):
                np.add.at(of_surroundings, atoms, by_surroundings / 2)
        around = self._around
        by_distance = np.sum(of_surroundings[around.first] * around.slopes, axis=1)
        forces = (by_distance / around.distances)[:, None] * around.vectors
        add(around.first, around.second, around.vectors, forces)
        return gradient, (virial + virial.T) / 2

    def _block_densities(
        self,
        parameters: NDArray,
        kpoints: NDArray,
        weights: NDArray,
        density: Callable[[BlochStates], NDArray],
    ) -> list[NDArray]:
        """Differentiate by the blocks of every term."""

        def of_some(begin: int, end: int) -> list[NDArray]:
            out = [np.zeros((term.first.size, *term.blocks.shape)) for term in self._terms]
            for some in self.batches(end - begin):
                points, shares = kpoints[begin:end][some], weights[begin:end][some]
                states = self.solve(parameters, points)
                matrices = [share * density(one) for share, one in zip(shares, states, strict=True)]
                of_hamiltonian, of_overlap = np.array(matrices).transpose(1, 0, 2, 3)
                for term, found in zip(self._terms, out, strict=True):
                    chosen = of_overlap if term.overlap else of_hamiltonian
                    add_block_densities(
                        *self._places(term), chosen, self._phases(term, points), found
                    )
            return out

        parts = on_threads(len(kpoints), of_some)
        return [
            term.multiplicity * np.sum(found, axis=0)
            for term, *found in zip(self._terms, *parts, strict=True)
        ]

    def _places(self, term: Term) -> tuple[NDArray, NDArray]:
        """First row and column of every block."""
        return self._starts[term.first], self._starts[term.second]

    def _phases(self, term: Term, kpoints: NDArray) -> NDArray:
        """Phases (kpoints, blocks); positions of atoms in them do not change the levels."""
        if not term.hops:
            return np.ones((len(kpoints), term.first.size), dtype=complex)
        return np.exp(1j * (kpoints @ self._reciprocal) @ term.vectors.T)


def _adjoint(matrices: NDArray) -> NDArray:
    return matrices.conj().transpose(0, 2, 1)
