"""``ase-dos trajectory``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from ase_dos.cli.main import reports_user_errors


class CLICommand:
    """Analyse the electronic structure along a trajectory.

    MD_FILE is anything that ASE reads, compressed or not, a LAMMPS dump, H5MD, DCD, XTC, TRR or
    AMBER NetCDF; 'dump.*.gz' in quotes takes all files of that pattern. MD_FILE@START:STOP:STEP
    takes some of the frames. The directory of results gets one file per frame, figures,
    summary.txt, and atoms.extxyz with g(E_F) and charge of every atom for viewers. The same
    command again goes on where it stopped.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        add = parser.add_argument
        add("trajectory", metavar="MD_FILE", help="trajectory")
        add("--model", default="silicon", help="model file or name (default: %(default)s)")
        add("-T", "--temperature", type=float, action="append", metavar="K",
            help="electronic temperature; may be repeated (default: 300)")  # fmt: skip
        add("-o", "--output", required=True, metavar="DIRECTORY", help="directory of results")
        add("--types", nargs="+", metavar="ELEMENT",
            help="elements of the types of a LAMMPS dump or H5MD file, from type 1 on")  # fmt: skip
        add("--topology", metavar="FILE",
            help="structure with the elements, or the cell, that MD_FILE lacks")  # fmt: skip
        add("--cache-index", action="store_true",
            help="keep where the frames begin in MD_FILE.index.npz, for later runs")  # fmt: skip
        add("--start", type=int, metavar="I", help="first frame (default: 0)")
        add("--stop", type=int, metavar="I", help="frame to stop before (default: none)")
        add("--step", type=int, metavar="N", help="take every Nth frame (default: 1)")
        add("--local", action="store_true", help="keep the local DOS of every atom")
        add("--on-error", choices=["raise", "skip"], default="raise",
            help="at a bad frame, end or leave it out (default: %(default)s)")  # fmt: skip
        add("-q", "--quiet", action="store_true", help="no progress bar")

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Analyse, print the summary, draw."""
        from ase_dos.frames import open_frames
        from ase_dos.trajectory import analyze_trajectory

        path, selection = _selection(args)
        frames = open_frames(
            path, types=args.types, topology=args.topology, cache_index=args.cache_index
        )
        result = analyze_trajectory(
            frames, args.model, args.temperature or (300.0,), args.output, **selection,
            local=args.local, on_error=args.on_error, progress=not args.quiet,
        )  # fmt: skip
        summary = result.summary()
        print(summary)
        for message in result.missing.values():
            print(f"missing: {message}")
        output = Path(args.output)
        (output / "summary.txt").write_text(summary + "\n")
        _draw(result, output)
        count = result.write_extxyz(output / "atoms.extxyz", frames)
        print(f"wrote {output}: {len(result)} frames, figures, atoms.extxyz ({count} frames)")


def _selection(args: Namespace) -> tuple[str, dict[str, Any]]:
    """File and frames, from options or from ASE's ``@`` syntax."""
    options = {"start": args.start, "stop": args.stop, "step": args.step}
    given = {name: value for name, value in options.items() if value is not None}
    name, at, index = args.trajectory.rpartition("@")
    if not at or Path(args.trajectory).exists():
        return args.trajectory, given
    if given:
        raise ValueError(f"{args.trajectory}: give frames by @ or by {', '.join(given)}, not both")
    return name, _parsed(index, args.trajectory)


def _parsed(index: str, source: str) -> dict[str, Any]:
    from ase.io.formats import string2index

    try:
        chosen = string2index(index)
    except ValueError:
        chosen = index
    if isinstance(chosen, str):
        raise ValueError(f"{source}: expected FILE@START:STOP:STEP, got @{index}")
    if isinstance(chosen, int):
        chosen = slice(chosen, chosen + 1)
    parts = {"start": chosen.start, "stop": chosen.stop, "step": chosen.step}
    return {name: value for name, value in parts.items() if value is not None}


def _draw(result: Any, output: Path) -> None:
    from ase_dos.cli.plot import result_figures, save_figures

    save_figures(output, result_figures(result))
