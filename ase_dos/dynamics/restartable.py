"""Runs that watch their conserved energy, write restarts, and stop at their last good state."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units

from ase_dos.dynamics.integrator import ElectronIonIntegrator
from ase_dos.dynamics.light import warn_of_missing_light
from ase_dos.dynamics.restart import (
    RunState,
    read_restart_file,
    require_cell,
    write_restart_file,
)
from ase_dos.utils.warnings import WarningCounter

__all__ = ["RestartableRun", "TwoTemperatureError"]


class TwoTemperatureError(RuntimeError):
    """A run cannot go on; its last good state is in the file that the message names."""


class RestartableRun(ElectronIonIntegrator):
    """Ions and electrons whose run goes on from a file, or stops at its last good state.

    Parameters
    ----------
    atoms : Atoms
        The ions.
    timestep : float
        In ASE's unit of time.
    restart, max_drift
        As in `ase_dos.dynamics.two_temperature.TwoTemperature`.
    **kwargs
        Of `ase_dos.dynamics.integrator.ElectronIonIntegrator`.
    """

    _good: RunState

    def __init__(
        self, atoms: Atoms, timestep: float, *, restart: str | Path, max_drift: float, **kwargs: Any
    ) -> None:
        if not max_drift > 0:
            raise ValueError(f"max_drift: expected a number > 0, got {max_drift}")
        self.restart, self.max_drift = Path(restart), max_drift
        self._warnings = WarningCounter()
        self._good_file: Path | None = None
        super().__init__(atoms, timestep, **kwargs)

    @property
    def ground_energy(self) -> float:
        """E_0 (eV), as the atoms' potential energy without the free energy of the electrons."""
        return float(self.atoms.get_potential_energy() - self.state.free_energy.sum())

    @property
    def conserved_energy(self) -> float:
        """Energy of ions, electrons and barostat, less that of pulses and bath (eV)."""
        electrons = self.state.internal_energy.sum()
        energy = self.atoms.get_kinetic_energy() + self.ground_energy + electrons
        if self.piston is not None:
            energy += self.piston.energy(self.atoms)
        return float(energy - self.absorbed - self.bath_heat)

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
        state = read_restart_file(path, self.atoms, self.todict(), same_options)
        if self.piston is None:
            require_cell(path, state.cell, self.atoms)
        self.restore(state)
        self._start_afresh()
        self._good, self._good_file = self.run_state(), Path(path)
        with self._warnings.give_first(f"step {self.nsteps}"):
            self.atoms.get_forces()
        absorbed = self.absorbed / len(self.atoms)
        warn_of_missing_light(self.heat_exchange.pulses, self.get_time(), absorbed)

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
