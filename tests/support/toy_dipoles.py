"""Stores of dipole moments of known vibrations."""

import numpy as np
from scipy.constants import c

from ase_dos.results.store import Store

LIGHT = c * 1e-13  # cm/fs


def oscillation(wavenumber, amplitude, time, phase=0.0):
    """Dipole moment (n, 3) along a diagonal."""
    wave = amplitude * np.cos(2 * np.pi * LIGHT * wavenumber * time + phase)
    return wave[:, None] * np.array([1.0, 2.0, 2.0]) / 3


def store_dipoles(path, dipoles, time, members=None, time_unit="fs", missing=()):
    """Write results of a water molecule with these dipole moments (n, 3) at these times (n,)."""
    store = Store(path, time_unit)
    store.open(
        {"density_model": "toy", "members": members}, {"source": "toy", "density_model_hash": "toy"}
    )
    numbers = np.array([8, 1, 1], np.int16)
    for row, (dipole, moment) in enumerate(zip(dipoles, time, strict=True)):
        if row in missing:
            store.put_missing(row, row, "broken")
            continue
        record = {
            "time": moment,
            "md_step": np.nan,
            "fingerprint": row + 1,
            "n_atoms": 3,
            "volume": np.nan,
            "numbers": numbers,
            "dipole": dipole,
            "partial_charge": np.array([-0.6, 0.3, 0.3]) * (1 + dipole[0]),
        }
        if members:
            factors = 1 + 0.1 * np.arange(1, members + 1)
            record["dipole_member"] = dipole[:, None] * factors
            record["partial_charge_member"] = record["partial_charge"][:, None] * factors
        store.put(row, row, record)
    store.close()
    return path
