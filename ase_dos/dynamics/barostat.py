"""Pressure control of the cell of a two-temperature run, and the motion of the cell under it.

The equations of motion are those of Martyna, Tobias and Klein (doi:10.1063/1.467468) without a
thermostat, for a cell that is strained along x, y and z at the rates v, or by the same rate along
all of them:

    dr/dt = p/m + v r,      dp/dt = f - (v + tr v / 3N) p,      dh/dt = h v,
    W dv/dt = V (P_int - P) + sum p^2/m / 3N,

for N atoms in a cell h of the volume V; P_int is the pressure of ions, with their kinetic part, and
electrons. They conserve the enthalpy of sample and piston, ``K + E_0 + U + P V + W v^2 / 2``.

Electrons keep their entropy while the cell changes, as they do while ions move: the change is slow
for them, and no heat flows. Their pressure ``-dF/dV`` at constant T_e is ``-dU/dV`` at constant
S_e, so that the work of the piston on them is their change of energy, and T_e follows from the DOS
of the new volume. In a metal of ``C_e = gamma T_e``, T_e is then proportional to 1/gamma(V).

A slab in vacuum has no volume, but ``V P_int`` does not depend on the vacuum. At P = 0 the axes in
its plane move as those of a crystal, with the volume of its atoms in W.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray
from scipy.special import exprel

from ase_dos.utils.checks import as_positive

__all__ = ["Barostat", "Piston"]

_ISOTROPIC = "isotropic"
_VACUUM = 8.0  # Angstrom between layers of atoms that leave each other alone
_LAYER = 3.0  # Angstrom: thickness of one layer


@dataclass(frozen=True)
class Barostat:
    """Pressure that a sample is kept at, and how fast its cell answers.

    Parameters
    ----------
    pressure : float
        In ASE's unit: ``5.0 * ase.units.GPa``; negative for tension.
    time : float
        Period of the oscillations of the volume (ASE's unit of time): some 500 time steps. The mass
        of the piston follows from it, ``W = 9 V B (time / 2 pi)^2`` for all axes together and
        ``V B (time / 2 pi)^2`` for one, at the volume at the start, without vacuum.
    bulk_modulus : float
        Bulk modulus B of the sample in ASE's unit, ``76.0 * ase.units.GPa``; as the period, it need
        not be exact.
    axes : str
        "isotropic" keeps the shape of the cell. Some of "xyz", as "z" or "xyz", are strained each
        at its own rate, the others are clamped: a film on its substrate, or a shock, expands along
        one. A slab in vacuum, of no pressure, takes those in its plane.
    damping : float, optional
        Rate (1 / ASE's unit of time) at which the motion of the piston is lost to the ions; that of
        its period by default, 0 for none.

    Raises
    ------
    ValueError
        If a number has no meaning, or axes are not known.

    Notes
    -----
    The piston has a degree of freedom for "isotropic", otherwise one for each axis. Damping rotates
    its momentum and one random direction of the momenta of the ions into each other. All energy
    stays, and so does the volume in phase space: the enthalpy remains conserved and piston and ions
    end at one temperature. No centre of mass is moved.
    """

    pressure: float
    time: float
    bulk_modulus: float
    axes: str = _ISOTROPIC
    damping: float | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.pressure):
            raise ValueError(f"pressure: expected a finite number, got {self.pressure}")
        as_positive(self.time, "time of the barostat")
        as_positive(self.bulk_modulus, "bulk_modulus")
        if self.damping is not None:
            as_positive(self.damping, "damping of the barostat", zero=True)
        axes = self.axes
        if axes != _ISOTROPIC and (
            not isinstance(axes, str) or not axes or len(set(axes) & set("xyz")) < len(axes)
        ):
            raise ValueError(f"axes: expected {_ISOTROPIC!r} or some of 'xyz', got {axes!r}")

    @property
    def modes(self) -> NDArray:
        """Strain (modes, 3) along x, y and z by every degree of freedom of the piston."""
        if self.axes == _ISOTROPIC:
            return np.ones((1, 3))
        return np.eye(3)[["xyz".index(axis) for axis in sorted(self.axes)]]

    @property
    def damping_rate(self) -> float:
        """Rate of the damping (1 / ASE's unit of time)."""
        return 1.0 / self.time if self.damping is None else self.damping

    def todict(self) -> dict[str, Any]:
        """Parameters as plain values."""
        return asdict(self)


class Piston:
    """Motion of the cell of atoms under a barostat.

    Parameters
    ----------
    barostat : Barostat
        Pressure, and mass of the piston.
    atoms : Atoms
        The sample, in the cell that the mass belongs to.

    Attributes
    ----------
    rates : (modes,) array
        Rate of every strain (1 / ASE's unit of time).
    volume : float
        Volume (Angstrom^3) that the mass belongs to.

    Raises
    ------
    ValueError
        If the sample has a constraint, no volume, or vacuum that the piston would move or press,
        or its calculator gives no stress.
    """

    def __init__(self, barostat: Barostat, atoms: Atoms) -> None:
        if not isinstance(barostat, Barostat):
            raise ValueError(f"barostat: expected Barostat, got {type(barostat).__name__}")
        if atoms.cell.rank < 3:
            raise ValueError(
                f"barostat: expected a cell of three vectors, got {atoms.cell.rank}; a slab in "
                "vacuum needs one across its plane"
            )
        if "stress" not in atoms.calc.ground_state.implemented_properties:
            raise ValueError(
                "barostat: needs a ground state with a stress, got "
                f"{type(atoms.calc.ground_state).__name__}, which has none"
            )
        self.barostat, self.modes = barostat, barostat.modes
        self.rates = np.zeros(len(self.modes))
        filled = self._filled(atoms)
        self.volume = float(atoms.get_volume() * filled.prod())
        self.require_free(atoms)

    @property
    def mass(self) -> NDArray:
        """Mass W (modes,) in eV times ASE's unit of time squared."""
        stiffness = self.modes.sum(axis=1) ** 2 * self.volume * self.barostat.bulk_modulus
        return stiffness * (self.barostat.time / (2.0 * np.pi)) ** 2

    @property
    def strain_rates(self) -> NDArray:
        """Rates v (3,) along x, y and z."""
        return self.rates @ self.modes

    def _filled(self, atoms: Atoms) -> NDArray:
        """Share (3,) of the heights of the cell without vacuum, which the piston leaves alone."""
        cell, press = atoms.cell.array, self.barostat
        areas = np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)
        heights = atoms.get_volume() / areas
        scaled = np.sort(atoms.get_scaled_positions(), axis=0)
        gaps = np.diff(scaled, axis=0, append=scaled[:1] + 1.0).max(axis=0) * heights
        vacuum = (gaps > _VACUUM) | ~atoms.pbc
        strained = self.modes.any(axis=0)
        if vacuum.any() and (press.pressure or cell[np.ix_(vacuum, strained)].any()):
            raise ValueError(
                "barostat: vacuum has no pressure and must keep its size, and the cell has some "
                f"along {' and '.join(np.array(list('abc'))[vacuum])} (pbc = {atoms.pbc.tolist()}, "
                f"the widest gaps between atoms are {', '.join(f'{gap:.1f}' for gap in gaps)} "
                "Angstrom); a slab takes pressure=0 and the axes in its plane, as axes='xy', got "
                f"pressure={press.pressure:g} and axes={press.axes!r}"
            )
        return np.where(vacuum, 1.0 - np.clip(gaps - _LAYER, 0.0, None) / heights, 1.0)

    def require_free(self, atoms: Atoms) -> None:
        """Check that no constraint holds atoms, which would have to move with the cell."""
        if atoms.constraints:
            raise ValueError(
                "barostat: atoms move with the cell and cannot be constrained, got "
                f"{type(atoms.constraints[0]).__name__}; atoms.set_constraint() removes it"
            )

    def to_record(self) -> dict[str, Any]:
        """All that a step changes, as plain values."""
        return {"rates": self.rates.tolist(), "volume": self.volume}

    def restore(self, record: dict[str, Any] | None) -> None:
        """Go back, or on, to a record; a run without a piston had one at rest."""
        if record is None:
            self.rates = np.zeros(len(self.modes))
        else:
            rates = np.array(record["rates"])
            # Of other axes: a piston at rest.
            self.rates = rates if rates.shape == (len(self.modes),) else np.zeros(len(self.modes))
            self.volume = record["volume"]

    def log_row(self, atoms: Atoms) -> dict[str, float]:
        """Columns of the log."""
        pressure = -atoms.get_stress(include_ideal_gas=True)[:3].mean()
        return {
            "volume_A^3": atoms.get_volume(),
            "P_GPa": float(pressure / units.GPa),
            "PV_eV": self.barostat.pressure * atoms.get_volume(),
            "E_piston_eV": self.kinetic_energy,
        }

    @property
    def kinetic_energy(self) -> float:
        """W v^2 / 2 (eV)."""
        return float(0.5 * self.mass @ self.rates**2)

    def energy(self, atoms: Atoms) -> float:
        """Kinetic energy of the piston and P V (eV)."""
        return self.kinetic_energy + self.barostat.pressure * float(atoms.get_volume())

    def kick(self, atoms: Atoms, time: float) -> None:
        """Change the rates by the pressures of this moment."""
        kinetic = (atoms.get_momenta() ** 2 / atoms.get_masses()[:, None]).sum(axis=0)
        volume = atoms.get_volume()
        virial = kinetic - volume * atoms.get_stress(apply_constraint=False)[:3]
        force = virial - self.barostat.pressure * volume + kinetic.sum() / (3 * len(atoms))
        self.rates = self.rates + time * (self.modes @ force) / self.mass

    def kick_ions(self, atoms: Atoms, time: float) -> None:
        """Change momenta by forces, and by the strain of the cell, at constant rates."""
        rates = self.strain_rates
        x = time * (rates + rates.sum() / (3 * len(atoms)))
        forces = atoms.get_forces(md=True)
        atoms.set_momenta(np.exp(-x) * atoms.get_momenta() + time * exprel(-x) * forces)

    def drift(self, atoms: Atoms, time: float) -> None:
        """Move atoms and cell at constant momenta and rates."""
        x = time * self.strain_rates
        path = time * exprel(x) * atoms.get_momenta() / atoms.get_masses()[:, None]
        positions = np.exp(x) * atoms.get_positions() + path
        atoms.set_cell(np.exp(x) * atoms.cell.array)
        atoms.set_positions(positions)

    def damp(self, atoms: Atoms, time: float, draw: Callable[[tuple[int, ...]], NDArray]) -> None:
        """Exchange kinetic energy with the ions, see the notes of `Barostat`."""
        cosine = np.exp(-self.barostat.damping_rate * time)
        if cosine == 1.0 or len(atoms) < 2:
            return
        sine, root = np.sqrt(1.0 - cosine**2), np.sqrt(atoms.get_masses())[:, None]
        ions, piston = atoms.get_momenta() / root, np.sqrt(self.mass) * self.rates
        for mode in range(len(piston)):
            direction = draw(ions.shape)
            direction -= root * (root * direction).sum(axis=0) / (root**2).sum()
            direction /= np.linalg.norm(direction)
            before, along = piston[mode], float((direction * ions).sum())
            piston[mode] = cosine * before + sine * along
            ions += (cosine * along - sine * before - along) * direction
        self.rates = piston / np.sqrt(self.mass)
        atoms.set_momenta(root * ions)
