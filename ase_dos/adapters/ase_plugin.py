"""Calculator among the plugins of ASE, and in its table of calculators.

The entry point ``ase.plugins`` leads here, by which ``ase info --plugins`` knows the package.
Releases of ASE without plugins, or with others, find nothing here.
"""

from __future__ import annotations

from typing import Any

__all__ = ["register_calculator"]

_NAME = "doscalculator"  # that ASE gives the class in files


def _plugins() -> frozenset[Any]:
    try:
        from ase._4.plugins.plugin import CalculatorPlugin
    except ImportError:  # they are experimental in ASE
        return frozenset()
    plugin = CalculatorPlugin(_NAME, implementation="ase_dos.adapters.ase.DOSCalculator")
    return frozenset([plugin])


__ase_plugins__ = _plugins()


def register_calculator() -> None:
    """Let ASE find `DOSCalculator` under the name that it has in files.

    Then ``get_calculator_class(row.calculator)(**row.calculator_parameters)`` makes the calculator
    of a row of a database again (`ase.calculators.calculator.get_calculator_class`).
    """
    from ase.calculators.calculator import external_calculators, register_calculator_class

    from ase_dos.adapters.ase import DOSCalculator

    if _NAME not in external_calculators:
        register_calculator_class(_NAME, DOSCalculator)
