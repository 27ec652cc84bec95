"""Stores on disk: open to any program, for frames of every size, with reasons for missing ones."""

import json
import subprocess
import sys

import numpy as np
import pytest
import xarray
import zarr
from toy_model import ToyModel
from toy_run import TEMPERATURES, frames_of, run

from ase_dos.results import store
from ase_dos.results.result import TrajectoryResult
from ase_dos.results.variables import FINISHED, MISSING, VARIABLES
from ase_dos.trajectory.frame import FrameAnalysis


def test_xarray_opens_it_with_units_and_provenance(tmp_path):
    run(frames_of([1, 1, 1]), tmp_path / "md.zarr")
    code = (
        "import sys, warnings; warnings.simplefilter('error'); import xarray; "
        "data = xarray.open_zarr(sys.argv[1]); print(sorted(data.sizes.items())); "
        "print(data.dos.attrs['units'], data.attrs['model_hash'], 'ase_dos' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "md.zarr"],
        capture_output=True,
        text=True,
        check=True,
    )
    sizes, last = done.stdout.splitlines()
    assert dict(eval(sizes)) == {"atom": 8, "energy": 321, "frame": 3, "mode": 2, "temperature": 2}
    assert last == "states/eV toy False"


def test_every_variable_is_that_of_the_table(tmp_path):
    run(frames_of([1, 2]), tmp_path / "md.zarr")
    with xarray.open_zarr(tmp_path / "md.zarr") as data:
        assert set(data.coords) == {"frame", "time", "md_step", "energy", "temperature"}
        for name, variable in data.variables.items():
            expected = VARIABLES[name]
            assert variable.dims == expected.dims
            assert variable.dtype == np.dtype(expected.dtype)
            assert variable.attrs["long_name"] == expected.meaning
        assert json.loads(data.attrs["options"])["temperatures"] == [300.0, 3000.0]


def test_without_consolidated_metadata_it_is_the_same(tmp_path):
    run(frames_of([1, 2, 1]), tmp_path / "md.zarr")
    a = xarray.open_zarr(tmp_path / "md.zarr")
    with xarray.open_zarr(tmp_path / "md.zarr", consolidated=False) as b:
        xarray.testing.assert_identical(a, b)
    group = zarr.open_group(tmp_path / "md.zarr", mode="r")
    np.testing.assert_array_equal(group["fermi_level"][:], a["fermi_level"].values)
    a.close()


def test_equal_runs_give_equal_files(tmp_path):
    for name in "ab":
        run(frames_of([1, 2, 1]), tmp_path / name)
    a, b = (
        {
            p.relative_to(tmp_path / n): p.read_bytes()
            for p in (tmp_path / n).rglob("*")
            if p.is_file()
        }
        for n in "ab"
    )
    assert a == b


@pytest.mark.parametrize("sizes", [[1, 3, 2, 1, 5, 1, 1], [3, 1, 1, 1], [1, 1, 1, 1, 1, 1, 9]])
@pytest.mark.usefixtures("small_blocks")
def test_frames_of_different_sizes(sizes, tmp_path):
    frames, model = frames_of(sizes), ToyModel()
    result = run(frames, tmp_path / "md.zarr")
    data = result.dataset
    assert data.sizes["atom"] == 8 * max(sizes)
    for i, atoms in enumerate(frames):
        expected = (
            FrameAnalysis(model, TEMPERATURES, local=True).analyze_frame(i, atoms.copy).record
        )
        for name, values in result.local(i).items():
            np.testing.assert_array_equal(values, expected[name])
        for name in ("dos", "entropy", "fermi_level"):
            np.testing.assert_array_equal(data[name][i], expected[name])
        assert np.isnan(data["local_charge"][i, len(atoms) :]).all()
        assert np.isnan(data["coefficients"][i, len(atoms) :]).all()
        assert (data["numbers"][i, len(atoms) :] == 0).all()


@pytest.mark.usefixtures("small_blocks")
def test_growth_writes_no_finished_block_again(tmp_path):
    path = tmp_path / "md.zarr"
    run(frames_of([1] * 6), path)
    before = {p: p.stat().st_mtime_ns for p in path.rglob("[0-9]*")}
    run(frames_of([1] * 40), path)
    again = [p for p, when in before.items() if p.stat().st_mtime_ns != when]
    assert all(p.name == "0" or p.name.startswith("0.") for p in again)
    # A chunk of the arrays over atoms holds one block here.
    assert not any(p.parent.name in ("local_charge", "coefficients") for p in again)


def test_huge_frames_are_blocks_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "BLOCK_ATOMS", 4)
    run(frames_of([1, 1, 1]), tmp_path / "md.zarr")
    names = sorted(p.name for p in (tmp_path / "md.zarr" / "local_charge").glob("[0-9]*"))
    assert names == ["0.0", "0.1", "1.0", "1.1", "2.0", "2.1"]


def test_frames_that_take_long_are_committed_by_time(tmp_path, monkeypatch):
    seen = []

    class Watching(ToyModel):
        def predict(self, atoms):
            if self.calls:
                seen.append(len(TrajectoryResult.load(tmp_path / "md.zarr")))
            return super().predict(atoms)

    monkeypatch.setattr(store, "COMMIT_SECONDS", -1.0)
    monkeypatch.setattr("ase_dos.trajectory.run.LONGEST_WAIT", 0.0)
    run(frames_of([1] * 4), tmp_path / "md.zarr", Watching())
    assert seen == [1, 2, 3]


def test_other_axes_are_refused(tmp_path):
    class Wandering(ToyModel):
        def predict(self, atoms):
            return super().predict(atoms).shifted(0.1 * self.calls)

    with pytest.raises(
        ValueError, match=r"frame 1 of .*energy: differs from that of the frames before"
    ):
        run(frames_of([1, 1]), tmp_path / "md.zarr", Wandering())


def test_missing_frames_have_rows_and_reasons(tmp_path):
    frames = frames_of([1, 1, 1, 1])
    frames[0].numbers[:] = 6
    frames[2].numbers[:] = 6
    result = run(frames, tmp_path / "md.zarr", on_error="skip")
    data = result.dataset
    assert data["status"].values.tolist() == [MISSING, FINISHED, MISSING, FINISHED]
    assert data["frame"].values.tolist() == [0, 1, 2, 3]
    assert np.isnan(data["dos"].values[[0, 2]]).all()
    assert list(result.missing) == [0, 2]
    assert "unknown species" in result.missing[2]
    assert result.frames.tolist() == [1, 3]
    again = run(frames, tmp_path / "md.zarr", on_error="skip")
    assert again.missing == result.missing


def test_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r"pip install 'ase_dos\[trajectory\]'"):
        run(frames_of([1]))


def test_options_that_matter_are_kept():
    analysis = FrameAnalysis.of(ToyModel(), [3000.0, 300.0, 300.0], members=4)
    assert analysis.options == {
        "model": "toy",
        "temperatures": [300.0, 3000.0],
        "local": False,
        "members": 4,
    }
    with pytest.raises(ValueError, match="members: expected 2 or more, got 1"):
        FrameAnalysis.of(ToyModel(), [300.0], members=1)
