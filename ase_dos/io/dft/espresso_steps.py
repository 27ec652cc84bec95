"""Runs, structures and sets of bands in the text that pw.x prints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from ase_dos.io.dft.common import first_from, last_before, positions_of
from ase_dos.io.dft.espresso_settings import read_settings

_RUN = "Program PWSCF"
_END = r"End of (?:self-consistent|band structure) calculation"
_BEGINNINGS = ("Self-consistent Calculation", "Band Structure Calculation")
# The exact exchange is refined (in the words of several releases), or rebuilt in a run at fixed
# density: the next bands are those of the same structure.
_REFINED = re.compile(r"go back to refine|restarted with the new ACE potential", re.I)
_EXCHANGE_CONVERGED = "EXX self-consistency reached"
# What follows the bands of a run at fixed density, even where no level does.
_AFTER_BANDS = re.compile(r"Fermi energ|highest occupied|\n *Writing |JOB DONE|\n *init_run ")
# i-PI or ASE sends positions through a socket; those that pw.x prints are none of them.
_DRIVEN = "DRIVER MODE"
# The table of a header, or the card of a later step. To release 4.2, alat is called a_0.
_ATOMS = (r"positions \(a(?:lat|_0) units\)", r"ATOMIC_POSITIONS \(")
_CELLS = (r"crystal axes: \(cart\. coord\.", r"CELL_PARAMETERS \(")
_ALAT = (r"celldm\(1\)=",)


@dataclass(frozen=True)
class Sites:
    """Where unit of length, cell and positions of a structure stand in the text of its run."""

    alat: int
    cell: int
    atoms: int


@dataclass(frozen=True)
class Calculation:
    """The states of one structure in the text of their run.

    Attributes
    ----------
    run : str
        Text of the whole run.
    header : str
        Its beginning, up to the first bands.
    kpoints : str
        Begins with the list of k-points in use.
    result : slice
        The bands and what follows them, up to the next structure or calculation.
    sites : Sites or None
        The structure; None if pw.x did not print it.
    """

    run: str
    header: str
    kpoints: str
    result: slice
    sites: Sites | None

    @property
    def missing_end(self) -> str:
        """The line that ends such a calculation, if it is missing, else an empty text."""
        result = self.run[self.result]
        if result.startswith("End of band"):
            return "" if _AFTER_BANDS.search(result) else "the Fermi energy"
        if "convergence NOT achieved" in result:
            return ""
        if "convergence has been achieved" not in result:
            return "convergence has been achieved"
        refined = read_settings(self.header).refines_exchange or _REFINED.search(result)
        return _EXCHANGE_CONVERGED if refined and _EXCHANGE_CONVERGED not in result else ""


def find_calculations(text: str) -> tuple[list[Calculation], int]:
    """Find the last bands of every structure, in one run or in several in a row.

    Returns
    -------
    calculations : list of Calculation
        Without those whose run was killed on the way, unless there are no others.
    n_killed : int
        How many were left out because their run was killed.

    Raises
    ------
    ValueError
        If no calculation has an end.
    """
    whole: list[Calculation] = []
    killed: list[Calculation] = []
    n_killed = 0
    for start, stop in pairwise([0, *positions_of(_RUN, text), len(text)]):
        run = text[start:stop]
        found = _in_run(run)
        # One run leaves one calculation unfinished at most: its last.
        last = found[-1].result.start if found else 0
        if found and found[-1].missing_end:
            killed.append(found.pop())
            n_killed += 1
        elif max(_positions_of_any(_BEGINNINGS, run), default=0) > last:
            n_killed += 1
        whole += found
    if not whole and not killed:
        failure = re.search(r"Error in routine +(.+?) *:?\n *(.+)", text)
        if failure:
            raise ValueError(f"pw.x stopped with an error in {failure[1]}: {failure[2].strip()}")
        raise ValueError(
            "no end of a calculation in this pw.x output; it is cut off or not finished"
        )
    return (whole, n_killed) if whole else (killed, 0)


def _in_run(run: str) -> list[Calculation]:
    """Find the last bands of every structure of one run."""
    ends = [*positions_of(_END, run), len(run)]
    lists = positions_of("number of k points=", run)
    alat, cells, atoms = (_positions_of_any(lines, run) for lines in (_ALAT, _CELLS, _ATOMS))
    if _DRIVEN in run:
        atoms = []
    stops = sorted([*atoms, *ends, *_positions_of_any(_BEGINNINGS, run)])
    header = run[: ends[0]]
    kpoints = {start: run[start : first_from(ends, start)] for start in [0, *lists]}
    found: list[Calculation] = []
    printed = 0  # where the structure of the bands before stands
    for end in ends[:-1]:
        structure = last_before(atoms, end)
        if found and structure == printed and _REFINED.search(run, found[-1].result.start, end):
            sites = found.pop().sites
        elif structure == printed:
            sites = None
        else:
            sites = Sites(last_before(alat, structure), last_before(cells, structure), structure)
        printed = structure
        found.append(
            Calculation(
                run,
                header,
                kpoints[last_before(lists, end)],
                result=slice(end, first_from(stops, end + 1)),
                sites=sites,
            )
        )
    return found


def _positions_of_any(patterns: tuple[str, ...], text: str) -> list[int]:
    return sorted(position for pattern in patterns for position in positions_of(pattern, text))
