"""Variables of stored results: dimensions, types, units and meanings."""

from __future__ import annotations

from dataclasses import dataclass

from ase_dos.utils.quantities import QUANTITIES

__all__ = ["CONSTANTS", "COORDINATES", "FINISHED", "FORMAT", "MISSING", "VARIABLES", "Variable"]

FORMAT = 3  # of the directory
FINISHED, MISSING = 1, 2  # status of a frame


@dataclass(frozen=True)
class Variable:
    """Dimensions, type, unit and meaning of a variable."""

    dims: tuple[str, ...]
    dtype: str
    unit: str
    meaning: str


_OF_FRAMES = {
    ("frame",): "frame time md_step fingerprint n_atoms n_electrons volume "
    "fermi_level band_bottom dos_at_fermi_level magnetic_moment repaired_electrons status",
    ("frame", "temperature"): "chemical_potential entropy free_energy heat_capacity",
    ("frame", "energy"): "dos dos_error spin_dos",
    ("frame", "direction"): "dipole",
    ("frame", "atom"): "numbers local_dos_at_fermi_level local_charge novelty valence "
    "partial_charge local_magnetic_moment",
    ("frame", "temperature", "atom"): "local_heat_capacity",
    ("frame", "atom", "mode"): "coefficients",
}
_CONSTANT = {
    ("energy",): "energy",
    ("temperature",): "temperature",
    ("mode", "energy"): "basis spin_basis",
}
# Of these there is a value for each member of the model's ensemble too.
_OF_MEMBERS = (
    "fermi_level band_bottom dos_at_fermi_level magnetic_moment "
    "chemical_potential entropy free_energy heat_capacity dipole partial_charge"
)
_INTEGERS = {
    "frame": "<i8",
    "fingerprint": "<u8",
    "n_atoms": "<i8",
    "status": "|i1",
    "numbers": "<i2",
}
COORDINATES = ("time", "md_step")
CONSTANTS = tuple(name for names in _CONSTANT.values() for name in names.split())


def _variables() -> dict[str, Variable]:
    found = {}
    for dims, names in (*_OF_FRAMES.items(), *_CONSTANT.items()):
        real = "<f4" if "atom" in dims else "<f8"  # single precision for long arrays
        for name in names.split():
            quantity = QUANTITIES[name]
            dtype = _INTEGERS.get(name, real)
            found[name] = Variable(dims, dtype, quantity.unit, quantity.meaning)
    for name in _OF_MEMBERS.split():
        one = found[name]
        meaning = f"{one.meaning}, of each member"
        found[f"{name}_member"] = Variable((*one.dims, "member"), one.dtype, one.unit, meaning)
    return found


VARIABLES = _variables()
