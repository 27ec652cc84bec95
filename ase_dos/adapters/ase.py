"""ASE calculator: density of states, thermodynamics and forces of hot electrons, by any model."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Set
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import (
    CalculationFailed,
    InputError,
    PropertyNotImplementedError,
    all_changes,
    all_properties,
)
from ase.outputs import Properties, all_outputs
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import ArrayLike, NDArray

from ase_dos.adapters.adjustable import AdjustableCalculator, checked_setup
from ase_dos.adapters.ground_state import ground_state_property
from ase_dos.adapters.parameters import as_groups
from ase_dos.electrons.gas import ElectronGas
from ase_dos.model.interface import DOSPredictor
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.electron_groups import ElectronGroups, ExcitedGroups
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.warnings import WarningCounter

__all__ = ["DOSCalculator"]

T = TypeVar("T")
_COLD = {"dos", "local_dos", "fermi_level"}  # what does not depend on T
_THERMAL = ("entropy", "free_energy", "heat_capacity")  # with "electronic_" before them
_PER_ATOM = {"energies", "electronic_entropies", "electronic_charges"}
_ENERGY = {"energy", "free_energy"}
_MOMENTS = {"magmom", "magmoms"}
_DERIVATIVES = {"forces", "stress"}


class DOSCalculator(AdjustableCalculator):
    """Density of states, electron thermodynamics and hot-electron forces of a structure.

    Parameters
    ----------
    model : str, path or DOSPredictor
        Name of a shipped model, path of a model file, or any model with the interface of
        `ase_dos.model.interface.DOSPredictor`. Of a model object only the hash enters the
        parameters, so that .traj and database files can hold them.
    ground_state : ASE calculator, optional
        Gives the energy E_0 of the atoms with cold electrons. Without it E_0 = 0, and energy and
        forces are the corrections for hot electrons alone. Its record in `todict` will do, where
        that is more than a name.
    electronic_temperature : float
        T of the electrons (K), zero or above; may change during a run.
    ground_state_smearing : float, optional
        Temperature (K) of the electrons that E_0 contains already, such as that of the
        Fermi-Dirac smearing of the DFT that a potential was fitted to; 0 by default.

    Raises
    ------
    CalculatorSetupError
        If the model cannot be loaded, the ground state is no calculator, or a temperature is not
        a number >= 0.

    Notes
    -----
    Every parameter can be changed: ``calc.electronic_temperature = T``, ``calc.set(...)`` and
    ``calc.parameters[...] = ...`` are the same. Any other public attribute is refused.

    Properties, for ``get_property(name, atoms)``, per cell:

    - ``dos`` (n,): states/eV on the energies ``calc.model.grid.energies`` of the fitted grid;
    - ``local_dos`` (atoms, n): the same of every atom, computed only when asked for;
    - ``fermi_level``: E_F at T = 0 (eV) on that grid. Its zero is the model's own: only
      differences to other energies of the same structure carry meaning;
    - ``electronic_entropy``, ``electronic_heat_capacity`` (eV/K) at T;
    - ``electronic_free_energy`` (eV): F(T) - F(0), which does not depend on the zero of energy;
    - ``energy`` and ``free_energy``, the same number: A = E_0 + F(T) - F(T_0) with T_0 the
      ``ground_state_smearing`` (eV); ``forces`` and ``stress``: its exact derivatives at constant
      T. With ``ground_state=EMT()`` or any other, a system whose electrons keep the temperature T;
    - ``energies`` (eV), ``electronic_entropies`` (eV/K) and ``electronic_charges`` (atoms,): parts
      of A and of the entropy at T, and valence minus electrons, which sum to the totals;
    - ``magmom``, and ``magmoms`` (atoms,), of a model with spin channels: electrons of the
      majority less those of the minority at T (Bohr magnetons), with one chemical potential for
      both. The majority is up: the moment of the cell is never that of its mirror image.

    Each is computed only when asked for; all but the first three depend on T. Those that ASE
    knows are in ``results``.

    `get_dos`, `get_local_dos` and `get_electron_gas` put the zero of energy at E_F. Without
    ``atoms`` they describe the structure that the calculator is attached to, as it is now.

    Of each kind of warning an ``Atoms`` object gets the first, so that a run of dynamics is not
    warned at every step.
    """

    # No ClassVar, which ruff would want: ASE declares both without it.
    implemented_properties: list[str] = [  # noqa: RUF012
        "energy",
        "free_energy",
        "forces",
        "stress",
        "energies",
        "dos",
        "local_dos",
        "fermi_level",
        "electronic_entropy",
        "electronic_free_energy",
        "electronic_heat_capacity",
        "electronic_entropies",
        "electronic_charges",
        "magmom",
        "magmoms",
    ]

    def __init__(self, model: str | os.PathLike | DOSPredictor = "silicon", **kwargs: Any) -> None:
        self._attached: Atoms | None = None
        self._own_results: dict[str, Any] = {}  # under names that ASE does not know
        self._local: LocalDOS | None = None
        self._excited: ExcitedGroups | None = None
        self._gradient: tuple[NDArray, NDArray] | None = None  # and virial
        self._warned_of: Atoms | None = None
        self._warnings = WarningCounter()
        super().__init__(model=model, **kwargs)
        self._seal(DOSCalculator)

    def set_atoms(self, atoms: Atoms) -> None:
        """Remember the structure that this calculator is attached to; ASE calls it."""
        self._attached = atoms

    def reset(self) -> None:
        """Forget results and structure."""
        super().reset()
        self._forget()

    def get_property(
        self, name: str, atoms: Atoms | None = None, allow_calculation: bool = True
    ) -> Any:
        """Give a result of a structure, of the last one by default.

        ASE's protocol. ``results`` hold what ASE knows, so that ``SinglePointCalculator(atoms,
        **calc.results)`` is one; the other results are here alone.
        """
        if name not in self.implemented_properties:
            raise PropertyNotImplementedError(f"{name} property not implemented")
        changes = [] if atoms is None else self.check_state(atoms)
        if changes or (name not in self.results and name not in self._own_results):
            if not allow_calculation:
                return None
            with self._once_per_run(atoms):
                self.calculate(self.atoms if atoms is None else atoms, [name], changes)
        value = self.results.get(name, self._own_results.get(name))
        return value.copy() if isinstance(value, np.ndarray) else value

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Collection[str] = ("dos",),
        system_changes: Collection[str] = tuple(all_changes),
    ) -> None:
        """Predict the DOS of ``atoms`` and what follows from it.

        Raises
        ------
        InputError
            If the model cannot describe the structure: no atoms, unknown species, NaN position.
        CalculationFailed
            If the electrons do not fit the energies the model covers, at T = 0 or, where a
            thermal property is asked for, at T.
        PropertyNotImplementedError
            If the ground state lacks a property, the stress of a structure without a
            three-dimensional cell is asked for, or moments of a model without spin channels.
        """
        if system_changes or self._local is None:
            self._forget()
            if atoms is not None:
                self.atoms = atoms.copy()
            self._local = self._predict()
        wanted = set(properties)
        if wanted & _COLD and "fermi_level" not in self._own_results:
            dos = self._local.total()
            fermi_level = float(_electron_gas(dos, 0.0).fermi_level)
            self._own_results |= {"dos": dos.values, "fermi_level": fermi_level}
        if "local_dos" in wanted:
            self._own_results["local_dos"] = self._local.values
        if any(f"electronic_{name}" in wanted for name in _THERMAL):
            sums = _translated(self._electron_groups(self._local).thermal_sums, self._local)
            self._own_results |= {f"electronic_{name}": sums[name] for name in _THERMAL}
        if wanted & _MOMENTS:
            self._set_moments(self._local)
        if wanted & (_ENERGY | _PER_ATOM | _DERIVATIVES):
            for name, value in self._energy_results(self._local, wanted).items():
                (self.results if name in all_properties else self._own_results)[name] = value

    def set_group_temperatures(self, temperatures: NDArray, groups: NDArray) -> None:
        """Give groups of atoms electrons of their own, and keep the DOS if it is known.

        Each group is neutral and has its own chemical potential; energy, forces and all thermal
        results are those of the sum of the groups. The ``electronic_temperature`` becomes the
        mean over the atoms, for `get_electron_gas` and for files; setting it removes the groups.

        Parameters
        ----------
        temperatures : (groups,) array
            Electron temperatures (K).
        groups : (atoms,) int array
            Group of every atom.

        Raises
        ------
        CalculatorSetupError
            If a temperature is not a number >= 0, or a group is not the index of one.
        """
        self._groups = checked_setup(as_groups, temperatures, groups)
        self._excited = self._gradient = None
        self._plain["electronic_temperature"] = self._groups.mean_temperature
        self.results = {}
        self._own_results = {
            name: self._own_results[name] for name in self._own_results.keys() & _COLD
        }

    def get_dos(self, atoms: Atoms | None = None) -> DOS:
        """DOS of the cell (states/eV) with energies (eV) relative to E_F at T = 0."""
        return self._local_dos(atoms).total().shifted(-self._own_results["fermi_level"])

    def get_local_dos(self, atoms: Atoms | None = None) -> LocalDOS:
        """DOS of every atom, low-rank, with energies (eV) relative to E_F at T = 0."""
        local = self._local_dos(atoms)
        return local.shifted(-self._own_results["fermi_level"])

    def get_fermi_level(self, atoms: Atoms | None = None) -> float:
        """E_F at T = 0 (eV) on the fitted grid of the model: the property ``fermi_level``.

        The zero of that grid is the model's own; in `get_dos` and all else that this class
        returns, E_F is zero.
        """
        self._local_dos(atoms)
        return self._own_results["fermi_level"]

    def get_electron_gas(
        self, temperature: ArrayLike | None = None, atoms: Atoms | None = None
    ) -> ElectronGas:
        """Thermodynamics of the electrons, energies relative to E_F at T = 0.

        Parameters
        ----------
        temperature : array_like, optional
            Temperatures (K); the calculator's own by default.
        atoms : Atoms, optional
            The structure; the one attached by default.

        Returns
        -------
        ase_dos.electrons.gas.ElectronGas
            Its ``fermi_level`` is mu(T) - E_F.

        Raises
        ------
        CalculationFailed
            If the electrons at this temperature do not fit the energies the model covers.
        """
        if temperature is None:
            temperature = self.electronic_temperature
        with self._once_per_run(atoms):
            return _electron_gas(self.get_dos(atoms), temperature)

    def get_electron_info(self, atoms: Atoms | None = None) -> dict[str, float]:
        """Temperature and thermodynamics of the electrons, for ``atoms.info``.

        ASE's writers keep no results under names that it does not know. Those of extended xyz,
        and others, keep what is in ``atoms.info``: ``atoms.info.update(calc.get_electron_info())``
        before a frame is written.

        Returns
        -------
        dict
            ``electronic_temperature`` (K), ``electronic_entropy``, ``electronic_heat_capacity``
            (eV/K), ``electronic_free_energy`` and ``fermi_level`` (eV), as in the notes above.
        """
        atoms = self._structure(atoms)
        names = [f"electronic_{name}" for name in _THERMAL]
        values = {name: self.get_property(name, atoms) for name in (*names, "fermi_level")}
        return {"electronic_temperature": self.electronic_temperature} | values

    def export_properties(self) -> Properties:
        """Results under names that ASE knows; it refuses any other name."""
        results = self.results | self._own_results
        return Properties({name: results[name] for name in results if name in all_outputs})

    def _forget(self) -> None:
        """Forget what is known of a structure."""
        # Without the check of names that setting an attribute means, at every step.
        self.__dict__.update(
            results={}, _own_results={}, _local=None, _excited=None, _gradient=None
        )

    def _once_per_run(self, atoms: Atoms | None) -> AbstractContextManager[None]:
        """Give each kind of warning once for one Atoms object, whose positions a run changes."""
        if atoms is not None and atoms is not self._warned_of:
            self._warned_of, self._warnings = atoms, WarningCounter()
        return self._warnings.once()

    def _structure(self, atoms: Atoms | None) -> Atoms:
        """Return the given structure, or the one that the calculator is attached to."""
        if atoms is None:
            atoms = self._attached if self._attached is not None else self.atoms
        if atoms is None:
            raise InputError(
                "DOSCalculator: there is no structure yet; attach the calculator: atoms.calc = calc"
            )
        return atoms

    def _local_dos(self, atoms: Atoms | None) -> LocalDOS:
        self.get_property("fermi_level", self._structure(atoms))
        assert self._local is not None
        return self._local

    def _predict(self) -> LocalDOS:
        if self.atoms is None or len(self.atoms) == 0:
            raise InputError("DOSCalculator: the structure has no atoms")
        try:
            return self.model.predict(self.atoms)
        except ValueError as error:
            raise InputError(str(error)) from error

    def _electron_groups(self, local: LocalDOS) -> ElectronGroups:
        """Return the groups of atoms whose electrons are in equilibrium."""
        if self._groups is None:
            return ElectronGroups.of_one_temperature(self.electronic_temperature, len(local))
        if len(self._groups.labels) != len(local):
            raise InputError(
                f"set_group_temperatures: the groups have {len(self._groups.labels)} atoms, the "
                f"structure {len(local)}; set other groups, or one electronic_temperature"
            )
        return self._groups

    def _excite(self, local: LocalDOS) -> ExcitedGroups:
        """Electrons of the groups at their temperatures, once."""
        if self._excited is None:
            groups, smearing = self._electron_groups(local), self.ground_state_smearing
            self._excited = _translated(groups.excite, local, smearing)
        return self._excited

    def _set_moments(self, local: LocalDOS) -> None:
        """Magnetic moments of the atoms and of the cell, under the names that ASE knows."""
        if local.spin_basis is None:
            raise PropertyNotImplementedError(
                "magmom, magmoms: the DOS of this model is not divided into spin channels; take "
                "one trained with spin='channels' (--spin channels)"
            )
        moments = self._excite(local).moments(local)
        self.results |= {"magmom": float(moments.sum()), "magmoms": moments}

    def _energy_results(self, local: LocalDOS, wanted: Set[str]) -> dict[str, Any]:
        """Ground state plus the free energy of excited electrons, and derivatives of the sum."""
        assert self.atoms is not None
        excited = self._excite(local)
        energy = self._ground("free_energy") + excited.free_energy
        results: dict[str, Any] = {"energy": energy, "free_energy": energy}
        if wanted & _PER_ATOM:
            free_energies, entropies, charges = excited.shares(local)
            if "energies" in wanted:
                results["energies"] = self._ground("energies") + free_energies
            results |= {"electronic_entropies": entropies, "electronic_charges": charges}
        if wanted & _DERIVATIVES:
            gradient, virial = self._differentiate(excited)
            if "forces" in wanted:
                results["forces"] = self._ground("forces") - gradient
            if "stress" in wanted:
                if self.atoms.cell.rank < 3:
                    raise PropertyNotImplementedError("stress: the structure has no volume")
                stress = full_3x3_to_voigt_6_stress(virial / self.atoms.get_volume())
                results["stress"] = self._ground("stress") + stress
        return results

    def _differentiate(self, excited: ExcitedGroups) -> tuple[NDArray, NDArray]:
        """Gradient and virial, once: forces and stress may be asked for one after the other."""
        if self._gradient is None:
            assert self.atoms is not None
            labels = excited.groups.labels if len(excited.parts) > 1 else None
            self._gradient = self.model.differentiate(self.atoms, excited.derivatives, labels)
        return self._gradient

    def _ground(self, name: str) -> float | NDArray:
        """Return a property of the ground state; zero without one."""
        if self.ground_state is None:
            return 0.0
        assert self.atoms is not None
        return ground_state_property(self.ground_state, name, self.atoms)


def _translated(function: Callable[..., T], *args: Any) -> T:
    """Call a function of the electrons; its ValueError is a calculation that failed."""
    try:
        return function(*args)
    except ValueError as error:
        raise CalculationFailed(str(error)) from error


def _electron_gas(dos: DOS, temperature: ArrayLike) -> ElectronGas:
    return _translated(dos.electron_gas, temperature)
