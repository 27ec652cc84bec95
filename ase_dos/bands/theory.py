"""Calculated bands over the momenta of a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.bands.alignment import Alignment, best_alignment, warn_of
from ase_dos.bands.axes import grid_points
from ase_dos.bands.band_grid import BandGrid
from ase_dos.bands.crystal_mesh import CrystalMesh, point_operations
from ase_dos.bands.planes import turned
from ase_dos.bands.zone import momentum_axes
from ase_dos.spectra.states import ElectronicStates
from ase_dos.utils.checks import as_array
from ase_dos.utils.short_repr import short_repr

if TYPE_CHECKING:
    from ase import Atoms
    from ase.spectrum.band_structure import BandStructure

    from ase_dos.bands.band_map import BandMap
    from ase_dos.spectra.calculator_states import EigenvalueCalculator

__all__ = ["TheoryBands"]

Reference: TypeAlias = float | Literal["fermi", "vbm"]


@dataclass(frozen=True, eq=False)
class TheoryBands(BandGrid):
    """Bands of a calculation on uniform axes of momentum.

    Parameters
    ----------
    energies : (bands, nx, ny) or (bands, n) array
        Energies (eV) relative to the Fermi level or another zero, finite. Stored ascending at
        each momentum; copied, read-only.
    momenta : tuple of (n,) arrays
        One or two uniform axes in 1/Angstrom, with the factor 2 pi.
    names : tuple of str, optional
        Names of the axes; ("kx", "ky") or ("k",) by default.
    interpolation_error : float, optional
        Root mean square error (eV) of the energies from interpolation between the k-points of
        the calculation, if known; see `CrystalMesh.interpolation_error`.

    Raises
    ------
    ValueError
        If shapes disagree, energies are not finite, or axes are not uniform.
    """

    __repr__ = short_repr

    @classmethod
    def from_arrays(
        cls,
        energies: ArrayLike,
        kx: ArrayLike | None = None,
        ky: ArrayLike | None = None,
        **axes: ArrayLike,
    ) -> TheoryBands:
        """Take plain arrays: energies (bands, *momenta) and the axes by name, in their order."""
        given = {"kx": kx, "ky": ky, **axes}
        named = {name: np.asarray(axis) for name, axis in given.items() if axis is not None}
        return cls(np.asarray(energies), tuple(named.values()), tuple(named))

    @classmethod
    def from_ase(
        cls,
        structure: BandStructure,
        *,
        spin: int | None = None,
        origin: str | float = 0.0,
        n: int | None = None,
    ) -> TheoryBands:
        """Take a band structure of ASE along a path, for a map over one momentum.

        Parameters
        ----------
        structure : ase.spectrum.band_structure.BandStructure
            Its reference becomes the zero of energy. Its path has no jumps ("GMK", not "GM,KG").
        spin : int, optional
            Spin channel, 0 or 1. By default the bands of both, together.
        origin : str or float
            Where k is 0: a special point of the path ("G", the first of that name) or a distance
            from its beginning (1/Angstrom).
        n : int, optional
            Points of the uniform axis; by default about twice as many as those of the path.

        Returns
        -------
        TheoryBands
            Over the axis "k": the length along the path in 1/Angstrom, with the factor 2 pi.
            Interpolated by cubic splines between the corners of the path.

        Raises
        ------
        ValueError
            If the path has jumps, or has no such special point.
        """
        from ase_dos.bands.theory_path import bands_along_path

        energies = _channel(structure.energies - structure.reference, spin)
        axis, values = bands_along_path(structure.path, energies, origin, n)
        return cls(values.T, (axis,), ("k",))

    @classmethod
    def from_mesh(
        cls,
        kpoints: ArrayLike,
        eigenvalues: ArrayLike,
        cell: ArrayLike,
        *,
        atoms: Atoms | None = None,
        reference: float = 0.0,
        momenta: tuple[ArrayLike, ArrayLike] | None = None,
        kz: float | None = None,
        azimuth: float = 0.0,
        spin: int | None = None,
        size: Sequence[int] | None = None,
        time_reversal: bool = True,
    ) -> TheoryBands:
        """Take eigenvalues on a regular k mesh of a crystal, whole or reduced by symmetry.

        Parameters
        ----------
        kpoints : (kpoints, 3) array
            In units of the reciprocal lattice vectors (`calc.get_ibz_k_points()`).
        eigenvalues : (kpoints, bands) or (spins, kpoints, bands) array
            Energies (eV).
        cell : (3, 3) array or ase.cell.Cell
            Lattice vectors (Angstrom). The map shows the Cartesian kx and ky: the normal of the
            surface is z.
        atoms : ase.Atoms, optional
            Crystal whose symmetry (spglib) gives the k-points that the calculation left out. Only
            time reversal is used without.
        reference : float
            Energy (eV) that becomes zero: the Fermi level.
        momenta : (kx, ky), optional
            Uniform axes (1/Angstrom) of the result; a little beyond those of the map, if `align`
            is to change the scale of momenta. By default they reach beyond the zone.
        kz : float, optional
            Momentum along z (1/Angstrom). Needed if the mesh has several points along z.
        azimuth : float
            Angle (degrees) by which the crystal of the map is turned against the cell,
            counter-clockwise.
        spin : int, optional
            Spin channel, 0 or 1. By default the bands of both, together.
        size : three integers, optional
            Size of the mesh, where the points do not tell.
        time_reversal : bool
            Whether k and -k have the same energies. No, if spin-orbit coupling meets magnetism.

        Returns
        -------
        TheoryBands
            Its `interpolation_error` says how far to trust the interpolation; a finer mesh makes
            it small. Where bands cross, ascending energies have a sharp turn, and errors are
            largest there.

        Raises
        ------
        ValueError
            If the points are no mesh or a part of one from which symmetry does not give the
            whole, or `kz` is missing.
        ImportError
            If spglib is missing (extra ``bands``) and atoms are given.
        """
        from ase.cell import Cell

        levels = np.asarray(eigenvalues, dtype=float)
        levels = _channel(levels if levels.ndim == 3 else levels[None], spin)
        whole_cell = Cell.ascell(cell).complete().array
        operations = point_operations(atoms, time_reversal)
        mesh = CrystalMesh.from_irreducible(kpoints, levels, whole_cell, operations, size)
        if kz is None and mesh.depends_on_kz():
            raise ValueError(
                "kz: the mesh has several points along z; say which momentum along z (1/Angstrom) "
                "the map shows, kz=0.0 for example"
            )
        if momenta is None:
            momenta = momentum_axes(whole_cell, mesh.energies.shape[:3])
        axes = tuple(
            as_array(axis, name, (None,)) for axis, name in zip(momenta, "xy", strict=True)
        )
        points = turned(grid_points(axes), -azimuth)
        heights = np.full((*points.shape[:2], 1), 0.0 if kz is None else kz)
        energies = mesh.at(np.concatenate([points, heights], axis=-1)) - reference
        return cls(energies, axes, ("kx", "ky"), mesh.interpolation_error())

    @classmethod
    def from_states(
        cls,
        states: ElectronicStates,
        kpoints: ArrayLike,
        cell: ArrayLike,
        *,
        reference: Reference = "fermi",
        **options: Any,
    ) -> TheoryBands:
        """Take `ElectronicStates` whose k-points are a mesh; see `from_mesh`.

        Parameters
        ----------
        states : ElectronicStates
            Eigenvalues of one structure.
        kpoints : (kpoints, 3) array
            Its k-points, in units of the reciprocal lattice vectors: states have their weights
            only.
        cell : (3, 3) array or ase.cell.Cell
            Lattice vectors (Angstrom).
        reference : {"fermi", "vbm"} or float
            What becomes zero: the Fermi level, the top of the filled bands, or an energy (eV).
        **options
            Of `from_mesh`.

        Raises
        ------
        ValueError
            As `from_mesh`; or if there is no gap to have a top of filled bands below it.
        """
        zero = _zero_of(states, reference)
        return cls.from_mesh(kpoints, states.eigenvalues, cell, reference=zero, **options)

    @classmethod
    def from_calculator(
        cls,
        calc: EigenvalueCalculator,
        atoms: Atoms,
        *,
        reference: Reference = "fermi",
        n_electrons: float | None = None,
        spin_degeneracy: int | None = None,
        **options: Any,
    ) -> TheoryBands:
        """Take the eigenvalues of an ASE calculator on a k mesh; see `from_mesh`.

        Parameters
        ----------
        calc : ase.calculators.calculator.Calculator
            A finished calculation: GPAW, or one that the file readers of ASE attach.
        atoms : ase.Atoms
            The crystal: its cell, and the symmetry that reduced the k mesh.
        reference, n_electrons, spin_degeneracy
            As in `from_states` and `ElectronicStates.from_calculator`.
        **options
            Of `from_mesh`.

        Raises
        ------
        ValueError
            As `from_states`; or if the calculator has no k-points or eigenvalues.
        """
        states = ElectronicStates.from_calculator(calc, n_electrons, spin_degeneracy)
        get = getattr(calc, "get_ibz_k_points", None)
        kpoints = None if get is None else get()
        if kpoints is None:
            raise ValueError(
                f"calculator {type(calc).__name__}: it does not give its k-points; pass them with "
                "the eigenvalues to TheoryBands.from_mesh"
            )
        return cls.from_states(
            states, kpoints, atoms.cell, reference=reference, **{"atoms": atoms, **options}
        )

    def align(
        self,
        band_map: BandMap,
        *,
        max_shift: float = 1.0,
        energy_scale: bool = True,
        momentum_scale: bool = True,
    ) -> Alignment[TheoryBands]:
        """Find the rigid shift and the scales of energy and momentum that fit a map best.

        Strengths of bands and background are eliminated, in groups of neighbouring spectra, and
        the width of lines is fitted. The likelihood is that of counts. Intensities that are no
        counts have one of the same form, whose unit is found from their scatter; negative ones
        count as zero. A few hundred spectra are used, wherever the map and the theory are. If bands
        cross the Fermi level, what lies above -0.15 eV is left out in the end.

        Local errors of the theory stay as they are, and standard deviations do not know of them.

        Parameters
        ----------
        band_map : BandMap
            The map.
        max_shift : float
            Largest shift (eV), at the mean energy of the bands, with which the search begins.
        energy_scale, momentum_scale : bool
            Whether these are fitted; 1 if not. The scale of momentum, from 0.94 to 1.06, is
            fitted only over axes whose names begin with k.

        Returns
        -------
        Alignment

        Raises
        ------
        ValueError
            If theory and map do not overlap, or bands lie outside the energies of the map.

        Warns
        -----
        AlignmentWarning
            If another alignment is nearly as good, a scale is at its limit, or theory and map seem
            to have different bands.
        """
        found = best_alignment(self, band_map, max_shift, energy_scale, momentum_scale)
        warn_of(found.remarks, stacklevel=2)
        return found


def _channel(energies: NDArray, spin: int | None) -> NDArray:
    """Return one channel (kpoints, bands) of (spins, kpoints, bands), or all bands of both."""
    if spin is None:
        return np.concatenate(list(energies), axis=-1)
    if spin not in range(len(energies)):
        raise ValueError(f"spin: there are {len(energies)} channels, counted from 0; got {spin!r}")
    return energies[spin]


def _zero_of(states: ElectronicStates, reference: Reference) -> float:
    """Return the energy (eV) that a reference stands for."""
    if not isinstance(reference, str):
        return float(as_array(reference, "reference", ()))
    if reference not in ("fermi", "vbm"):
        raise ValueError(f'reference: expected "fermi", "vbm" or eV, got {reference!r}')
    if reference == "fermi" and states.fermi_level is not None:
        return states.fermi_level
    level = float(states.electron_gas(0.0).fermi_level)
    if reference == "fermi":
        return level
    if states.band_gap <= 0.0:
        raise ValueError('reference "vbm": the states have no gap; take "fermi"')
    used = states.eigenvalues[:, states.weights > 0]
    return float(used[used <= level].max())
