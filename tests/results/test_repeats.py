"""Frames that a restart wrote again, and runs put one after the other."""

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from toy_metal import Metal, metals
from toy_model import ToyModel
from toy_results import toy_dataset
from toy_run import analyze

from ase_dos.cli.main import main
from ase_dos.results.averages import average, average_windows
from ase_dos.results.dataset import named_frames
from ase_dos.results.groups import group_atoms
from ase_dos.results.plots import plot_dos_image, plot_time_series
from ase_dos.results.repeats import Repeats
from ase_dos.trajectory.heat_capacity import heat_capacity_table


def numbered(data, rows, steps=None, structures=None):
    """Frames of a data set in this order, as a file with these steps and structures has them."""
    taken = data.isel(frame=rows).assign_coords(frame=np.arange(len(rows)))
    steps = rows if steps is None else steps
    structures = np.asarray(rows) + 1 if structures is None else structures
    taken = taken.assign(fingerprint=("frame", np.asarray(structures, dtype=np.uint64)))
    time = ("frame", np.full(len(rows), np.nan), {"units": "fs"})
    return taken.assign_coords(time=time, md_step=("frame", np.asarray(steps, dtype=float)))


def test_copies_do_not_count():
    """Half of a run written twice: means and errors are those of the run."""
    run = toy_dataset(n=400)
    twice = numbered(run, [*range(400), *range(200, 400)])
    found, right = average(twice), average(numbered(run, range(400)))
    assert (found.n_frames, found.axis) == (400, "Step")
    for name in ("dos_at_fermi_level", "occupied_width"):
        for part in ("mean", "error", "n_effective", "drift"):
            one, other = (getattr(a[name].estimate, part) for a in (found, right))
            assert one == pytest.approx(other)
    assert "Left out: frames 400-599, copies of earlier frames" in found.table()
    assert "Left out" not in right.table()
    every = average(run.isel(frame=slice(200)))
    assert not every.repeats.left_out.any()
    # The axis of time is that of the run.
    assert plot_time_series(twice)[-1].get_xlabel() == "Step"
    assert plot_dos_image(twice).get_xlabel() == "Step"


def test_a_run_that_went_another_way_after_its_restart():
    run, again = toy_dataset(n=60), toy_dataset(n=60, seed=5)
    # Stopped at step 59, restarted from 30; its own frames have other structures.
    steps = [*range(60), *range(30, 60)]
    rows = list(range(60)) + list(range(30, 60))
    both = numbered(run, rows, steps, structures=np.arange(90))
    both["dos_at_fermi_level"][60:] = again["dos_at_fermi_level"].values[30:]
    with pytest.warns(UserWarning, match=r"The step does not rise: frames 60-89 .*repeated='last'"):
        kept = average(both)
    assert (kept.n_frames, kept.axis) == (90, "Frame (step does not rise)")
    assert "frames 60-89" in kept.table()
    last = average(both, repeated="last")
    assert (last.n_frames, last.axis) == (60, "Step")
    values = both["dos_at_fermi_level"].values / 8
    assert last["dos_at_fermi_level"].mean == pytest.approx(
        np.mean([*values[:30], *values[60:]]), rel=1e-12
    )
    assert "Left out: frames 30-59, a later frame has their step or an earlier one" in last.table()
    weights = np.zeros(90)
    weights[:30], weights[60:] = 1, 2
    halves = average(both, weights, repeated="last")
    assert halves["dos_at_fermi_level"].mean == pytest.approx(
        (values[:30].sum() + 2 * values[60:].sum()) / 90
    )
    assert [w.n_frames for w in average_windows(both, 2, repeated="last")] == [30, 30]


def test_the_frames_that_a_restart_outdates_need_not_have_its_steps():
    found = Repeats.of(range(7), None, {"step": [0, 10, 20, 30, 25, 35, 45]}, "last")
    np.testing.assert_array_equal(np.flatnonzero(found.left_out), [3])
    assert not found.going_back.size
    found = Repeats.of(range(7), None, {"step": [0, 10, 20, 30, 25, 35, 45]})
    np.testing.assert_array_equal(found.going_back, [4])


def test_steps_that_start_anew_while_time_goes_on_are_no_repeats():
    clocks = {"step": [0, 1, 2, 0, 1, 2], "time": np.arange(6.0)}
    found = Repeats.of(range(6), [1, 2, 3, 3, 4, 5], clocks)
    assert found.clock == "time"
    assert found.remarks() == []  # structure 3 stands at two times: nothing moved


def test_without_step_and_time_a_copy_is_an_equal_structure():
    unknown = {"step": np.full(4, np.nan), "time": np.full(4, np.nan)}
    found = Repeats.of([5, 6, 8, 9], [1, 2, 1, 3], unknown)
    np.testing.assert_array_equal(found.left_out, [False, False, True, False])
    assert found.remarks() == ["Left out: frame 8, copies of earlier frames (the same structure)."]
    with pytest.raises(ValueError, match="step or a time"):
        Repeats.of([5, 6, 8, 9], [1, 2, 1, 3], unknown, "last")
    with pytest.raises(ValueError, match="expected one of copies, last, keep"):
        Repeats.of([5], [1], {}, "first")


def test_stored_runs_keep_every_frame():
    frames = []
    for step in (0, 1, 2, 1, 2, 3):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.05, seed=step)
        atoms.info["step"] = step
        frames.append(atoms)
    result = analyze(frames, ToyModel())
    assert len(result) == 6
    assert len(result.aligned_dos()[1]) == 6
    averages = result.averages()
    assert averages.n_frames == 4
    np.testing.assert_array_equal(averages.repeats.frames[averages.repeats.left_out], [3, 4])
    assert result.averages(repeated="last").n_frames == 4
    with pytest.warns(UserWarning, match="frames 3-4"):
        assert result.averages(repeated="keep").n_frames == 6


def test_groups_of_atoms_do_not_count_copies():
    run = toy_dataset(n=60, local=True)
    twice = numbered(run, [*range(60), *range(30, 60)])
    found, right = group_atoms(twice), group_atoms(run)
    for name, one in right["Si"].scalars.items():
        assert found["Si"].scalars[name].mean == pytest.approx(one.mean)
        assert found["Si"].scalars[name].error == pytest.approx(one.error, rel=0.3, nan_ok=True)
    np.testing.assert_allclose(found["Si"].dos.mean, right["Si"].dos.mean)


def test_heat_capacity_of_a_restarted_run():
    frames = metals([0.0, 0.3, 0.1, 0.3, 0.1])
    for atoms, step in zip(frames, (0, 1, 2, 1, 2), strict=True):
        atoms.info["step"] = step
    options = {"lowest": 500, "highest": 5000, "points": 3}
    with pytest.warns(UserWarning, match="Left out: frames 3-4, copies"):
        found = heat_capacity_table(frames, Metal(), **options)
    right = heat_capacity_table(frames[:3], Metal(), **options)
    assert found.n_structures == 3
    np.testing.assert_allclose(found.heat_capacity.mean, right.heat_capacity.mean, rtol=1e-12)
    # A set of structures, in which one may stand twice.
    for atoms in frames:
        del atoms.info["step"]
    assert heat_capacity_table(frames, Metal(), **options).n_structures == 5


@pytest.mark.filterwarnings("always:The step does not rise")
def test_commands_say_it(tmp_path, capsys):
    frames = []
    for seed, step in enumerate((0, 1, 2, 1, 2, 3)):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.05, seed=seed)
        atoms.info["step"] = step
        frames.append(atoms)
    ase.io.write(tmp_path / "md.extxyz", frames)
    store = str(tmp_path / "md.zarr")
    main(["trajectory", str(tmp_path / "md.extxyz"), "-T", "3000", "-o", store, "-q"])
    seen = capsys.readouterr()
    assert "The step does not rise: frames 3-4 repeat one or go back" in seen.out
    assert "--repeated last" in seen.err
    main(["plot", store, "-o", str(tmp_path), "--repeated", "last"])
    page = tmp_path / "page.html"
    main(["report", store, "-o", str(page), "--no-viewer", "--repeated", "last"])
    assert "does not rise" not in capsys.readouterr().err
    assert "Left out: frames 1-2" in page.read_text()


def test_names_of_frames():
    assert named_frames([4]) == "frame 4"
    assert named_frames([3, 5, 6, 7]) == "frames 3, 5-7"
    assert named_frames(range(0, 20, 2)) == "frames 0, 2, 4, 6, 8, 10 and 4 more"
