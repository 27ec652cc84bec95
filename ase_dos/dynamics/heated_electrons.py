"""Temperature of electrons that keep their entropy but for the heat that they absorb.

For runs of other programs, such as LAMMPS, in which `ase_dos.dynamics.two_temperature` has no part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from ase.units import fs

from ase_dos.dynamics.cell_electrons import CellElectrons, ElectronState
from ase_dos.dynamics.laser_pulse import LaserPulse
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.checks import as_positive

__all__ = ["HeatedElectrons"]

_ROUNDING = 1e-9  # of a time


class HeatedElectrons:
    """Electrons of one temperature, which follows from the energy that they take up.

    Ions that move under the forces at constant T do work on electrons of constant entropy, since
    (dF/dR)_T = (dU/dR)_S. So K + E_0 + U is conserved but for what is absorbed.

    Parameters
    ----------
    temperature : float
        T at the first step (K).
    pulses : sequence of LaserPulse
        Light that they absorb; all atoms alike.
    gain : callable, optional
        Energy (eV) that they have taken up in other ways, counted from any zero; called at every
        step. With ``fix langevin ... tally yes`` in LAMMPS its scalar, which is known two steps
        late.

    Raises
    ------
    ValueError
        If the temperature is not a number above zero, or a pulse has a depth.
    """

    def __init__(
        self,
        temperature: float,
        pulses: Sequence[LaserPulse] = (),
        gain: Callable[[], float] | None = None,
    ) -> None:
        self._temperature = as_positive(temperature, "temperature of the electrons")
        if any(pulse.depth is not None for pulse in pulses):
            raise ValueError("pulses: expected no depth, for all atoms absorb alike")
        self._pulses, self._gain = tuple(pulses), gain
        self._state: ElectronState | None = None
        self._time = self._gained = 0.0

    def temperature(self, dos: DOS, n_atoms: int, time: float) -> float:
        """T (K) at a time in ASE's unit, later than that of the call before, in a DOS of then.

        Raises
        ------
        ValueError
            If the electrons do not fit the DOS, or would have less energy than cold ones, or the
            time went back.
        """
        if self._state is not None and time < self._time - _ROUNDING * abs(self._time):
            raise ValueError(
                f"the time went back from {self._time / fs:.6g} to {time / fs:.6g} fs; begin again "
                "with new HeatedElectrons"
            )
        whole = LocalDOS(
            np.ones((1, 1)), dos.values[None], dos.energies, np.array([dos.n_electrons])
        )
        electrons = CellElectrons(whole, np.zeros(1, dtype=np.int64))
        gained = 0.0 if self._gain is None else self._gain()
        if self._state is None:
            state = electrons.at_temperature(self._temperature)
        else:
            guess = self._state.temperature
            state = electrons.at_entropy(self._state.entropy, guess)
            heat = n_atoms * sum(pulse.absorbed(self._time, time) for pulse in self._pulses)
            heat += gained - self._gained
            if heat:
                state = electrons.at_energy(state.internal_energy + heat, guess)
        self._state, self._time, self._gained = state, time, gained
        return float(state.temperature[0])
