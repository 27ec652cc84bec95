"""Energies, broadening and valences of the DOS of a metatomic model, which its file may not hold.

PET-MAD-DOS (W. B. How et al., arXiv:2508.17418) holds none of them. Its numbers are those of the
package upet 0.3.1 (``upet.ase.dos``): a spacing of 0.05 eV, counted from the first energy, a
broadening of 0.3 eV, and the valence electrons of the pseudopotentials of its training set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ase.data import atomic_numbers

from ase_dos.utils.checks import as_array, as_choice, as_positive

__all__ = ["KEY", "PRESETS", "DOSConvention", "find_convention"]

KEY = "dos"  # of the extra metadata of a file
_FIELDS = ("start", "step", "smearing", "valence")


@dataclass(frozen=True)
class DOSConvention:
    """What the numbers of a predicted DOS mean.

    Parameters
    ----------
    start : float
        First energy (eV). Only differences of energies have a meaning.
    step : float
        Spacing of the energies (eV).
    smearing : float
        Standard deviation of the Gaussian broadening (eV).
    valence : dict of str to float
        Valence electrons of every element, by symbol.

    Raises
    ------
    ValueError
        If a number is out of range, or an element unknown.
    """

    start: float
    step: float
    smearing: float
    valence: dict[str, float]

    def __post_init__(self) -> None:
        if not isinstance(self.valence, Mapping) or not self.valence:
            raise ValueError(
                f"valence: expected electrons by symbol, such as {{'Si': 4}}, got {self.valence!r}"
            )
        unknown = sorted(set(self.valence) - set(atomic_numbers))
        if unknown:
            raise ValueError(f"valence: expected symbols of elements, got {', '.join(unknown)}")
        valence = {
            symbol: as_positive(count, f"valence of {symbol}")
            for symbol, count in self.valence.items()
        }
        object.__setattr__(self, "valence", valence)
        object.__setattr__(self, "start", float(as_array(self.start, "start", ())))
        object.__setattr__(self, "step", as_positive(self.step, "step"))
        object.__setattr__(self, "smearing", as_positive(self.smearing, "smearing", zero=True))

    def to_json(self) -> str:
        """Text for the extra metadata of a file, under the key `KEY`."""
        return json.dumps(asdict(self))


def find_convention(
    name: str, stored: str | None, preset: str | None, given: Mapping[str, Any]
) -> DOSConvention:
    """Convention of a model: what is given, else what its file holds, else that of a preset.

    Parameters
    ----------
    name : str
        Of the model, as its file says; that of PET-MAD-DOS chooses its preset.
    stored : str or None
        Extra metadata of the file under `KEY`, written by `DOSConvention.to_json`.
    preset : str or None
        Name of one of `PRESETS`.
    given : mapping of str to value
        Some fields of the convention; those that are None are not given.

    Raises
    ------
    ValueError
        If a field is not known from any of the three, or the metadata cannot be read.
    """
    if preset is None:
        preset = next((key for key in PRESETS if name.lower().startswith(key)), None)
    else:
        as_choice(preset, "preset", tuple(PRESETS))
    known = asdict(PRESETS[preset]) if preset else {}
    known |= _stored(stored)
    known |= {field: value for field, value in given.items() if value is not None}
    missing = [field for field in _FIELDS if field not in known]
    if missing:
        raise ValueError(
            f"the model {name!r} does not tell {', '.join(missing)} of its DOS: in Python, give "
            f"{', '.join(f'{field}=' for field in missing)} to load_metatomic, or write them into "
            f"the file, as JSON in the extra metadata under {KEY!r}"
        )
    return DOSConvention(**known)


def _stored(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        fields = json.loads(text)
        unknown = sorted(set(fields) - set(_FIELDS))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"extra metadata {KEY!r}: expected JSON, got {text!r} ({error})"
        ) from error
    if unknown or not isinstance(fields, dict):
        raise ValueError(
            f"extra metadata {KEY!r}: expected a JSON object with some of {', '.join(_FIELDS)}, "
            f"got {text}"
        )
    return fields


# Valence electrons of PET-MAD-DOS, and the elements that have so many.
_PET_MAD_DOS = {
    1: "H",
    2: "He Mg",
    3: "Li B Al",
    4: "Be C Si",
    5: "N P As",
    6: "O S Se Te",
    7: "F Cl Br I",
    8: "Ne Ar Kr",
    9: "Na K Rb Cs",
    10: "Ca Sr Ba",
    11: "Sc Cu Y La",
    12: "Ti Zr Cd Ce Hf",
    13: "V Ga Nb In Pr Ta Tl",
    14: "Cr Ge Mo Sn Nd W Pb",
    15: "Mn Tc Sb Pm Re Ir Bi",
    16: "Fe Ru Sm Os Pt Po",
    17: "Co Rh Eu",
    18: "Ni Pd Xe Gd Rn",
    19: "Ag Tb Au",
    20: "Zn Dy Hg",
    21: "Ho",
    22: "Er",
    23: "Tm",
    24: "Yb",
    25: "Lu",
}

PRESETS = {
    "pet-mad-dos": DOSConvention(
        0.0,
        0.05,
        0.3,
        {symbol: count for count, symbols in _PET_MAD_DOS.items() for symbol in symbols.split()},
    )
}
