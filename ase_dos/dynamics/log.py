"""Log of a two-temperature run: a table of its temperatures and energies."""

from __future__ import annotations

import weakref
from typing import Any

from ase import units
from ase.parallel import world
from ase.utils import IOContext

__all__ = ["ElectronLog"]


class ElectronLog(IOContext):
    """Table of a two-temperature run, one line a call; ``numpy.loadtxt`` reads it.

    Parameters
    ----------
    dynamics : TwoTemperature
        The run; only a weak reference is kept.
    logfile : str or file
        Where to, appended; "-" for standard output.
    comm : communicator, optional
        Of a parallel run.

    Notes
    -----
    Columns: time (fs), T_e (mean over the atoms) and T_ion (K), U - F(T_0) (eV) and S (eV/K) of the
    electrons, E_0 and kinetic energy of the ions, energy absorbed from pulses, energy from the
    bath, the conserved energy (eV), and the largest novelty of an atom (above 1 the model
    extrapolates).
    """

    columns = (
        "time_fs",
        "T_e_K",
        "T_ion_K",
        "U_e_eV",
        "S_e_eV/K",
        "E_0_eV",
        "E_kin_eV",
        "absorbed_eV",
        "bath_eV",
        "conserved_eV",
        "novelty",
    )

    def __init__(self, dynamics: Any, logfile: Any, comm: Any = world) -> None:
        self.dynamics = weakref.proxy(dynamics)
        self.logfile = self.openfile(file=logfile, mode="a", comm=comm)
        names = [f"{name:>18s}" for name in self.columns]
        self.logfile.write("#" + " ".join(names)[1:] + "\n")

    def __del__(self) -> None:
        self.close()

    def __call__(self) -> None:
        """Write one line."""
        run, atoms = self.dynamics, self.dynamics.atoms
        row = (
            run.get_time() / units.fs,
            run.electronic_temperature,
            atoms.get_temperature(),
            run.state.energy.sum(),
            run.state.entropy.sum(),
            run.ground_energy,
            atoms.get_kinetic_energy(),
            run.absorbed,
            run.bath_heat,
            run.conserved_energy,
            run.novelty,
        )
        self.logfile.write(" ".join(f"{value:18.12g}" for value in row) + "\n")
        self.logfile.flush()
