"""Form of a two-centre Hamiltonian: its orbitals, its functions of distance and surroundings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols, covalent_radii
from numpy.typing import NDArray

from ase_dos.tight_binding.slater_koster import SlaterKosterBlocks
from ase_dos.utils.checks import (
    as_candidates,
    as_count,
    as_positive,
    refuse_unknown_options,
)

__all__ = ["HamiltonianForm"]

_HIGHEST = 3  # f shells


@dataclass(frozen=True)
class HamiltonianForm:
    r"""What a tight-binding Hamiltonian is made of; its elements are linear in the parameters.

    The surroundings of atom i are the logarithms of local densities, one for every decay length
    :math:`\lambda`, with the sum of covalent radii d and the cutoff function f,

    .. math:: x_i = \ln\Bigl(1 + \sum_j f(r_{ij}) \exp\frac{d - r_{ij}}{\lambda}\Bigr),
              \qquad f(r) = (1 - r^2 / r_c^2)^3.

    - Two-centre integrals: :math:`f(r) e^{(d - r) / \lambda_h}` times polynomials in r (Chebyshev)
      and in the mean surroundings of the two atoms.
    - Levels of the shells: polynomials in the surroundings.
    - Crystal field: blocks on one atom, two-centre integrals with each of its neighbours.
    - Overlaps: two-centre integrals as above, whatever the surroundings; none for orthogonal
      orbitals. Orbitals are normalised, and those of one atom orthogonal.

    Parameters
    ----------
    shells : mapping of int to sequence of int
        Angular momenta of the shells (0 to 3) of every atomic number.
    valence : mapping of int to float
        Electrons that an atom brings.
    cutoff : float
        Distance (Angstrom) at which integrals and densities vanish.
    decay : float
        Decay length of the integrals (Angstrom).
    n_radial : int
        Functions of distance of an integral.
    n_field : int
        Functions of distance of an integral of the crystal field; 0 for none.
    n_overlap : int
        Functions of distance of an overlap, at most ``n_radial``; 0 for orthogonal orbitals.
    density_decays : sequence of float
        Decay lengths of the densities (Angstrom).
    integral_degree, level_degree : int
        Degree of the polynomials in the surroundings.

    Raises
    ------
    ValueError
        If a value is out of range, or species lack shells or electrons.
    """

    shells: Mapping[int, Sequence[int]]
    valence: Mapping[int, float]
    cutoff: float = 6.0
    decay: float = 1.0
    n_radial: int = 5
    n_field: int = 4
    n_overlap: int = 0
    density_decays: Sequence[float] = (0.5, 1.2)
    integral_degree: int = 1
    level_degree: int = 3

    def __post_init__(self) -> None:
        if not self.shells or set(self.shells) != set(self.valence):
            raise ValueError(
                "shells and valence: expected the same species in both, at least one, got "
                f"{_symbols(self.shells)} and {_symbols(self.valence)}"
            )
        for number, shells in self.shells.items():
            if not shells or any(ell not in range(_HIGHEST + 1) for ell in shells):
                raise ValueError(
                    f"shells of {chemical_symbols[number]}: expected angular momenta from 0 to "
                    f"{_HIGHEST}, got {list(shells)}"
                )
        checked: dict[str, Any] = {
            "shells": {z: tuple(self.shells[z]) for z in sorted(self.shells)},
            "valence": {
                z: as_positive(self.valence[z], f"valence of {chemical_symbols[z]}")
                for z in sorted(self.valence)
            },
            "cutoff": as_positive(self.cutoff, "cutoff"),
            "decay": as_positive(self.decay, "decay"),
            "density_decays": as_candidates(self.density_decays, "density_decays"),
            "n_radial": as_count(self.n_radial, "n_radial", 1),
            "n_field": as_count(self.n_field, "n_field", 0),
            "n_overlap": as_count(self.n_overlap, "n_overlap", 0),
            "integral_degree": as_count(self.integral_degree, "integral_degree", 0),
            "level_degree": as_count(self.level_degree, "level_degree", 0),
        }
        if checked["n_overlap"] > checked["n_radial"]:
            raise ValueError(
                f"n_overlap: expected at most n_radial, {self.n_radial}, so that the zero of "
                f"energy can be moved, got {self.n_overlap}"
            )
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers, rising."""
        return tuple(self.shells)

    def orbitals(self, number: int) -> int:
        """Orbitals of an atom of a species."""
        return sum(2 * ell + 1 for ell in self.shells[number])

    def arrays(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the arrays that the parameters are."""
        n_surroundings = len(self.density_decays)
        of_integrals = len(monomials(n_surroundings, self.integral_degree))
        of_levels = len(monomials(n_surroundings, self.level_degree))
        out: dict[str, tuple[int, ...]] = {}
        for a in self.species:
            out[level_name(a)] = (len(self.shells[a]), of_levels, 1)
        for a in self.species:
            for b in self.species:
                if a <= b:
                    rows = len(set(independent_integrals(self.pair(a, b), a == b)[0]))
                    out[integral_name(a, b)] = (rows, of_integrals, self.n_radial)
                    if self.n_overlap:
                        out[overlap_name(a, b)] = (rows, 1, self.n_overlap)
        if self.n_field:
            for a in self.species:
                rows = len(set(independent_integrals(self.pair(a, a), True)[0]))
                for b in self.species:
                    out[field_name(a, b)] = (rows, 1, self.n_field)
        return out

    def slices(self) -> dict[str, slice]:
        """Where the arrays stand among all parameters, by name."""
        ends = np.cumsum([np.prod(shape, dtype=int) for shape in self.arrays().values()]).tolist()
        return {
            name: slice(begin, end)
            for name, begin, end in zip(self.arrays(), [0, *ends], ends, strict=False)
        }

    def split(self, parameters: NDArray) -> dict[str, NDArray]:
        """Arrays of the parameters (n,), as views of them, by name."""
        shapes = self.arrays()
        return {
            name: parameters[where].reshape(shapes[name]) for name, where in self.slices().items()
        }

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return sum(int(np.prod(shape)) for shape in self.arrays().values())

    def overlapping(self) -> list[tuple[int, int]]:
        """Pairs of species whose orbitals overlap, the lighter first."""
        pairs = combinations_with_replacement(self.species, 2)
        return list(pairs) if self.n_overlap else []

    def pair(self, a: int, b: int) -> SlaterKosterBlocks:
        """Blocks between atoms of two species."""
        return _blocks(tuple(self.shells[a]), tuple(self.shells[b]))

    def integral_functions(self, distances: NDArray, n: int, d: float) -> tuple[NDArray, NDArray]:
        """Functions of distance (pairs, n) and their derivatives, ``d`` the sum of radii."""
        inside, inside_slope = _cutoff(distances, self.cutoff)
        decay = np.exp((d - distances) / self.decay)
        x = 2.0 * distances / self.cutoff - 1.0
        polynomials = np.polynomial.chebyshev.chebvander(x, n - 1)
        coefficients = np.polynomial.chebyshev.chebder(np.eye(n), axis=0)
        slopes = np.polynomial.chebyshev.chebval(x, coefficients).T * (2.0 / self.cutoff)
        values = (inside * decay)[:, None] * polynomials
        derivatives = (inside * decay)[:, None] * (slopes - polynomials / self.decay)
        return values, derivatives + (inside_slope * decay)[:, None] * polynomials

    def density_functions(self, distances: NDArray, d: NDArray) -> tuple[NDArray, NDArray]:
        """Parts of neighbours in the densities (pairs, densities), and their derivatives."""
        inside, slope = _cutoff(distances, self.cutoff)
        lengths = np.array(self.density_decays)
        decay = np.exp((d - distances)[:, None] / lengths)
        return inside[:, None] * decay, (slope[:, None] - inside[:, None] / lengths) * decay

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; species by their symbols."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {
            "shells": {chemical_symbols[z]: list(ell) for z, ell in self.shells.items()},
            "valence": {chemical_symbols[z]: n for z, n in self.valence.items()},
            "density_decays": list(self.density_decays),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HamiltonianForm:
        """Inverse of `to_dict`.

        Raises
        ------
        ValueError
            If an option is unknown to this release, or a value is out of range.
        """
        refuse_unknown_options(values, [one.name for one in fields(cls)])
        by_number = {
            name: {atomic_numbers[symbol]: value for symbol, value in values[name].items()}
            for name in ("shells", "valence")
        }
        return cls(**{**values, **by_number})


@cache
def _blocks(first: tuple[int, ...], second: tuple[int, ...]) -> SlaterKosterBlocks:
    return SlaterKosterBlocks(first, second)


def level_name(a: int) -> str:
    """Name of the array of levels of a species."""
    return f"levels {chemical_symbols[a]}"


def integral_name(a: int, b: int) -> str:
    """Name of the array of integrals between two species, the lighter first."""
    return f"integrals {chemical_symbols[a]} {chemical_symbols[b]}"


def overlap_name(a: int, b: int) -> str:
    """Name of the array of overlaps between two species, the lighter first."""
    return f"overlaps {chemical_symbols[a]} {chemical_symbols[b]}"


def field_name(a: int, b: int) -> str:
    """Name of the array of crystal-field integrals on species ``a`` next to ``b``."""
    return f"field {chemical_symbols[a]} {chemical_symbols[b]}"


def radii(numbers: NDArray) -> NDArray:
    """Covalent radii (Angstrom) of atomic numbers."""
    return covalent_radii[numbers]


def independent_integrals(blocks: SlaterKosterBlocks, like: bool) -> tuple[NDArray, NDArray]:
    """Which parameters stand for the integrals of a pair, and what sign they have in it swapped.

    Between like species, and on one atom, V_(l2 l1 mu) follows from V_(l1 l2 mu). Returns the
    row of the parameters (integrals,), and the parity (-1)^(l1 + l2) of integrals whose shells
    are swapped, 1 for the others.
    """
    rows, parities = [], []
    known: dict[tuple[int, int, int], int] = {}
    for i, j, order in blocks.integrals:
        swapped = like and i > j
        key = (j, i, order) if swapped else (i, j, order)
        rows.append(known.setdefault(key, len(known)))
        parities.append((-1.0) ** (blocks.first[i] + blocks.second[j]) if swapped else 1.0)
    return np.array(rows), np.array(parities)


def monomials(n_variables: int, degree: int) -> list[tuple[int, ...]]:
    """Exponents of all monomials up to a degree, by rising degree."""
    out = []
    for total in range(degree + 1):
        for chosen in combinations_with_replacement(range(n_variables), total):
            out.append(tuple(chosen.count(v) for v in range(n_variables)))
    return out


def polynomials(x: NDArray, degree: int) -> tuple[NDArray, NDArray]:
    """Monomials (n, monomials) of variables x (n, variables), and gradients (n, monomials, v)."""
    exponents = np.array(monomials(x.shape[1], degree))
    values = np.prod(x[:, None, :] ** exponents, axis=2)
    slopes = np.empty((*values.shape, x.shape[1]))
    for v in range(x.shape[1]):
        lower = exponents.copy()
        lower[:, v] = np.maximum(lower[:, v] - 1, 0)
        slopes[:, :, v] = exponents[:, v] * np.prod(x[:, None, :] ** lower, axis=2)
    return values, slopes


def _cutoff(distances: NDArray, cutoff: float) -> tuple[NDArray, NDArray]:
    """Cutoff function (1 - r^2 / r_c^2)^3 and its derivative."""
    inside = np.maximum(1.0 - (distances / cutoff) ** 2, 0.0)
    return inside**3, -6.0 * distances / cutoff**2 * inside**2


def _symbols(species: Mapping[int, object]) -> str:
    return ", ".join(chemical_symbols[z] for z in species) or "none"
