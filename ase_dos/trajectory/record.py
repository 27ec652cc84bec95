"""Record of one frame: its structure and clock, its DOS, electrons, and share of every atom."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_dos.electrons.gas import ElectronGas
from ase_dos.io.frames.units import clock_of
from ase_dos.results.variables import VARIABLES
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.ensemble import DOSEnsemble
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.digests import fingerprint

__all__ = [
    "as_stored",
    "dos_record",
    "ensemble_record",
    "frame_clock",
    "structure_record",
    "thermal_quantities",
]


def structure_record(atoms: Atoms) -> dict[str, NDArray]:
    """Structure and clock of a frame, under the names of stored variables."""
    volume = atoms.cell.volume
    return as_stored(
        {
            **frame_clock(atoms),
            "fingerprint": fingerprint(atoms),
            "n_atoms": len(atoms),
            "volume": volume if volume > 0 else np.nan,
            "numbers": atoms.numbers,
        }
    )


def dos_record(
    predicted: LocalDOS, dos: DOS, gas: ElectronGas, *, local: bool = False
) -> dict[str, NDArray]:
    """Electrons of one frame under the names of `ase_dos.results.variables.VARIABLES`, per cell.

    Parameters
    ----------
    predicted, dos : LocalDOS, DOS
        Local DOS of the frame and the sum of it.
    gas : ElectronGas
        Its electrons at T = 0 and at other temperatures.
    local : bool
        Store the local DOS too.
    """
    record: dict[str, ArrayLike] = {
        "n_electrons": dos.n_electrons,
        "energy": dos.energies,
        "temperature": np.asarray(gas.temperature)[1:],
        "dos": dos.values,
        "fermi_level": float(np.asarray(gas.fermi_level)[0]),
        "band_bottom": dos.band_bottom,
        "dos_at_fermi_level": float(np.asarray(gas.thermal_dos)[0]),
        "repaired_electrons": float(np.max(gas.repaired_electrons)),
        **_stored_thermal(gas),
    }
    if dos.spin is not None:
        record |= {"spin_dos": dos.spin, "magnetic_moment": dos.moment_of(gas)[0]}
    if predicted.divided:
        record |= _atomic_parts(predicted, dos, gas)
    if local:
        record |= {"coefficients": predicted.coefficients, "valence": predicted.valence}
        modes = {"basis": predicted.basis, "spin_basis": predicted.spin_basis}
        record |= {name: array for name, array in modes.items() if array is not None}
    return as_stored(record)


def frame_clock(atoms: Atoms) -> dict[str, float]:
    """Time and step that the file gives a frame; NaN where it gives none."""
    clock = clock_of(atoms.info)
    return {"time": clock["time"], "md_step": clock["step"]}


def ensemble_record(ensemble: DOSEnsemble, temperatures: NDArray) -> dict[str, NDArray]:
    """Error of the DOS of a frame, and quantities of every member at temperatures (K)."""
    gas = ensemble.electron_gas(np.append(0.0, temperatures))
    levels = np.asarray(gas.fermi_level)[:, 0]
    moments: dict[str, ArrayLike] = {}
    if ensemble.spin is not None:
        counts = gas.electron_weights(ensemble.mean.energies)[:, 0]
        moments["magnetic_moment_member"] = np.sum(counts * ensemble.spin, axis=1)
    return as_stored(
        {
            "dos_error": ensemble.error,
            "fermi_level_member": levels,
            "band_bottom_member": [member.band_bottom for member in ensemble.members],
            "dos_at_fermi_level_member": np.asarray(gas.thermal_dos)[:, 0],
            **moments,
            **{f"{name}_member": values for name, values in _stored_thermal(gas).items()},
        }
    )


def thermal_quantities(gas: ElectronGas) -> dict[str, NDArray]:
    """Quantities of `ase_dos.utils.quantities.THERMAL` of cells, relative to T = 0.

    Parameters
    ----------
    gas : ElectronGas
        Electrons at temperatures, the last axis, of which the first is T = 0.

    Returns
    -------
    dict of str to array
        Without the values at T = 0.
    """
    energy, free, mu = map(np.asarray, (gas.internal_energy, gas.free_energy, gas.fermi_level))
    return {
        "heat_capacity": np.asarray(gas.heat_capacity)[..., 1:],
        "entropy": np.asarray(gas.entropy)[..., 1:],
        "internal_energy": energy[..., 1:] - energy[..., :1],
        "free_energy": free[..., 1:] - free[..., :1],
        "chemical_potential": mu[..., 1:] - mu[..., :1],
    }


def _stored_thermal(gas: ElectronGas) -> dict[str, NDArray]:
    """Thermal quantities for a store: temperatures first, then members if there are any."""
    quantities = thermal_quantities(gas)
    return {name: values.T for name, values in quantities.items() if name in VARIABLES}


def _atomic_parts(predicted: LocalDOS, dos: DOS, gas: ElectronGas) -> dict[str, NDArray]:
    """Parts of every atom that sum to the values of the cell."""
    weights = gas.weights(dos.energies)
    # The electrons fill the repaired DOS: else the charges of an insulator would not sum to zero,
    # nor its heat capacities to that of the cell.
    of_cell = np.vstack(
        [weights.dos_at_fermi_level[:1], weights.electrons[:1], weights.heat_capacity[1:]]
    )
    of_given = gas.filling.local_weights(of_cell[None])[0]
    per_atom = predicted.project(of_given)
    parts = {
        "local_dos_at_fermi_level": per_atom[:, 0],
        "local_charge": predicted.valence - per_atom[:, 1],
        "local_heat_capacity": per_atom[:, 2:].T,
    }
    if predicted.spin_basis is not None:
        parts["local_magnetic_moment"] = predicted.moments(of_given[1])
    return parts if predicted.novelty is None else {**parts, "novelty": predicted.novelty}


def as_stored(record: Mapping[str, ArrayLike]) -> dict[str, NDArray]:
    """Return results in the types of stored variables."""
    return {name: np.asarray(value, VARIABLES[name].dtype) for name, value in record.items()}
