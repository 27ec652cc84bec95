"""`DOSCalculator`: a model of the density of states as an ASE calculator."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Any

import numpy as np
from ase.calculators.calculator import (
    CalculationFailed,
    Calculator,
    CalculatorSetupError,
    InputError,
    PropertyNotImplementedError,
    all_changes,
)
from ase.outputs import Properties, all_outputs
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import ArrayLike, NDArray

from ase_dos.electrons.excitation import Excitation
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.checks import as_temperature

__all__ = ["DOSCalculator"]

_THERMAL = {"electronic_entropy", "electronic_free_energy", "electronic_heat_capacity"}
_PER_ATOM = {"energies", "electronic_entropies", "electronic_charges"}
_ENERGY = {"energy", "free_energy"}
_DERIVATIVES = {"forces", "stress"}


class DOSCalculator(Calculator):
    """Density of states, electron thermodynamics and hot-electron forces of a structure.

    Parameters
    ----------
    model : str or DOSModel
        Name of a shipped model, path of a model file, or a model. Of a model object only the
        hash enters the parameters, so that .traj and database files can hold them.
    ground_state : ASE calculator, optional
        Gives the energy E_0 of the atoms with cold electrons. Without it E_0 = 0, and energy and
        forces are the corrections for hot electrons alone.
    electronic_temperature : float
        T of the electrons (K), zero or above; may change during a run.
    ground_state_smearing : float, optional
        Temperature (K) of the electrons that E_0 holds already, such as that of the Fermi-Dirac
        smearing of the DFT that a potential was fitted to; 0 by default.

    Raises
    ------
    CalculatorSetupError
        If the model cannot be loaded or a temperature is not a number >= 0.

    Notes
    -----
    Properties, for ``get_property(name, atoms)``, per cell:

    - ``dos`` (n,): states/eV on the energies ``calc.model.grid.energies`` of the fitted grid;
    - ``local_dos`` (atoms, n): the same of every atom, computed only when asked for;
    - ``fermi_level``: E_F at T = 0 (eV) on that grid. Its zero is the model's own: only
      differences to other energies of the same structure carry meaning;
    - ``electronic_entropy``, ``electronic_heat_capacity`` (eV/K) at T;
    - ``electronic_free_energy`` (eV): F(T) - F(0), which does not depend on the zero of energy;
    - ``energy`` and ``free_energy``, the same number: A = E_0 + F(T) - F(T_0) with T_0 the
      ``ground_state_smearing`` (eV); ``forces`` and ``stress``: its exact derivatives at constant
      T. With ``ground_state=EMT()`` or any other, a system in which the electrons are held at T;
    - ``energies`` (eV), ``electronic_entropies`` (eV/K) and ``electronic_charges`` (atoms,): parts
      of A and of the entropy at T, and valence minus electrons, which sum to the totals.

    All but the first three are computed only when asked for; nothing else depends on T.

    `get_dos`, `get_local_dos` and `get_electron_gas` put the zero of energy at E_F. Without
    ``atoms`` they speak of the structure that the calculator was last attached to, as it is now.
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
    ]
    default_parameters: dict[str, Any] = {  # noqa: RUF012
        "model": "silicon",
        "ground_state": None,
        "electronic_temperature": 300.0,
        "ground_state_smearing": 0.0,
    }
    discard_results_on_any_change = True

    def __init__(self, model: Any = "silicon", **kwargs: Any) -> None:
        self.model: Any = None
        self.ground_state: Any = None
        self._local: LocalDOS | None = None
        self._slopes: tuple[NDArray, NDArray] | None = None
        self._attached: Any = None
        self._held: tuple[NDArray, NDArray] | None = None
        super().__init__(model=model, **kwargs)

    def set(self, **kwargs: Any) -> dict[str, Any]:
        """Change parameters; earlier results are dropped."""
        unknown = sorted(set(kwargs) - set(self.default_parameters))
        if unknown:
            raise CalculatorSetupError(
                f"DOSCalculator has no parameter {', '.join(map(repr, unknown))}; "
                f"it has {', '.join(map(repr, self.default_parameters))}"
            )
        try:
            if "electronic_temperature" in kwargs:
                kwargs["electronic_temperature"] = _one_temperature(
                    kwargs["electronic_temperature"]
                )
            if "ground_state_smearing" in kwargs:
                smearing = kwargs["ground_state_smearing"]
                kwargs["ground_state_smearing"] = _one_temperature(
                    0.0 if smearing is None else smearing
                )
            if "model" in kwargs:
                self.model, kwargs["model"] = _resolve_model(kwargs["model"])
        except (ValueError, OSError) as error:
            raise CalculatorSetupError(str(error)) from error
        if "electronic_temperature" in kwargs:
            self._held = None
        if "ground_state" in kwargs:
            self.ground_state = kwargs["ground_state"]
            if self.ground_state is not None:  # files keep plain values only
                kwargs["ground_state"] = type(self.ground_state).__name__
        changed = super().set(**kwargs)
        if kwargs.keys() & {"electronic_temperature", "ground_state", "model"}:
            self.reset()  # another object, or the end of groups, may have the same plain value
        return changed

    def set_atoms(self, atoms: Any) -> None:
        """Remember the structure that this calculator is attached to; ASE calls it."""
        self._attached = atoms

    def todict(self, skip_default: bool = False) -> dict[str, Any]:
        """Parameters as plain values, the defaults among them: a later default may differ."""
        return super().todict(skip_default=skip_default)

    def reset(self) -> None:
        """Forget results and structure."""
        super().reset()
        self._local = self._slopes = None

    def calculate(
        self,
        atoms: Any = None,
        properties: Any = ("dos",),
        system_changes: Any = all_changes,
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
            If the ground state lacks a property, or the stress of a structure without a
            three-dimensional cell is asked for.
        """
        super().calculate(atoms, properties, system_changes)
        if system_changes or self._local is None:
            self._local = self._slopes = None
            self.results = {}
            local = self._predict()
            dos = local.total()
            self.results = {
                "dos": dos.values,
                "fermi_level": float(_electron_gas(dos, 0.0).fermi_level),
            }
            self._local = local  # last: a failed call leaves nothing behind
        if not _THERMAL.isdisjoint(properties):
            self.results.update(self._thermal_results(self._local))
        if "local_dos" in properties:
            self.results["local_dos"] = self._local.values
        wanted = set(properties) & (_ENERGY | _DERIVATIVES | _PER_ATOM)
        if wanted:
            self.results.update(self._hot_results(self._local, wanted))

    def hold(self, temperatures: NDArray, groups: NDArray) -> None:
        """Give groups of atoms electrons of their own, and keep the DOS if it is known.

        Each group is neutral and has its own chemical potential; energy, forces and all thermal
        results are those of the sum of the groups. The ``electronic_temperature`` becomes the
        mean over the atoms, for `get_electron_gas` and for files; to set it ends the groups.

        Parameters
        ----------
        temperatures : (groups,) array
            Electron temperatures (K).
        groups : (atoms,) int array
            Group of every atom.
        """
        temperatures = as_temperature(temperatures)
        self._held = temperatures, groups
        self._slopes = None
        self.parameters["electronic_temperature"] = float(temperatures[groups].mean())
        kept = ("dos", "local_dos", "fermi_level")
        self.results = {name: self.results[name] for name in kept if name in self.results}

    def get_dos(self, atoms: Any = None) -> DOS:
        """DOS of the cell (states/eV) with energies (eV) relative to E_F at T = 0."""
        return self._local_dos(atoms).total().shifted(-self.results["fermi_level"])

    def get_local_dos(self, atoms: Any = None) -> LocalDOS:
        """DOS of every atom, low-rank, with energies (eV) relative to E_F at T = 0."""
        local = self._local_dos(atoms)
        return local.shifted(-self.results["fermi_level"])

    def get_electron_gas(self, temperature: ArrayLike | None = None, atoms: Any = None):
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
            temperature = self.parameters["electronic_temperature"]
        return _electron_gas(self.get_dos(atoms), temperature)

    def export_properties(self) -> Properties:
        """Results under names that ASE knows; it refuses any other name."""
        known = {name: value for name, value in self.results.items() if name in all_outputs}
        return Properties(known)

    def _local_dos(self, atoms: Any) -> LocalDOS:
        if atoms is None:
            atoms = self._attached if self._attached is not None else self.atoms
        if atoms is None:
            raise InputError("DOSCalculator: no structure yet: attach it, atoms.calc = calc")
        self.get_property("fermi_level", atoms)
        assert self._local is not None
        return self._local

    def _predict(self) -> LocalDOS:
        if self.atoms is None or len(self.atoms) == 0:
            raise InputError("DOSCalculator: the structure has no atoms")
        try:
            return self.model.predict(self.atoms)
        except ValueError as error:
            raise InputError(str(error)) from error

    def _groups(self, local: LocalDOS) -> list[tuple[NDArray, float]]:
        """Atoms and temperature of the groups whose electrons are in equilibrium."""
        if self._held is None:
            return [(np.arange(len(local)), self.parameters["electronic_temperature"])]
        temperatures, groups = self._held
        if len(groups) != len(local):
            raise InputError(
                f"hold(): groups of {len(groups)} atoms, the structure has {len(local)}; "
                "hold other groups, or set one electronic_temperature"
            )
        labels, starts = np.unique(np.sort(groups), return_index=True)
        atoms = np.split(np.argsort(groups, kind="stable"), starts[1:])
        return list(zip(atoms, temperatures[labels].tolist(), strict=True))

    def _thermal_results(self, local: LocalDOS) -> dict[str, Any]:
        entropy = free_energy = capacity = 0.0
        for atoms, temperature in self._groups(local):
            gas = _electron_gas(local.total(atoms), [0.0, temperature])
            entropy += float(gas.entropy[1])
            free_energy += float(gas.free_energy[1] - gas.free_energy[0])
            capacity += float(gas.heat_capacity[1])
        return {
            "electronic_entropy": entropy,
            "electronic_free_energy": free_energy,
            "electronic_heat_capacity": capacity,
        }

    def _hot_results(self, local: LocalDOS, wanted: Set[str]) -> dict[str, Any]:
        """Ground state plus the free energy of excited electrons, and derivatives of the sum."""
        groups = self._groups(local)
        smearing = self.parameters["ground_state_smearing"]
        hot = [_excite(local.total(atoms), t, smearing) for atoms, t in groups]
        assert self.atoms is not None
        energy = self._ground("free_energy") + sum(part.free_energy for part in hot)
        results: dict[str, Any] = {"energy": energy, "free_energy": energy}
        if wanted & _PER_ATOM:
            parts = np.empty((3, len(local)))
            for (atoms, _), part in zip(groups, hot, strict=True):
                some = replace(
                    local,
                    coefficients=local.coefficients[atoms],
                    valence=local.valence[atoms],
                    novelty=None,
                )
                parts[:, atoms] = some.share(part)
            if "energies" in wanted:
                results["energies"] = self._ground("energies") + parts[0]
            results |= {"electronic_entropies": parts[1], "electronic_charges": parts[2]}
        if wanted & _DERIVATIVES:
            gradient, virial = self._differentiate(groups, hot)
            if "forces" in wanted:
                results["forces"] = self._ground("forces") - gradient
            if "stress" in wanted:
                if self.atoms.cell.rank < 3:
                    raise PropertyNotImplementedError("stress: the structure has no volume")
                stress = full_3x3_to_voigt_6_stress(virial / self.atoms.get_volume())
                results["stress"] = self._ground("stress") + stress
        return results

    def _differentiate(self, groups: list, hot: list[Excitation]) -> tuple[NDArray, NDArray]:
        """Gradient and virial, kept: forces and stress may be asked for one after the other."""
        if self._slopes is None:
            assert self.atoms is not None
            members = np.empty(len(self.atoms), np.int64)
            for group, (atoms, _) in enumerate(groups):
                members[atoms] = group
            derivatives = np.array([part.derivative for part in hot])
            self._slopes = self.model.differentiate(self.atoms, derivatives, members)
        return self._slopes

    def _ground(self, name: str) -> Any:
        """Return a property of the ground state; zero without one."""
        if self.ground_state is None:
            return 0.0
        if name == "free_energy" and name not in self.ground_state.implemented_properties:
            name = "energy"
        return self.ground_state.get_property(name, self.atoms)


def _excite(dos: DOS, temperature: float, ground_temperature: float) -> Excitation:
    try:
        return dos.excite(temperature, ground_temperature)
    except ValueError as error:
        raise CalculationFailed(str(error)) from error


def _electron_gas(dos: DOS, temperature: ArrayLike) -> Any:
    try:
        return dos.electron_gas(temperature)
    except ValueError as error:
        raise CalculationFailed(str(error)) from error


def _one_temperature(value: Any) -> float:
    temperature = as_temperature(value)
    if temperature.ndim:
        raise ValueError(
            f"temperature: expected one number, got shape {temperature.shape}: "
            "use get_electron_gas(temperatures) for several"
        )
    return float(temperature)


def _resolve_model(model: Any) -> tuple[Any, str]:
    """Return the model and the plain value that stands for it in the parameters."""
    if hasattr(model, "predict"):
        return model, f"DOSModel {model.info['hash']}"
    from ase_dos.model.dos_model import DOSModel

    return DOSModel.load(model), str(model)
