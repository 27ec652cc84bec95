"""Two-temperature molecular dynamics: ions that move on the free energy of hot electrons."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from ase import Atoms, units
from numpy.typing import ArrayLike, NDArray

from ase_dos.dynamics.cell_grid import CellGrid
from ase_dos.dynamics.electron_phonon import ElectronPhonon
from ase_dos.dynamics.fixed_setup import checked_calculator
from ase_dos.dynamics.heat_exchange import HeatExchange
from ase_dos.dynamics.integrator import ElectronIonIntegrator
from ase_dos.dynamics.laser_pulse import LaserPulse
from ase_dos.dynamics.light import (
    outside,
    warn_at_start,
    warn_before_steps,
    warn_of_missing_light,
)
from ase_dos.dynamics.log import ElectronLog
from ase_dos.dynamics.restart import RunState, read_restart_file, write_restart_file
from ase_dos.utils.checks import as_positive, as_temperature
from ase_dos.utils.sealed import Sealed
from ase_dos.utils.warnings import WarningCounter

__all__ = ["TwoTemperature", "TwoTemperatureError"]


class TwoTemperatureError(RuntimeError):
    """A run cannot go on; its last good state is in the file that the message names."""


class TwoTemperature(Sealed, ElectronIonIntegrator):
    """Dynamics of ions and hot electrons that conserves their energy.

    The step is described in `ase_dos.dynamics.integrator`.

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
        Temperature (K) of a bath of the electrons. They keep it exactly, or, with a
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
        File for `write_restart`, and for the last good state of a run that cannot go on.
    max_drift : float
        Change of the conserved energy (eV per atom) at which a run ends: its time step is too long,
        or forces are not the derivative of the energy. Infinite to let it go on.
    **kwargs
        ``trajectory``, ``logfile``, ``loginterval``, ``append_trajectory`` ... as in all of ASE's
        dynamics. The columns of the logfile are time, T_e (mean over the atoms) and T_ion,
        U - F(T_0) and S of the electrons, E_0 and kinetic energy of the ions, energy absorbed
        from pulses and that from the bath, the conserved energy, and ``novelty``.

    Attributes
    ----------
    state : ElectronState
        Electrons of the cells; T_e follows from their entropy.
    absorbed, bath_heat : float
        Energy (eV) that pulses and the bath have put in so far.
    drift : float
        Change of the conserved energy by the steps so far (eV).
    refused : int
        Exchanges of the thermostat that were refused in cells, see the notes.
    novelty : float
        Largest `LocalDOS.novelty` among the atoms: above 1 the model extrapolates.

    Raises
    ------
    ValueError
        If an option has no meaning: a negative coupling, a ground state without forces, a
        density that is not known, a pulse into electrons of fixed temperature, and the like.
    TwoTemperatureError
        During a run, if the electrons become too hot for the energies that the model covers, a
        calculator fails, or the conserved energy drifts by more than ``max_drift``. Atoms and
        electrons are then those of the last good state, which is in the restart file.

    Warns
    -----
    UserWarning
        If more than 1 % of the energy of a pulse lies before the start, a pulse begins after the
        steps that are taken, or is shorter than a step. The end of the logfile says how much
        energy of the pulses lies outside of the steps.

    Notes
    -----
    Conserved: ``K + E_0 + U - F(T_0) - absorbed - bath_heat``, see `conserved_energy`, to second
    order in the time step. With electrons of fixed temperature this is K + E_0 + F(T) but for a
    constant.

    Constraints are ASE's: the electrons lose only what they leave of a kick of the thermostat.
    The thermostat moves the centre of mass too; `ase.constraints.FixCom` keeps it.

    Between steps, positions, momenta, constraints and the time step ``dt`` may be changed: moved
    atoms take the entropy of the electrons along, and the time goes on. T_e is set by
    ``electronic_temperature``. The cell, the atoms and their masses, the calculator and its
    parameters may not change: the next step raises a ValueError.

    The last good state is that of the last complete step, if up to then the conserved energy had
    changed by less than a tenth of ``max_drift`` since the last restart or the start of the last
    `run`; otherwise it is that restart or start. So a state in which a run begins to explode does
    not replace an earlier one.

    The thermostat obeys the law exp(S_e / k) of electrons and ions that share their energy, for any
    time step. Part of its exchanges is refused for this, the fewer the shorter the step is; many
    where the electrons of a cell hold next to no energy (an insulator, a handful of atoms).

    An atom that changes its cell takes its part of the energy along, as its part of the entropy.
    """

    def __init__(
        self,
        atoms: Atoms,
        timestep: float,
        *,
        coupling: float | Callable[[NDArray], ArrayLike] | None = None,
        cells: Sequence[int] = (1, 1, 1),
        conductivity: float | Callable[[NDArray], ArrayLike] | None = None,
        pulse: LaserPulse | Sequence[LaserPulse] = (),
        bath_temperature: float | None = None,
        bath_rate: float | None = None,
        atomic_volume: float | None = None,
        reassign_interval: int = 100,
        rng: int | np.random.Generator | None = None,
        restart: str | Path = "two_temperature.npz",
        max_drift: float = 0.1,
        logfile: str | IO[str] | None = None,
        loginterval: int = 1,
        **kwargs: Any,
    ) -> None:
        as_positive(timestep, "timestep")
        if reassign_interval < 1:
            raise ValueError(f"reassign_interval: expected 1 or more, got {reassign_interval}")
        calc = checked_calculator(atoms)
        grid = CellGrid(cells, atoms)
        if not max_drift > 0:
            raise ValueError(f"max_drift: expected a number > 0, got {max_drift}")
        self.restart, self.max_drift = Path(restart), max_drift
        self._warnings = WarningCounter()
        self._log: ElectronLog | None = None
        super().__init__(
            atoms,
            timestep,
            calc=calc,
            heat_exchange=HeatExchange(grid, pulse, conductivity, bath_temperature, bath_rate),
            thermostat=(
                None if coupling is None else ElectronPhonon(coupling, atoms, atomic_volume)
            ),
            reassign_interval=reassign_interval,
            rng=np.random.default_rng(rng),
            loginterval=loginterval,
            **kwargs,
        )
        first = self.heat_exchange.fixed_temperature
        if first is None:
            first = self.calc.electronic_temperature
        with self._warnings.give_first("at the start"):
            self.settle(self.cell_electrons().at_temperature(first))
        self._good = self.run_state()
        self._good_file: Path | None = None
        if logfile:
            self._log = self.closelater(ElectronLog(self, logfile, comm=self.comm))
            self.attach(self._log, loginterval)
        warn_at_start(self.heat_exchange.pulses, self.dt)
        self._seal(TwoTemperature)

    @property
    def electronic_temperatures(self) -> NDArray:
        """T_e (nx, ny, nz) of the cells (K); NaN in a cell without atoms."""
        occupied = np.bincount(self.labels, minlength=self.grid.size) > 0
        return np.where(occupied, self.state.temperature, np.nan).reshape(self.grid.shape)

    @property
    def electronic_temperature(self) -> float:
        """Mean of T_e over the atoms (K); to set it is to call `set_electronic_temperature`."""
        return float(self.state.temperature[self.labels].mean())

    @electronic_temperature.setter
    def electronic_temperature(self, temperature: ArrayLike) -> None:
        self.set_electronic_temperature(temperature)

    @property
    def warning_counts(self) -> dict[str, int]:
        """Kinds of warnings, and the number of steps that gave each; the first of each is shown."""
        return self._warnings.counts

    @property
    def ground_energy(self) -> float:
        """E_0 (eV), as the atoms' potential energy without the free energy of the electrons."""
        return float(self.atoms.get_potential_energy() - self.state.free_energy.sum())

    @property
    def conserved_energy(self) -> float:
        """Energy of ions and electrons, less that of pulses and bath (eV)."""
        electrons = self.state.internal_energy.sum()
        energy = self.atoms.get_kinetic_energy() + self.ground_energy + electrons
        return float(energy - self.absorbed - self.bath_heat)

    def log_row(self) -> dict[str, float]:
        """Numbers of a line of the log, by their columns."""
        return {
            "time_fs": self.get_time() / units.fs,
            "T_e_K": self.electronic_temperature,
            "T_ion_K": self.atoms.get_temperature(),
            "U_e_eV": self.state.internal_energy.sum(),
            "S_e_eV/K": self.state.entropy.sum(),
            "E_0_eV": self.ground_energy,
            "E_kin_eV": self.atoms.get_kinetic_energy(),
            "absorbed_eV": self.absorbed,
            "bath_eV": self.bath_heat,
            "conserved_eV": self.conserved_energy,
            "novelty": self.novelty,
        }

    def set_electronic_temperature(self, temperature: ArrayLike) -> None:
        """Heat or cool the electrons at once; the energy counts as that of the bath.

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
        if self.heat_exchange.fixed_temperature is not None:
            raise ValueError("electronic temperature: bath_temperature fixes it in this run")
        before = self.state.internal_energy.sum()
        cells = np.broadcast_to(temperature, self.grid.shape).ravel()
        self.settle(self.cell_electrons().at_temperature(cells))
        self.bath_heat += float(self.state.internal_energy.sum() - before)

    def todict(self) -> dict[str, Any]:
        """Parameters as plain values, which a continued run shares with the first."""
        return super().todict() | {
            "model": self.calc.model.info["hash"],
            "ground_state_smearing": self.calc.ground_state_smearing,
            "coupling": self.thermostat and self.thermostat.coupling.label,
            "atomic_volume": self.thermostat and self.thermostat.atomic_volume,
            "reassign_interval": self.reassign_interval,
            **self.heat_exchange.todict(),
        }

    def write_restart(self, path: str | Path | None = None) -> None:
        """Write all that a run needs to continue bit for bit; replaced in one step.

        To be attached: ``dynamics.attach(dynamics.write_restart, interval=1000)``. The ground
        state starts afresh from here, as it will in the continued run: some keep neighbour lists.

        Warns
        -----
        UserWarning
            If the conserved energy has changed too much for a good state, see the notes of the
            class; the file ``restart`` is then left as it is. Another ``path`` is written.
        """
        self._start_afresh()
        if not self._is_good():
            where = self.restart if path is None else path
            if Path(where) == Path(self._good_file or self.restart):
                with self._warnings.give_first(f"step {self.nsteps}"):
                    warnings.warn(
                        f"{where}: not written, because the conserved energy has changed by "
                        f"{self._change() * 1000:.3g} meV per atom since the last good state, of "
                        f"step {self._good.nsteps}; take a shorter time step",
                        UserWarning,
                        stacklevel=2,
                    )
                return
            self._write(where)
        else:
            self._good_file = self._write(self.restart if path is None else path)
            self._good = self.run_state()

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

        Warns
        -----
        UserWarning
            If pulses have energy before the time of the file that its run did not absorb.
        """
        path = self.restart if path is None else path
        self.restore(read_restart_file(path, self.atoms, self.todict(), same_options))
        self._start_afresh()
        self._good, self._good_file = self.run_state(), Path(path)
        with self._warnings.give_first(f"step {self.nsteps}"):
            self.atoms.get_forces()
        absorbed = self.absorbed / len(self.atoms)
        warn_of_missing_light(self.heat_exchange.pulses, self.get_time(), absorbed)

    def irun(self, steps: int = 50) -> Iterator[bool]:
        """Take steps, as ASE's dynamics do; the log ends with the light outside of them."""
        self.require_unchanged()
        start, pulses = self.get_time(), self.heat_exchange.pulses
        with self._warnings.give_first(f"step {self.nsteps}"):
            warn_before_steps(pulses, start, start + steps * self.dt)
        if self._is_good() and not self._is_at(self._good):
            self._good, self._good_file = self.run_state(), None
        yield from super().irun(steps)
        remark = outside(pulses, self.get_time())
        if self._log is not None and remark:
            self._log.remark(remark)

    def step(self) -> None:
        """Take one step, or go back to the last good state and stop."""
        self.require_unchanged()
        before = self.run_state()
        try:
            with self._warnings.give_first(f"step {self.nsteps + 1}"):
                self.adapt()
                energy = self.conserved_energy
                self.advance()
                self.drift += self.conserved_energy - energy
                self._check_drift()
        except Exception as error:  # whatever a ground state may raise
            self.restore(before)
            raise self._stopped(error) from error
        except BaseException:
            self.restore(before)
            raise

    def _check_drift(self) -> None:
        drift = self.drift / len(self.atoms)
        if not abs(drift) <= self.max_drift:  # NaN too
            raise ValueError(
                f"the conserved energy has changed by {drift:.3g} eV per atom, more than max_drift "
                f"= {self.max_drift:g}; take a shorter time step than {self.dt / units.fs:.6g} fs, "
                "or see whether the forces are the derivative of the energy"
            )

    def _change(self) -> float:
        """Change of the conserved energy since the last good state (eV per atom)."""
        return (self.drift - self._good.drift) / len(self.atoms)

    def _is_good(self) -> bool:
        return abs(self._change()) <= 0.1 * self.max_drift

    def _is_at(self, state: RunState) -> bool:
        """Whether nothing has moved since a state, neither by steps nor by others."""
        here = self.atoms.get_positions(), self.atoms.get_momenta(), self.state.entropy
        there = state.positions, state.momenta, state.electrons.entropy
        same = all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))
        return same and self.nsteps == state.nsteps

    def _stopped(self, error: Exception) -> TwoTemperatureError:
        """Go back to the last good state, see that it is in a file, and say so."""
        failed, kind = self.nsteps + 1, "complete"
        if self._is_good():
            self.write_restart()
        else:
            kind = "good"
            self.restore(self._good)
            self._start_afresh()
            if self._good_file is None:
                self._good_file = self._write(self.restart)
        return TwoTemperatureError(
            f"step {failed} failed: {error}. The last {kind} state, at "
            f"{self.get_time() / units.fs:.6g} fs with T_e up to "
            f"{self.state.temperature.max():.6g} K, is in {self._good_file}"
        )

    def _write(self, path: str | Path) -> Path:
        """Write the state of this moment."""
        if self.comm.rank == 0:
            write_restart_file(path, self.atoms, self.run_state(), self.todict())
        self.comm.barrier()
        return Path(path)

    def _start_afresh(self) -> None:
        """Forget what the ground state keeps from earlier positions, and its last results."""
        ground = self.calc.ground_state
        if ground is not None and hasattr(ground, "reset"):
            ground.reset()
        self._hold_temperatures()
