"""Two-temperature molecular dynamics: ions that move on the free energy of hot electrons.

One step is B A O A B. In B ions feel the forces -d(E_0 + F(T_e))/dR at constant T_e; in A they
move while the entropy of the electrons stays, so that T_e follows the density of states and
K + E_0 + U is conserved; in O, in the middle, heat is exchanged: with the ions by a Langevin
thermostat at T_e (Leimkuhler and Matthews, doi:10.1093/amrx/abs010), whose change of kinetic energy
the electrons pay to the last digit, with a laser, a bath, and between cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import CalculatorError
from ase.md.md import MolecularDynamics
from numpy.typing import ArrayLike, NDArray

from ase_dos.adapters.ase import DOSCalculator
from ase_dos.dynamics.cell_electrons import CellElectrons, ElectronState
from ase_dos.dynamics.cell_grid import CellGrid
from ase_dos.dynamics.electron_phonon import ElectronPhonon
from ase_dos.dynamics.heat import Heating, plain
from ase_dos.dynamics.laser_pulse import LaserPulse
from ase_dos.dynamics.log import ElectronLog
from ase_dos.dynamics.restart import read_state, write_state
from ase_dos.utils.checks import as_positive, as_temperature
from ase_dos.utils.warnings import WarningCounter

__all__ = ["TwoTemperature", "TwoTemperatureError"]


class TwoTemperatureError(RuntimeError):
    """A run cannot go on; its last complete state is in the file that the message names."""


class TwoTemperature(MolecularDynamics):
    """Dynamics of ions and hot electrons that conserves their energy.

    Parameters
    ----------
    atoms : Atoms
        With a `DOSCalculator` that has a ``ground_state``; the run begins with the electrons at
        its ``electronic_temperature``.
    timestep : float
        In ASE's unit of time: ``1.0 * ase.units.fs``.
    coupling : float or callable, optional
        Electron-phonon coupling G (W/m^3/K), or a function that gives it for T_e (K). The
        friction is Gamma = G / (3 n k) with n the density of atoms. None for none.
    cells : sequence of 3 int
        Grid of electron cells along the cell vectors, each neutral and with its own T_e.
    conductivity : float or callable, optional
        Heat conductivity kappa (W/m/K) of the electrons between cells, or a function of T_e (K).
    pulse : LaserPulse or sequence of them, optional
        Light that the electrons absorb.
    bath_temperature : float, optional
        Temperature (K) of a bath of the electrons. They are held at it exactly, or, with a
        ``bath_rate``, relax to it.
    bath_rate : float, optional
        Inverse of the time of relaxation (1 / ASE's unit of time: ``1 / (500 * units.fs)``).
    atomic_volume : float, optional
        Volume of an atom (Angstrom^3), for n; by default that of the cell over the number of
        atoms, which is wrong for a cell with vacuum.
    reassign_interval : int
        Steps after which atoms that have moved are given to the cells they are in.
    rng : int or numpy.random.Generator, optional
        Of the thermostat; a seed makes the run repeatable.
    restart : str or path
        File for `write_restart`, and for the last complete state of a run that cannot go on.
    **kwargs
        ``trajectory``, ``logfile``, ``loginterval``, ``append_trajectory`` ... as in all of ASE's
        dynamics. The logfile is that of `ase_dos.dynamics.log.ElectronLog`.

    Attributes
    ----------
    state : ElectronState
        Electrons of the cells; T_e follows from their entropy.
    absorbed, bath_heat : float
        Energy (eV) that pulses and the bath have put in so far.
    refused : int
        How often a cell could not pay for the kick of the thermostat, see the notes.
    novelty : float
        Largest `LocalDOS.novelty` among the atoms: above 1 the model extrapolates.

    Raises
    ------
    ValueError
        If an option has no meaning: a negative coupling, a ground state without forces, a
        density that is not known, a pulse into electrons that are held, and the like.
    TwoTemperatureError
        During a run, if the electrons become too hot for the energies that the model covers, or
        a calculator fails. Atoms and electrons are then those of the last complete step, and the
        restart file is written.

    Notes
    -----
    Conserved: ``K + E_0 + U - F(T_0) - absorbed - bath_heat``, see `conserved_energy`, to second
    order in the time step. With electrons that are held this is K + E_0 + F(T) but for a constant.

    Constraints are ASE's: what they take from a kick of the thermostat the electrons do not pay.
    The thermostat moves the centre of mass too; `ase.constraints.FixCom` keeps it. The cell does
    not change.

    Where the electrons of a cell hold less energy than the thermostat's kick would give the ions
    (an insulator, a handful of atoms), the kick is refused: these ions keep their momenta.

    An atom that changes its cell takes its part of the energy along, as its part of the entropy.
    """

    def __init__(
        self,
        atoms: Atoms,
        timestep: float,
        *,
        coupling: float | Callable | None = None,
        cells: Sequence[int] = (1, 1, 1),
        conductivity: float | Callable | None = None,
        pulse: LaserPulse | Sequence[LaserPulse] = (),
        bath_temperature: float | None = None,
        bath_rate: float | None = None,
        atomic_volume: float | None = None,
        reassign_interval: int = 100,
        rng: int | np.random.Generator | None = None,
        restart: str | Path = "two_temperature.npz",
        logfile: Any = None,
        loginterval: int = 1,
        **kwargs: Any,
    ) -> None:
        as_positive(timestep, "timestep")
        self.calc = _checked_calculator(atoms)
        self.grid = CellGrid(cells, atoms)
        self.heating = Heating(self.grid, pulse, conductivity, bath_temperature, bath_rate)
        self.coupling = coupling
        self.thermostat = None
        if coupling is not None:
            self.thermostat = ElectronPhonon(coupling, atoms, atomic_volume)
        if reassign_interval < 1:
            raise ValueError(f"reassign_interval: expected 1 or more, got {reassign_interval}")
        self.reassign_interval = reassign_interval
        self.rng = np.random.default_rng(rng)
        self.restart = Path(restart)
        self.absorbed = self.bath_heat = 0.0
        self.refused = 0
        self.labels = self.grid.assign(atoms.positions)
        self._warnings = WarningCounter()
        super().__init__(atoms, timestep, loginterval=loginterval, **kwargs)
        first = self.heating.held_at
        if first is None:
            first = self.calc.parameters["electronic_temperature"]
        with self._warnings.give_first("at the start"):
            self._settle(self._electrons().at_temperature(first))
        if logfile:
            log = self.closelater(ElectronLog(self, logfile, comm=self.comm))
            self.attach(log, loginterval)

    # What users ask for

    @property
    def electronic_temperatures(self) -> NDArray:
        """T_e (nx, ny, nz) of the cells (K); NaN in a cell without atoms."""
        occupied = np.bincount(self.labels, minlength=self.grid.size) > 0
        return np.where(occupied, self.state.temperature, np.nan).reshape(self.grid.shape)

    @property
    def electronic_temperature(self) -> float:
        """Mean of T_e over the atoms (K)."""
        return float(self.state.temperature[self.labels].mean())

    @property
    def warned(self) -> dict[str, int]:
        """Kinds of warnings, and the number of steps that gave each; the first of each is shown."""
        return self._warnings.counts

    @property
    def ground_energy(self) -> float:
        """E_0 (eV), as the atoms' potential energy without the free energy of the electrons."""
        return float(self.atoms.get_potential_energy() - self.state.free_energy.sum())

    @property
    def conserved_energy(self) -> float:
        """Energy of ions and electrons without what was put in (eV)."""
        energy = self.atoms.get_kinetic_energy() + self.ground_energy + self.state.energy.sum()
        return float(energy - self.absorbed - self.bath_heat)

    def set_electronic_temperature(self, temperature: ArrayLike) -> None:
        """Heat or cool the electrons at once, on account of the bath.

        Parameters
        ----------
        temperature : float or (nx, ny, nz) array
            T_e (K).
        """
        temperature = as_temperature(temperature, "electronic temperature")
        if temperature.shape not in ((), self.grid.shape):
            raise ValueError(
                f"electronic temperature: expected one or {self.grid.shape} of them, got shape "
                f"{temperature.shape}"
            )
        if self.heating.held_at is not None:
            raise ValueError("electronic temperature: the electrons are held at bath_temperature")
        before, cells = self.state.energy.sum(), np.broadcast_to(temperature, self.grid.shape)
        self._settle(self._electrons().at_temperature(cells.ravel()))
        self.bath_heat += float(self.state.energy.sum() - before)

    def todict(self) -> dict[str, Any]:
        """Parameters as plain values, which a continued run shares with the first."""
        return super().todict() | {
            "model": self.calc.model.info["hash"],
            "ground_state_smearing": self.calc.parameters["ground_state_smearing"],
            "coupling": plain(self.coupling),
            "atomic_volume": getattr(self.thermostat, "atomic_volume", None),
            "reassign_interval": self.reassign_interval,
            **self.heating.todict(),
        }

    def write_restart(self, path: str | Path | None = None) -> None:
        """Write all that a run needs to continue bit for bit; replaced in one step.

        To be attached: ``dynamics.attach(dynamics.write_restart, interval=1000)``. The ground
        state starts afresh from here, as it will in the continued run: some keep neighbour lists.
        """
        self._start_afresh()
        write_state(self.restart if path is None else path, self)

    def read_restart(self, path: str | Path | None = None, *, same_options: bool = True) -> None:
        """Continue the run of a restart file, for the same atoms; then ``run(steps)``.

        Parameters
        ----------
        path : str or path, optional
            The file; ``restart`` by default.
        same_options : bool
            Refuse a run with other options; without this only atoms and grid have to be the same.

        Raises
        ------
        ValueError
            If the file is of other atoms, another grid or other options, or is damaged.
        """
        read_state(self.restart if path is None else path, self, same_options)
        self._start_afresh()
        with self._warnings.give_first(f"step {self.nsteps}"):
            self.atoms.get_forces()

    # One step

    def step(self) -> None:
        """Take one step, or go back to where it began and stop."""
        kept = self._snapshot()
        try:
            with self._warnings.give_first(f"step {self.nsteps + 1}"):
                self._advance()
        except (ValueError, CalculatorError) as error:
            self._restore(kept)
            self.write_restart()
            raise TwoTemperatureError(
                f"step {self.nsteps + 1} failed: {error}. The last complete state, at "
                f"{self.get_time() / units.fs:.6g} fs with T_e up to "
                f"{self.state.temperature.max():.6g} K, is in {self.restart}"
            ) from error

    def _advance(self) -> None:
        half = 0.5 * self.dt
        if self.calc.check_state(self.atoms):  # moved by others
            self._follow()
        if self.grid.size > 1 and self.nsteps and self.nsteps % self.reassign_interval == 0:
            self._reassign()
        self._kick(half)
        self._drift(half)
        self._exchange()
        self._drift(half)
        self._follow()
        self._kick(half)

    def _kick(self, time: float) -> None:
        """B: forces at constant T_e."""
        forces = self.atoms.get_forces(md=True)
        self.atoms.set_momenta(self.atoms.get_momenta() + time * forces)

    def _drift(self, time: float) -> None:
        """Move at constant momenta: A, with constraints as in ASE's Verlet."""
        atoms = self.atoms
        before, momenta = atoms.get_positions(), atoms.get_momenta()
        atoms.set_positions(before + time * momenta / self.masses)
        if atoms.constraints:
            moved = (atoms.get_positions() - before) / time
            atoms.set_momenta(moved * self.masses, apply_constraint=False)

    def _follow(self) -> None:
        """Let T_e follow the DOS of new positions at constant entropy, or be held."""
        electrons, held_at = self._electrons(), self.heating.held_at
        if held_at is not None:
            state = electrons.at_temperature(held_at)
            self.bath_heat += float(state.temperature @ (state.entropy - self.state.entropy))
        else:
            state = electrons.at_entropy(self.state.entropy, self.state.temperature)
        self._settle(state)

    def _settle(self, state: ElectronState) -> None:
        self.state = state
        self.calc.hold(state.temperature, self.labels)
        self.atoms.get_forces()

    def _exchange(self) -> None:
        """O: half of the heat from outside, the thermostat, the other half; positions fixed."""
        start = self.get_time()
        middle, stop = start + 0.5 * self.dt, start + self.dt
        if self.heating.held_at is not None:
            if self.thermostat is not None:
                everything = np.full(self.grid.size, np.inf)
                self.bath_heat += float(self._kick_by_electrons(everything).sum())
        elif self.thermostat is not None or self.heating.acts(start, stop):
            electrons = self._electrons()
            self.state = electrons.at_entropy(self.state.entropy, self.state.temperature)
            self._heat(electrons, start, middle)
            if self.thermostat is not None:
                gain = self._kick_by_electrons(self.state.energy - electrons.least_energy)
                left = self.state.energy - gain
                self.state = electrons.at_energy(left, self.state.temperature)
            self._heat(electrons, middle, stop)

    def _heat(self, electrons: CellElectrons, start: float, stop: float) -> None:
        self.state, absorbed, from_bath = self.heating.apply(electrons, self.state, start, stop)
        self.absorbed += absorbed
        self.bath_heat += from_bath

    def _kick_by_electrons(self, spare: NDArray) -> NDArray:
        """Thermostat; returns the energy (cells,) that ions gain (eV)."""
        assert self.thermostat is not None
        gain, refused = self.thermostat.kick(
            self.atoms, self.labels, self.state.temperature, spare, self.dt, self.rng, self.comm
        )
        self.refused += refused
        return gain

    def _reassign(self) -> None:
        """Give atoms to the cells they are in, with their part of the energy."""
        labels = self.grid.assign(self.atoms.positions)
        moved = labels != self.labels
        if not moved.any():
            return
        energy = self._electrons().entropy_shares(self.state)[moved]
        energy *= self.state.energy[self.labels[moved]]
        change = np.bincount(labels[moved], energy, self.grid.size)
        change -= np.bincount(self.labels[moved], energy, self.grid.size)
        self.labels = labels
        if self.heating.held_at is not None:
            state = self._electrons().at_temperature(self.heating.held_at)
            self.bath_heat += float((state.energy - self.state.energy).sum())
        else:
            energy = self.state.energy + change
            state = self._electrons().at_energy(energy, self.state.temperature)
        self._settle(state)

    # Beginning, going back, going on

    def _electrons(self) -> CellElectrons:
        """Electrons of the atoms where they are."""
        local = self.calc.get_local_dos(self.atoms)
        self.novelty = np.nan if local.novelty is None else float(local.novelty.max())
        smearing = self.calc.parameters["ground_state_smearing"]
        return CellElectrons(local, self.labels, self.grid.size, smearing)

    def _start_afresh(self) -> None:
        """Forget what the ground state keeps from earlier positions, and its last results."""
        if hasattr(self.calc.ground_state, "reset"):
            self.calc.ground_state.reset()
        self.calc.hold(self.state.temperature, self.labels)

    def _snapshot(self) -> tuple:
        return (
            self.atoms.get_positions(),
            self.atoms.get_momenta(),
            self.state,
            self.labels,
            self.absorbed,
            self.bath_heat,
            self.refused,
            self.rng.bit_generator.state,
        )

    def _restore(self, kept: tuple) -> None:
        positions, momenta, self.state, self.labels, *rest = kept
        self.absorbed, self.bath_heat, self.refused, self.rng.bit_generator.state = rest
        self.atoms.set_positions(positions, apply_constraint=False)
        self.atoms.set_momenta(momenta, apply_constraint=False)
        self.calc.hold(self.state.temperature, self.labels)


def _checked_calculator(atoms: Atoms) -> DOSCalculator:
    calc = atoms.calc
    if not isinstance(calc, DOSCalculator):
        raise ValueError(
            f"TwoTemperature: expected atoms with a DOSCalculator, got {type(calc).__name__}: "
            "atoms.calc = DOSCalculator(model, ground_state=...)"
        )
    ground = calc.ground_state
    if ground is None or "forces" not in ground.implemented_properties:
        raise ValueError(
            "TwoTemperature: ions need a ground state with forces, got "
            f"{'none' if ground is None else type(ground).__name__}: "
            "atoms.calc = DOSCalculator(model, ground_state=...)"
        )
    return calc
