"""Terms of a Hamiltonian and of overlaps: blocks that are linear in one array of parameters."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos.descriptors.neighbors import find_pairs
from ase_dos.tight_binding.form import (
    HamiltonianForm,
    field_name,
    independent_integrals,
    integral_name,
    level_name,
    overlap_name,
    polynomials,
    radii,
)
from ase_dos.tight_binding.slater_koster import SlaterKosterBlocks

__all__ = ["Surroundings", "Term", "terms_of"]

# Of a pair and its reverse one is kept: that along this direction, which no lattice vector is
# perpendicular to.
_FORWARD = np.array([0.6180339887, 0.3247179572, 0.7159524011])


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Surroundings of the atoms of one structure, or pairs of a run of its atoms.

    Attributes
    ----------
    run : range
        Atoms whose pairs these are.
    first, second : (pairs,) int array
        Atoms of every pair, in both directions; the first ones rise.
    vectors : (pairs, 3) array
        From the first to the second (Angstrom).
    distances, sum_of_radii : (pairs,) array
        Of both atoms (Angstrom).
    values : (atoms, densities) array
        Logarithms of local densities, see `HamiltonianForm`; of all atoms of the structure.
    slopes : (pairs, densities) array
        Derivatives of those of the first atom by the distance (1/Angstrom).
    """

    run: range
    first: NDArray
    second: NDArray
    vectors: NDArray
    distances: NDArray
    sum_of_radii: NDArray
    values: NDArray
    slopes: NDArray

    @classmethod
    def of(cls, atoms: Atoms, form: HamiltonianForm) -> Surroundings:
        """Find them.

        Raises
        ------
        ValueError
            If the form lacks a species of the structure.
        """
        unknown = sorted(set(atoms.numbers.tolist()) - set(form.species))
        if unknown:
            raise ValueError(
                f"atoms: {', '.join(chemical_symbols[z] for z in unknown)} has no parameters in "
                f"this Hamiltonian of {', '.join(chemical_symbols[z] for z in form.species)}"
            )
        pairs = find_pairs(atoms, form.cutoff)
        if 2 * np.count_nonzero(_forward(pairs.vectors)) != len(pairs):
            raise RuntimeError("pairs and their reverses could not be told apart")
        radius, distances = radii(atoms.numbers), pairs.distances
        d = radius[pairs.first] + radius[pairs.neighbors]
        added, slopes = form.density_functions(distances, d)
        densities = np.zeros((len(atoms), added.shape[1]))
        np.add.at(densities, pairs.first, added)
        slopes /= 1.0 + densities[pairs.first]
        return cls(
            range(len(atoms)),
            pairs.first,
            pairs.neighbors,
            pairs.vectors,
            distances,
            d,
            np.log1p(densities),
            slopes,
        )

    def part(self, begin: int, end: int) -> Surroundings:
        """Return the same with the pairs of some atoms only."""
        chosen = slice(*np.searchsorted(self.first, [begin, end]).tolist())
        of_pairs = {
            one.name: getattr(self, one.name)[chosen]
            for one in fields(self)
            if one.name not in ("run", "values")
        }
        return replace(self, run=range(begin, end), **of_pairs)


@dataclass(frozen=True, eq=False)
class Term:
    """Blocks whose integrals are linear in one array of parameters.

    Attributes
    ----------
    name : str
        Of the array of parameters.
    blocks : SlaterKosterBlocks
        Angular part.
    rows, factors : (integrals,) array
        Which row of the parameters an integral is, and its sign; 0 for none.
    first, second : (n,) int array
        Atoms between whose orbitals the block stands.
    neighbor : (n,) int array
        Atom at the end of the vector that begins at the first.
    vectors : (n, 3) array
        Angstrom.
    radial, radial_slopes : (n, r) array
        Functions of distance and their derivatives.
    powers, power_slopes : (n, q) and (n, q, densities) array
        Polynomials in the mean surroundings of both atoms, and their gradients.
    hops : bool
        Whether blocks have phases, and stand for their Hermitian conjugates too.
    overlap : bool
        Whether they are of the overlap matrix, not of the Hamiltonian.
    """

    name: str
    blocks: SlaterKosterBlocks
    rows: NDArray
    factors: NDArray
    first: NDArray
    second: NDArray
    neighbor: NDArray
    vectors: NDArray
    radial: NDArray
    radial_slopes: NDArray
    powers: NDArray
    power_slopes: NDArray
    hops: bool
    overlap: bool = False

    @cached_property
    def angular(self) -> NDArray:
        """Angular factors (n, components)."""
        distances = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        return self.blocks.angular(self.vectors / distances)

    def integrals(self, parameters: NDArray) -> NDArray:
        """Two-centre integrals (n, integrals) with parameters (rows, q, r)."""
        values = np.einsum("pq,pr,iqr->pi", self.powers, self.radial, parameters, optimize=True)
        return values[:, self.rows] * self.factors

    @property
    def multiplicity(self) -> float:
        """How often a block counts in a sum over the matrix."""
        return 2.0 if self.hops else 1.0

    def make_blocks(self, parameters: NDArray) -> NDArray:
        """Blocks (n, a, b) with parameters (rows, q, r)."""
        return self.blocks.blocks(self.integrals(parameters), self.angular)

    def slopes(self, parameters: NDArray, densities: NDArray) -> tuple[NDArray, NDArray]:
        """Turn derivatives by the blocks into those by vectors and by mean surroundings.

        Parameters
        ----------
        parameters : (rows, q, r) array
        densities : (n, a, b) array
            Derivatives by the blocks.

        Returns
        -------
        by_vectors : (n, 3) array
        by_surroundings : (n, densities) array
        """
        by_integrals = self.blocks.by_integrals(densities, self.angular) * self.factors
        by_power = np.einsum("pi,iqr->pqr", by_integrals, parameters[self.rows])
        by_surroundings = np.einsum(
            "pqr,pr,pqs->ps", by_power, self.radial, self.power_slopes, optimize=True
        )
        by_distance = np.einsum(
            "pqr,pq,pr->p", by_power, self.powers, self.radial_slopes, optimize=True
        )
        distances = np.linalg.norm(self.vectors, axis=1)
        along = (by_distance / distances)[:, None] * self.vectors
        across = self.blocks.by_vectors(self.integrals(parameters), densities, self.vectors)
        return along + across, by_surroundings


def _forward(vectors: NDArray) -> NDArray:
    """Whether of two directions along a line a vector (n, 3) has that which is kept."""
    return vectors @ _FORWARD > 0


def terms_of(atoms: Atoms, form: HamiltonianForm, around: Surroundings) -> list[Term]:
    """All terms of a structure; those without a block are left out."""
    numbers = atoms.numbers
    forward = _forward(around.vectors)
    terms = []
    for a in form.species:
        terms.append(_levels(numbers, form, around, a))
        for b in form.species:
            between = (numbers[around.first] == a) & (numbers[around.second] == b)
            if a <= b:
                chosen = between & forward if a == b else between
                terms.append(_integrals(form, around, chosen, a, b))
                if form.n_overlap:
                    terms.append(_overlaps(form, around, chosen, a, b))
            if form.n_field:
                terms.append(_field(form, around, between, a, b))
    return [term for term in terms if term.first.size]


def _levels(numbers: NDArray, form: HamiltonianForm, around: Surroundings, a: int) -> Term:
    """Levels of the shells: a sum of all orders is one on the diagonal, in any direction."""
    which = around.run.start + np.flatnonzero(numbers[around.run.start : around.run.stop] == a)
    blocks = form.pair(a, a)
    diagonal = np.array([[i.first, i.first == i.second] for i in blocks.integrals])
    powers, slopes = polynomials(around.values[which], form.level_degree)
    return Term(
        name=level_name(a),
        blocks=blocks,
        rows=diagonal[:, 0],
        factors=diagonal[:, 1].astype(float),
        first=which,
        second=which,
        neighbor=which,
        vectors=np.tile([0.0, 0.0, 1.0], (which.size, 1)),
        radial=np.ones((which.size, 1)),
        radial_slopes=np.zeros((which.size, 1)),
        powers=powers,
        power_slopes=slopes,
        hops=False,
    )


def _integrals(
    form: HamiltonianForm, around: Surroundings, chosen: NDArray, a: int, b: int
) -> Term:
    """Two-centre integrals between different atoms."""
    blocks = form.pair(a, b)
    rows, parities = independent_integrals(blocks, a == b)
    first, second = around.first[chosen], around.second[chosen]
    d = float(radii(np.array([a, b])).sum())
    radial, slopes = form.integral_functions(around.distances[chosen], form.n_radial, d)
    mean = (around.values[first] + around.values[second]) / 2
    powers, power_slopes = polynomials(mean, form.integral_degree)
    return Term(
        name=integral_name(a, b),
        blocks=blocks,
        rows=rows,
        factors=parities,
        first=first,
        second=second,
        neighbor=second,
        vectors=around.vectors[chosen],
        radial=radial,
        radial_slopes=slopes,
        powers=powers,
        power_slopes=power_slopes,
        hops=True,
    )


def _overlaps(form: HamiltonianForm, around: Surroundings, chosen: NDArray, a: int, b: int) -> Term:
    """Overlaps between different atoms: with the first functions of integrals, nothing around."""
    integrals = _integrals(form, around, chosen, a, b)
    return replace(
        integrals,
        name=overlap_name(a, b),
        radial=integrals.radial[:, : form.n_overlap],
        radial_slopes=integrals.radial_slopes[:, : form.n_overlap],
        powers=integrals.powers[:, :1],
        power_slopes=integrals.power_slopes[:, :1],
        overlap=True,
    )


def _field(form: HamiltonianForm, around: Surroundings, chosen: NDArray, a: int, b: int) -> Term:
    """Crystal field on atoms of one species from neighbours of another."""
    blocks = form.pair(a, a)
    rows, _ = independent_integrals(blocks, True)
    first = around.first[chosen]
    d = float(radii(np.array([a, b])).sum())
    radial, slopes = form.integral_functions(around.distances[chosen], form.n_field, d)
    return Term(
        name=field_name(a, b),
        blocks=blocks,
        rows=rows,
        factors=np.ones(rows.size),  # a block on one atom is symmetric
        first=first,
        second=first,
        neighbor=around.second[chosen],
        vectors=around.vectors[chosen],
        radial=radial,
        radial_slopes=slopes,
        powers=np.ones((first.size, 1)),
        power_slopes=np.zeros((first.size, 1, around.values.shape[1])),
        hops=False,
    )
