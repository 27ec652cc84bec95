"""Target of the training: broadened DOS of one structure, a spline that can be shifted."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, overload

import numpy as np
from ase.units import kB
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from ase_dos.electrons.gas import ElectronGas
from ase_dos.kernels.broadening import REACH, broaden, hermite, hermite_many
from ase_dos.kernels.closest_shift import closest_shifts
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.states import ElectronicStates
from ase_dos.utils.checks import as_array, as_positive
from ase_dos.utils.digests import checksum
from ase_dos.utils.short_repr import short_repr

if TYPE_CHECKING:
    from typing import Self

__all__ = ["DOSTarget", "TargetStack", "target_from_dos", "target_from_states"]

# Nodes per standard deviation: the Hermite spline then deviates by 1e-6 of the peak.
_NODES_PER_SIGMA = 6
# Truncated bands leave their Gaussian tails this many standard deviations below them.
_TRUNCATION_REACH = 3.0
# Fewer nodes hold no band.
_FEWEST_NODES = 8
# Temperature (K) at which the Fermi level of a structure is taken, where its known states allow it:
# low against the width of bands, high against the spacing of levels on a finite k-point mesh.
FERMI_TEMPERATURE = 1000.0
# What programs call the number of bands.
_MORE_BANDS = (
    "compute more bands (nbnd of Quantum ESPRESSO, NBANDS of VASP, nbands of GPAW, empty_states of "
    "FHI-aims)"
)


@dataclass(frozen=True, eq=False)
class DOSTarget:
    """Broadened DOS of one structure as a cubic Hermite spline on uniform nodes.

    Parameters
    ----------
    start, step : float
        First node and spacing (eV).
    values, derivatives : (nodes,) array
        DOS (states/eV) of the cell and its derivative (states/eV^2) at the nodes.
    valid_to : float
        Energy (eV) up to which the DOS is complete; above it, it is unknown, not zero.
    n_electrons : float
        Electrons in the cell.
    fermi_level : float
        Fermi level (eV) on the structure's own energy axis.
    smearing : float
        Standard deviation of the Gaussian (eV).
    source : str
        Checksum of the levels, or of the DOS, that the target was made of.
    spin : DOSTarget, optional
        The spin DOS on the same nodes: the DOS of the majority less that of the minority, where
        the states have two spin channels. The majority is the channel with more electrons.
    states : str
        `ElectronicStates.spin_treatment` of the states; empty if not known, of a DOS.
    """

    start: float
    step: float
    values: NDArray
    derivatives: NDArray
    valid_to: float
    n_electrons: float
    fermi_level: float
    smearing: float
    source: str = ""
    spin: DOSTarget | None = field(default=None, repr=False)
    states: str = ""

    __repr__ = short_repr

    @property
    def nodes(self) -> NDArray:
        """Energies (eV) of the nodes."""
        return self.start + self.step * np.arange(self.values.size)

    def __call__(self, energies: NDArray, shift: float = 0.0) -> tuple[NDArray, NDArray]:
        """DOS and its derivative at ``energies + shift`` (eV); constant above the last node."""
        energies = as_array(energies, "energies", (None,))
        value, derivative = np.empty_like(energies), np.empty_like(energies)
        hermite(
            self.start,
            self.step,
            self.values,
            self.derivatives,
            energies,
            float(shift),
            value,
            derivative,
        )
        return value, derivative

    def dos(self, energies: NDArray, shift: float = 0.0) -> DOS:
        """Return the target as a `DOS` on ``energies`` (n,), moved down by ``shift`` (eV)."""
        return DOS(
            energies,
            self(energies, shift)[0],
            self.n_electrons,
            self.smearing,
            valid_to=self.valid_to - shift,
            spin=None if self.spin is None else self.spin(energies, shift)[0],
        )


def target_from_states(states: ElectronicStates, smearing: float) -> DOSTarget:
    """Broaden eigenvalues with unit Gaussians: ``g(E) = sum s w_k G(E - eps)``.

    Of two spin channels the one with more electrons is the majority, whichever the program printed
    first: states whose moment has the other sign are the same states.

    Parameters
    ----------
    states : ElectronicStates
        Eigenvalues of one structure.
    smearing : float
        Standard deviation of the Gaussian (eV).

    Raises
    ------
    ValueError
        If the smearing is not above zero, or the bands end below the Fermi level or too close to
        their bottom.
    """
    sigma = as_positive(smearing, "smearing")
    step = sigma / _NODES_PER_SIGMA
    start = states.eigenvalues.min() - REACH * sigma
    valid_to = states.valid_to - _TRUNCATION_REACH * sigma
    size = int(np.ceil((valid_to - start) / step)) + 2
    if size < _FEWEST_NODES:
        raise ValueError(
            f"eigenvalues: the bands end at {states.valid_to:.2f} eV, too close to their bottom "
            f"for a smearing of {sigma:g} eV; {_MORE_BANDS}"
        )
    per_level = states.weights * states.spin_degeneracy
    channels = np.array(
        [
            broaden(channel[None], per_level, sigma, start, step, size)
            for channel in states.eigenvalues
        ]
    )
    try:
        gas = _warm_gas(states)
    except ValueError as error:
        raise ValueError(f"{states.n_bands} bands: {error}; {_MORE_BANDS}") from error
    source = checksum(
        states.eigenvalues, states.weights, states.n_electrons, states.spin_degeneracy, sigma
    )
    values, derivatives = channels.sum(axis=0)
    target = DOSTarget(
        start,
        step,
        values,
        derivatives,
        valid_to,
        states.n_electrons,
        float(gas.fermi_level),
        sigma,
        source,
        states=states.spin_treatment,
    )
    if len(channels) == 1:
        return target
    up, down = channels if states.moment_of(gas) >= 0 else channels[::-1]
    values, derivatives = up - down
    return _with_spin(target, values, derivatives)


def _with_spin(target: DOSTarget, values: NDArray, derivatives: NDArray) -> DOSTarget:
    """Give a target its spin DOS (nodes,) and the derivative of it."""
    spin = replace(target, values=values, derivatives=derivatives)
    return replace(target, spin=spin, states="spin-polarised")


def target_from_dos(dos: DOS) -> DOSTarget:
    """Take a DOS that is already broadened; slopes come from a cubic spline through it.

    Only the grid points up to ``dos.valid_to`` are used, whatever the values above it are. Those
    below the bands, zero to rounding, are left out, so that the target begins where its bands do.

    Raises
    ------
    ValueError
        If the DOS is known at too few points, or cannot hold its electrons there.
    """
    given = (dos.energies, dos.values, dos.n_electrons, dos.smearing, dos.valid_to)
    source = checksum(*given) if dos.spin is None else checksum(*given, dos.spin)
    dos = _known_bands(dos)
    # A starting point for the alignment, for which broadening does no harm.
    gas = _warm_gas(replace(dos, smearing=0.0))
    target = DOSTarget(
        float(dos.energies[0]),
        float(dos.energies[1] - dos.energies[0]),
        dos.values,
        _slopes(dos.energies, dos.values),
        dos.valid_to,
        dos.n_electrons,
        float(gas.fermi_level),
        dos.smearing,
        source,
    )
    if dos.spin is None:
        return target
    spin = dos.spin if dos.moment_of(gas) >= 0 else -dos.spin
    return _with_spin(target, spin, _slopes(dos.energies, spin))


def _slopes(energies: NDArray, values: NDArray) -> NDArray:
    """Differentiate a cubic spline at its nodes."""
    return CubicSpline(energies, values).derivative()(energies)


def _warm_gas(states: ElectronicStates | DOS) -> ElectronGas:
    """Electrons at `FERMI_TEMPERATURE`, or at the highest temperature below it.

    Their Fermi level is where an alignment starts from. Few bands above it allow for no hot
    electrons, and tell it all the same.
    """
    try:
        return states.electron_gas(FERMI_TEMPERATURE)
    except ValueError:
        cold = states.electron_gas(0.0)
        highest = cold.filling.highest_temperature(kB * FERMI_TEMPERATURE)
        return states.electron_gas(highest)


def _known_bands(dos: DOS) -> DOS:
    """Cut a DOS to the grid points from just below its bands to the last that is known."""
    step = dos.energies[1] - dos.energies[0]
    stop = int(np.sum(dos.energies <= dos.valid_to + 1e-9 * step))
    size = np.abs(dos.values[:stop])
    if not size.any():
        raise ValueError(
            f"DOS: no states from {dos.energies[0]:.2f} eV to {dos.valid_to:.2f} eV, where it is "
            "known"
        )
    start = max(0, int(np.argmax(size > np.finfo(float).eps * size.max())) - 1)
    if stop - start < _FEWEST_NODES:
        raise ValueError(
            f"DOS: its bands are known at {stop - start} grid points, expected {_FEWEST_NODES} or "
            "more; use a finer grid, or compute more bands"
        )
    return replace(
        dos,
        energies=dos.energies[start:stop],
        values=dos.values[start:stop],
        spin=None if dos.spin is None else dos.spin[start:stop],
    )


class TargetStack(Sequence[DOSTarget]):
    """Many targets at once, on one grid with a shift for each.

    Parameters
    ----------
    targets : sequence of DOSTarget
        ``n`` targets.
    """

    def __init__(self, targets: Sequence[DOSTarget]) -> None:
        self._targets = targets
        self._starts = np.array([target.start for target in targets])
        self._steps = np.array([target.step for target in targets])
        self._sizes = np.array([target.values.size for target in targets])
        self._firsts = np.cumsum(self._sizes) - self._sizes
        self._values = np.concatenate([target.values for target in targets])
        self._derivatives = np.concatenate([target.derivatives for target in targets])
        self._valid_to = np.array([target.valid_to for target in targets])

    @classmethod
    def of(cls, targets: Sequence[DOSTarget]) -> TargetStack:
        """Stack targets that are none yet."""
        return targets if isinstance(targets, cls) else cls(targets)

    def __len__(self) -> int:
        return len(self._targets)

    @overload
    def __getitem__(self, index: int) -> DOSTarget: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[DOSTarget]: ...

    def __getitem__(self, index: int | slice) -> DOSTarget | Sequence[DOSTarget]:
        return self._targets[index]

    def part(self, rows: NDArray) -> Self:
        """Return some of the targets, by their indices (k,); their splines are not copied."""
        part = copy(self)
        part._targets = [self._targets[i] for i in rows.tolist()]
        for name in ("_starts", "_steps", "_sizes", "_firsts", "_valid_to"):
            setattr(part, name, getattr(self, name)[rows])
        return part

    def __call__(self, energies: NDArray, shifts: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Evaluate values, derivatives and validity on the shifted grid.

        Parameters
        ----------
        energies : (m,) array
            Energies of the model (eV).
        shifts : (n,) array
            Shift of each target (eV): energy ``E`` of the model is ``E + shift`` of the structure.

        Returns
        -------
        values, derivatives : (n, m) array
            States/eV and states/eV^2 per cell; both zero where the target is not known.
        known : (n, m) array of bool
            False above the energy up to which a target is complete.
        """
        lengths = self.known(energies, shifts)
        values, derivatives = np.empty((2, len(self), energies.size))
        self.evaluate(energies, shifts, lengths, values, derivatives)
        return values, derivatives, np.arange(energies.size) < lengths[:, None]

    def known(self, energies: NDArray, shifts: NDArray) -> NDArray:
        """How many (n,) of the rising energies (m,) each target is known at."""
        return np.sum(energies + np.asarray(shifts)[:, None] <= self._valid_to[:, None], axis=1)

    def evaluate(
        self,
        energies: NDArray,
        shifts: NDArray,
        lengths: NDArray,
        values: NDArray,
        derivatives: NDArray,
        rows: slice = slice(None),
    ) -> None:
        """Evaluate some targets in a row at the first ``lengths`` (n,) energies, known or not.

        Above their last node they are constant. ``values`` and ``derivatives`` (rows, m) take the
        results, zero at the other energies.
        """
        hermite_many(
            self._starts[rows],
            self._steps[rows],
            self._firsts[rows],
            self._sizes[rows],
            self._values,
            self._derivatives,
            np.asarray(energies, dtype=float),
            np.asarray(shifts, dtype=float)[rows],
            lengths[rows],
            values,
            derivatives,
        )

    def closest_shifts(
        self, curves: NDArray, energies: NDArray, middles: NDArray, reach: float, spacings: NDArray
    ) -> tuple[NDArray, NDArray]:
        """Shifts that bring the targets closest to curves, where they are known.

        Parameters
        ----------
        curves : (n, m) array
            States/eV per cell.
        energies : (m,) array
            Energies of the curves (eV).
        middles : (n,) array
        reach : float
            The shifts are sought from ``middles - reach`` to ``middles + reach`` (eV).
        spacings : (n,) array
            Of the shifts (eV) that are tried before the best one is refined.

        Returns
        -------
        shifts, squared : (n,) array
            In eV, and the mean square of the differences (states^2/eV^2); infinite where no energy
            is known.
        """
        shifts, squared = np.empty((2, len(self._starts)))
        closest_shifts(
            self._starts,
            self._steps,
            self._firsts,
            self._sizes,
            self._values,
            self._derivatives,
            self._valid_to,
            np.asarray(energies, dtype=float),
            np.ascontiguousarray(curves, dtype=float),
            np.asarray(middles, dtype=float),
            float(reach),
            np.asarray(spacings, dtype=float),
            shifts,
            squared,
        )
        return shifts, squared
