"""SOAP power spectrum: what surrounds an atom, as numbers that no rotation changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ase_dos.descriptors.backends import LIBRARIES, Features
from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.descriptors.neighbors import NeighborSearch
from ase_dos.descriptors.radial import RadialScaling
from ase_dos.descriptors.soap_hyperparameters import SOAPHyperparameters
from ase_dos.kernels import gradient as kernels_gradient
from ase_dos.kernels import soap as kernels
from ase_dos.kernels.harmonics import gradient_terms
from ase_dos.kernels.threads import on_threads
from ase_dos.utils.checks import as_array, as_count

__all__ = ["SOAP", "RadialScaling"]

# Derivatives of a frame are sums of parts that threads share out among themselves. Their number
# follows from the frame alone, and so does every digit of the sums.
_ATOMS_PER_PART, _MOST_PARTS = 64, 16
# Atoms that threads take at a time are multiples of this, itself one of the lanes of the kernels.
_GRAIN = 64
# Places of xx, yy, zz, yz, xz and xy in a symmetric matrix.
_VOIGT = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])


class SOAP(SOAPHyperparameters):
    """Power spectrum of the neighbour density (SOAP) with GTO radial functions.

    Every atom within the cutoff stands for a Gaussian, faded out before the cutoff by a shifted
    cosine. The density of each species is expanded in orthonormal radial functions times
    spherical harmonics, c_nlm, and p_(n1 n2 l) = (-1)^l / sqrt(2 l + 1) sum_m c_(n1 l m)
    c_(n2 l m) (Bartok, Kondor and Csanyi, https://doi.org/10.1103/PhysRevB.87.184115; scaled
    as featomic does). All backends give the same features to rounding.

    Parameters
    ----------
    cutoff : float
        Radius of the environment (Angstrom).
    max_radial : int
        Number of primitive radial functions n_max (featomic's ``max_radial`` is one less).
    max_angular : int
        Largest angular momentum l_max.
    width : float
        Standard deviation of the Gaussians (Angstrom).
    species : sequence of int or str
        Atomic numbers or symbols of all species a frame may hold; kept sorted.
    cutoff_smoothing : float
        Width of the shell below the cutoff in which neighbours fade out (Angstrom).
    radial_scaling : None, RadialScaling, mapping or sequence
        Weight of neighbours by distance: rate, scale (Angstrom) and exponent.
    center_weight : float
        Weight of the atom's own Gaussian.
    backend : str
        "numba", "featomic" or "librascal".
    contraction : (n_species, max_angular + 1, n_radial, max_radial) array_like, optional
        Radial functions to use, as combinations of the primitive ones, for every species of
        neighbours and every l; `ase_dos.descriptors.radial_basis.optimal_radial_basis` makes good
        ones.

    Raises
    ------
    ValueError
        If a hyperparameter is out of range.

    Notes
    -----
    `PowerSpectrumBasis` describes the order of the features, ``soap.basis.labels`` lists it.
    """

    def compute(self, atoms: Atoms) -> NDArray:
        """Features of all atoms of a frame (atoms, n_features).

        Raises
        ------
        ValueError
            If the frame is empty, holds a species not in ``species``, two atoms at one position,
            a NaN position, or a periodic cell without volume.
        ImportError
            If the backend is not installed.
        """
        features = np.empty((len(atoms), self.n_features))
        for where, block in self.blocks(atoms):
            features[where] = block
        return features

    def blocks(self, atoms: Atoms, size: int = 4096) -> Iterator[tuple[slice, NDArray]]:
        """Yield (slice of the atoms, their features), at most ``size`` atoms at a time.

        Neither the pairs nor the features of the whole frame exist at once. (With the other
        backends the pairs do, with librascal the features too: it knows whole frames only.)
        Errors as in `compute`.
        """
        size = as_count(size, "block size", 1)
        kinds = self.species_of(atoms)
        if self.backend == "numba":
            compute = self._by_kernels(atoms, kinds)
        else:
            compute = self._by_library(atoms)
        for start in range(0, len(atoms), size):
            where = slice(start, min(start + size, len(atoms)))
            yield where, compute(where.start, where.stop)

    def linear_map(
        self,
        atoms: Atoms,
        weights: NDArray,
        *,
        search: NeighborSearch | None = None,
        dtype: DTypeLike = np.float64,
    ) -> NDArray:
        """Features times weights (n_features, k) for all atoms, (atoms, k).

        The features of more than a few atoms never exist (with the numba backend), which is
        faster than `compute` and needs little memory.

        Parameters
        ----------
        atoms : Atoms
            The frame.
        weights : (n_features, k) array
            Linear map of the features of one atom.
        search : NeighborSearch, optional
            Of this frame, where there is one already (numba backend).
        dtype : {float64, float32}
            Type to calculate the features in (float32: numba backend).

        Raises
        ------
        ValueError, ImportError
            As in `compute`; also if the weights do not fit the features.
        """
        weights = as_array(weights, "weights", (self.n_features, None))
        return self.regress(atoms, FeatureMap(mix=weights), search=search, dtype=dtype)

    def regress(
        self,
        atoms: Atoms,
        feature_map: FeatureMap,
        *,
        search: NeighborSearch | None = None,
        which: NDArray | None = None,
        dtype: DTypeLike = np.float64,
    ) -> NDArray:
        """Apply a linear map, sparse kernel or network to the features.

        Parameters
        ----------
        atoms : Atoms
            The frame.
        feature_map : FeatureMap
            With its output.
        search : NeighborSearch, optional
            Of this frame, where there is one already (numba backend).
        which : (n,) int array, optional
            Indices of the atoms to do; all by default.
        dtype : {float64, float32}
            Type to calculate the features in (float32: numba backend). What follows, in which
            large numbers may cancel, is in double precision.

        Returns
        -------
        (n, outputs) array

        Raises
        ------
        ValueError
            As in `compute`; also for a map that does not fit the features, a search that was made
            for another frame or cutoff, another type, and single precision with another backend.
        """
        self._check_map(feature_map, dtype)
        if self.backend != "numba":
            if np.dtype(dtype) != np.float64:
                raise ValueError(f"dtype: the backend {self.backend!r} calculates in float64")
            blocks = [feature_map(block) for _, block in self.blocks(atoms)]
            return np.concatenate(blocks)[slice(None) if which is None else which]
        regressor, search = feature_map.kernel_form, self._checked_search(atoms, search)
        kinds = self.species_of(atoms)[search.order]
        # In the order of the cells, neighbours in space are neighbours in memory.
        places = np.arange(len(atoms)) if which is None else np.sort(search.place_of[which])
        rows = search.order if which is None else np.argsort(search.place_of[which])
        out = np.empty((len(places), regressor.sizes[-1]))
        bins, hypers = search.bins, self.kernel_arguments(dtype)

        def regress_range(a: int, b: int) -> int:
            return kernels.regress_atoms(
                places[a:b], rows[a:b], bins, kinds, hypers, regressor, out.reshape(-1)
            )

        search.refuse_coincident(max(on_threads(len(places), regress_range, grain=_GRAIN)))
        return out

    def differentiate(
        self,
        atoms: Atoms,
        feature_map: FeatureMap,
        combination: ArrayLike = (1.0,),
        *,
        search: NeighborSearch | None = None,
        which: NDArray | None = None,
        dtype: DTypeLike = np.float64,
    ) -> tuple[NDArray, NDArray]:
        """Differentiate the sum over atoms of a linear combination of outputs.

        Features and their derivatives never exist for more than a few atoms.

        Parameters
        ----------
        atoms, search, which, dtype
            As in `regress`; of the sum over the atoms ``which``.
        feature_map : FeatureMap
            With its outputs.
        combination : (outputs,) array_like
            The linear combination; by default of one output.

        Returns
        -------
        gradient : (atoms, 3) array
            By the positions (1/Angstrom): minus forces, if the output is an energy.
        virial : (3, 3) array
            By strain, symmetric: stress times volume.

        Raises
        ------
        ValueError
            As in `regress`; also if the combination does not fit the outputs, or another backend.
        """
        if self.backend != "numba":
            raise ValueError(f"derivatives need the backend 'numba', this one is {self.backend!r}")
        self._check_map(feature_map, dtype)
        regressor, search = feature_map.combined(combination), self._checked_search(atoms, search)
        kinds = self.species_of(atoms)[search.order]
        places = np.arange(len(atoms)) if which is None else np.sort(search.place_of[which])
        parts = min(max(len(places) // _ATOMS_PER_PART, 1), _MOST_PARTS)
        gradients, virials = np.empty((parts, 3 * len(atoms))), np.empty((parts, 6))
        turns, values = gradient_terms(self.max_angular)
        turns, values = turns.ravel(), values.astype(dtype)
        bins, hypers = search.bins, self.kernel_arguments(dtype)

        def differentiate_range(a: int, b: int) -> int:
            return kernels_gradient.differentiate_parts(
                a, b, places, bins, kinds, hypers, turns, values, regressor, gradients, virials
            )

        search.refuse_coincident(max(on_threads(parts, differentiate_range, pieces=1)))
        gradient = gradients.sum(axis=0).reshape(-1, 3)[search.place_of]
        return gradient, virials.sum(axis=0)[_VOIGT]

    def _check_map(self, feature_map: FeatureMap, dtype: DTypeLike) -> None:
        """Refuse a map that does not fit the features, and types that kernels do not know."""
        if np.dtype(dtype) not in (np.dtype(np.float64), np.dtype(np.float32)):
            raise ValueError(f"dtype: expected float64 or float32, got {dtype}")
        taken = feature_map.kernel_form.sizes[0]
        if taken != self.n_features:
            raise ValueError(
                f"feature map: it takes {taken} features, this SOAP has {self.n_features}"
            )

    def _checked_search(self, atoms: Atoms, search: NeighborSearch | None) -> NeighborSearch:
        """Return a search that is of this frame and cutoff."""
        if search is None:
            return NeighborSearch(atoms, self.cutoff)
        if search.cutoff != self.cutoff or not search.is_of(atoms):
            raise ValueError(
                f"search: made with a cutoff of {search.cutoff:g} Angstrom (here {self.cutoff:g}), "
                "or for another frame; make a new one"
            )
        return search

    def _by_kernels(self, atoms: Atoms, kinds: NDArray) -> Features:
        """Return the function (start, stop) -> features by the kernels of this package."""
        search = NeighborSearch(atoms, self.cutoff)
        kinds = kinds[search.order]
        hypers = self.kernel_arguments(float)

        def compute(start: int, stop: int) -> NDArray:
            out = np.empty((stop - start, self.n_features))
            places = search.place_of[start:stop]

            def compute_range(a: int, b: int) -> int:
                return kernels.power_spectrum(
                    places[a:b], search.bins, kinds, hypers, out[a:b].reshape(-1)
                )

            search.refuse_coincident(max(on_threads(len(places), compute_range, grain=_GRAIN)))
            return out

        return compute

    def _by_library(self, atoms: Atoms) -> Features:
        """Return the function (start, stop) -> features by another library."""
        compute = LIBRARIES[self.backend](self.primitive, atoms)
        return lambda start, stop: self.contract(compute(start, stop))
