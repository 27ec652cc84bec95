"""Electronic quantities of an average atom against temperature, and their written forms."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from ase.units import _amu, _e, kB
from numpy.typing import NDArray

from ase_dos.results.averages import Average
from ase_dos.utils.checks import as_count, as_positive
from ase_dos.utils.files import replace_file
from ase_dos.utils.quantities import HEAT_CAPACITY_UNITS, QUANTITIES, THERMAL
from ase_dos.utils.short_repr import short_repr

__all__ = ["HeatCapacityTable", "check_ttm_thermal"]


@dataclass(frozen=True, eq=False)
class HeatCapacityTable:
    """Electronic quantities of an average atom at temperatures.

    Averages are over structures. Their ``sampling_error`` counts the correlations of successive
    frames, and is NaN for too few structures to know it; their ``model_error`` is NaN where it
    was not asked for.

    Attributes
    ----------
    temperatures : (m,) array
        Electronic temperatures (K), rising.
    heat_capacity, entropy : Average
        C_el at fixed electron number and S (eV/K per atom).
    internal_energy, free_energy : Average
        U(T) - U(0) and F(T) - F(0) (eV per atom).
    chemical_potential : Average
        mu(T) - E_F (eV).
    n_structures : int
        Structures averaged over.
    electrons : float
        Mean number of valence electrons per atom.
    volume : float
        Mean volume (Angstrom^3) per atom; NaN where a structure has none.
    mass : float
        Mean mass (u) of an atom.
    inverse_mass : float
        Mean of the inverse masses (1/u).
    source : str
        Where structures and model are from.
    """

    temperatures: NDArray
    heat_capacity: Average
    entropy: Average
    internal_energy: Average
    free_energy: Average
    chemical_potential: Average
    n_structures: int
    electrons: float
    volume: float
    mass: float
    inverse_mass: float
    source: str

    __repr__ = short_repr

    def factor(self, unit: str) -> float:
        """Return the factor from eV/K per atom to another of `HEAT_CAPACITY_UNITS`.

        Raises
        ------
        ValueError
            If the unit is unknown, or refers to a volume and the structures have none.
        """
        if unit == "J/m^3/K":
            return _e * 1e30 / self.require_volume()
        factors = {
            "J/kg/K": _e / (_amu * self.mass),
            "eV/K/atom": 1.0,
            "eV/K/electron": 1.0 / self.electrons,
        }
        if unit not in factors:
            raise ValueError(
                f"unit: expected one of {', '.join(HEAT_CAPACITY_UNITS)}, got {unit!r}"
            )
        return factors[unit]

    def require_volume(self) -> float:
        """Return the volume (Angstrom^3) per atom.

        Raises
        ------
        ValueError
            If the structures have none.
        """
        if np.isnan(self.volume):
            raise ValueError(
                "volume: a structure is not periodic in three dimensions, so its cell does not "
                "give the volume of an atom; give the volume per atom"
            )
        return self.volume

    def write_csv(self, path: str | os.PathLike) -> None:
        """Write every quantity with its errors, one row for each temperature.

        One header row names quantities and units. Columns of the statistical error are empty for
        too few structures to know it; columns of the model's error exist where it was asked for.
        """
        columns = {QUANTITIES["temperature"].label: self.temperatures}
        for name in THERMAL:
            average = getattr(self, name)
            columns |= _columns(average, average.unit)
        if not np.isnan(self.volume):
            unit = "J/m^3/K"
            columns |= _columns(self.heat_capacity, unit, self.factor(unit))
        rows = [",".join(columns)]
        for values in zip(*columns.values(), strict=True):
            rows.append(",".join("" if np.isnan(v) else f"{v:.8g}" for v in values))
        _write(path, rows)

    def write_columns(
        self, path: str | os.PathLike, unit: str = "J/m^3/K", remarks: Iterable[str] = ()
    ) -> None:
        """Write T_e (K) and C_el in two columns, for ``numpy.loadtxt``.

        Parameters
        ----------
        path : str or path
            File to write.
        unit : str
            Of the heat capacity, one of `ase_dos.utils.quantities.HEAT_CAPACITY_UNITS`; udkm1Dsim
            and NTMpy expect J/kg/K.
        remarks : iterable of str
            Lines that the header ends with.
        """
        values = self.factor(unit) * self.heat_capacity.mean
        header = [self.source, *remarks, f"T_e (K)  {self.heat_capacity.label} ({unit})"]
        self._write_pairs(path, [f"# {line}" for line in header], values)

    def write_ttm_cascade(self, path: str | os.PathLike) -> None:
        """Write the table that the keyword ``cetab`` of LAMMPS ``fix ttm/cascade`` reads.

        T_e (K) and C_e (eV/K per electron, units metal), linear in between and constant outside.
        The header names the density of electrons rho_e that belongs to it.
        """
        density = self.electrons / self.require_volume()
        header = [
            f"# UNITS: metal COMMENT: {self.source}",
            f"# rho_e of the fix: {density:.8g} electrons/Angstrom^3",
            "# T_e (K)  C_e (eV/K/electron)",
        ]
        values = self.factor("eV/K/electron") * self.heat_capacity.mean
        self._write_pairs(path, header, values)

    def friction(self, coupling: float) -> float:
        """Return the ``gamma_p`` (u/ps) of LAMMPS for an electron-phonon coupling G (W/m^3/K).

        ``G / (3 k sum_s n_s / m_s)`` with the densities and masses of the species: one friction
        for all of them.
        """
        power = coupling / _e * 1e-12 * 1e-30  # eV/ps/Angstrom^3/K
        return power * self.require_volume() / (3.0 * kB * self.inverse_mass)

    def write_ttm_thermal(
        self,
        path: str | os.PathLike,
        coupling: float,
        conductivity: float = 0.0,
        grid: tuple[int, int, int] = (1, 1, 1),
    ) -> float:
        """Write the property file of LAMMPS ``fix ttm/thermal``, units metal, alike in all cells.

        That fix has one C_e for each cell of its grid, whatever the temperature. The value written
        is the mean between the first and the last temperature of the table, so that heating from
        one to the other takes the right energy.

        Parameters
        ----------
        path : str or path
            File to write: a line for each cell with its indices, C_e (eV/K/Angstrom^3), kappa_e
            (eV/K/Angstrom/ps), gamma_p (u/ps) and 0 for the response to the source.
        coupling : float
            Electron-phonon coupling G (W/m^3/K).
        conductivity : float
            Heat conductivity of the electrons (W/m/K).
        grid : tuple of int
            Nx, Ny, Nz of the fix.

        Returns
        -------
        float
            Largest relative deviation of C_e in the table from the constant.

        Raises
        ------
        ValueError
            If an argument is out of range, or the structures have no volume.
        """
        check_ttm_thermal(coupling, conductivity, grid)
        t, energy = self.temperatures, self.internal_energy.mean
        constant = (energy[-1] - energy[0]) / (t[-1] - t[0])
        kappa = conductivity / _e * 1e-12 * 1e-10
        values = (constant / self.require_volume(), kappa, self.friction(coupling), 0.0)
        columns = " ".join(f"{value:.8g}" for value in values)
        rows = [f"{x + 1} {y + 1} {z + 1} {columns}" for x, y, z in np.ndindex(*grid)]
        _write(
            path,
            [
                f"# UNITS: metal COMMENT: {self.source}; C_e from {t[0]:g} to {t[-1]:g} K",
                "# ix iy iz C_e (eV/K/A^3) kappa_e (eV/K/A/ps) gamma_p (u/ps) response",
                *rows,
            ],
        )
        return float(np.abs(self.heat_capacity.mean / constant - 1.0).max())

    def _write_pairs(self, path: str | os.PathLike, header: list[str], values: NDArray) -> None:
        pairs = zip(self.temperatures, values, strict=True)
        _write(path, [*header, *(f"{t:.8g} {c:.8g}" for t, c in pairs)])


def check_ttm_thermal(
    coupling: float | None, conductivity: float, grid: tuple[int, int, int]
) -> None:
    """Refuse arguments that `HeatCapacityTable.write_ttm_thermal` would refuse for any table."""
    if coupling is None:
        raise ValueError(
            "fix ttm/thermal: expected the electron-phonon coupling G (W/m^3/K), which does not "
            "follow from the DOS"
        )
    as_positive(coupling, "coupling")
    as_positive(conductivity, "conductivity", zero=True)
    if len(grid) != 3:
        raise ValueError(f"grid: expected three numbers of cells, got {len(grid)}")
    for cells in grid:
        as_count(cells, "grid", 1)


def _columns(average: Average, unit: str, factor: float = 1.0) -> dict[str, NDArray]:
    """Columns of a quantity by their headings."""
    symbol = average.label
    columns = {
        f"{symbol} ({unit})": factor * average.mean,
        f"{symbol} statistical error ({unit})": factor * average.sampling_error,
    }
    if np.isfinite(average.model_error).any():
        columns[f"{symbol} model error ({unit})"] = factor * np.asarray(average.model_error)
    return columns


def _write(path: str | os.PathLike, lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    replace_file(path, lambda file: file.write(text.encode()))
