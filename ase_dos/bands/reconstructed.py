"""Bands reconstructed from a photoemission map, with what is known about their errors."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.bands.axes import checked_axes
from ase_dos.bands.line_profile import LineProfile
from ase_dos.bands.momentum_spline import MomentumSpline
from ase_dos.bands.planes import path_momenta
from ase_dos.utils.checks import as_array
from ase_dos.utils.short_repr import short_repr

if TYPE_CHECKING:
    from ase.dft.kpoints import BandPath
    from ase.spectrum.band_structure import BandStructure

    from ase_dos.spectra.dos import DOS

__all__ = ["ReconstructedBands"]

DOS_LABEL = "mapped bands, sum over k_parallel at one kz"


@dataclass(frozen=True, eq=False)
class ReconstructedBands:
    r"""Bands that a reconstruction found in a `BandMap`.

    Shapes: ``(bands, *momenta)`` stands for (bands, n) or (bands, nx, ny). Arrays are copied and
    read-only.

    Parameters
    ----------
    energies : (bands, *momenta) array
        Energies relative to the Fermi level (eV), NaN where nothing is known.
    theory : (bands, *momenta) array
        Energies (eV) of the theory that the reconstruction started from, as the user gave it,
        on the same grid.
    momenta : tuple of (n,) arrays
        One or two uniform axes (1/Angstrom, or the unit of any other axis).
    amplitudes : (bands, *momenta) array
        Counts (or intensity) in the line of each band at each momentum.
    std : (bands, *momenta) array, optional
        Standard deviations of the energies (eV), NaN where the data say nothing.
    std_refused : str
        Why there are no standard deviations; stated if and only if `std` is None.
    mask : (bands, *momenta) or momenta-shaped array of bool, optional
        True where the data speak. By default where the energies are known.
    momentum_names : tuple of str, optional
        Names of the axes; ("kx", "ky") or ("k",) by default.
    profile : LineProfile, optional
        Line that was fitted to the data; None where intensities are not counts and the
        reconstruction used none.
    gap : (bands,) array, optional
        Certificate: how far, relative to the energy of the Markov field, each band may be from
        its optimum at most. NaN where the optimiser gives none.
    eta : float
        Smoothness of the prior: sum over neighbours of (d_i - d_j)^2 / (2 (eta dk)^2), in eV per
        unit of momentum.
    shift : float
        Rigid shift (eV) that was found, part of `energies` and not of `theory`.
    settings : mapping
        How the reconstruction was made: anything that JSON can write.

    Raises
    ------
    ValueError
        If shapes disagree, axes are not uniform, a standard deviation is negative, or neither or
        both of `std` and `std_refused` are given.
    """

    energies: NDArray
    theory: NDArray
    momenta: tuple[NDArray, ...]
    amplitudes: NDArray
    std: NDArray | None = None
    std_refused: str = ""
    mask: NDArray | None = None
    momentum_names: tuple[str, ...] = ()
    profile: LineProfile | None = None
    gap: NDArray | None = None
    eta: float = np.nan
    shift: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)

    __repr__ = short_repr

    def __post_init__(self) -> None:
        axes, names = checked_axes(self.momenta, self.momentum_names)
        energies = _copied(self.energies, "energies")
        if energies.ndim != len(axes) + 1 or energies.shape[1:] != tuple(map(len, axes)):
            raise ValueError(
                f"energies: expected shape (bands, {', '.join(str(len(axis)) for axis in axes)}) "
                f"on the axes {', '.join(names)}, got {energies.shape}"
            )
        values: dict[str, Any] = {"energies": energies, "momenta": axes, "momentum_names": names}
        for name in ("theory", "amplitudes", "std"):
            given = getattr(self, name)
            values[name] = None if given is None else _copied(given, name, energies.shape)
        if (values["std"] is None) != bool(self.std_refused):
            raise ValueError(
                "std: expected standard deviations, or else std_refused with the reason"
            )
        if values["std"] is not None and (values["std"] < 0).any():
            raise ValueError("std: expected standard deviations >= 0")
        values["mask"] = _mask(self.mask, energies)
        gap = np.full(len(energies), np.nan) if self.gap is None else self.gap
        values["gap"] = _copied(gap, "gap", (len(energies),))
        values["eta"], values["shift"] = float(self.eta), float(as_array(self.shift, "shift", ()))
        try:
            values["settings"] = json.loads(json.dumps(dict(self.settings), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ValueError(f"settings: expected what JSON can write ({error})") from None
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return len(self.energies)

    @property
    def correction(self) -> NDArray:
        """Energies minus those of the theory (bands, *momenta) in eV, the rigid shift included."""
        return self.energies - self.theory

    def at(self, points: ArrayLike) -> NDArray:
        """Energies (bands, *points) in eV at momenta (*points, axes), by cubic splines.

        NaN off the grid, and where a neighbour on the grid is not known. The correction is
        interpolated apart from the theory, which is known everywhere and has the sharp turns.
        """
        theory = MomentumSpline(self.momenta, self.theory).at(points)
        return theory + MomentumSpline(self.momenta, self.correction).at(points)

    def to_ase(self, path: BandPath, *, azimuth: float = 0.0) -> BandStructure:
        """Band structure along a path of the crystal.

        Parameters
        ----------
        path : ase.dft.kpoints.BandPath
            Path of the cell, ``atoms.cell.bandpath("GMKG", npoints=100)`` for example. Its
            Cartesian x and y are the momenta of the map; its points lie at one height z.
        azimuth : float
            Angle (degrees) by which the crystal of the map is turned against the cell,
            counter-clockwise.

        Returns
        -------
        ase.spectrum.band_structure.BandStructure
            Of one spin channel, relative to the Fermi level. The momentum kz of the map is not
            in it.

        Raises
        ------
        ValueError
            If the map has one momentum axis only, or the path leads off it or off its plane.
        """
        from ase.spectrum.band_structure import BandStructure

        if len(self.momenta) != 2:
            raise ValueError(
                f"a path needs bands over kx and ky; these have the axis {self.momentum_names[0]}"
            )
        points = path_momenta(path, azimuth)
        energies = self.at(points)
        missing = np.isnan(energies).any(axis=0)
        if missing.any():
            k = points[missing][0]
            raise ValueError(
                f"path: {missing.sum()} of its {len(missing)} points are off the map or where it "
                f"has no data, the first at kx = {k[0]:.3f}, ky = {k[1]:.3f} 1/Angstrom; "
                "take a shorter path, or check azimuth and cell"
            )
        return BandStructure(path, energies.T[None], reference=0.0)

    def dos(
        self, width: float = 0.05, *, zone: ArrayLike | None = None, spin_degeneracy: int = 2
    ) -> DOS:
        """Density of states of the mapped bands: their sum over k_parallel at one kz.

        It is no DOS of the crystal unless the bands are the same at all kz; its label says so.

        Parameters
        ----------
        width : float
            Standard deviation of the Gaussian that broadens each state (eV).
        zone : momenta-shaped array of bool, optional
            Momenta to average over, those of one Brillouin zone for example. By
            default all that have data.
        spin_degeneracy : int
            Electrons that one band holds: 2, or 1 for bands that are spin-split.

        Returns
        -------
        DOS
            `spin_degeneracy` states per band; complete up to the Fermi level.

        Raises
        ------
        ValueError
            If a band has no data in the zone.
        """
        from ase_dos.bands.mapped_dos import mapped_dos

        inside = np.ones(self.energies.shape[1:], bool) if zone is None else np.asarray(zone)
        if inside.shape != self.energies.shape[1:] or inside.dtype != bool:
            raise ValueError(
                f"zone: expected booleans of shape {self.energies.shape[1:]}, got "
                f"{inside.dtype} of shape {inside.shape}"
            )
        known = self.mask & np.isfinite(self.energies) & inside
        return mapped_dos(self.energies, known, width, spin_degeneracy, DOS_LABEL)

    def to_netcdf(self, path: str | os.PathLike) -> None:
        """Write everything into one NetCDF file; `load` reads it.

        Raises
        ------
        ImportError
            If xarray or h5netcdf is not installed (extra ``bands``).
        OSError
            If the file cannot be written; a file that was there stays.
        """
        from ase_dos.bands.reconstructed_file import write

        write(path, vars(self))

    @classmethod
    def load(cls, path: str | os.PathLike) -> ReconstructedBands:
        """Read what `to_netcdf` wrote.

        Raises
        ------
        ImportError
            If xarray or h5netcdf is not installed (extra ``bands``).
        ValueError
            If the file is another one, or damaged.
        """
        from ase_dos.bands.reconstructed_file import read

        return cls(**read(path))


def _copied(value: ArrayLike, name: str, shape: tuple[int, ...] | None = None) -> NDArray:
    """Return a read-only copy in which NaN stands for what is not known."""
    array = np.array(value, dtype=float)
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    if np.isinf(array).any():
        raise ValueError(f"{name}: {np.isinf(array).sum()} values are infinite")
    array.flags.writeable = False
    return array


def _mask(mask: NDArray | None, energies: NDArray) -> NDArray:
    known = np.isfinite(energies)
    if mask is None:
        result = known
    else:
        given = np.asarray(mask)
        if given.dtype != bool or given.shape not in (energies.shape, energies.shape[1:]):
            raise ValueError(
                f"mask: expected booleans of shape {energies.shape} or {energies.shape[1:]}, got "
                f"{given.dtype} of shape {given.shape}"
            )
        result = np.array(np.broadcast_to(given, energies.shape))
        if (result & ~known).any():
            raise ValueError("mask: it is True where an energy is NaN")
    result.flags.writeable = False
    return result
