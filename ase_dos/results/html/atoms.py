"""Part of a report on the atoms of some frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.descriptors.coordination import BOND, coordination
from ase_dos.io.frames import FrameSource
from ase_dos.results.atom_plots import plot_components, plot_groups, plot_local_map
from ase_dos.results.atoms import AtomicFrame, atomic_frames, finished_structures
from ase_dos.results.dataset import finished_indices
from ase_dos.results.groups import Groups, group_atoms
from ase_dos.results.html.page import figures_html, note, section, table
from ase_dos.results.html.viewer import ViewedFrame, largest_piece, viewer_html
from ase_dos.results.local_map import LocalMap, fit_local_map
from ase_dos.utils.quantities import QUANTITIES, Quantity, with_spread

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["AtomsReport"]

# Order of local quantities in tables.
_LOCAL = (
    "local_dos_at_fermi_level",
    "local_magnetic_moment",
    "local_charge",
    "local_heat_capacity",
    "novelty",
)
COORDINATION = Quantity(
    "coordination", "coordination", "1", f"neighbours within {BOND} sums of covalent radii"
)


@dataclass(frozen=True, eq=False)
class AtomsReport:
    """Frames whose atoms the report shows.

    Attributes
    ----------
    frames : list of AtomicFrame
        The frames.
    structures : list of Atoms
        Their structures; empty if the trajectory was not found.
    quantities : dict of str to Quantity
        Local quantities of all of them, by the names in `AtomicFrame.scalars`.
    local_map : LocalMap, optional
        Where the results have the local DOS.
    of_frames : int
        Finished frames of the results.
    """

    frames: list[AtomicFrame]
    structures: list[Atoms]
    quantities: dict[str, Quantity]
    local_map: LocalMap | None
    of_frames: int

    @classmethod
    def of(cls, dataset: Dataset, structures: FrameSource | None, n_frames: int) -> AtomsReport:
        """Take frames evenly from results, and find their structures."""
        finished = finished_indices(dataset)
        places = np.linspace(0, len(finished) - 1, min(n_frames, len(finished)))
        picked = finished[places.round().astype(int)]
        if structures is None:
            named = dataset.attrs.get("source", "")
            structures = named if named and Path(named).is_file() else None
        found = []
        if structures is not None:
            found = list(finished_structures(dataset, structures, picked))
        frames = list(atomic_frames(dataset, picked))
        names = sorted(frames[0].scalars, key=_rank)
        quantities = {name: _quantity(dataset, name) for name in names}
        frames = [_as_shown(frame, quantities) for frame in frames]
        has_modes = frames[0].coefficients is not None
        local_map = fit_local_map(frames) if has_modes else None
        shown = {name: quantity.shown for name, quantity in quantities.items()}
        return cls(frames, found, shown, local_map, len(finished))

    def sections(self, n_atoms: int) -> list[str]:
        """Sections on atoms, with a view of ``n_atoms`` of each frame unless that is zero."""
        if not self.quantities:
            return []
        indices = ", ".join(str(frame.index) for frame in self.frames)
        which = f"Frames {indices} of {self.of_frames} are shown here."
        counts = [coordination(atoms) for atoms in self.structures]
        groups = []
        if self.frames[0].numbers is not None:
            groups.append(group_atoms(self.frames, by="Species"))
        if counts:
            groups.append(group_atoms(self.frames, counts, by="Coordination"))
        tables = [self._table(group) for group in groups]
        sections = [section("Atoms", note(which), *tables, self._figures(groups, counts))]
        if n_atoms and self.structures:
            sections.append(self._view(n_atoms, counts))
        elif n_atoms:
            missing = (
                "The trajectory was not found. Give its path with --structures to see the "
                "structures here."
            )
            sections.append(section("Structures", note(missing)))
        return sections

    def _figures(self, groups: Sequence[Groups], counts: Sequence[NDArray]) -> str:
        if self.local_map is None:
            return ""
        figures = [
            (
                plot_groups(group, spread=True),
                f"Local DOS by {group.by.lower()}; bands are the standard deviation over atoms.",
            )
            for group in groups
            if len(group.groups) > 1
        ]
        scores = np.concatenate([self.local_map.scores(frame) for frame in self.frames])
        shown = plot_local_map(
            scores,
            np.concatenate(counts) if counts else None,
            label=COORDINATION.name,
            explained=self.local_map.explained,
        )
        figures += [
            (
                shown,
                "Atoms in the principal components of their local DOS: atoms that are close in "
                "this map have similar local DOS.",
            ),
            (plot_components(self.local_map), "Change of the local DOS along each component."),
        ]
        return figures_html(figures)

    def _table(self, groups: Groups) -> str:
        head = [groups.by, "atoms per frame"]
        head += [quantity.label for quantity in self.quantities.values()]
        rows = [
            [label, f"{group.n_atoms:.4g}"]
            + [
                with_spread(float(group.scalars[name].mean), group.atom_spread[name])
                for name in self.quantities
            ]
            for label, group in groups.groups.items()
        ]
        caption = f"Averages by {groups.by.lower()}, ± the standard deviation over atoms."
        return note(caption) + table(head, rows)

    def _view(self, n_atoms: int, counts: Sequence[NDArray]) -> str:
        shown = []
        for frame, atoms, count in zip(self.frames, self.structures, counts, strict=True):
            values = {**frame.scalars, COORDINATION.name: count, **self._scores(frame)}
            piece = largest_piece(atoms, n_atoms)
            # A part of a structure is not periodic.
            part = Atoms(atoms.numbers[piece], atoms.positions[piece])
            picked = {name: np.asarray(column)[piece] for name, column in values.items()}
            shown.append(ViewedFrame(atoms if len(piece) == len(atoms) else part, picked))
        components = {
            name: Quantity(name, name, "states eV^-1/2", "of the local DOS")
            for name in self._scores(self.frames[0])
        }
        quantities = {**self.quantities, COORDINATION.name: COORDINATION, **components}
        first = next(iter(quantities))
        across, up = list(components)[:2] if components else (first, COORDINATION.name)
        left_out = sum(map(len, self.structures)) - sum(len(view.atoms) for view in shown)
        text = (
            f"{len(shown)} of {self.of_frames} frames. Each point on the left is an atom. Click on "
            "it to see it in its structure. The menu of each panel changes axes and colours."
        )
        if left_out:
            text += (
                f" At most {n_atoms} atoms of each frame are shown, in a cube in the middle of the "
                f"cell; {left_out} atoms are left out."
            )
        view = viewer_html(shown, quantities, (across, up), first)
        return section("Structures", note(text), view)

    def _scores(self, frame: AtomicFrame) -> dict[str, NDArray]:
        if self.local_map is None:
            return {}
        columns = self.local_map.scores(frame).T
        return {f"component {i}": column for i, column in enumerate(columns, start=1)}


def _rank(name: str) -> int:
    """Place of a local quantity in tables."""
    variable = name.partition("(")[0]
    return _LOCAL.index(variable) if variable in _LOCAL else len(_LOCAL)


def _quantity(dataset: Dataset, name: str) -> Quantity:
    """Local quantity of results, which may be at a temperature: "name(300 K)"."""
    variable, bracket, temperature = name.partition("(")
    attributes = dataset[variable].attrs
    unit, meaning = attributes.get("units", ""), attributes.get("long_name", "")
    symbol = QUANTITIES[variable].symbol if variable in QUANTITIES else variable
    return Quantity(name, symbol + bracket + temperature, unit, meaning)


def _as_shown(frame: AtomicFrame, quantities: Mapping[str, Quantity]) -> AtomicFrame:
    """Frame with its local quantities in the units that are shown."""
    scaled = {name: values / quantities[name].size for name, values in frame.scalars.items()}
    return replace(frame, scalars=scaled)
