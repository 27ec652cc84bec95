"""``ase-dos trajectory``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ase_dos.cli.arguments import (
    add_charge_argument,
    add_on_error_argument,
    add_repeated_argument,
    add_temperature_argument,
    integer,
)
from ase_dos.cli.main import reports_user_errors
from ase_dos.cli.outputs import StoredResult, output_directory, output_file

if TYPE_CHECKING:
    from ase import Atoms

    from ase_dos.io.frames import Frames


class CLICommand:
    """Analyse the electronic structure along a trajectory.

    MD_FILE is anything that ASE reads, compressed or not, a LAMMPS dump, H5MD, DCD, XTC, TRR or
    AMBER NetCDF; 'dump.*.gz' in quotes takes all files of that pattern. MD_FILE@START:STOP:STEP
    takes some of the frames, @-1 the last and @-10: the last ten. The results are a zarr
    directory: `ase-dos plot` draws figures of it, `ase-dos report` writes a page, `ase-dos
    spectrum` gives the infrared spectrum of dipole moments, and any program that reads zarr can
    open it. A run that was stopped continues with the same command.
    """

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Declare the arguments."""
        add = parser.add_argument
        add("trajectory", metavar="MD_FILE", help="trajectory")
        add(
            "--model",
            help="model of the DOS, a file or name (default: silicon, or no DOS with "
            "--density-model)",
        )
        add(
            "--density-model",
            metavar="MODEL",
            help="model of the electron density, a file or name, which gives the dipole moment and "
            "the charges of molecules",
        )
        add_charge_argument(parser)
        add_temperature_argument(parser)
        add(
            "-o",
            "--output",
            required=True,
            metavar="DIRECTORY",
            help="directory for the results, usually named *.zarr",
        )
        add_frame_arguments(parser)
        add("--local", action="store_true", help="store the local DOS of every atom")
        add(
            "--members",
            type=integer(2),
            metavar="M",
            help="store results of M members of each model's ensemble, which give its errors",
        )
        add("--processes", type=integer(1), metavar="N", help="analyse frames in N processes")
        add(
            "--scheduler",
            metavar="ADDRESS",
            help="analyse frames on the dask cluster with this scheduler",
        )
        add(
            "--block-atoms",
            type=integer(1),
            metavar="N",
            help="cut each frame into blocks of at most N atoms, and predict these in parallel",
        )
        add(
            "--plot",
            metavar="DIRECTORY",
            help="also draw figures of the results into this directory",
        )
        add(
            "--extxyz",
            metavar="FILE",
            help="also write the frames with T_e, S, F(T) - F(0), C_el, E_F and dipole moment of "
            "each, and g(E_F), charges and novelty of every atom",
        )
        add_repeated_argument(parser)
        add_on_error_argument(parser)
        add("-q", "--quiet", action="store_true", help="no progress bar")

    @staticmethod
    @reports_user_errors
    def run(args: Namespace) -> None:
        """Analyse, print the summary, draw."""
        from ase_dos.trajectory.run import analyze_trajectory

        if args.processes is not None and args.scheduler:
            raise ValueError("expected --processes or --scheduler, got both")
        # What cannot be written is refused before hours of work.
        output_directory(args.output, "--output")
        if args.plot:
            output_directory(args.plot, "--plot")
        if args.extxyz:
            output_file(args.extxyz, "--extxyz", inputs=[_selection(args.trajectory, args)[0]])
        frames, selection = selected_frames(args.trajectory, args)
        result = analyze_trajectory(
            frames,
            args.model if args.model or args.density_model else "silicon",
            args.temperature or (300.0,),
            args.output,
            density_model=args.density_model,
            charge=args.charge,
            **selection,
            local=args.local,
            members=args.members,
            on_error=args.on_error,
            backend=args.scheduler if args.processes is None else args.processes,
            block_atoms=args.block_atoms,
            command=args.words,
            progress=not args.quiet,
        )
        stored = StoredResult(f"{args.output} holds the results of {len(result)} frames")
        with stored.step("summary"):
            print(result.summary(args.repeated))
        for message in result.missing.values():
            print(f"missing: {message}")
        if args.plot:
            from ase_dos.cli.plot import result_figures, save_figures

            with stored.step("--plot"):
                for figure in save_figures(args.plot, result_figures(result, args.repeated)):
                    print(f"wrote {figure}")
        if args.extxyz:
            with stored.step("--extxyz"):
                print(f"wrote {args.extxyz}: {result.write_extxyz(args.extxyz, frames)} frames")
        print(f"wrote {args.output}: {len(result)} frames")
        stored.finish()


def add_frame_arguments(parser: ArgumentParser) -> None:
    """Declare the options that `selected_frames` reads."""
    add = parser.add_argument
    add("--start", type=int, metavar="I", help="first frame, below 0 from the end (default: 0)")
    add("--stop", type=int, metavar="I", help="first frame that is not taken (default: none)")
    add("--step", type=int, metavar="N", help="take every Nth frame (default: 1)")
    add_element_arguments(parser)
    add(
        "--cache-index",
        action="store_true",
        help="store the positions of the frames in FILE.index.npz, for later runs",
    )


def add_element_arguments(parser: ArgumentParser) -> None:
    """Declare what gives the elements to files without them."""
    add = parser.add_argument
    add(
        "--types",
        nargs="+",
        metavar="ELEMENT",
        help="elements of the atom types, type 1 first; or TYPE=ELEMENT for each, such as CA=C",
    )
    add(
        "--topology",
        metavar="FILE",
        help="file with the elements, or the cell, that the trajectory lacks",
    )


def selected_frames(source: str, args: Namespace) -> tuple[Frames, dict[str, int]]:
    """Open the file; take frames from options or from ASE's ``@`` syntax."""
    from ase_dos.io.frames import open_frames

    path, chosen = _selection(source, args)
    options = {"types": args.types, "topology": args.topology, "cache_index": args.cache_index}
    return open_frames(path, **options), chosen


def read_structure(args: Namespace) -> Atoms:
    """Read the last structure of a file, or the one that ASE's ``@`` syntax names.

    Raises
    ------
    ValueError
        If there is none.
    """
    from ase_dos.io.frames import open_frames

    path, chosen = split_selection(args.structure)
    frames = open_frames(path, types=args.types, topology=args.topology)
    indices = range(frames.length())[slice(None) if chosen is None else chosen]
    if not indices:
        raise ValueError(f"{args.structure}: no structure")
    return frames[indices[-1]]


def split_selection(source: str) -> tuple[str, slice | None]:
    """Split ASE's ``FILE@START:STOP:STEP`` into the file and the frames, None without them.

    Raises
    ------
    ValueError
        If what stands behind ``@`` is neither an index nor a range.
    """
    from ase.io.formats import string2index

    name, at, index = source.rpartition("@")
    if not at or Path(source).exists():
        return source, None
    try:
        chosen = string2index(index)
    except ValueError:
        chosen = index
    if isinstance(chosen, str):
        raise ValueError(f"{source}: expected FILE@START:STOP:STEP, got @{index}")
    return name, slice(chosen, chosen + 1 or None) if isinstance(chosen, int) else chosen


def _selection(source: str, args: Namespace) -> tuple[str, dict[str, int]]:
    names = ("start", "stop", "step")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    path, chosen = split_selection(source)
    if chosen is None:
        return path, given
    if given:
        raise ValueError(f"{source}: give frames by @ or by {', '.join(given)}, not both")
    parts = {name: getattr(chosen, name) for name in names}
    return path, {name: value for name, value in parts.items() if value is not None}
