"""Results of a trajectory as series over its frames: electrons, dipole moments, charges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from ase_dos.results.alignment import align_spectra
from ase_dos.results.dataset import Results, results_dataset, time_axis
from ase_dos.results.repeats import Repeats
from ase_dos.results.variables import FINISHED
from ase_dos.utils.checks import as_array
from ase_dos.utils.quantities import QUANTITIES, Quantity
from ase_dos.utils.short_repr import short_repr

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["SPECTRA", "FrameSeries", "Series", "named"]

T = TypeVar("T")
# Extensive quantities of a frame that are followed over a trajectory.
_PER_ATOM = (
    "dos_at_fermi_level",
    "magnetic_moment",
    "heat_capacity",
    "entropy",
    "free_energy",
)
SPECTRA = ("dos", "spin_dos")  # what is a number for each energy
# What stands in the place of a DOS in results without one.
_NO_ELECTRONS: dict[str, Any] = {
    "quantities": {},
    "dos_error": None,
    "energies": np.empty(0),
    "band_bottom": np.nan,
    "temperatures": np.empty(0),
}


@dataclass(frozen=True, eq=False)
class Series:
    """One quantity along a trajectory.

    Attributes
    ----------
    quantity : Quantity
        Name, symbol and unit of the values.
    values : (n, ...) array
        Of every frame; NaN where a frame has no result.
    members : (n, ..., members) array, optional
        Values that the members of the model's ensemble give.
    """

    quantity: Quantity
    values: NDArray
    members: NDArray | None = None

    __repr__ = short_repr


@dataclass(frozen=True, eq=False)
class FrameSeries:
    """Quantities of the n frames from the first to the last that count.

    Attributes
    ----------
    quantities : dict of str to Series
        Of a DOS model ``dos`` (n, k), ``occupied_width`` (E_F - band bottom) and
        ``dos_at_fermi_level`` (n,); ``heat_capacity``, ``entropy`` and ``free_energy`` (n, m); with
        spin channels ``spin_dos`` (n, k) and ``magnetic_moment`` (n,). Of
        a density model ``dipole_size`` (n,) and the average charge of the atoms of every element,
        ``charge_O`` for example. ``series[name]`` gives one.
    dos_error : (n, k) array, optional
        Standard deviation of the DOS over the members of the ensemble (states/eV per atom).
    weights : (n,) array
        Of the frames; zero where there is no result.
    status : (n,) array
        Of the frames, as in the results.
    rows : (n,) array of int
        Where the frames are in the results.
    x, axis : (n,) array, str
        Time, and the label of its axis; see `time_axis`.
    energies : (k,) array
        Energies (eV) of the DOS.
    reference : str
        Zero of energy: ``"fermi"``, E_F of each frame, or ``"common"``, its average.
    band_bottom : float
        The lowest of all frames (eV), on ``energies``.
    temperatures : (m,) array
        Electronic temperatures (K).
    ensemble : tuple, optional
        Identity of the ensemble: hash of the model, number of members.
    repeats : Repeats
        Frames that repeat others, which are left out or go back.
    """

    quantities: dict[str, Series]
    dos_error: NDArray | None
    weights: NDArray
    status: NDArray
    rows: NDArray
    x: NDArray
    axis: str
    energies: NDArray
    reference: str
    band_bottom: float
    temperatures: NDArray
    ensemble: tuple[str, int] | None
    repeats: Repeats

    __repr__ = short_repr

    def __getitem__(self, name: str) -> Series:
        return named(self.quantities, name)

    @property
    def used(self) -> NDArray:
        """Which frames count (n,)."""
        return self.weights > 0

    @classmethod
    def of(
        cls,
        source: Results,
        weights: ArrayLike | None = None,
        reference: str = "fermi",
        repeated: str = "copies",
    ) -> FrameSeries:
        """Series of the frames of results; arguments and errors are those of `average`."""
        if reference not in ("fermi", "common"):
            raise ValueError(f"reference: expected 'fermi' or 'common', got {reference!r}")
        dataset = results_dataset(source)
        repeats = Repeats.of_dataset(dataset, repeated)
        rows = np.flatnonzero(~np.isin(dataset["frame"].values, repeats.frames[repeats.left_out]))
        w, rows = _weights(dataset["status"].values, weights, rows)
        data = dataset.isel(frame=rows)
        times, axis = time_axis(data)
        used = w > 0
        electrons = _of_electrons(data, w, reference) if "dos" in data else _NO_ELECTRONS
        places = np.arange(len(w))
        return cls(
            {**electrons["quantities"], **_of_density(data, used)},
            weights=w,
            status=data["status"].values,
            rows=rows,
            # A frame without a result has no time; it gets one between its neighbours.
            x=np.interp(places, places[used], times[used]),
            axis=axis,
            reference=reference,
            ensemble=_ensemble_identity(dataset),
            repeats=repeats,
            **{name: value for name, value in electrons.items() if name != "quantities"},
        )


def _weights(status: NDArray, weights: ArrayLike | None, rows: NDArray) -> tuple[NDArray, NDArray]:
    """Weights of the frames from the first to the last of some rows that count, and their rows."""
    w = np.ones(len(status)) if weights is None else as_array(weights, "weights", status.shape)
    if (w < 0).any():
        raise ValueError(f"weights: expected numbers >= 0, got {w.min():g}")
    w = (w * (status == FINISHED))[rows]
    counting = np.flatnonzero(w)
    if not counting.size:
        raise ValueError("results: no finished frame, or none with a weight above zero")
    ends = slice(counting[0], counting[-1] + 1)
    return w[ends], rows[ends]


def named(quantities: Mapping[str, T], name: str) -> T:
    """Return what belongs to a quantity.

    Raises
    ------
    ValueError
        If the results do not have it.
    """
    if name not in quantities:
        raise ValueError(
            f"{name}: not in these results, which have {', '.join(quantities)}; what follows from "
            "the DOS takes a run with --model, dipole moments and charges one with --density-model"
        )
    return quantities[name]


def _of_electrons(data: Dataset, w: NDArray, reference: str) -> dict[str, Any]:
    """Fields of a `FrameSeries` that a DOS model gives."""
    used = w > 0
    fermi = data["fermi_level"].values
    zero = np.average(fermi[used], weights=w[used])
    references = fermi if reference == "fermi" else np.full(fermi.shape, zero)
    aligned = {name: _aligned(data, name, references, used) for name in SPECTRA if name in data}
    error = _aligned(data, "dos_error", references, used)[1] if "dos_error" in data else None
    bottoms = data["band_bottom"].values
    widths = None
    if "band_bottom_member" in data:
        widths = data["fermi_level_member"].values - data["band_bottom_member"].values
    return {
        "quantities": {
            **{
                name: Series(QUANTITIES[name].per_atom, values)
                for name, (_, values) in aligned.items()
            },
            "occupied_width": Series(QUANTITIES["occupied_width"], fermi - bottoms, widths),
            **{name: _per_atom(data, name) for name in _PER_ATOM if name in data},
        },
        "dos_error": error,
        "energies": aligned["dos"][0],
        "band_bottom": float((bottoms - references)[used].min()),
        "temperatures": np.asarray(data["temperature"].values, dtype=float),
    }


def _of_density(data: Dataset, used: NDArray) -> dict[str, Series]:
    """Series that a density model gives; charges of elements that all frames have."""
    if "dipole" not in data:
        return {}
    quantity = QUANTITIES["dipole_size"]

    def size(name: str) -> NDArray | None:
        return np.linalg.norm(data[name], axis=1) / quantity.size if name in data else None

    sizes = size("dipole")
    assert sizes is not None
    found = {"dipole_size": Series(quantity.shown, sizes, size("dipole_member"))}
    numbers = data["numbers"].values
    charges = {n: data[n].values for n in ("partial_charge", "partial_charge_member") if n in data}
    for number in np.unique(numbers[numbers > 0]):
        if not (numbers[used] == number).any(axis=1).all():
            continue
        symbol = chemical_symbols[number]
        means = [_mean_of_atoms(values, numbers == number) for values in charges.values()]
        name = f"charge_{symbol}"
        found[name] = Series(
            replace(QUANTITIES["partial_charge"], name=name, symbol=f"charge of {symbol}"), *means
        )
    return found


def _mean_of_atoms(values: NDArray, chosen: NDArray) -> NDArray:
    """Average of values (n, atoms, ...) over the chosen atoms (n, atoms); NaN where none is."""
    where = chosen.reshape(*chosen.shape, *(1,) * (values.ndim - 2))
    count = where.sum(axis=1)
    total = np.sum(values, axis=1, where=where, dtype=float)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _aligned(
    data: Dataset, name: str, references: NDArray, used: NDArray
) -> tuple[NDArray, NDArray]:
    """Spectra per atom of the frames that count on one axis, NaN for the others."""
    values = data[name].values[used] / data["n_atoms"].values[used, None]
    energies, rows = align_spectra(data["energy"].values, values, references[used])
    spectra = np.full((used.size, energies.size), np.nan)
    spectra[used] = rows
    return energies, spectra


def _per_atom(data: Dataset, name: str) -> Series:
    """Series of an extensive quantity divided by the number of atoms, in the unit shown."""
    quantity = QUANTITIES[name]
    divisors = np.maximum(data["n_atoms"].values, 1) * quantity.size

    def divided(name: str) -> NDArray:
        values = data[name].values
        return values / divisors.reshape((-1,) + (1,) * (values.ndim - 1))

    members = f"{name}_member"
    return Series(
        quantity.shown.per_atom,
        divided(name),
        divided(members) if members in data else None,
    )


def _ensemble_identity(dataset: Dataset) -> tuple[str, int] | None:
    hashes = [dataset.attrs.get(name, "") for name in ("model_hash", "density_model_hash")]
    model, members = " ".join(filter(None, hashes)), dataset.sizes.get("member")
    return (model, members) if model and members is not None else None
