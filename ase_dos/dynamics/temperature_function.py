"""Material constant that may depend on the temperature of the electrons."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.utils.checks import as_positive

__all__ = ["TemperatureFunction"]


class TemperatureFunction:
    """Constant, or function of T_e, that is zero or above.

    Parameters
    ----------
    value : float or callable
        A number, or a function that gives numbers for an array of temperatures (K).
    name : str
        What it is, for messages.
    unit : float
        Its unit in those of ASE.

    Raises
    ------
    ValueError
        If a constant is negative or not finite.
    """

    def __init__(
        self, value: float | Callable[[NDArray], ArrayLike], name: str, unit: float
    ) -> None:
        if not callable(value):
            as_positive(value, name, zero=True)
        self._value, self._name, self._unit = value, name, unit

    def __call__(self, temperature: NDArray) -> NDArray:
        """Values in ASE's units at temperatures (n,) in K.

        Raises
        ------
        ValueError
            If the function gives a negative number or one that is not finite.
        """
        value = self._value(temperature) if callable(self._value) else self._value
        found = np.broadcast_to(np.asarray(value, dtype=float), temperature.shape)
        good = np.isfinite(found) & (found >= 0)
        if not good.all():
            worst = int(np.argmin(good))
            raise ValueError(
                f"{self._name}: expected numbers >= 0 from the function, got {found[worst]:g} at "
                f"{temperature[worst]:g} K"
            )
        return self._unit * found

    @property
    def label(self) -> float | str:
        """The number as it was given, or the name of the function."""
        if callable(self._value):
            return getattr(self._value, "__name__", type(self._value).__name__)
        return self._value
