"""Two-temperature molecular dynamics: ions that move on the free energy of hot electrons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import PropertyNotImplementedError
from numpy.typing import ArrayLike, NDArray

from ase_dos.dynamics.barostat import Barostat, Piston
from ase_dos.dynamics.cell_grid import CellGrid
from ase_dos.dynamics.electron_phonon import ElectronPhonon
from ase_dos.dynamics.fixed_setup import checked_calculator
from ase_dos.dynamics.heat_exchange import HeatExchange
from ase_dos.dynamics.laser_pulse import LaserPulse
from ase_dos.dynamics.light import outside, warn_at_start, warn_before_steps
from ase_dos.dynamics.log import ElectronLog
from ase_dos.dynamics.restartable import RestartableRun, TwoTemperatureError
from ase_dos.utils.checks import as_positive, as_temperature
from ase_dos.utils.sealed import Sealed

__all__ = ["TwoTemperature", "TwoTemperatureError"]


class TwoTemperature(Sealed, RestartableRun):
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
    barostat : Barostat, optional
        Pressure that the cell adapts to, by its volume or along some axes; a constant cell
        otherwise. Cells of electrons are strained with it.
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
        from pulses and that from the bath, the conserved energy, and ``novelty``; with a barostat
        also volume (Angstrom^3) and pressure (GPa) of the sample, P V and the kinetic energy of the
        piston.

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
        density that is not known, a pulse into electrons of fixed temperature, a barostat for a
        cluster or for atoms with constraints, and the like.
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
    constant. With a barostat P V and the kinetic energy of the piston are part of it, see
    `ase_dos.dynamics.barostat`.

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
        barostat: Barostat | None = None,
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
        self._log: ElectronLog | None = None
        super().__init__(
            atoms,
            timestep,
            restart=restart,
            max_drift=max_drift,
            calc=calc,
            heat_exchange=HeatExchange(grid, pulse, conductivity, bath_temperature, bath_rate),
            thermostat=(
                None if coupling is None else ElectronPhonon(coupling, atoms, atomic_volume)
            ),
            piston=None if barostat is None else Piston(barostat, atoms),
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

    def log_row(self) -> dict[str, float]:
        """Numbers of a line of the log, by their columns."""
        row = {
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
        with suppress(PropertyNotImplementedError):  # of a model without spin channels
            row["moment_mu_B"] = self.calc.get_property("magmom", self.atoms)
        if self.piston is not None:
            row |= self.piston.log_row(self.atoms)
        return row

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
        options = super().todict() | {
            "model": self.calc.model.info["hash"],
            "ground_state_smearing": self.calc.ground_state_smearing,
            "coupling": self.thermostat and self.thermostat.coupling.label,
            "atomic_volume": self.thermostat and self.thermostat.atomic_volume,
            "reassign_interval": self.reassign_interval,
            **self.heat_exchange.todict(),
        }
        if self.piston is not None:
            options["barostat"] = self.piston.barostat.todict()
            if self.thermostat is not None and self.thermostat.follows_volume:
                options["atomic_volume"] = None  # that of the moment
        return options

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
