"""What a run tells while it runs: a table of its energies, and each kind of warning once."""

from __future__ import annotations

import re
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ase import units
from ase.parallel import world
from ase.utils import IOContext

__all__ = ["ElectronLog", "FirstWarnings"]

_NUMBER = re.compile(r"[-+]?\d[\d.]*(e[-+]?\d+)?")


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


class FirstWarnings:
    """Shows the first warning of each kind in a run and counts the others.

    Attributes
    ----------
    counts : dict
        How often each kind came, by its text with ``#`` for numbers.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    @contextmanager
    def once(self, when: str) -> Iterator[None]:
        """Collect warnings of the block; then give those of a new kind, with ``when``."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        for warning in caught:
            text = str(warning.message)
            kind = _NUMBER.sub("#", text)
            self.counts[kind] = self.counts.get(kind, 0) + 1
            if self.counts[kind] == 1:
                warnings.warn(
                    f"{when}: {text} (warnings of this kind are only counted from here on)",
                    warning.category,
                    stacklevel=4,
                )
