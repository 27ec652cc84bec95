"""Auxiliary basis of an electron density: contracted solid-harmonic Gaussians on atoms.

A function of angular momentum l is sum_k w_k r^l exp(-a_k r^2) Y_lm, normalised to one, with the
real spherical harmonics of `ase_dos.kernels.harmonics`: (x + i y)^m without a sign, m = -l to l, so
that l = 1 stands for y, z, x.

Coefficients of a molecule are one array. Atoms follow each other as in the molecule, shells of an
atom as in the basis (by l, then as the basis lists them), functions of a shell by rising m.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from ase import units
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from ase_dos.descriptors.species import as_species
from ase_dos.utils.checks import as_array

__all__ = ["P_PLACES", "AuxiliaryBasis", "BasisLayout", "Shell"]

# Places of x, y, z among m = -1, 0, 1 of l = 1.
P_PLACES = (2, 0, 1)
_KEPT_LAYOUTS = 16


class Shell(NamedTuple):
    """Functions of one angular momentum with a common radial part sum_k w_k r^l exp(-a_k r^2).

    Attributes
    ----------
    l : int
        Angular momentum.
    exponents : tuple of float
        a_k (1/Bohr^2).
    coefficients : tuple of float
        w_k, in atomic units and with all normalisation drawn in.
    """

    l: int  # noqa: E741
    exponents: tuple[float, ...]
    coefficients: tuple[float, ...]

    @classmethod
    def normalized(cls, ell: int, exponents: ArrayLike, contraction: ArrayLike) -> Shell:
        """Shell of norm one from the contraction of normalised Gaussians, as basis sets list it."""
        alpha, weights = np.array(exponents, dtype=float), np.array(contraction, dtype=float)
        weights = weights / np.sqrt(_radial_integral(2 * ell + 2, 2 * alpha))
        norm = weights @ _radial_integral(2 * ell + 2, alpha[:, None] + alpha) @ weights
        return cls(ell, tuple(alpha.tolist()), tuple((weights / math.sqrt(norm)).tolist()))

    @property
    def moment(self) -> float:
        """Multipole moment: integral of r^l Y_lm times the function of this m (a.u.)."""
        integrals = _radial_integral(2 * self.l + 2, np.array(self.exponents))
        return float(integrals @ self.coefficients)


def _radial_integral(power: int, exponents: NDArray) -> NDArray:
    """Integrals of r^power exp(-a r^2) from zero to infinity."""
    half = (power + 1) / 2
    return math.gamma(half) / (2 * exponents**half)


class BasisLayout(NamedTuple):
    """Functions of a basis on the atoms of one molecule, as flat arrays for kernels.

    Attributes
    ----------
    atom, l, start : (n_shells,) array of int
        Atom that a shell is on, its angular momentum, and place of its first function.
    size : int
        Number of functions.
    moment : (n_shells,) array
        See `Shell.moment`.
    first : (n_shells + 1,) array of int
        Place of the first Gaussian of every shell in ``exponents`` and ``coefficients``.
    exponents, coefficients : flat arrays
        Of all Gaussians, see `Shell`.
    """

    atom: NDArray
    l: NDArray  # noqa: E741
    start: NDArray
    size: int
    moment: NDArray
    first: NDArray
    exponents: NDArray
    coefficients: NDArray

    @property
    def shells(self) -> NDArray:
        """First shell (n_atoms, max l + 2) of every atom and l, and the one after its last."""
        rows = int(self.l.max()) + 1
        wanted = np.arange(self.atom[-1] + 1)[:, None] * rows + np.arange(rows + 1)
        return np.searchsorted(self.atom * rows + self.l, wanted)


@dataclass(frozen=True)
class AuxiliaryBasis:
    """Shells of functions for every species.

    Parameters
    ----------
    name : str
        Name of the basis set.
    shells : mapping of int to tuple of Shell
        Shells of every atomic number, by rising l.

    Raises
    ------
    ValueError
        If a species has no shells, or they do not stand by rising l.
    """

    name: str
    shells: Mapping[int, tuple[Shell, ...]]

    def __post_init__(self) -> None:
        for number, shells in self.shells.items():
            momenta = [shell.l for shell in shells]
            if not momenta or momenta != sorted(momenta):
                raise ValueError(
                    f"basis {self.name}, {_symbol(number)}: expected one or more shells by rising "
                    f"l, got l = {momenta}"
                )

    @classmethod
    def from_pyscf(
        cls, name: str = "def2-universal-jkfit", *, species: Iterable[int | str]
    ) -> AuxiliaryBasis:
        """Basis set by a name that PySCF knows.

        Parameters
        ----------
        name : str
            Name of an auxiliary basis set.
        species : iterable of int or str
            Atomic numbers or symbols.

        Raises
        ------
        ValueError
            If PySCF knows no such basis, or it lacks a species.
        ImportError
            If PySCF is not installed.
        """
        return cls(name, {z: _shells_of_pyscf(name, z) for z in as_species(set(species))})

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers that have functions, rising."""
        return tuple(sorted(self.shells))

    @property
    def max_l(self) -> int:
        """Largest angular momentum of all species."""
        return max(shells[-1].l for shells in self.shells.values())

    def shells_of(self, species: int, ell: int) -> int:
        """Count the shells of one angular momentum on an atom of this atomic number."""
        return sum(shell.l == ell for shell in self.shells.get(species, ()))

    def layout(self, numbers: ArrayLike) -> BasisLayout:
        """Functions on the atoms of a molecule.

        Parameters
        ----------
        numbers : (n_atoms,) array_like of int
            Atomic numbers.

        Raises
        ------
        ValueError
            If the basis lacks one of them.
        """
        species = self._known(numbers)
        if species not in self._layouts:
            if len(self._layouts) >= _KEPT_LAYOUTS:
                self._layouts.clear()
            self._layouts[species] = self._join(species)
        return self._layouts[species]

    def _join(self, species: tuple[int, ...]) -> BasisLayout:
        """Layouts of single atoms, one after the other."""
        parts = [self._of_species[z] for z in species]
        counts = [len(part.l) for part in parts]
        sizes = np.array([part.size for part in parts])
        gaussians = np.array([len(part.exponents) for part in parts])
        before, gaussians_before = np.cumsum(sizes) - sizes, np.cumsum(gaussians) - gaussians
        first = [part.first[:-1] + n for part, n in zip(parts, gaussians_before, strict=True)]
        return BasisLayout(
            atom=np.repeat(np.arange(len(parts)), counts),
            l=np.concatenate([part.l for part in parts]),
            start=np.concatenate([part.start + n for part, n in zip(parts, before, strict=True)]),
            size=int(sizes.sum()),
            moment=np.concatenate([part.moment for part in parts]),
            first=np.append(np.concatenate(first), gaussians.sum()),
            exponents=np.concatenate([part.exponents for part in parts]),
            coefficients=np.concatenate([part.coefficients for part in parts]),
        )

    def charges(self, numbers: ArrayLike) -> NDArray:
        """Integral (size,) of every function: q of N = q.c, zero but for l = 0."""
        layout = self.layout(numbers)
        charges = np.zeros(layout.size)
        spheres = layout.l == 0
        charges[layout.start[spheres]] = math.sqrt(4 * math.pi) * layout.moment[spheres]
        return charges

    def dipole(self, numbers: ArrayLike, positions: ArrayLike) -> NDArray:
        """First moments (size, 3) of every function about the origin (Angstrom).

        Parameters
        ----------
        numbers : (n_atoms,) array_like of int
            Atomic numbers.
        positions : (n_atoms, 3) array_like
            Of the atoms (Angstrom).

        Raises
        ------
        ValueError
            If the basis lacks a species or the shapes do not fit.
        """
        layout = self.layout(numbers)
        centers = as_array(positions, "positions", (len(np.atleast_1d(numbers)), 3))
        owner = np.repeat(layout.atom, 2 * layout.l + 1)
        moments = self.charges(numbers)[:, None] * centers[owner]
        dumbbells = layout.l == 1
        size = math.sqrt(4 * math.pi / 3) * layout.moment[dumbbells] * units.Bohr
        for axis, m in enumerate(P_PLACES):
            moments[layout.start[dumbbells] + m, axis] = size
        return moments

    def to_header(self) -> dict[str, Any]:
        """Plain values for JSON, from which `from_header` makes the same basis to the last bit."""
        shells = {str(z): [list(shell) for shell in self.shells[z]] for z in self.species}
        return {"name": self.name, "shells": shells}

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> AuxiliaryBasis:
        """Basis of which `to_header` made plain values."""
        shells = {
            int(z): tuple(Shell(ell, tuple(a), tuple(w)) for ell, a, w in rows)
            for z, rows in header["shells"].items()
        }
        return cls(header["name"], shells)

    def _known(self, numbers: ArrayLike) -> tuple[int, ...]:
        """Atomic numbers of a molecule, all of which have functions."""
        species = tuple(np.atleast_1d(np.asarray(numbers, dtype=int)).tolist())
        if not species:
            raise ValueError("numbers: expected one or more atoms, got none")
        unknown = sorted(set(species) - set(self.shells))
        if unknown:
            raise ValueError(
                f"basis {self.name}: has no functions for {_symbols(unknown)}; it was made for "
                f"{_symbols(self.species)}"
            )
        return species

    @cached_property
    def _layouts(self) -> dict[tuple[int, ...], BasisLayout]:
        """Layouts of the last molecules: all that is done with one asks for it."""
        return {}

    @cached_property
    def _of_species(self) -> dict[int, BasisLayout]:
        """Layout of every species on one atom."""
        return {z: _on_one_atom(shells) for z, shells in self.shells.items()}


def _shells_of_pyscf(name: str, number: int) -> tuple[Shell, ...]:
    """Shells of a basis set on one species, in the order of PySCF."""
    try:
        from pyscf.gto import basis
        from pyscf.lib.exceptions import BasisNotFoundError
    except ImportError as error:
        raise ImportError("basis sets by name need PySCF: pip install ase_dos[density]") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to install one more package
            rows = basis.load(name, chemical_symbols[number])
    except BasisNotFoundError as error:
        raise ValueError(
            f"basis {name}: PySCF has no such basis set for {_symbol(number)}; expected the name "
            "of an auxiliary basis set, such as def2-universal-jkfit"
        ) from error
    shells = []
    for momentum, *gaussians in rows:
        gaussians = [row for row in gaussians if isinstance(row, (list, tuple))]  # no kappa
        exponents, *contractions = zip(*gaussians, strict=True)
        shells += [Shell.normalized(momentum, exponents, one) for one in contractions]
    return tuple(sorted(shells, key=lambda shell: shell.l))


def _on_one_atom(shells: Sequence[Shell]) -> BasisLayout:
    momenta = np.array([shell.l for shell in shells])
    ends = np.cumsum(2 * momenta + 1)
    return BasisLayout(
        atom=np.zeros(len(shells), dtype=int),
        l=momenta,
        start=ends - 2 * momenta - 1,
        size=int(ends[-1]),
        moment=np.array([shell.moment for shell in shells]),
        first=np.cumsum([0, *(len(shell.exponents) for shell in shells)]),
        exponents=np.concatenate([shell.exponents for shell in shells]),
        coefficients=np.concatenate([shell.coefficients for shell in shells]),
    )


def _symbols(numbers: Iterable[int]) -> str:
    return ", ".join(_symbol(z) for z in numbers)


def _symbol(number: int) -> str:
    return f"{chemical_symbols[number]} ({number})"
