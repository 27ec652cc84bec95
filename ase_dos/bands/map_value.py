"""Intensity over momenta and energy as a frozen value: its axes, gaps, history and file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.bands.arrangement import ENERGY, arranged, check_values
from ase_dos.bands.netcdf import import_xarray, plain_attributes, write_netcdf

if TYPE_CHECKING:
    from typing import Self

    from xarray import DataArray

__all__ = ["MapValue"]


class MapValue:
    """Intensity on uniform axes, one or two and energy, that nothing changes: see `BandMap`."""

    __slots__ = ("_counts", "_data")

    def __init__(self, data: DataArray, *, counts: bool | None = None) -> None:
        xarray = import_xarray()
        if not isinstance(data, xarray.DataArray):
            raise ValueError(
                f"band map: expected an xarray.DataArray, got {type(data).__name__}; arrays go "
                f"through BandMap.from_arrays"
            )
        self._keep(arranged(data), counts)

    def _keep(self, data: DataArray, counts: bool | None) -> None:
        if counts is None:
            counts = bool(data.attrs.get("counts", False))
        check_values(data.values, counts)
        data.attrs = {**data.attrs, "counts": int(counts)}
        data.values.flags.writeable = False
        self._data, self._counts = data, counts

    @classmethod
    def _of_own(cls, data: DataArray, counts: bool | None = None) -> Self:
        """Map of data that nobody else has: a large map need not be in memory twice."""
        found = cls.__new__(cls)
        found._keep(arranged(data, copy=False), counts)
        return found

    @classmethod
    def from_arrays(
        cls,
        values: ArrayLike,
        energies: ArrayLike,
        *,
        counts: bool = False,
        attrs: Mapping[str, Any] | None = None,
        **axes: ArrayLike,
    ) -> Self:
        """Make a map of arrays.

        Parameters
        ----------
        values : (nx, ny, energies) or (n, energies) array_like
            Intensity; NaN where nothing was measured.
        energies : (energies,) array_like
            E - E_F (eV).
        counts : bool
            Whether values are raw numbers of electrons.
        attrs : mapping, optional
            Notes to keep.
        **axes : array_like
            One or two axes by name, in the order of the values: ``kx=..., ky=...``, ``k=...``,
            ``temperature=...``.

        Raises
        ------
        ValueError
            As the class, and if shapes do not fit.
        """
        coordinates = {name: np.array(axis, dtype=float) for name, axis in axes.items()}
        coordinates[ENERGY] = np.array(energies, dtype=float)
        values = np.asarray(values)
        expected = tuple(axis.size for axis in coordinates.values())
        if values.shape != expected:
            names = ", ".join(coordinates)
            raise ValueError(f"values: expected shape ({names}) = {expected}, got {values.shape}")
        data = import_xarray().DataArray(
            values, dims=list(coordinates), coords=coordinates, attrs=attrs
        )
        return cls(data, counts=counts)

    def __repr__(self) -> str:
        axes = ", ".join(
            f"{name} {axis[0]:.4g} to {axis[-1]:.4g} ({axis.size})"
            for name, axis in zip(self._data.dims, [*self.momenta, self.energies], strict=True)
        )
        return f"<{type(self).__name__} {axes}, {'counts' if self._counts else 'intensities'}>"

    @property
    def data(self) -> DataArray:
        """The map as an `xarray.DataArray`; its values are read-only."""
        return self._data.copy(deep=False)

    @property
    def values(self) -> NDArray:
        """Intensity, momenta first, energies last; NaN where nothing was measured."""
        return self._data.values

    @property
    def energies(self) -> NDArray:
        """E - E_F (eV)."""
        return self._data[ENERGY].values

    @property
    def energy_step(self) -> float:
        """Distance of energies (eV)."""
        return float((self.energies[-1] - self.energies[0]) / (self.energies.size - 1))

    @property
    def momentum_names(self) -> tuple[str, ...]:
        """Names of the axes before the energy."""
        return tuple(str(name) for name in self._data.dims[:-1])

    @property
    def momenta(self) -> tuple[NDArray, ...]:
        """Axes before the energy (1/Angstrom, if they are momenta)."""
        return tuple(self._data[name].values for name in self.momentum_names)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points along each axis."""
        return self._data.shape

    @property
    def counts(self) -> bool:
        """Whether values are raw numbers of electrons."""
        return self._counts

    @property
    def valid(self) -> NDArray:
        """Where something was measured, in the shape of `values`."""
        return ~np.isnan(self.values)

    @property
    def mask(self) -> NDArray:
        """Momenta at which anything was measured."""
        return np.asarray(self.valid.any(axis=-1))

    @property
    def history(self) -> list[str]:
        """What was done to the map, one line each."""
        return [line for line in str(self._data.attrs.get("history", "")).split("\n") if line]

    def to_netcdf(self, path: str | os.PathLike) -> None:
        """Write a NetCDF file that `read` takes, and any program with xarray.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        data = self.data
        data.attrs = plain_attributes(data.attrs)
        data[ENERGY].attrs = {"units": "eV", "long_name": "E - E_F", "type": "relative"}
        write_netcdf(data.to_dataset(name="intensity"), path)

    def _changed(self, data: DataArray, counts: bool, what: str) -> Self:
        """Map of changed data that also says what was done."""
        attrs = {**self._data.attrs, "history": "\n".join([*self.history, what])}
        return self._of_own(data.assign_attrs({**data.attrs, **attrs}), counts)

    def _named(
        self, given: Mapping[str, Any], names: Sequence[str] | None = None
    ) -> Mapping[str, Any]:
        """Check the names of axes."""
        known = [str(name) for name in self._data.dims] if names is None else names
        if unknown := [name for name in given if name not in known]:
            raise ValueError(f"no axis {unknown[0]}: expected one of {', '.join(known)}")
        return given

    def _along_axes(self, given: Mapping[str, Any], default: Any) -> list[Any]:
        """Options of all axes in their order."""
        if not given:
            raise ValueError(f"expected a number for at least one of the axes {self._data.dims}")
        named = self._named(given)
        return [named.get(str(name), default) for name in self._data.dims]

    def _inside(self, name: str, at: float) -> float:
        axis = self._data[name].values
        half = (axis[1] - axis[0]) / 2
        if not axis[0] - half <= at <= axis[-1] + half:
            raise ValueError(f"{name}: {at:g} is outside the map, {axis[0]:g} to {axis[-1]:g}")
        return at
