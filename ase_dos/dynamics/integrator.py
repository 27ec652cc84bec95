"""Step of two-temperature dynamics: ions on the free energy of hot electrons, with heat exchange.

One step is B A O A B. In B ions feel the forces -d(E_0 + F(T_e))/dR at constant T_e; in A they
move while the entropy of the electrons stays, so that T_e follows the density of states and
K + E_0 + U is conserved; in O, in the middle, heat is exchanged: with the ions by a Langevin
thermostat at T_e (Leimkuhler and Matthews, doi:10.1093/amrx/abs010), whose change of kinetic energy
the electrons lose to the last digit, with a laser, a bath, and between cells. With a barostat A
moves the cell too, B changes the rates of its strain first and last, and O damps them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.md.md import MolecularDynamics
from numpy.typing import NDArray

from ase_dos.adapters.ase import DOSCalculator
from ase_dos.dynamics.barostat import Piston
from ase_dos.dynamics.cell_electrons import CellElectrons, ElectronState
from ase_dos.dynamics.electron_phonon import ElectronPhonon
from ase_dos.dynamics.fixed_setup import FixedSetup
from ase_dos.dynamics.heat_exchange import HeatExchange
from ase_dos.dynamics.restart import RunState
from ase_dos.spectra.electron_groups import ElectronGroups
from ase_dos.utils.checks import as_positive

__all__ = ["ElectronIonIntegrator"]


class ElectronIonIntegrator(MolecularDynamics):
    """Ions and electron cells of a run, and the step that moves both.

    Parameters
    ----------
    atoms : Atoms
        The ions.
    timestep : float
        In ASE's unit of time.
    calc : DOSCalculator
        Calculator of the atoms.
    heat_exchange : HeatExchange
        What the electrons exchange besides that with the ions.
    thermostat : ElectronPhonon or None
        Coupling of ions and electrons.
    piston : Piston or None
        Motion of the cell under a barostat.
    reassign_interval : int
        Steps after which atoms that have moved are given to the cells they are in.
    rng : numpy.random.Generator
        Of the thermostat.
    **kwargs
        Of ASE's dynamics.

    Attributes
    ----------
    labels : (atoms,) int array
        Electron cell of every atom.
    state : ElectronState
        Electrons of the cells, set by `settle` before the first step.
    absorbed, bath_heat, refused, novelty, drift
        As in `ase_dos.dynamics.two_temperature.TwoTemperature`.
    """

    state: ElectronState
    _dt: float

    def __init__(
        self,
        atoms: Atoms,
        timestep: float,
        *,
        calc: DOSCalculator,
        heat_exchange: HeatExchange,
        thermostat: ElectronPhonon | None,
        piston: Piston | None,
        reassign_interval: int,
        rng: np.random.Generator,
        **kwargs: Any,
    ) -> None:
        self.calc, self.heat_exchange, self.thermostat = calc, heat_exchange, thermostat
        self.piston = piston
        self.grid = heat_exchange.grid
        self.reassign_interval, self.rng = reassign_interval, rng
        self.absorbed = self.bath_heat = 0.0
        self.refused, self.novelty = 0, np.nan
        self.drift = self._time_offset = 0.0
        self.labels = self.grid.assign(atoms.positions)
        self._setup = FixedSetup(atoms, calc)
        self._held: ElectronGroups | None = None
        super().__init__(atoms, timestep, **kwargs)

    @property
    def dt(self) -> float:
        """Time step (ASE's unit); it may be changed between steps, and the time goes on."""
        return self._dt

    @dt.setter
    def dt(self, timestep: float) -> None:
        timestep = as_positive(timestep, "timestep")
        if "nsteps" in self.__dict__:
            self._time_offset += self.nsteps * (self._dt - timestep)
        self._dt = timestep

    def get_time(self) -> float:
        """Time since the start of the run (ASE's unit)."""
        return self._time_offset + self.nsteps * self.dt

    def cell_electrons(self) -> CellElectrons:
        """Electrons of the atoms where they are."""
        local = self.calc.get_local_dos(self.atoms)
        self.novelty = np.nan if local.novelty is None else float(local.novelty.max())
        smearing = self.calc.ground_state_smearing
        return CellElectrons(local, self.labels, self.grid.size, smearing)

    def settle(self, state: ElectronState) -> None:
        """Take a state of the electrons, and the forces on the ions that follow from it."""
        self.state = state
        self._hold_temperatures()
        self.atoms.get_forces()

    def run_state(self) -> RunState:
        """All that a step changes."""
        return RunState(
            positions=self.atoms.get_positions(),
            momenta=self.atoms.get_momenta(),
            cell=self.atoms.cell.array.copy(),
            pbc=self.atoms.pbc.copy(),
            labels=self.labels,
            electrons=self.state,
            nsteps=self.nsteps,
            absorbed=self.absorbed,
            bath_heat=self.bath_heat,
            refused=self.refused,
            novelty=self.novelty,
            random=dict(self.rng.bit_generator.state),
            drift=self.drift,
            time_offset=self._time_offset,
            piston=None if self.piston is None else self.piston.to_record(),
        )

    def restore(self, state: RunState) -> None:
        """Go back, or on, to a state of the run."""
        self.atoms.set_cell(state.cell)
        self.atoms.pbc = state.pbc
        self.atoms.set_positions(state.positions, apply_constraint=False)
        self.atoms.set_momenta(state.momenta, apply_constraint=False)
        self.labels, self.state, self.nsteps = state.labels, state.electrons, state.nsteps
        self.absorbed, self.bath_heat = state.absorbed, state.bath_heat
        self.refused, self.novelty = state.refused, state.novelty
        self.drift, self._time_offset = state.drift, state.time_offset
        self.rng.bit_generator.state = state.random
        if self.piston is not None:
            self.piston.restore(state.piston)
            self._follow_cell()
        self._hold_temperatures()

    def require_unchanged(self) -> None:
        """Check that others have changed nothing but positions, momenta and constraints.

        Raises
        ------
        ValueError
            If they have.
        """
        self._setup.require(self.atoms)
        if self.piston is not None:
            self.piston.require_free(self.atoms)
        if self.calc.electron_groups is not self._held:
            raise ValueError(
                "TwoTemperature: the temperature of the electrons was set in the calculator, but "
                "here it follows from their energy; use "
                "dynamics.set_electronic_temperature(temperature)"
            )

    def adapt(self) -> None:
        """Take over what others have changed: positions, momenta, constraints."""
        if self.atoms.constraints:  # a new one may hold atoms that move
            self.atoms.set_momenta(self.atoms.get_momenta())
        if self.calc.check_state(self.atoms):
            self._follow()

    def advance(self) -> None:
        """Take one step."""
        half = 0.5 * self.dt
        if self.grid.size > 1 and self.nsteps and self.nsteps % self.reassign_interval == 0:
            self._reassign()
        self._kick_cell(half)
        self._kick(half)
        self._drift(half)
        self._exchange()
        self._drift(half)
        self._follow()
        self._kick(half)
        self._kick_cell(half)

    def _hold_temperatures(self) -> None:
        """Give the calculator the temperatures of the cells."""
        self.calc.set_group_temperatures(self.state.temperature, self.labels)
        self._held = self.calc.electron_groups

    def _kick_cell(self, time: float) -> None:
        """B of the cell: pressures at constant T_e."""
        if self.piston is not None:
            self.piston.kick(self.atoms, time)

    def _kick(self, time: float) -> None:
        """B: forces at constant T_e."""
        if self.piston is not None:
            self.piston.kick_ions(self.atoms, time)
            return
        forces = self.atoms.get_forces(md=True)
        self.atoms.set_momenta(self.atoms.get_momenta() + time * forces)

    def _drift(self, time: float) -> None:
        """Move at constant momenta: A, with constraints as in ASE's Verlet."""
        if self.piston is not None:
            self.piston.drift(self.atoms, time)
            self._follow_cell()
            return
        atoms = self.atoms
        before, momenta = atoms.get_positions(), atoms.get_momenta()
        atoms.set_positions(before + time * momenta / self.masses)
        if atoms.constraints:
            moved = (atoms.get_positions() - before) / time
            atoms.set_momenta(moved * self.masses, apply_constraint=False)

    def _follow_cell(self) -> None:
        """Give the cell of the atoms to all that depends on it."""
        self.grid.cell = self.atoms.cell.array.copy()
        self._setup.take_cell(self.atoms)
        if self.thermostat is not None and self.thermostat.follows_volume:
            self.thermostat.atomic_volume = float(self.atoms.get_volume() / len(self.atoms))

    def _follow(self) -> None:
        """Let T_e follow the DOS of new positions at constant entropy, unless it is fixed."""
        electrons, fixed = self.cell_electrons(), self.heat_exchange.fixed_temperature
        if fixed is not None:
            state = electrons.at_temperature(fixed)
            self.bath_heat += float(state.temperature @ (state.entropy - self.state.entropy))
        else:
            state = electrons.at_entropy(self.state.entropy, self.state.temperature)
        self.settle(state)

    def _exchange(self) -> None:
        """O: half of the heat from outside, the thermostat, the other half; positions fixed."""
        if self.piston is not None:
            self.piston.damp(self.atoms, 0.5 * self.dt, self._draw)
        start = self.get_time()
        middle, stop = start + 0.5 * self.dt, start + self.dt
        if self.heat_exchange.fixed_temperature is not None:
            if self.thermostat is not None:
                gain = self.thermostat.kick(
                    self.atoms, self.labels, self.state.temperature, self.dt, self._draw
                )
                self.bath_heat += float(gain.sum())
        elif self.thermostat is not None or self.heat_exchange.is_active(start, stop):
            electrons = self.cell_electrons()
            self.state = electrons.at_entropy(self.state.entropy, self.state.temperature)
            self._add_heat(electrons, start, middle)
            if self.thermostat is not None:
                self.state, refused = self.thermostat.exchange(
                    self.atoms, electrons, self.state, self.dt, self._draw
                )
                self.refused += refused
            self._add_heat(electrons, middle, stop)
        if self.piston is not None:
            self.piston.damp(self.atoms, 0.5 * self.dt, self._draw)

    def _add_heat(self, electrons: CellElectrons, start: float, stop: float) -> None:
        self.state, absorbed, from_bath = self.heat_exchange.advance(
            electrons, self.state, start, stop
        )
        self.absorbed += absorbed
        self.bath_heat += from_bath

    def _draw(self, shape: tuple[int, ...]) -> NDArray:
        """Random numbers of a normal distribution, the same for all ranks."""
        normal = self.rng.standard_normal(shape)
        self.comm.broadcast(normal, 0)
        return normal

    def _reassign(self) -> None:
        """Give atoms to the cells they are in, with their part of the energy."""
        labels = self.grid.assign(self.atoms.positions)
        moved = labels != self.labels
        if not moved.any():
            return
        energy = self.cell_electrons().entropy_shares(self.state)[moved]
        energy *= self.state.internal_energy[self.labels[moved]]
        change = np.bincount(labels[moved], energy, self.grid.size)
        change -= np.bincount(self.labels[moved], energy, self.grid.size)
        self.labels = labels
        if self.heat_exchange.fixed_temperature is not None:
            state = self.cell_electrons().at_temperature(self.heat_exchange.fixed_temperature)
            self.bath_heat += float((state.internal_energy - self.state.internal_energy).sum())
        else:
            energy = self.state.internal_energy + change
            state = self.cell_electrons().at_energy(energy, self.state.temperature)
        self.settle(state)
