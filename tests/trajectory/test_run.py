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
    result = analyze(tmp_path / name, model)
    np.testing.assert_allclose(result.entropy, analyze(frames, model).entropy, rtol=1e-4)


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
def test_blank_lines_end_a_file_only_at_its_end(md, model, tmp_path, blanks):
    whole = md.read_text()
    md.write_text(whole + blanks)
    assert len(analyze(md, model)) == N_FRAMES
    lines = whole.splitlines(keepends=True)
    md.write_text("".join([*lines[:30], blanks, *lines[30:]]))
    with pytest.raises(ValueError, match=r"frame 3 of .*blank line with more lines after it"):
        analyze(md, model)
    result = analyze(md, model, on_error="skip")
    assert result.frames.tolist() == [0, 1, 2]
    assert list(result.missing) == [3]
    assert len(analyze(md, model, stop=3)) == 3  # what is not asked for may be broken


def test_old_xyz_dialect_with_vectors(model, tmp_path):
    path = tmp_path / "md.xyz"
    path.write_text("1\n\nSi 0 0 0\nVEC1 5 0 0\nVEC2 0 5 0\nVEC3 0 0 5\n" * 2)
    result = analyze(path, model)
    assert len(result) == 2
    np.testing.assert_allclose(result.volume, 125)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": -1}, "frames: expected start >= 0, .* got -1, None, 1"),
        ({"step": 0}, "frames: expected .* step >= 1, got 0, None, 0"),
        ({"stop": -3}, "frames: expected .* stop >= 0 .* got 0, -3, 1"),
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
