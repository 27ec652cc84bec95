"""Band map: photoemission intensity over momenta and energy, and how it is prepared and cut."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ase_dos.bands import preparation, symmetry
from ase_dos.bands.arrangement import ENERGY
from ase_dos.bands.files import read_map
from ase_dos.bands.interpolation import interpolate, interpolation_matrix
from ase_dos.bands.map_value import MapValue
from ase_dos.utils.checks import as_array, as_count, as_positive

if TYPE_CHECKING:
    from xarray import DataArray

__all__ = ["BandMap"]

_SLACK = 1e-6  # of a step: an end on a point has the point, whatever its last bits


class BandMap(MapValue):
    """Photoemission intensity on uniform axes of one or two momenta, and of energy.

    Nothing changes a map: methods return new ones, arrays are read-only, and what a map is made
    of is copied. NaN marks what was not measured.

    Parameters
    ----------
    data : xarray.DataArray
        Intensity with the dimension ``eV`` (E - E_F in eV, occupied states negative) and one or
        two more, as a rule ``kx`` and ``ky`` in 1/Angstrom, with 2 pi, or ``k`` along a line. The
        order of dimensions does not matter. Axes that fall are turned round. A ``units`` attribute
        of an axis is obeyed.
    counts : bool, optional
        Whether values are raw numbers of electrons, with Poisson statistics. False for anything
        normalised, corrected or smoothed. By default what the attribute ``counts`` of the data
        says, else False.

    Raises
    ------
    ValueError
        If dimensions are missing or unknown, an axis is not uniform or is an angle, no value is
        above zero, a value is infinite, or ``counts`` are no counts.
    ImportError
        If xarray is not installed.
    """

    __slots__ = ()

    @classmethod
    def read(
        cls,
        path: str | os.PathLike,
        *,
        energy: str | None = None,
        fermi_level: float | None = None,
        variable: str | None = None,
        dims: Sequence[str] | None = None,
        select: Mapping[str, float] | None = None,
        counts: bool | None = None,
    ) -> BandMap:
        """Read HDF5 of mpes, fuller or sed, NXmpes, NetCDF, or a zarr store.

        Parameters
        ----------
        path : str or path
            The file.
        energy : {"relative", "binding", "kinetic"}, optional
            What the energies are: E - E_F (erlab, PyARPES), E_F - E (peaks), or kinetic. By
            default what the file says; if it says nothing, this is needed.
        fermi_level : float, optional
            Where the Fermi level is on the file's axis (eV). Needed for kinetic energies, else 0.
        variable : str, optional
            Name of the map in a NetCDF file or zarr store with several.
        dims : sequence of str, optional
            Names of the dimensions in their order, if an HDF5 file leaves it open.
        select : mapping of str to float, optional
            Values of further axes (delay, photon energy) to take; the nearest points are.
        counts : bool, optional
            Whether values are raw counts. By default what the file says: its unit is "counts",
            and all are integers from 0 up.

        Raises
        ------
        ValueError
            If the file is missing, damaged, of no known format or no map of momenta, or does not
            say what is needed; it names the file.
        ImportError
            If a package is missing that reads the format.
        """
        data = read_map(
            path,
            energy=energy,
            fermi_level=fermi_level,
            variable=variable,
            dims=dims,
            select=select,
            counts=counts,
        )
        try:
            return cls._of_own(data)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from error

    def cropped(self, **ranges: tuple[float, float]) -> BandMap:
        """Cut to ranges, ends included: ``cropped(kx=(-1, 1), eV=(-5, 0.2))``."""
        data = self._data
        for name, (low, high) in self._named(ranges).items():
            axis = data[name].values
            slack = _SLACK * (axis[1] - axis[0])
            kept = (axis >= low - slack) & (axis <= high + slack)
            if kept.sum() < 2:
                raise ValueError(
                    f"{name}: {kept.sum()} points are left from {low:g} to {high:g}, expected at "
                    f"least 2; the axis runs from {axis[0]:g} to {axis[-1]:g}"
                )
            data = data.isel({name: kept})
        return self._changed(data, self._counts, _call("cropped", ranges))

    def masked(self, mask: ArrayLike | None = None) -> BandMap:
        """Make NaN of what was not measured.

        Parameters
        ----------
        mask : bool array of the shape of the momenta, optional
            True where there are data. By default wherever any intensity is not zero: detectors
            write zeros beyond their edge.
        """
        if mask is None:
            kept = np.nan_to_num(self.values).any(axis=-1)
        else:
            kept = np.asarray(mask)
            if kept.dtype != bool or kept.shape != self.shape[:-1]:
                raise ValueError(
                    f"mask: expected true or false for momenta {self.shape[:-1]}, got "
                    f"{kept.dtype} {kept.shape}"
                )
        values = np.where(kept[..., None], self.values, np.nan)
        note = f"masked({int((~kept).sum())} of {kept.size} momenta)"
        return self._changed(self._data.copy(data=values), self._counts, note)

    def binned(self, **factors: int) -> BandMap:
        """Put neighbouring points together: ``binned(kx=2, ky=2)``.

        Counts are added, and a sum with a gap in it is a gap; of intensities the mean is taken of
        what is there. Points at the end that fill no bin are left out.
        """
        sizes = self._along_axes(factors, 1)
        for name, factor, size in zip(self._data.dims, sizes, self.shape, strict=True):
            if as_count(factor, str(name), 1) > size // 2:
                raise ValueError(f"{name}: {size} points make less than 2 bins of {factor}")
        values = preparation.binned(self.values, sizes, add=self._counts)
        per_bin = dict(zip(self._data.dims, sizes, strict=True))
        axes = {name: one.variable for name, one in self._data.coords.items()}
        for name, one in axes.items():
            if one.dims:
                shrunk = preparation.binned(one.values, [per_bin[one.dims[0]]], add=False)
                axes[name] = type(one)(one.dims, shrunk, one.attrs)
        data = type(self._data)(values, axes, self._data.dims, attrs=self._data.attrs)
        return self._changed(data, self._counts, _call("binned", factors))

    def smoothed(self, **widths: float) -> BandMap:
        """Convolve with a Gaussian of these standard deviations, in the units of the axes.

        Gaps stay gaps and do not leak into their surroundings. The result is no counts.
        """
        given = self._along_axes(widths, 0.0)
        steps = [axis[1] - axis[0] for axis in (*self.momenta, self.energies)]
        points = [
            as_positive(width, str(name), zero=True) / step
            for name, width, step in zip(self._data.dims, given, steps, strict=True)
        ]
        values = preparation.smoothed(self.values, points)
        return self._changed(self._data.copy(data=values), False, _call("smoothed", widths))

    def symmetrized(
        self,
        rotation: int = 1,
        mirror: float | None = None,
        center: float | Sequence[float] = 0.0,
    ) -> BandMap:
        """Take the mean over rotations and mirrors about a centre.

        The map is interpolated linearly, exactly where an operation leads from point to point of
        the grid. Each point gets the mean over the operations that lead to data, so gaps fill from
        their images. The result is no counts.

        Parameters
        ----------
        rotation : int
            Order of the axis through the centre, e.g. 6; 1 for none. Of a map with one momentum, 2
            turns it round.
        mirror : float, optional
            Angle (degrees) from the first momentum axis to a mirror line: 0 keeps kx and turns ky
            round, 90 the other way. With a rotation, lines are repeated by it.
        center : float or (kx, ky)
            The centre (1/Angstrom); one number stands for all axes.
        """
        if rotation == 1 and mirror is None:
            raise ValueError("symmetrized: expected a rotation above 1, a mirror, or both")
        lines = len(self.momenta) == 1
        make = symmetry.line_operations if lines else symmetry.plane_operations
        middle = np.broadcast_to(as_array(center, "center"), (len(self.momenta),))
        for name, axis, at in zip(self.momentum_names, self.momenta, middle, strict=True):
            if not axis[0] <= at <= axis[-1]:
                raise ValueError(
                    f"center: {name} = {at:g} is outside the map, {axis[0]:g} to {axis[-1]:g}"
                )
        values = symmetry.mean_over_operations(
            self.momenta, self.values, make(rotation, mirror), middle
        )
        options = {"rotation": rotation, "mirror": mirror, "center": middle.tolist()}
        return self._changed(self._data.copy(data=values), False, _call("symmetrized", options))

    def equalized(
        self, clip_limit: float = 0.02, kernel_size: int | Sequence[int] | None = None
    ) -> BandMap:
        """Equalise contrast locally (CLAHE) in all dimensions, with scikit-image.

        Parameters
        ----------
        clip_limit : float
            0 to 1; higher is more contrast.
        kernel_size : int or sequence of int, optional
            Points, along all axes or each; by default an eighth of the map.

        Returns
        -------
        BandMap
            Values from 0 to 1: no counts.

        Raises
        ------
        ImportError
            If scikit-image is not installed.
        """
        values = preparation.equalized(self.values, clip_limit, kernel_size)
        options = {"clip_limit": clip_limit, "kernel_size": kernel_size}
        return self._changed(self._data.copy(data=values), False, _call("equalized", options))

    def thinned(self, fraction: float, seed: int) -> tuple[BandMap, BandMap]:
        """Deal the electrons out to two maps at random: independent, both of Poisson statistics.

        Parameters
        ----------
        fraction : float
            Probability (0 to 1) of the first map.
        seed : int
            Of the random numbers.

        Raises
        ------
        ValueError
            If the map is no counts: other statistics cannot be divided so.
        """
        if not self._counts:
            raise ValueError(
                "thinned: needs raw counts, and this map has intensities; if they "
                "are counts, give --counts (in Python, counts=True)"
            )
        if not 0 < fraction < 1:
            raise ValueError(f"fraction: expected a number between 0 and 1, got {fraction:g}")
        first, second = (
            self._changed(self._data.copy(data=values), True, f"thinned({share:g}, seed {seed})")
            for values, share in zip(
                preparation.thinned(self.values, fraction, seed),
                (fraction, 1 - fraction),
                strict=True,
            )
        )
        return first, second

    def edc(self, **momentum: float) -> DataArray:
        """Energy distribution curve at the nearest momentum: ``edc(kx=0.2, ky=0)``.

        Over axes that are left out counts are added, and the mean is taken of intensities.
        """
        data = self.data
        for name, at in self._named(momentum, self.momentum_names).items():
            data = data.sel({name: self._inside(name, at)}, method="nearest")
        others = [name for name in self.momentum_names if name in data.dims]
        return data.sum(others, min_count=1) if self._counts else data.mean(others)

    def constant_energy(self, energy: float, width: float = 0.0) -> DataArray:
        """Intensity at an energy (eV), added (counts) or averaged over ``width`` around it."""
        self._inside(ENERGY, energy)
        far = np.abs(self.energies - energy)
        reach = max(as_positive(width, "width", zero=True) / 2, far.min())
        part = self.data.isel({ENERGY: far <= reach + _SLACK * self.energy_step})
        return part.sum(ENERGY, min_count=1) if self._counts else part.mean(ENERGY)

    def path(self, points: ArrayLike, n: int) -> BandMap:
        """Cut along straight lines from momentum to momentum, interpolated linearly.

        Parameters
        ----------
        points : (corners, 2) array_like
            Momenta (1/Angstrom) that the path runs through.
        n : int
            Number of points, evenly spaced along the path.

        Returns
        -------
        BandMap
            Over the length ``k`` of the path (1/Angstrom), with the momenta as coordinates and
            the lengths at the corners as attribute ``corners``. No counts.
        """
        if len(self.momenta) != 2:
            raise ValueError("path: needs a map with two momentum axes")
        corners = as_array(points, "points", (None, 2))
        lengths = np.concatenate([[0.0], np.linalg.norm(np.diff(corners, axis=0), axis=1).cumsum()])
        if len(corners) < 2 or np.diff(lengths).min() <= 0:
            raise ValueError("points: expected at least 2 momenta, each other than the one before")
        k = np.linspace(0.0, lengths[-1], as_count(n, "n", 2))
        along = np.stack([np.interp(k, lengths, part) for part in corners.T], axis=1)
        flat = self.values.reshape(-1, self.energies.size)
        values = interpolate(interpolation_matrix(self.momenta, along), flat)
        if np.isnan(values).all():
            raise ValueError("points: the path has no data on it; " + repr(self))
        coordinates: dict[str, Any] = {"k": k, ENERGY: self.energies}
        coordinates |= {
            name: ("k", part) for name, part in zip(self.momentum_names, along.T, strict=True)
        }
        attrs = {**self._data.attrs, "corners": lengths.tolist()}
        cut = type(self._data)(values, coordinates, ["k", ENERGY], attrs=attrs)
        return self._changed(cut, False, f"path({corners.tolist()})")


def _call(method: str, options: Mapping[str, Any]) -> str:
    return f"{method}({', '.join(f'{name}={value}' for name, value in options.items())})"
