"""Results of a trajectory made of known noise, in the layout of the results on disk."""

import numpy as np
import xarray
from ase.units import kB
from scipy.signal import lfilter

TEMPERATURES = np.array([300.0, 1000.0, 3000.0])
COEFFICIENT = 0.6  # of the autoregressive noise: its autocorrelation time is 4


def noise(n, seed, coefficient=COEFFICIENT):
    """Correlated series of unit variance."""
    white = np.random.default_rng(seed).normal(size=n)
    white[1:] *= np.sqrt(1 - coefficient**2)
    return lfilter([1.0], [1.0, -coefficient], white)


def toy_dataset(n=200, seed=0, members=0, missing=(), offset=0.0, atoms=8, local=False, drift=0.0):
    """Metal whose g(E_F) per atom is 1 + offset + 0.1 noise.

    Member j says ``bias[j]`` more of everything at all frames.
    """
    rng = np.random.default_rng(seed)
    energies = -8.0 + 0.05 * np.arange(321)
    at_fermi = 1.0 + offset + 0.1 * noise(n, seed) + drift * np.linspace(0, 1, n)
    fermi = 1.0 + 0.3 * noise(n, seed + 1)
    x = energies - fermi[:, None]
    shape = 1 / (1 + np.exp(-(x + 6) / 0.2))  # an onset 6 eV below E_F
    dos = atoms * shape * (at_fermi[:, None] + 0.05 * x)
    sommerfeld = np.pi**2 / 3 * kB**2 * atoms * np.outer(at_fermi, TEMPERATURES)
    status = np.ones(n, np.int8)
    status[list(missing)] = 2
    frame, thermal = ("frame",), ("frame", "temperature")
    variables = {
        "n_atoms": (frame, np.full(n, atoms)),
        "n_electrons": (frame, np.full(n, 4.0 * atoms)),
        "volume": (frame, np.full(n, 20.0 * atoms)),
        "fermi_level": (frame, fermi),
        "band_bottom": (frame, fermi - 6.0),
        "dos_at_fermi_level": (frame, atoms * at_fermi),
        "dos": (("frame", "energy"), dos),
        "chemical_potential": (thermal, np.zeros_like(sommerfeld)),
        "entropy": (thermal, sommerfeld),
        "heat_capacity": (thermal, sommerfeld),
        "free_energy": (thermal, -0.5 * sommerfeld * TEMPERATURES),
    }
    if members:
        bias = member_bias(members)
        deviation = np.ones((n, 1)) * bias
        variables["fermi_level_member"] = (("frame", "member"), fermi[:, None] + deviation)
        variables["dos_at_fermi_level_member"] = (
            ("frame", "member"),
            atoms * (at_fermi[:, None] + deviation),
        )
        for name in ("entropy", "heat_capacity", "free_energy"):
            values = variables[name][1]
            variables[f"{name}_member"] = ((*thermal, "member"), values[..., None] * (1 + bias))
        variables["dos_error"] = (("frame", "energy"), np.full_like(dos, 0.1 * atoms))
    for name, (dims, values) in variables.items():
        values = np.array(values, dtype=float)
        values[list(missing)] = np.nan
        variables[name] = (dims, values)
    if local:
        per_atom = at_fermi[:, None] + 0.2 * rng.normal(size=(n, atoms))
        variables["numbers"] = (("atom",), np.full(atoms, 14, np.int16))
        variables["local_dos_at_fermi_level"] = (("frame", "atom"), per_atom.astype(np.float32))
        variables["local_charge"] = (
            ("frame", "atom"),
            (0.1 * rng.normal(size=(n, atoms))).astype(np.float32),
        )
        basis = np.stack([np.exp(-((energies - c) ** 2)) for c in (-4.0, -1.0, 2.0)])
        variables["basis"] = (("mode", "energy"), basis)
        variables["coefficients"] = (
            ("frame", "atom", "mode"),
            (1 + 0.3 * rng.normal(size=(n, atoms, 3))).astype(np.float32),
        )
    return xarray.Dataset(
        {"status": (frame, status), **variables},
        coords={
            "frame": np.arange(n),
            "time": (frame, 5.0 * np.arange(n), {"units": "fs"}),
            "md_step": (frame, np.full(n, np.nan)),
            "energy": energies,
            "temperature": TEMPERATURES,
        },
        attrs={"model_hash": "abc"},
    )


def member_bias(members):
    """Errors of the members of the toy's model, alike at every frame."""
    return 0.05 * np.random.default_rng(99).normal(size=members)
