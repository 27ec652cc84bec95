"""Free energies of electrons along volumes, in the files of phonopy's quasi-harmonic approximation.

``phonopy-qha e-v.dat thermal_properties.yaml-* --efe fe-v.dat`` minimises

    F(T, V) = E(V) + [F_el(T, V) - F_el(0, V)] + F_phonon(T, V)

over the volume. ``e-v.dat`` has V and E(V), energies with cold electrons; ``fe-v.dat`` has one line
for each temperature with the sum of the first two terms at every volume. All are per cell, that of
the phonons (phonopy, https://phonopy.github.io/phonopy/qha.html).
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculatorError
from numpy.typing import ArrayLike, NDArray

from ase_dos.spectra.dos import DOS
from ase_dos.spectra.states import ElectronicStates
from ase_dos.utils.checks import as_array, as_temperature
from ase_dos.utils.files import replace_bytes

__all__ = [
    "ElectronicFreeEnergies",
    "electronic_free_energies",
    "read_e_v",
    "read_thermal_properties",
]

FEWEST_VOLUMES = 5  # that phonopy's equations of state are fitted to
ACOUSTIC = 3  # modes that translate the crystal, of which phonopy may leave all out
SAME_VOLUME = 1e-4  # relative: files print volumes with some digits only


@dataclass(frozen=True, eq=False)
class ElectronicFreeEnergies:
    """Energies of cells of several volumes, whose electrons are cold or have a temperature.

    Attributes
    ----------
    temperatures : (m,) array
        Temperatures (K).
    volumes : (n,) array
        Volumes of the cells (Angstrom^3).
    energies : (n,) array
        E(V) of the cells with cold electrons (eV).
    excitations : (m, n) array
        F_el(T, V) - F_el(0, V) of the cells (eV), zero or below.
    n_atoms : int
        Atoms in a cell.
    """

    temperatures: NDArray
    volumes: NDArray
    energies: NDArray
    excitations: NDArray
    n_atoms: int

    @property
    def values(self) -> NDArray:
        """E(V) + F_el(T, V) - F_el(0, V) (eV), an (m, n) array."""
        return self.energies + self.excitations

    def of_cell(self, n_atoms: int) -> ElectronicFreeEnergies:
        """Return the same for another cell of the crystal, with so many atoms."""
        ratio = n_atoms / self.n_atoms
        return replace(
            self,
            volumes=ratio * self.volumes,
            energies=ratio * self.energies,
            excitations=ratio * self.excitations,
            n_atoms=n_atoms,
        )

    def write_fe_v(self, path: str | os.PathLike) -> None:
        """Write ``fe-v.dat``: a line for each temperature (K), with the values (eV)."""
        header = [
            "# volume:    " + "".join(f" {volume:15.8f}" for volume in self.volumes),
            "#    T(K)     Free energies",
        ]
        rows = zip(self.temperatures, self.values, strict=True)
        _write(path, header, [f"{t:12.7f} " + "".join(f" {v:15.8f}" for v in f) for t, f in rows])

    def write_e_v(self, path: str | os.PathLike) -> None:
        """Write ``e-v.dat``: a line for each cell, with volume (Angstrom^3) and energy (eV)."""
        rows = zip(self.volumes, self.energies, strict=True)
        _write(
            path, ["#   cell volume   energy of cell"], [f"{v:20.8f} {e:20.8f}" for v, e in rows]
        )


def electronic_free_energies(
    structures: Iterable[tuple[Atoms, ElectronicStates | DOS]],
    temperatures: ArrayLike,
    e_v: tuple[NDArray, NDArray] | None = None,
) -> ElectronicFreeEnergies:
    """Free energy that electrons gain by their temperature, in one crystal at several volumes.

    Parameters
    ----------
    structures : iterable of (Atoms, ElectronicStates or DOS)
        Cells of different volumes, in the order of the phonon calculations, each with its levels
        (`ase_dos.io.read_frames`) or its DOS (``model.predict(atoms).total()``).
    temperatures : (m,) array_like
        Temperatures (K), those of the phonon calculations.
    e_v : pair of (n,) arrays, optional
        Volumes (Angstrom^3) and energies (eV) of phonopy's cell, as `read_e_v` gives them, which
        may be another cell of the same crystal. By default the cells are those of the structures,
        and energies the results of their calculators, which ASE extrapolates to cold electrons.

    Returns
    -------
    ElectronicFreeEnergies
        Of the cell of ``e_v``, or that of the structures.

    Raises
    ------
    ValueError
        If there are fewer than five volumes, structures are not one crystal at different volumes,
        they and ``e_v`` do not belong together, or a structure has no energy.
    """
    temperatures = np.atleast_1d(as_temperature(temperatures))
    cells, changes = [], []
    for atoms, states in structures:
        free_energy = np.asarray(states.electron_gas(np.append(0.0, temperatures)).free_energy)
        cells.append((atoms, states.n_electrons))
        changes.append(free_energy[1:] - free_energy[0])
    volumes = _volumes(cells)
    crystal = [atoms for atoms, _ in cells]
    energies = np.zeros_like(volumes) if e_v is not None else _energies(crystal)
    table = ElectronicFreeEnergies(
        temperatures, volumes, energies, np.transpose(changes), len(crystal[0])
    )
    if e_v is None:
        return table
    return replace(table.of_cell(_atoms_of(table, e_v[0])), volumes=e_v[0], energies=e_v[1])


def read_e_v(path: str | os.PathLike) -> tuple[NDArray, NDArray]:
    """Read volumes (Angstrom^3) and energies (eV) of ``e-v.dat``, two columns.

    Raises
    ------
    ValueError
        If the file is none of that kind.
    """
    try:
        table = as_array(np.loadtxt(path, ndmin=2), "columns", (None, 2))
    except ValueError as error:
        raise ValueError(f"{path}: expected columns of volumes and energies: {error}") from error
    return table[:, 0].copy(), table[:, 1].copy()


def read_thermal_properties(paths: Sequence[str | os.PathLike]) -> tuple[int, NDArray]:
    """Read number of atoms and temperatures (K) of phonopy's ``thermal_properties.yaml``.

    Parameters
    ----------
    paths : sequence of str or path
        A file for each volume, or one of them alone.

    Raises
    ------
    ValueError
        If a file is none of that kind, or differs from the first in cell or temperatures.

    Warns
    -----
    UserWarning
        If a volume has imaginary modes, which its free energy of phonons lacks.
    """
    n_atoms, temperatures = _thermal_properties(paths[0])
    for path in paths[1:]:
        others = _thermal_properties(path)
        if others[0] != n_atoms or not np.array_equal(others[1], temperatures):
            raise ValueError(
                f"{path}: expected the cell and the temperatures of {paths[0]} ({n_atoms} atoms, "
                f"{_range(temperatures)}), got {others[0]} atoms, {_range(others[1])}"
            )
    return n_atoms, temperatures


def _thermal_properties(path: str | os.PathLike) -> tuple[int, NDArray]:
    """Read number of atoms and temperatures (K) of one file."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    counts = dict(re.findall(r"^(natom|num_modes|num_integrated_modes): +(\d+)", text, re.M))
    temperatures = re.findall(r"^- temperature: +([-+.\deE]+)", text, re.M)
    if "natom" not in counts or not temperatures:
        raise ValueError(f"{path}: expected thermal_properties.yaml of phonopy")
    missing = int(counts.get("num_modes", 0)) - int(counts.get("num_integrated_modes", 0))
    if missing > ACOUSTIC:
        warnings.warn(
            f"{path}: {missing - ACOUSTIC} of {counts['num_modes']} modes are imaginary or left "
            "out, and the free energy of phonons lacks them: leave this volume out",
            UserWarning,
            stacklevel=3,
        )
    return int(counts["natom"]), as_temperature([float(text) for text in temperatures], str(path))


def _range(temperatures: NDArray) -> str:
    return f"{temperatures.size} from {temperatures[0]:g} to {temperatures[-1]:g} K"


def _volumes(cells: list[tuple[Atoms, float]]) -> NDArray:
    """Volumes (Angstrom^3) of cells of one crystal, all different."""
    if len(cells) < FEWEST_VOLUMES:
        raise ValueError(
            f"volumes: phonopy needs {FEWEST_VOLUMES} or more for its equation of state, "
            f"got {len(cells)}"
        )
    wanted, electrons = cells[0][0].get_chemical_formula(), cells[0][1]
    for index, (atoms, count) in enumerate(cells):
        if atoms.cell.rank < 3:
            raise ValueError(f"structure {index}: expected a cell in three dimensions")
        formula = atoms.get_chemical_formula()
        if formula != wanted or abs(count - electrons) > 1e-6 * electrons:
            raise ValueError(
                f"structure {index}: expected {wanted} with {electrons:g} electrons as in the "
                f"first structure, got {formula} with {count:g}"
            )
    volumes = np.array([atoms.cell.volume for atoms, _ in cells])
    rising = np.sort(volumes)
    if (np.diff(rising) < SAME_VOLUME * rising[1:]).any():
        raise ValueError(
            "volumes: two structures have the same; expected different ones, got "
            + ", ".join(f"{volume:.6g}" for volume in volumes)
        )
    return volumes


def _energies(crystal: list[Atoms]) -> NDArray:
    """Energies (eV) that structures carry."""
    energies = []
    for index, atoms in enumerate(crystal):
        try:
            energies.append(atoms.get_potential_energy())
        except (CalculatorError, RuntimeError) as error:
            raise ValueError(
                f"structure {index}: it has no energy; give volumes and energies (--energies "
                "e-v.dat, in Python: e_v)"
            ) from error
    return as_array(energies, "energies")


def _atoms_of(table: ElectronicFreeEnergies, volumes: NDArray) -> int:
    """Atoms in cells of one crystal that have other volumes, by the ratio of these."""
    if volumes.shape != table.volumes.shape:
        raise ValueError(
            f"e-v.dat: expected {table.volumes.size} volumes, as there are structures, "
            f"got {volumes.size}"
        )
    ratios = volumes / table.volumes
    n_atoms = ratios * table.n_atoms
    count = int(np.rint(n_atoms[0]))
    wrong = np.flatnonzero(np.abs(n_atoms - count) > SAME_VOLUME * n_atoms)
    if wrong.size or count < 1:
        row = int(wrong[0]) if wrong.size else 0
        raise ValueError(
            f"e-v.dat: the volume of line {row + 1}, {volumes[row]:.8g} Angstrom^3, is that of "
            f"{n_atoms[row]:.5g} atoms of structure {row} ({table.volumes[row]:.8g} Angstrom^3, "
            f"{table.n_atoms} atoms); expected the same whole number of atoms for all structures, "
            "in their order"
        )
    return count


def _write(path: str | os.PathLike, header: list[str], rows: list[str]) -> None:
    replace_bytes(path, ("\n".join([*header, *rows]) + "\n").encode())
