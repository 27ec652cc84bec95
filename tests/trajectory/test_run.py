"""Runs over files and structures: what is read, selected, held in memory, and refused."""

import bz2
import gzip
import lzma

import ase.io
import numpy as np
import pytest
from ase import Atoms
from toy_model import ToyModel
from toy_run import N_FRAMES, analyze, assert_same

from ase_dos.trajectory.run import analyze_trajectory


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz"])
def test_compressed_files_give_the_same(md, model, suffix):
    pack = {"gz": gzip, "bz2": bz2, "xz": lzma}[suffix]
    packed = md.with_name(f"{md.name}.{suffix}")
    packed.write_bytes(pack.compress(md.read_bytes()))
    assert_same(analyze(md, model), analyze(packed, model))


@pytest.mark.parametrize("name", ["md.traj", "md.xyz", "XDATCAR", "md.json"])
def test_what_ase_reads_is_read(frames, model, tmp_path, name):
    ase.io.write(tmp_path / name, frames)
    of_ase = ase.io.read(tmp_path / name, ":")  # an XDATCAR of older ASE has one cell only
    result = analyze(tmp_path / name, model)
    np.testing.assert_allclose(result.entropy, analyze(of_ase, model).entropy, rtol=1e-9)


def test_memory_holds_one_large_frame(frames, model, monkeypatch):
    monkeypatch.setattr("ase_dos.trajectory.run.TOGETHER_ATOMS", len(frames[0]))
    alive = set()

    class Counted(Atoms):
        def __del__(self):
            alive.discard(id(self))

    def stream():
        for atoms in frames:
            counted = Counted(atoms)
            alive.add(id(counted))
            assert len(alive) <= 2
            yield counted
            del counted

    assert len(analyze(stream(), model)) == N_FRAMES


def test_selection(md, model):
    result = analyze(md, model, start=1, stop=6, step=2)
    assert result.frames.tolist() == [1, 3, 5]
    np.testing.assert_array_equal(result.dos, analyze(md, model).dos[1:6:2])


@pytest.mark.parametrize("blanks", ["\n", "\n  \n\n"])
def test_blank_lines_between_frames_do_not_matter(md, model, blanks):
    lines = md.read_text().splitlines(keepends=True)
    expected = analyze(md, model)
    md.write_text("".join([blanks, *lines[:30], blanks, *lines[30:], blanks]))
    assert_same(analyze(md, model), expected)


def test_negative_numbers_count_from_the_end(md, frames, model, tmp_path):
    expected = analyze(md, model)
    for options in ({"start": -2}, {"start": -5, "stop": -1, "step": 2}, {"start": -99}):
        chosen = range(N_FRAMES)[slice(*(options.get(n) for n in ("start", "stop", "step")))]
        for source in (md, frames):
            result = analyze(source, model, **options)
            assert result.frames.tolist() == list(chosen)
            np.testing.assert_allclose(result.dos, expected.dos[list(chosen)], atol=1e-6)
    out = tmp_path / "out"
    analyze(md, model, out, start=-2)
    ase.io.write(md, frames[0], append=True)
    with pytest.raises(ValueError, match=r"start was 5, is 6"):  # the last ones are others now
        analyze(md, model, out, start=-2)
    with pytest.raises(ValueError, match="an iterator, whose length is not known"):
        analyze(iter(frames), model, start=-2)


def test_clusters_are_said_to_be_such_once(frames, model):
    for atoms in frames[2:]:
        atoms.pbc = False
    with pytest.warns(UserWarning, match=r"5 of 7 frames, the first is frame 2: .*as a cluster"):
        result = analyze(frames, model)
    assert len(result) == N_FRAMES
    frames[0].pbc = [True, True, False]  # a slab is none
    analyze(frames[:2], model)


def test_times_have_the_unit_that_the_file_names(model, tmp_path):
    """fs where a unit is known; extended xyz and .traj need not name one."""
    row, box = "1 Si 0 0 0\n", "ITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\n"
    path = tmp_path / "md.dump"
    path.write_text(
        "ITEM: UNITS\nmetal\n"
        + "".join(
            f"ITEM: TIME\n{time}\nITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n1\n{box}"
            f"ITEM: ATOMS id element x y z\n{row}"
            for step, time in ((0, 0.0), (5, 0.01), (10, 0.02))
        )
    )
    for start in (0, 1):
        result = analyze(path, model, start=start)
        np.testing.assert_allclose(result.time, [0.0, 10.0, 20.0][start:])
        assert result.md_step.tolist() == [0, 5, 10][start:]
        assert result.dataset["time"].attrs["units"] == "fs"
    lattice = 'Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3'
    for comment, time, unit in (
        ("time=2.5", 2.5, "unit of the trajectory"),
        ("time_ps=2.5", 2500.0, "fs"),
        ('time="2.5 ps"', 2500.0, "fs"),
        ("", np.nan, "unit of the trajectory"),
    ):
        (tmp_path / "md.xyz").write_text(f"1\n{lattice} {comment}\nSi 0 0 0\n")
        result = analyze(tmp_path / "md.xyz", model)
        np.testing.assert_array_equal(result.time, [time])
        assert result.dataset["time"].attrs["units"] == unit


def test_old_xyz_dialect_with_vectors(model, tmp_path):
    path = tmp_path / "md.xyz"
    path.write_text("1\n\nSi 0 0 0\nVEC1 5 0 0\nVEC2 0 5 0\nVEC3 0 0 5\n" * 2)
    result = analyze(path, model)
    assert len(result) == 2
    np.testing.assert_allclose(result.volume, 125)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 0}, "step: expected 1 or more, got 0"),
        ({"on_error": "ignore"}, "on_error: expected 'raise' or 'skip', got 'ignore'"),
    ],
)
def test_bad_options(frames, model, options, message):
    with pytest.raises(ValueError, match=message):
        analyze(frames, model, **options)


@pytest.mark.parametrize(
    ("temperatures", "message"),
    [
        (-1.0, "temperatures: expected kelvin >= 0, got -1"),
        ([], "temperatures: expected at least one, got none"),
        ([np.nan], "temperatures: 1 of 1 values are NaN"),
        (500_000.0, "frame 0 of .* supports up to"),
    ],
)
def test_bad_temperatures(frames, model, temperatures, message):
    with pytest.raises(ValueError, match=message):
        analyze_trajectory(frames, model, temperatures, progress=False)


def test_one_structure_that_a_simulation_changes(frames):
    """A generator may yield the same Atoms every time."""

    def simulation():
        atoms = frames[0].copy()
        for frame in frames:
            atoms.positions[:] = frame.positions
            yield atoms

    class OneBuffer:
        """As some trajectory objects: each index fills the same structure."""

        def __init__(self):
            self.atoms = frames[0].copy()

        def __len__(self):
            return len(frames)

        def __getitem__(self, i):
            self.atoms.positions[:] = frames[i].positions
            return self.atoms

    expected = analyze([atoms.copy() for atoms in simulation()], ToyModel())
    assert len(set(expected.fermi_level)) > 1
    for backend in (None, 2):
        assert_same(analyze(simulation(), ToyModel(), backend=backend), expected)
        assert_same(analyze(OneBuffer(), ToyModel(), backend=backend), expected)
