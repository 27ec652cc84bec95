"""Interactive view of structures coloured by local quantities, for a page without a network.

The viewer is chemiscope (https://chemiscope.org), whose program is taken from the installed package
and put into the page, so that the page needs no network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path
from string import Template
from types import ModuleType
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_dos.utils.quantities import Quantity

__all__ = ["ViewedFrame", "largest_piece", "viewer_html"]

DIGITS = 5  # significant, of the numbers in the page
SHOWN_AROUND = 4.0  # Angstrom around an atom that is picked
PERCENTILES = (1, 99)  # that colours span: single atoms must not decide
PALETTE = "viridis"


@dataclass(frozen=True, eq=False)
class ViewedFrame:
    """A structure, and local quantities (atoms,) of it by name."""

    atoms: Atoms
    values: dict[str, NDArray] = field(default_factory=dict)


def largest_piece(atoms: Atoms, limit: int) -> NDArray:
    """Return indices of at most ``limit`` atoms: all, or those in a cube around the middle."""
    if len(atoms) <= limit:
        return np.arange(len(atoms))
    middle = atoms.cell.array.sum(axis=0) / 2 if atoms.cell.rank == 3 else atoms.positions.mean(0)
    distance = np.abs(atoms.positions - middle).max(axis=1)
    return np.sort(np.argpartition(distance, limit)[:limit])


def viewer_html(
    frames: Sequence[ViewedFrame],
    quantities: Mapping[str, Quantity],
    axes: tuple[str, str],
    color: str,
) -> str:
    """Make the part of a page that shows structures, and a map of their atoms to choose from.

    Parameters
    ----------
    frames : sequence of ViewedFrame
        Structures to show.
    quantities : mapping of str to Quantity
        Quantities that all frames have; those with a NaN are left out.
    axes : (str, str)
        Quantities on the axes of the map of all atoms.
    color : str
        Quantity that colours the map and the structures.

    Raises
    ------
    ImportError
        If chemiscope is not installed.
    """
    program, licences = _program()
    data = _viewer_data(frames, quantities, axes, color)
    template = Template((files("ase_dos.results.html") / "viewer.html").read_text(encoding="utf-8"))
    return template.substitute(program=program, licences=licences, data=data)


def _viewer_data(
    frames: Sequence[ViewedFrame],
    quantities: Mapping[str, Quantity],
    axes: tuple[str, str],
    color: str,
) -> str:
    """Structures and local quantities as the viewer's JSON."""
    chemiscope = _chemiscope()
    structures = [
        Atoms(f.atoms.numbers, f.atoms.positions, cell=f.atoms.cell, pbc=f.atoms.pbc)
        for f in frames
    ]
    columns: dict[str, Any] = {}
    for name, quantity in quantities.items():
        values = np.concatenate([frame.values[name] for frame in frames])
        if np.isfinite(values).all():
            columns[quantity.symbol] = {
                "target": "atom",
                "values": _short(values),
                "units": quantity.unit or "1",
                "description": quantity.meaning,
            }
    symbol = quantities[color].symbol
    # The viewer would take the range of the first structure, and fails where that is empty.
    low, high = np.percentile(columns[symbol]["values"], PERCENTILES)
    scale = {
        "property": symbol,
        "min": low,
        "max": high if high > low else low + 1.0,
        "palette": PALETTE,
    }
    settings = chemiscope.quick_settings(
        x=quantities[axes[0]].symbol,
        y=quantities[axes[1]].symbol,
        target="atom",
        map_settings={"color": scale},
        structure_settings={
            "color": scale,
            "unitCell": True,
            "supercell": [1, 1, 1],
            "environments": {"activated": False},
        },
    )
    atoms_before_last = sum(len(structure) for structure in structures[:-1])
    settings["pinned"] = [atoms_before_last]  # begin with the last structure
    data = chemiscope.create_input(
        structures,
        properties=columns,
        settings=settings,
        metadata={"name": " "},
        environments=chemiscope.all_atomic_environments(structures, SHOWN_AROUND),
    )
    for structure in data["structures"]:
        for axis in "xyz":
            structure[axis] = _short(structure[axis]).tolist()
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")  # nothing in it ends the script it stands in


def _program() -> tuple[str, str]:
    """Return the JavaScript of the viewer, and the licences of its parts."""
    home = Path(str(_chemiscope().__file__)).parent
    program = home / "sphinx" / "static" / "chemiscope.min.js"
    if not program.exists():
        raise ImportError(f"chemiscope: {program} is missing; install chemiscope 1.x from PyPI")
    installed = distribution("chemiscope").files or []
    licences = [Path(str(file.locate())) for file in installed if "LICENSE" in file.name.upper()]
    texts = [program.read_text(encoding="utf-8"), *(file.read_text("utf-8") for file in licences)]
    # Escape the text that would end the script.
    script, *about = [text.replace("</script", "<\\/script") for text in texts]
    return script, "\n\n".join(about)


def _short(values: ArrayLike) -> NDArray:
    """Numbers of few digits, which halve the page."""
    array = np.asarray(values, dtype=float)
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(array).max(initial=1e-30) or 1.0)))
    return np.round(array * scale) / scale


def _chemiscope() -> ModuleType:
    try:
        import chemiscope
    except ImportError as error:
        raise ImportError(
            "the view of structures needs chemiscope: pip install 'ase_dos[report]', or leave the "
            f"view out ({error})"
        ) from error
    return chemiscope
