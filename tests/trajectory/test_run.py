import bz2
import gzip
import lzma
import warnings
from dataclasses import replace
from functools import partial
from itertools import pairwise

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.units import kB
from toy_model import ToyModel, toy_frames

from ase_dos.electrons.smearing import SmearingWarning
from ase_dos.io.frames import xyz
from ase_dos.results.result import TrajectoryResult
from ase_dos.results.variables import FORMAT
from ase_dos.results.zarr_rows import MARK
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.trajectory.frame import FrameAnalysis
from ase_dos.trajectory.run import TASK_FRAMES, analyze_trajectory

N_FRAMES = 7


@pytest.fixture
def model():
    return ToyModel()


@pytest.fixture
def frames():
    images = []
    for i in range(N_FRAMES):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.1, seed=i)
        atoms.info["time"] = 5.0 * i
        images.append(atoms)
    return images


@pytest.fixture
def md(frames, tmp_path):
    path = tmp_path / "md.extxyz"
    ase.io.write(path, frames)
    return path


def run(source, model, output=None, **options):
    return analyze_trajectory(
        source, model, (300.0, 3000.0), output, **{"progress": False, **options}
    )


def files(directory):
    return {p: p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def stamps(directory):
    return {p: p.stat().st_mtime_ns for p in directory.rglob("*")}


def assert_same(a, b):
    """Every array is the same, byte for byte."""
    assert set(a.dataset.variables) == set(b.dataset.variables)
    for name, variable in a.dataset.variables.items():
        other = b.dataset.variables[name]
        assert (variable.dims, variable.dtype) == (other.dims, other.dtype)
        assert variable.values.tobytes() == other.values.tobytes(), name


# -- physics -----------------------------------------------------------------------------------


def test_quantities_are_those_of_the_dos(frames, model):
    result = run(frames, model)
    for i, atoms in enumerate(frames):
        dos = model.predict(atoms).total()
        gas = dos.electron_gas([0.0, 300.0, 3000.0])
        assert result.fermi_level[i] == pytest.approx(gas.fermi_level[0])
        np.testing.assert_allclose(result.entropy[i], gas.entropy[1:])
        np.testing.assert_allclose(result.heat_capacity[i], gas.heat_capacity[1:])
        np.testing.assert_allclose(result.free_energy[i], gas.free_energy[1:] - gas.free_energy[0])
        assert result.dos_at_fermi_level[i] == pytest.approx(float(dos.at(gas.fermi_level[0])))
    assert result.n_atoms.tolist() == [8] * N_FRAMES
    np.testing.assert_allclose(result.volume, [a.cell.volume for a in frames])
    np.testing.assert_array_equal(result.time, 5.0 * np.arange(N_FRAMES))
    assert np.isnan(result.md_step).all()


def test_atoms_sum_to_the_cell(frames, model):
    result = run(frames, model)
    for i in result.frames:
        local = result.local(i)
        assert local["local_charge"].sum() == pytest.approx(0, abs=1e-4)
        assert local["local_dos_at_fermi_level"].sum() == pytest.approx(
            result.dos_at_fermi_level[i], rel=1e-6
        )
        assert "coefficients" not in local


def test_local_keeps_the_dos_of_every_atom(frames, model):
    result = run(frames, model, local=True)
    local = result.local_dos(3)
    np.testing.assert_allclose(local.values.sum(axis=0), result.dos[3], atol=1e-5)
    np.testing.assert_allclose(local.total().values, result.dos[3], atol=1e-5)
    expected = model.predict(frames[3])
    np.testing.assert_allclose(local.coefficients, expected.coefficients, rtol=1e-6)
    np.testing.assert_allclose(local.valence, expected.valence)
    assert local.smearing == expected.smearing
    with pytest.raises(ValueError, match="local=True"):
        run(frames, model).local_dos(3)


def test_entropy_per_atom_is_sommerfelds(frames, model):
    result = run(frames, model)
    gamma = np.pi**2 / 3 * kB**2 * result.dos_at_fermi_level
    np.testing.assert_allclose(result.entropy[:, 0], gamma * 300, rtol=2e-3)
    np.testing.assert_allclose(result.free_energy[:, 0], -gamma * 300**2 / 2, rtol=2e-3)


def test_aligned_dos_does_not_see_the_zero_of_energy(frames, model):
    class Shifted(ToyModel):
        def predict(self, atoms):
            return super().predict(atoms).shifted(0.37)  # as arbitrary as an average potential

    result, shifted = run(frames, model), run(frames, Shifted())
    np.testing.assert_allclose(shifted.fermi_level, result.fermi_level + 0.37)
    for a, b in zip(result.aligned_dos(), shifted.aligned_dos(), strict=True):
        n = min(len(a.T), len(b.T))
        np.testing.assert_allclose(a.T[:n], b.T[:n], atol=2e-2)
    energies, values = shifted.aligned_dos()
    step = energies[1] - energies[0]
    counts = ((values[:, energies <= 0]).sum(axis=1) - values[:, energies == 0][:, 0] / 2) * step
    np.testing.assert_allclose(counts, 4.0, atol=1e-3)


def test_parts_of_the_atoms_sum_to_the_heat_capacity(frames, model):
    result = run(frames, model)
    for place, frame in enumerate(result.frames):
        np.testing.assert_allclose(
            result.local(frame)["local_heat_capacity"].sum(axis=1),
            result.heat_capacity[place],
            rtol=1e-6,
        )


def test_parts_of_an_insulator_sum_too(model):
    class Insulator(ToyModel):
        def predict(self, atoms):
            local = super().predict(atoms)
            energies, gap = local.energies, np.abs(local.energies - 2.02) < 1.0
            # Not quite four electrons per atom below the gap, as a model would have it.
            band = np.where(gap | (energies < -6), 0.0, 0.5713)
            basis = np.stack([band, 0.0 * band])
            return replace(local, basis=basis)

    result = run([bulk("Si", cubic=True)], Insulator())
    local = result.local(0)
    assert local["local_charge"].sum() == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(
        local["local_heat_capacity"].sum(axis=1), result.heat_capacity[0], rtol=1e-6
    )


def test_members_are_those_of_the_ensemble(toy_model):
    frames = toy_frames(3, seed=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tiny model knows little, and says so
        data = run(frames, toy_model, members=6).dataset
        plain = run(frames, toy_model).dataset
        ensembles = [toy_model.predict_ensemble(atoms, 6) for atoms in frames]
        gases = [ensemble.electron_gas([0.0, 300.0, 3000.0]) for ensemble in ensembles]
    for name in plain.variables:
        assert plain[name].values.tobytes() == data[name].values.tobytes()
    assert data.sizes["member"] == 6
    for i, (ensemble, gas) in enumerate(zip(ensembles, gases, strict=True)):
        np.testing.assert_allclose(data["dos_error"][i], ensemble.error)
        np.testing.assert_allclose(data["fermi_level_member"][i], gas.fermi_level[:, 0])
        np.testing.assert_allclose(data["entropy_member"][i], gas.entropy[:, 1:].T)
        np.testing.assert_allclose(
            data["free_energy_member"][i], (gas.free_energy[:, 1:] - gas.free_energy[:, :1]).T
        )
        for j, dos in enumerate(ensemble.members):
            assert data["dos_at_fermi_level_member"][i, j] == pytest.approx(
                float(dos.at(gas.fermi_level[j, 0]))
            )


# -- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz"])
def test_compressed_files_give_the_same(md, model, suffix):
    pack = {"gz": gzip, "bz2": bz2, "xz": lzma}[suffix]
    packed = md.with_name(f"{md.name}.{suffix}")
    packed.write_bytes(pack.compress(md.read_bytes()))
    assert_same(run(md, model), run(packed, model))


@pytest.mark.parametrize("name", ["md.traj", "md.xyz", "XDATCAR", "md.json"])
def test_what_ase_reads_is_read(frames, model, tmp_path, name):
    ase.io.write(tmp_path / name, frames)
    result = run(tmp_path / name, model)
    np.testing.assert_allclose(result.entropy, run(frames, model).entropy, rtol=1e-4)


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

    assert len(run(stream(), model)) == N_FRAMES


def test_selection(md, model):
    result = run(md, model, start=1, stop=6, step=2)
    assert result.frames.tolist() == [1, 3, 5]
    np.testing.assert_array_equal(result.dos, run(md, model).dos[1:6:2])


@pytest.mark.parametrize("blanks", ["\n", "\n  \n\n"])
def test_blank_lines_end_a_file_only_at_its_end(md, model, tmp_path, blanks):
    whole = md.read_text()
    md.write_text(whole + blanks)
    assert len(run(md, model)) == N_FRAMES
    lines = whole.splitlines(keepends=True)
    md.write_text("".join([*lines[:30], blanks, *lines[30:]]))
    with pytest.raises(ValueError, match=r"frame 3 of .*blank line with more lines after it"):
        run(md, model)
    result = run(md, model, on_error="skip")
    assert result.frames.tolist() == [0, 1, 2]
    assert list(result.missing) == [3]
    assert len(run(md, model, stop=3)) == 3  # what is not asked for may be broken


def test_old_xyz_dialect_with_vectors(model, tmp_path):
    path = tmp_path / "md.xyz"
    path.write_text("1\n\nSi 0 0 0\nVEC1 5 0 0\nVEC2 0 5 0\nVEC3 0 0 5\n" * 2)
    result = run(path, model)
    assert len(result) == 2
    np.testing.assert_allclose(result.volume, 125)


# -- storing and resuming ----------------------------------------------------------------------


def test_stored_result_is_the_one_in_memory(md, model, tmp_path):
    stored = run(md, model, tmp_path / "out", local=True)
    memory = run(md, model, local=True)
    assert_same(stored, memory)
    assert_same(TrajectoryResult.load(tmp_path / "out"), memory)
    assert stored.summary() == memory.summary()


def test_nothing_is_computed_twice(md, model, tmp_path):
    run(md, model, tmp_path / "out")
    before, calls = stamps(tmp_path / "out"), model.calls
    run(md, model, tmp_path / "out")
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
        run(md, Dying(), out, local=True)
    done = 3 // together * together
    assert TrajectoryResult.load(out).frames.tolist() == list(range(done))
    result = run(md, model, out, local=True)
    assert model.calls == N_FRAMES - done
    assert_same(result, run(md, ToyModel(), local=True))


def test_growing_trajectory(frames, model, tmp_path):
    md, out = tmp_path / "md.extxyz", tmp_path / "out"
    ase.io.write(md, frames[:4])
    assert len(run(md, model, out)) == 4
    ase.io.write(md, frames)
    model.calls = 0
    assert_same(run(md, model, out), run(md, ToyModel()))
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
    run(md, model, tmp_path / "out")
    before = files(tmp_path / "out")
    with pytest.raises(ValueError, match="first_frame"):
        run(frames[1:], model, tmp_path / "out")
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
    run(source(frames), model, out, on_error="skip")
    before, missing = files(out), TrajectoryResult.load(out).missing
    frames[2].positions[0, 0] = 0.0
    frames[-1].positions[0] += 0.01
    with pytest.raises(ValueError, match=r"frame 6 of .*is not the structure .*another output"):
        run(source(frames), model, out)
    # Nothing of the other trajectory is left among the results, frame 2 in particular.
    assert files(out) == before
    assert TrajectoryResult.load(out).missing == missing


def test_structures_in_memory_are_all_compared(frames, model, tmp_path):
    run(frames, model, tmp_path / "out")
    frames[3].positions[0] += 0.01
    with pytest.raises(ValueError, match="frame 3 of structures in memory is not the structure"):
        run(frames, model, tmp_path / "out")


def test_finished_frames_of_a_file_are_not_parsed_again(md, model, tmp_path, monkeypatch):
    run(md, model, tmp_path / "out")
    parsed = []
    build = xyz._build
    monkeypatch.setattr(xyz, "_build", lambda *a: parsed.append(1) or build(*a))
    run(md, model, tmp_path / "out")
    assert len(parsed) == 2  # the first and the last


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_shorter_trajectory_is_refused(frames, model, tmp_path, on_error):
    md, out = tmp_path / "md.extxyz", tmp_path / "out"
    ase.io.write(md, frames)
    run(md, model, out)
    before = files(out)
    ase.io.write(md, frames[:4])
    with pytest.raises(ValueError, match=r"ends after frame 3, but .* up to frame 6"):
        run(md, model, out, on_error=on_error)
    assert files(out) == before


def test_foreign_directory_is_left_alone(md, model, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").touch()
    with pytest.raises(ValueError, match="holds no results"):
        run(md, model, tmp_path / "home")
    with pytest.raises(ValueError, match="holds no results"):
        run(md, model, md)
    with pytest.raises(ValueError, match="not the results"):
        TrajectoryResult.load(tmp_path / "home")


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_nan_position_names_its_frame(frames, model, tmp_path, on_error):
    frames[4].positions[2, 1] = np.nan
    out = tmp_path / "out"
    if on_error == "raise":
        with pytest.raises(ValueError, match=r"frame 4 of .*NaN"):
            run(frames, model, out)
        result = TrajectoryResult.load(out)
        assert result.frames.tolist() == [0, 1, 2, 3]
    else:
        result = run(frames, model, out, on_error="skip")
        assert result.frames.tolist() == [0, 1, 2, 3, 5, 6]
    assert list(result.missing) == [4]
    assert "NaN" in result.missing[4]


def test_skipped_frame_that_is_mended_is_no_longer_missing(frames, model, tmp_path):
    good = frames[4].positions.copy()
    frames[4].positions[2, 1] = np.nan
    run(frames, model, tmp_path / "out", on_error="skip")
    frames[4].positions = good
    result = run(frames, model, tmp_path / "out")
    assert result.missing == {}
    assert_same(result, run(frames, model))


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_truncated_file(md, model, tmp_path, on_error):
    text = md.read_text().splitlines(keepends=True)
    md.write_text("".join(text[:-3]))
    out = tmp_path / "out"
    if on_error == "raise":
        with pytest.raises(ValueError, match=r"frame 6 of .*ends after 5 of 8 atoms"):
            run(md, model, out)
    else:
        run(md, model, out, on_error="skip")
    assert TrajectoryResult.load(out).frames.tolist() == list(range(6))


@pytest.mark.parametrize(
    ("line", "text", "left", "missing"),
    [
        (34, "Si 0.1 zero 0.3\n", [0, 1, 2, 4, 5, 6], [3]),
        (34, "Si 0.1\n", [0, 1, 2, 4, 5, 6], [3]),
        (31, "Lattice=garbage\n", [0, 1, 2, 4, 5, 6], [3]),
        (34, "", [0, 1, 2], [3, 4]),  # what follows a lost line cannot be told apart
        (40, "eight\n", [0, 1, 2, 3], [4]),
    ],
)
def test_broken_lines(md, model, line, text, left, missing):
    lines = md.read_text().splitlines(keepends=True)
    lines[line] = text
    md.write_text("".join(lines))
    with pytest.raises(ValueError, match=f"frame {missing[0]} of"):
        run(md, model)
    result = run(md, model, on_error="skip")
    assert result.frames.tolist() == left
    assert list(result.missing) == missing


@pytest.mark.parametrize("suffix", ["gz", "xz"])
def test_truncated_compressed_file(frames, model, tmp_path, suffix):
    big = [a.repeat(3) for a in frames]
    md = tmp_path / "md.extxyz"
    ase.io.write(md, big)
    packed = tmp_path / f"md.extxyz.{suffix}"
    data = {"gz": gzip, "xz": lzma}[suffix].compress(md.read_bytes())
    packed.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(ValueError, match=r"frame [0-6] of .*md\.extxyz"):
        run(packed, model)


def test_truncated_traj(frames, model, tmp_path):
    ase.io.write(tmp_path / "md.traj", frames)
    data = (tmp_path / "md.traj").read_bytes()
    (tmp_path / "md.traj").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"frame [0-6] of"):
        run(tmp_path / "md.traj", model)


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "empty"), ("hello world\n", "frame 0 of .*number of atoms"), ("\n\n", "no frame")],
)
def test_files_without_frames(model, tmp_path, content, message):
    (tmp_path / "md.xyz").write_text(content)
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "md.xyz", model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_unknown_and_senseless_sources(model, tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        run(tmp_path / "absent.xyz", model)
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match="frame 0 of"):
        run(tmp_path / "noise.bin", model)
    with pytest.raises(ValueError, match="no frame"):
        run([], model)
    with pytest.raises(ValueError, match="expected Atoms, got int"):
        run([3], model)
    with pytest.raises(ValueError, match=r"frame 0 of .*no atoms"):
        run([Atoms()], model)
    with pytest.raises(ValueError, match="could be analysed"):
        run([Atoms("C")] * 2, model, on_error="skip")


@pytest.mark.parametrize(
    "options", [{"start": -1}, {"step": 0}, {"stop": -3}, {"on_error": "ignore"}]
)
def test_bad_options(frames, model, options):
    with pytest.raises(ValueError, match="expected"):
        run(frames, model, **options)


@pytest.mark.parametrize("temperatures", [-1.0, [], [np.nan], 500_000.0])
def test_bad_temperatures(frames, model, temperatures):
    with pytest.raises(ValueError, match=r"temperature|K"):
        analyze_trajectory(frames, model, temperatures, progress=False)


def test_doubts_are_voiced_once(frames):
    class Doubtful(ToyModel):
        def predict(self, atoms):
            self.calls += 1
            if self.calls > 2:
                warnings.warn(f"environment far away: {self.calls}", UserWarning, stacklevel=2)
            return super().predict(atoms)

    with pytest.warns(UserWarning, match="environment far away") as caught:
        run(frames, Doubtful())
    assert len(caught) == 1
    assert "of 7 frames" in str(caught[0].message)


# -- results -----------------------------------------------------------------------------------


def test_summary_names_quantities_units_and_samples(frames, model):
    text = run(frames, model).summary()
    for part in ("E_F - band bottom (eV)", "C_el(300 K) (k_B/atom)", "S(3000 K)", "n_eff"):
        assert part in text
    assert "rough" in text


def test_summary_shows_a_drift(model):
    images = []
    for i in range(40):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.02, seed=i)
        atoms.positions += 0.02 * i
        images.append(atoms)
    assert "not stationary" in run(images, model).summary()


def test_extxyz_for_viewers(md, model, tmp_path):
    result = run(md, model, start=2, step=2)
    assert result.write_extxyz(tmp_path / "atoms.extxyz", md) == 3
    images = ase.io.read(tmp_path / "atoms.extxyz", ":")
    assert [a.info["frame"] for a in images] == [2, 4, 6]
    for atoms in images:
        local = result.local(atoms.info["frame"])
        np.testing.assert_allclose(atoms.arrays["local_charge"], local["local_charge"], atol=1e-7)
        assert atoms.arrays["local_dos_at_fermi_level"].shape == (8,)


def test_absent_frame(frames, model):
    with pytest.raises(ValueError, match="frame 99: no result"):
        run(frames, model).local(99)


def test_newer_format_is_refused(md, model, tmp_path):
    run(md, model, tmp_path / "out")
    for path in (tmp_path / "out").glob(".z[am]*"):
        path.write_text(path.read_text().replace(f'"{MARK}": {FORMAT}', f'"{MARK}": 99'))
    with pytest.raises(ValueError, match="format 99"):
        TrajectoryResult.load(tmp_path / "out")
    with pytest.raises(ValueError, match="format 99"):
        run(md, model, tmp_path / "out")


def test_frame_of_any_size(model):
    analysis = FrameAnalysis.of(model, [300.0])
    records = [analysis.one(0, partial(bulk("Si", cubic=True).repeat, n)).record for n in (1, 2)]
    for a, b in pairwise(records):
        assert b["n_atoms"] == 8 * a["n_atoms"]


# -- many frames at once -----------------------------------------------------------------------


def test_frames_together_are_the_frames_one_by_one(frames):
    """To the last digit: a run that was killed goes on with other frames together."""
    # Where gas_from_dos would share tables, and solve on several threads.
    temperatures = np.array([0.0, 300.0, 3000.0, 20_000.0])
    many = [frames[i % len(frames)] for i in range(TASK_FRAMES + 1)]
    analysis = FrameAnalysis(Hot(), temperatures, local=True)
    together = analysis([(i, atoms.copy) for i, atoms in enumerate(many)])
    for i, atoms in enumerate(many):
        alone = analysis.one(i, atoms.copy).record
        for name, values in alone.items():
            assert values.tobytes() == together[i].record[name].tobytes(), name


class Hot(ToyModel):
    """So wide a band that the electrons may be hot."""

    def __init__(self):
        super().__init__()
        self.grid = EnergyGrid(-8.0, 0.25, 321)


def test_warnings_stay_with_their_frames(frames):
    """Of a DOS that is nothing but Gaussian tails at E_F, among metals."""

    class Tailed(ToyModel):
        def predict(self, atoms):
            local = super().predict(atoms)
            if self.calls != 3:
                return local
            band = sum(np.exp(-2 * (local.energies - e) ** 2) for e in (-2.2, 2.2))
            filled = 4 / np.sqrt(np.pi / 2)
            return replace(local, basis=np.stack([filled * band, 0 * band]))

    kinds = set()
    for together in (TASK_FRAMES, 1):
        analysis = FrameAnalysis(Tailed(), np.array([300.0]))
        results = [
            result
            for first in range(0, len(frames), together)
            for result in analysis(
                [(i, frames[i].copy) for i in range(len(frames))[first : first + together]]
            )
        ]
        assert [len(result.warnings) for result in results] == [0, 0, 1, 0, 0, 0, 0]
        (warning,) = results[2].warnings
        assert warning.category is SmearingWarning
        kinds.add(warning.kind)
    assert len(kinds) == 1  # or a run would warn of one kind twice


def test_error_without_a_message_is_an_error(frames):
    class Mute(ToyModel):
        def predict(self, atoms):
            if self.calls == 1:
                self.calls += 1
                raise ValueError
            return super().predict(atoms)

    assert run(frames, Mute(), on_error="skip").missing[1].endswith("ValueError")


def test_trouble_with_one_frame_stays_with_it(frames):
    """A frame whose states cannot hold the electrons is missing; those beside it are there."""

    class Narrow(ToyModel):
        def predict(self, atoms):
            local = super().predict(atoms)
            return replace(local, basis=local.basis * (0.1 if self.calls == 2 else 1.0))

    with pytest.raises(ValueError, match=r"frame 1 of .*electrons"):
        run(frames, Narrow())
    result = run(frames, Narrow(), on_error="skip")
    assert list(result.missing) == [1]
    expected = run([*frames[:1], *frames[2:]], ToyModel())
    np.testing.assert_array_equal(result.entropy, expected.entropy)


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

    expected = run([atoms.copy() for atoms in simulation()], ToyModel())
    assert len(set(expected.fermi_level)) > 1
    for backend in (None, 2):
        assert_same(run(simulation(), ToyModel(), backend=backend), expected)
        assert_same(run(OneBuffer(), ToyModel(), backend=backend), expected)
