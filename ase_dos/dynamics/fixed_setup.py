"""What a run was made with and has to stay: atoms, cell, masses, calculator."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from ase_dos.adapters.ase import DOSCalculator
from ase_dos.adapters.ground_state import ground_state_record

__all__ = ["FixedSetup", "checked_calculator"]


class FixedSetup:
    """Values that a run has taken from its atoms and their calculator when it was made.

    Positions and momenta may be changed between steps, and so may constraints.

    Parameters
    ----------
    atoms : Atoms
        The ions.
    calc : DOSCalculator
        Their calculator.
    """

    def __init__(self, atoms: Atoms, calc: DOSCalculator) -> None:
        self._calc = calc
        self._arrays = _arrays(atoms)
        self._parts = _parts(calc)

    def take_cell(self, atoms: Atoms) -> None:
        """Take the cell that the run itself has given to the atoms."""
        self._arrays["cell of the atoms"] = atoms.cell.array.copy()

    def require(self, atoms: Atoms) -> None:
        """Check that everything is as it was.

        Raises
        ------
        ValueError
            If something was changed; the message says what.
        """
        now, parts = _arrays(atoms), _parts(self._calc)
        changed = [name for name in now if not np.array_equal(now[name], self._arrays[name])]
        if atoms.calc is not self._calc:
            changed.append("calculator of the atoms")
        changed += [name for name in parts if parts[name] != self._parts[name]]
        if changed:
            raise ValueError(
                f"TwoTemperature: the {' and the '.join(changed)} changed since this run was made, "
                "which it cannot follow; make a new TwoTemperature"
            )


def checked_calculator(atoms: Atoms) -> DOSCalculator:
    """Return the calculator of atoms that can be moved.

    Raises
    ------
    ValueError
        If it is no DOSCalculator, or has no ground state with forces.
    """
    calc = atoms.calc
    if not isinstance(calc, DOSCalculator):
        raise ValueError(
            f"TwoTemperature: expected atoms with a DOSCalculator, got {type(calc).__name__}: "
            "atoms.calc = DOSCalculator(model, ground_state=...)"
        )
    ground = calc.ground_state
    if ground is None or "forces" not in ground.implemented_properties:
        raise ValueError(
            "TwoTemperature: ions need a ground state with forces, got "
            f"{'none' if ground is None else type(ground).__name__}: "
            "atoms.calc = DOSCalculator(model, ground_state=...)"
        )
    return calc


def _arrays(atoms: Atoms) -> dict[str, np.ndarray]:
    return {
        "numbers of the atoms": atoms.numbers.copy(),
        "masses of the atoms": atoms.get_masses(),
        "cell of the atoms": atoms.cell.array.copy(),
        "periodic directions of the atoms": atoms.pbc.copy(),
    }


def _parts(calc: DOSCalculator) -> dict[str, object]:
    return {
        "model of the calculator": id(calc.model),
        "ground_state of the calculator": id(calc.ground_state),
        "parameters of the ground_state": ground_state_record(calc.ground_state),
        "ground_state_smearing of the calculator": calc.ground_state_smearing,
    }
