"""Stored runs continue to identical results, and other runs are refused."""

import ase.io
import numpy as np
import pytest
from toy_model import ToyModel
from toy_run import N_FRAMES, analyze, assert_same, files, stamps

from ase_dos.results.result import TrajectoryResult
from ase_dos.trajectory.run import analyze_trajectory


def test_stored_result_is_the_one_in_memory(md, model, tmp_path):
    stored = analyze(md, model, tmp_path / "out", local=True)
    memory = analyze(md, model, local=True)
    assert_same(stored, memory)
    assert_same(TrajectoryResult.load(tmp_path / "out"), memory)
    assert stored.summary() == memory.summary()


def test_nothing_is_computed_twice(md, model, tmp_path):
    analyze(md, model, tmp_path / "out")
    before, calls = stamps(tmp_path / "out"), model.calls
    analyze(md, model, tmp_path / "out")
    assert stamps(tmp_path / "out") == before
    assert model.calls == calls


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("together", [1, 2])
def test_killed_run_resumes_to_identical_results(md, model, tmp_path, monkeypatch, error, together):
    monkeypatch.setattr("ase_dos.trajectory.run.TASK_FRAMES", together)

    class Dying(ToyModel):
        def predict(self, atoms):
            if self.calls == 3:
                raise error("killed")
            return super().predict(atoms)

    out = tmp_path / "out"
    with pytest.raises(error, match="killed"):
        analyze(md, Dying(), out, local=True)
    done = 3 // together * together
    assert TrajectoryResult.load(out).frames.tolist() == list(range(done))
    result = analyze(md, model, out, local=True)
    assert model.calls == N_FRAMES - done
    assert_same(result, analyze(md, ToyModel(), local=True))


def test_growing_trajectory(frames, model, tmp_path):
    md, out = tmp_path / "md.extxyz", tmp_path / "out"
    ase.io.write(md, frames[:4])
    assert len(analyze(md, model, out)) == 4
    ase.io.write(md, frames)
    model.calls = 0
    assert_same(analyze(md, model, out), analyze(md, ToyModel()))
    assert model.calls == 3


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"temperatures": (300.0,)}, "temperatures"),
        ({"model": ToyModel("other")}, "model was toy, is other"),
        ({"start": 1}, "start was 0, is 1"),
        ({"local": True}, "local"),
        ({"step": 2}, "step"),
    ],
)
def test_other_options_are_refused(md, model, tmp_path, change, what):
    out = tmp_path / "out"
    options = {"model": model, "temperatures": (300.0, 3000.0), "output": out, "progress": False}
    analyze_trajectory(md, **options)
    before = files(out)
    with pytest.raises(ValueError, match=what):
        analyze_trajectory(md, **{**options, **change})
    assert files(out) == before


def test_other_trajectory_is_refused(frames, md, model, tmp_path):
    analyze(md, model, tmp_path / "out")
    before = files(tmp_path / "out")
    with pytest.raises(ValueError, match="first_frame"):
        analyze(frames[1:], model, tmp_path / "out")
    assert files(tmp_path / "out") == before


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_other_trajectory_of_the_same_start_is_refused(frames, model, tmp_path, kind):
    def source(images):
        if kind == "memory":
            return images
        ase.io.write(tmp_path / "md.extxyz", images)
        return tmp_path / "md.extxyz"

    out = tmp_path / "out"
    frames[2].positions[0, 0] = np.nan
    analyze(source(frames), model, out, on_error="skip")
    before, missing = files(out), TrajectoryResult.load(out).missing
    frames[2].positions[0, 0] = 0.0
    frames[-1].positions[0] += 0.01
    with pytest.raises(ValueError, match=r"frame 6 of .*is not the structure .*another output"):
        analyze(source(frames), model, out)
    # Nothing of the other trajectory is left among the results, frame 2 in particular.
    assert files(out) == before
    assert TrajectoryResult.load(out).missing == missing


def test_structures_in_memory_are_all_compared(frames, model, tmp_path):
    analyze(frames, model, tmp_path / "out")
    frames[3].positions[0] += 0.01
    with pytest.raises(ValueError, match="frame 3 of structures in memory is not the structure"):
        analyze(frames, model, tmp_path / "out")


def test_finished_frames_of_a_file_are_not_parsed_again(md, model, tmp_path):
    analyze(md, model, tmp_path / "out")
    lines = md.read_text().splitlines(keepends=True)
    for i in (0, 3, N_FRAMES - 1):  # of ten lines each, the last of which is an atom
        broken = lines.copy()
        broken[10 * i + 9] = "garbage\n"
        md.write_text("".join(broken))
        if i == 3:
            analyze(md, model, tmp_path / "out")
            continue
        with pytest.raises(ValueError, match=f"frame {i} of "):  # the first and the last are
            analyze(md, model, tmp_path / "out")


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_shorter_trajectory_is_refused(frames, model, tmp_path, on_error):
    md, out = tmp_path / "md.extxyz", tmp_path / "out"
    ase.io.write(md, frames)
    analyze(md, model, out)
    before = files(out)
    ase.io.write(md, frames[:4])
    with pytest.raises(ValueError, match=r"ends after frame 3, but .* up to frame 6"):
        analyze(md, model, out, on_error=on_error)
    assert files(out) == before


def test_foreign_directory_is_left_alone(md, model, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").touch()
    with pytest.raises(ValueError, match="has no results"):
        analyze(md, model, tmp_path / "home")
    with pytest.raises(ValueError, match="has no results"):
        analyze(md, model, md)
    with pytest.raises(ValueError, match="not the results"):
        TrajectoryResult.load(tmp_path / "home")
