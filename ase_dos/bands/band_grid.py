"""Bands on a grid of momenta as a value: interpolated onto maps, shifted, scaled, selected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.bands.axes import checked_axes, grid_points
from ase_dos.bands.momentum_spline import MomentumSpline
from ase_dos.utils.checks import as_array, as_positive

if TYPE_CHECKING:
    from typing_extensions import Self

    from ase_dos.bands.band_map import BandMap

__all__ = ["BandGrid"]


@dataclass(frozen=True, eq=False)
class BandGrid:
    """Bands on uniform axes of momentum; parameters and errors are those of `TheoryBands`."""

    energies: NDArray
    momenta: tuple[NDArray, ...]
    names: tuple[str, ...] = ()
    interpolation_error: float | None = None

    def __post_init__(self) -> None:
        axes, names = checked_axes(self.momenta, self.names)
        shape = (None, *map(len, axes))
        energies = np.sort(as_array(self.energies, "energies of bands", shape), axis=0)
        if not len(energies):
            raise ValueError("energies of bands: there is no band")
        energies.flags.writeable = False
        for name, value in {"energies": energies, "momenta": axes, "names": names}.items():
            object.__setattr__(self, name, value)

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return len(self.energies)

    def at(self, points: ArrayLike) -> NDArray:
        """Energies (bands, *points) in eV at momenta (*points, axes); NaN off the theory.

        By cubic splines. Bands come out ascending at each momentum.
        """
        return np.sort(self._spline.at(points), axis=0)

    @cached_property
    def _spline(self) -> MomentumSpline:
        return MomentumSpline(self.momenta, self.energies)

    def on(self, band_map: BandMap) -> NDArray:
        """Energies (bands, *momenta) in eV on the grid of a map; NaN off the theory.

        A map over another axis than these, of one momentum along a path for example, has
        coordinates "kx" and "ky" along it.

        Raises
        ------
        ValueError
            If the map has other axes, or its momenta and these do not overlap.
        """
        energies = self.at(self.momenta_of(band_map))
        if np.isnan(energies).all():
            here, there = (
                _ranges(self.momenta, self.names),
                _ranges(band_map.momenta, band_map.momentum_names),
            )
            raise ValueError(
                f"theory and map do not overlap: the theory spans {here}, the map {there}; are "
                "the momenta of both in 1/Angstrom, with the factor 2 pi?"
            )
        return energies

    def momenta_of(self, band_map: BandMap) -> NDArray:
        """Momenta (*momenta, axes) of a map on the axes of the theory.

        Raises
        ------
        ValueError
            If the map has other axes.
        """
        axes, names = band_map.momenta, band_map.momentum_names
        along = [name in band_map.data.coords for name in self.names]
        if names == self.names or (len(axes) == len(self.names) == 1 and "k" in names + self.names):
            return grid_points(axes)
        if len(axes) == 1 and all(along):
            columns = [np.asarray(band_map.data.coords[name].values) for name in self.names]
            if all(column.shape == (len(axes[0]),) for column in columns):
                return np.stack(columns, axis=-1)
        raise ValueError(
            f"theory over {', '.join(self.names)} and map over {', '.join(names)}: the axes are "
            "different ones; make bands over the axes of the map with TheoryBands.from_arrays"
        )

    def shifted(self, shift: float) -> Self:
        """Return the bands with every energy raised by ``shift`` (eV)."""
        return replace(self, energies=self.energies + float(as_array(shift, "shift", ())))

    def scaled(self, energy: float = 1.0, momentum: float = 1.0) -> Self:
        """Return the bands with energies and momenta multiplied, both about zero."""
        factor = as_positive(momentum, "momentum")
        stretch = as_positive(energy, "energy")
        error = self.interpolation_error
        return replace(
            self,
            energies=self.energies * stretch,
            momenta=tuple(k * factor for k in self.momenta),
            interpolation_error=None if error is None else error * stretch,
        )

    def select(self, bands: Sequence[int] | slice) -> Self:
        """Return some of the bands, counted from 0 and from below."""
        chosen = np.arange(self.n_bands)[bands if isinstance(bands, slice) else list(bands)]
        return replace(self, energies=self.energies[np.unique(chosen)])

    def within(self, lowest: float, highest: float) -> Self:
        """Return the bands of which a part lies between two energies (eV).

        Raises
        ------
        ValueError
            If there is none.
        """
        flat = self.energies.reshape(self.n_bands, -1)
        inside = np.flatnonzero((flat.max(axis=1) >= lowest) & (flat.min(axis=1) <= highest))
        if not inside.size:
            raise ValueError(
                f"no band between {lowest:g} and {highest:g} eV: they span {flat.min():.2f} to "
                f"{flat.max():.2f} eV; are their energies relative to the Fermi level?"
            )
        return self.select(list(inside))


def _ranges(axes: tuple[NDArray, ...], names: tuple[str, ...]) -> str:
    return ", ".join(
        f"{name} = {axis[0]:.2f} to {axis[-1]:.2f}" for axis, name in zip(axes, names, strict=True)
    )
