"""Quantities of an electronic structure: names, symbols, units and meanings.

Stores, series, tables, pages, figures and the command line take theirs from here. Arrays and files
for programs are in the units of ASE (eV, Angstrom, K). Tables and figures of trajectories show
heat capacities and entropies in k_B, and dipole moments in debye (D).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ase.units import Debye, kB

__all__ = ["HEAT_CAPACITY_UNITS", "QUANTITIES", "THERMAL", "Quantity", "with_spread"]

# Units of arrays, those that people read in their place, and their size.
_SHOWN = {"eV/K": ("k_B", kB), "e Angstrom": ("D", Debye)}
DIGITS = ".5g"  # of a value in a table
# Units in which a heat capacity is written for other programs.
HEAT_CAPACITY_UNITS = ("J/m^3/K", "J/kg/K", "eV/K/atom", "eV/K/electron")


@dataclass(frozen=True)
class Quantity:
    """A quantity, as it is stored and as it is shown.

    Parameters
    ----------
    name : str
        Name in stores, series and tables.
    symbol : str
        Symbol in text. That of a quantity at temperatures may have a "(T)".
    unit : str
        Unit of the values; "1" for a pure number.
    meaning : str
        Meaning in words.
    extensive : bool
        Whether the value of a cell is the sum over its atoms.
    """

    name: str
    symbol: str
    unit: str
    meaning: str
    extensive: bool = False

    @property
    def label(self) -> str:
        """Symbol and unit, as columns and axes carry them."""
        return self.symbol if self.unit in ("", "1") else f"{self.symbol} ({self.unit})"

    @property
    def shown(self) -> Quantity:
        """The quantity in the unit that people read."""
        unit = self.unit
        for stored, (read, _) in _SHOWN.items():
            unit = unit.replace(stored, read)
        return replace(self, unit=unit)

    @property
    def size(self) -> float:
        """Unit that people read, in the unit of the values: divide these by it."""
        sizes = [size for stored, (_, size) in _SHOWN.items() if self.unit.startswith(stored)]
        return sizes[0] if sizes else 1.0

    @property
    def per_atom(self) -> Quantity:
        """The quantity divided by the number of atoms, where it is extensive."""
        unit = f"{self.unit}/atom" if self.extensive else self.unit
        return replace(self, unit=unit, extensive=False)

    def at(self, temperature: float) -> Quantity:
        """Return the quantity at a temperature (K): C_el(300 K), F(300 K) - F(0)."""
        kelvin = f"({temperature:g} K)"
        symbol = self.symbol.replace("(T)", kelvin)
        return replace(self, symbol=symbol if symbol != self.symbol else f"{symbol}{kelvin}")

    def format(self, value: float) -> str:
        """Value as tables print it."""
        return format(value, DIGITS)


_OF_THE_CELL = (
    ("n_atoms", "N_atoms", "1", "atoms in the cell"),
    ("n_electrons", "N", "1", "electrons in the cell"),
    ("volume", "V", "Angstrom^3", "volume of the cell"),
    ("dos", "DOS", "states/eV", "density of states of the cell"),
    ("dos_error", "error of the DOS", "states/eV", "standard deviation of the members from dos"),
    ("dos_at_fermi_level", "g(E_F)", "states/eV", "density of states at the Fermi level"),
    (
        "repaired_electrons",
        "repaired electrons",
        "1",
        "electrons near E_F that negative values of the DOS may have misplaced",
    ),
    ("spin_dos", "spin DOS", "states/eV", "DOS of the majority less that of the minority"),
    (
        "magnetic_moment",
        "M",
        "mu_B",
        "magnetic moment: electrons of the majority less those of the minority, T = 0",
    ),
    ("band_energy", "band energy - N E_F", "eV", "energy of the electrons relative to E_F, T = 0"),
    ("heat_capacity", "C_el", "eV/K", "electronic heat capacity at fixed electron number"),
    ("entropy", "S", "eV/K", "electronic entropy"),
    ("internal_energy", "U(T) - U(0)", "eV", "electronic energy relative to T = 0"),
    ("free_energy", "F(T) - F(0)", "eV", "electronic free energy relative to T = 0"),
)
_INTENSIVE = (
    ("temperature", "T", "K", "electronic temperature"),
    ("energy", "E", "eV", "energy on the axis of the model"),
    ("fermi_level", "E_F", "eV", "Fermi level at T = 0, on the energies of the model"),
    ("band_bottom", "band bottom", "eV", "energy below which 0.5 % of the electrons lie"),
    ("occupied_width", "E_F - band bottom", "eV", "width of the occupied bands"),
    ("chemical_potential", "mu(T) - E_F", "eV", "chemical potential relative to E_F"),
    ("dipole", "dipole moment", "e Angstrom", "dipole moment about the centre of nuclear charge"),
    ("dipole_size", "|dipole moment|", "e Angstrom", "size of the dipole moment"),
)
_OF_AN_ATOM = (
    ("numbers", "Z", "1", "atomic number, 0 where there is no atom"),
    ("valence", "valence", "e", "valence electrons of the atom"),
    ("coefficients", "coefficients", "1", "local DOS on the energy modes"),
    ("basis", "energy modes", "states/eV", "energy modes of the local DOS"),
    ("spin_basis", "spin modes", "states/eV", "spin DOS of the energy modes"),
    ("local_magnetic_moment", "M", "mu_B", "magnetic moment of the atom, T = 0"),
    ("local_dos_at_fermi_level", "g(E_F)", "states/eV", "part of the atom of g(E_F)"),
    ("local_charge", "charge", "e", "valence less electrons of the atom at T = 0"),
    ("local_heat_capacity", "C_el", "eV/K", "part of the atom of the heat capacity"),
    ("partial_charge", "partial charge", "e", "charge of the atom, by the electron density"),
    (
        "novelty",
        "novelty",
        "1",
        "distance from the training set; 1 is the farthest structure in it",
    ),
)
_OF_THE_RUN = (
    ("frame", "frame", "1", "index in the trajectory"),
    ("time", "time", "", "time"),
    ("md_step", "step", "1", "step of the dynamics"),
    ("fingerprint", "fingerprint", "1", "checksum of the structure"),
    ("status", "status", "1", "1 finished, 2 missing (why, in the attribute errors)"),
)

QUANTITIES: dict[str, Quantity] = {
    **{row[0]: Quantity(*row, extensive=True) for row in _OF_THE_CELL},
    **{row[0]: Quantity(*row) for row in (*_INTENSIVE, *_OF_AN_ATOM, *_OF_THE_RUN)},
}
# Quantities at electronic temperatures, in the order of tables.
THERMAL = ("heat_capacity", "entropy", "internal_energy", "free_energy", "chemical_potential")


def with_spread(mean: float, spread: float) -> str:
    """Mean with the digits that its spread leaves."""
    if not spread > 0:
        return f"{mean:.3g}"
    digits = max(1 - math.floor(math.log10(spread)), 0)
    return f"{mean:.{digits}f} ± {spread:.2g}" if digits < 7 else f"{mean:.3g} ± {spread:.2g}"
