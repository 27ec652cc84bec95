"""`DOSCalculator`: a model of the density of states as an ASE calculator."""

from __future__ import annotations

from typing import Any

from ase.calculators.calculator import (
    CalculationFailed,
    Calculator,
    CalculatorSetupError,
    InputError,
    all_changes,
)
from ase.outputs import Properties, all_outputs
from numpy.typing import ArrayLike

from ase_dos.checks import as_temperature
from ase_dos.spectrum import DOS, LocalDOS

__all__ = ["DOSCalculator"]

_THERMAL = {"electronic_entropy", "electronic_free_energy", "electronic_heat_capacity"}


class DOSCalculator(Calculator):
    """Density of states and electron thermodynamics of any structure of a model's species.

    Parameters
    ----------
    model : str or DOSModel
        Name of a shipped model, path of a model file, or a model. Of a model object only the
        hash enters the parameters, so that .traj and database files can hold them.
    temperature : float
        Electronic temperature (K) of the thermal properties, zero or above.

    Raises
    ------
    CalculatorSetupError
        If the model cannot be loaded or the temperature is not a number >= 0.

    Notes
    -----
    Properties, for ``get_property(name, atoms)``, per cell:

    - ``dos`` (n,): states/eV on the energies ``calc.model.grid_.energies`` of the fitted grid;
    - ``local_dos`` (atoms, n): the same of every atom, computed only when asked for;
    - ``fermi_level``: E_F at T = 0 (eV) on that grid. Its zero is the model's own: only
      differences to other energies of the same structure carry meaning;
    - ``electronic_entropy``, ``electronic_heat_capacity`` (eV/K) at ``temperature``;
    - ``electronic_free_energy`` (eV): F(T) - F(0), which does not depend on the zero of energy.

    The last three are computed only when asked for; nothing else depends on ``temperature``.

    `get_dos`, `get_local_dos` and `get_electron_gas` put the zero of energy at E_F. Without
    ``atoms`` they speak of the structure that the calculator was last attached to, as it is now.
    There is no ``energy`` and there are no ``forces``: the DOS alone does not give them.
    """

    # No ClassVar, which ruff would want: ASE declares both without it.
    implemented_properties: list[str] = [  # noqa: RUF012
        "dos", "local_dos", "fermi_level",
        "electronic_entropy", "electronic_free_energy", "electronic_heat_capacity",
    ]  # fmt: skip
    default_parameters: dict[str, Any] = {  # noqa: RUF012
        "model": "silicon",
        "temperature": 300.0,
    }
    discard_results_on_any_change = True

    def __init__(self, model: Any = "silicon", temperature: float = 300.0, **kwargs: Any) -> None:
        self.model: Any = None
        self._local: LocalDOS | None = None
        self._attached: Any = None
        super().__init__(model=model, temperature=temperature, **kwargs)

    def set(self, **kwargs: Any) -> dict[str, Any]:
        """Change ``model`` or ``temperature``; earlier results are dropped."""
        unknown = sorted(set(kwargs) - set(self.default_parameters))
        if unknown:
            raise CalculatorSetupError(
                f"DOSCalculator has no parameter {', '.join(map(repr, unknown))}; "
                f"it has {', '.join(map(repr, self.default_parameters))}"
            )
        try:
            if "temperature" in kwargs:
                kwargs["temperature"] = _one_temperature(kwargs["temperature"])
            if "model" in kwargs:
                self.model, kwargs["model"] = _resolve_model(kwargs["model"])
        except (ValueError, OSError) as error:
            raise CalculatorSetupError(str(error)) from error
        return super().set(**kwargs)

    def set_atoms(self, atoms: Any) -> None:
        """Remember the structure that this calculator is attached to; ASE calls it."""
        self._attached = atoms

    def todict(self, skip_default: bool = False) -> dict[str, Any]:
        """Parameters as plain values, the defaults among them: a later default may differ."""
        return super().todict(skip_default=skip_default)

    def reset(self) -> None:
        """Forget results and structure."""
        super().reset()
        self._local = None

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
            thermal property is asked for, at ``temperature``.
        """
        super().calculate(atoms, properties, system_changes)
        if system_changes or self._local is None:
            self._local = None
            self.results = {}
            local = self._predict()
            dos = local.total()
            self.results = {
                "dos": dos.values,
                "fermi_level": float(_electron_gas(dos, 0.0).fermi_level),
            }
            self._local = local  # last: a failed call leaves nothing behind
        if not _THERMAL.isdisjoint(properties):
            self.results.update(self._thermal_results(self._local.total()))
        if "local_dos" in properties:
            self.results["local_dos"] = self._local.values

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
        ase_dos.thermo.ElectronGas
            Its ``fermi_level`` is mu(T) - E_F.

        Raises
        ------
        CalculationFailed
            If the electrons at this temperature do not fit the energies the model covers.
        """
        if temperature is None:
            temperature = self.parameters["temperature"]
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

    def _thermal_results(self, dos: DOS) -> dict[str, Any]:
        gas = _electron_gas(dos, [0.0, self.parameters["temperature"]])
        return {
            "electronic_entropy": float(gas.entropy[1]),
            "electronic_free_energy": float(gas.free_energy[1] - gas.free_energy[0]),
            "electronic_heat_capacity": float(gas.heat_capacity[1]),
        }


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
    from ase_dos.model import DOSModel

    return DOSModel.load(model), str(model)
