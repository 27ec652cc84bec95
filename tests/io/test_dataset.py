"""Data sets: levels in one small file, its damage, and the split of families."""

import numpy as np
import pytest
from ase import Atoms
from paths import FORMATS

from ase_dos.io.dataset import (
    Dataset,
    load_dataset,
    pack_levels,
    save_dataset,
    seeded_split,
    unpack_levels,
)
from ase_dos.spectra.states import ElectronicStates
from ase_dos.spectra.target import target_from_states

RESOLUTION = 0.0005


@pytest.fixture
def data(toy_data):
    frames, states = toy_data
    frames = [atoms.copy() for atoms in frames[:4]]
    for i, atoms in enumerate(frames):
        atoms.info = {"name": f"s{i}", "family": "ab"[i % 2]}
    printed = [
        ElectronicStates(
            s.eigenvalues,
            s.weights,
            s.n_electrons,
            2,
            fermi_level=1.5,
            smearing_width=0.1,
            entropy_term=-0.02,
        )
        for s in states[:4]
    ]
    return Dataset(frames, states[:4], printed, np.array(["train", "train", "test", "heldout"]))


def test_packing_keeps_levels_with_their_weights():
    rng = np.random.default_rng(0)
    levels = np.sort(rng.uniform(-10, 15, (11, 5)), axis=1)
    weights = np.repeat([0.05, 0.1, 0.125], [3, 4, 4])[rng.permutation(11)]
    steps, first, sorted_weights = pack_levels(levels, weights, RESOLUTION)
    back = unpack_levels(steps, first, sorted_weights, RESOLUTION)
    for value in np.unique(weights):
        before = np.sort(levels[weights == value], axis=0)
        after = np.sort(back[sorted_weights == value], axis=0)
        assert np.abs(before - after).max() <= RESOLUTION / 2 + 1e-12
    assert sorted_weights.sum() == pytest.approx(weights.sum())


def test_round_trip_keeps_dos_thermodynamics_and_structure(data, tmp_path):
    path = tmp_path / "set.npz"
    save_dataset(path, data, provenance={"program": "toy"})
    back = load_dataset(path)
    for one, two in zip(data.states, back.states, strict=True):
        a, b = target_from_states(one, 0.3), target_from_states(two, 0.3)
        energies = np.linspace(a.start, a.valid_to, 500)
        assert np.allclose(a(energies)[0], b(energies)[0], atol=5e-3 * a.values.max())
        gas, again = one.electron_gas(1000.0), two.electron_gas(1000.0)
        assert again.fermi_level == pytest.approx(gas.fermi_level, abs=RESOLUTION)
        assert two.valid_to == pytest.approx(one.valid_to, abs=RESOLUTION)
    for one, two in zip(data.frames, back.frames, strict=True):
        assert np.array_equal(one.positions, two.positions)
        assert np.array_equal(one.cell, two.cell)
        assert one.info == two.info
    assert back.printed[0].fermi_level == 1.5
    assert back.printed[0].entropy_term == -0.02
    frames, states = back.select("train")
    assert len(frames) == len(states) == 2
    assert back.families.tolist() == ["a", "b", "a", "b"]


def test_two_spin_channels_keep_their_levels_and_electrons(data, tmp_path):
    rng = np.random.default_rng(3)
    levels = np.sort(rng.uniform(-6.0, 9.0, (2, 7, 5)), axis=2)
    levels[1] += 0.7  # the channels differ, as in a ferromagnet
    weights = np.full(7, 1 / 7)
    states = ElectronicStates(levels, weights, 4.0, 1)
    spin = ElectronicStates(
        levels, weights, 4.0, 1, fermi_level=0.5, smearing_width=0.1, entropy_term=-0.01
    )
    path = tmp_path / "spin.npz"
    one = Dataset(data.frames[:1], [states], [spin], np.array(["train"]))
    save_dataset(path, one, provenance={})
    back = load_dataset(path)
    for kept in (back.states[0], back.printed[0]):
        assert kept.n_spins == 2
        assert np.abs(np.sort(kept.eigenvalues, 1) - np.sort(levels, 1)).max() <= RESOLUTION / 2
    gas, again = states.electron_gas(2000.0), back.states[0].electron_gas(2000.0)
    assert again.fermi_level == pytest.approx(gas.fermi_level, abs=RESOLUTION)
    assert target_from_states(back.states[0], 0.3).n_electrons == 4.0


def test_runs_of_different_spin_are_refused(data, tmp_path):
    levels = np.sort(np.random.default_rng(0).uniform(-6.0, 9.0, (2, 7, 5)), axis=2)
    states = ElectronicStates(levels, np.full(7, 1 / 7), 4.0, 1)
    mixed = Dataset(data.frames[:1], [states], data.printed[:1], np.array(["train"]))
    with pytest.raises(ValueError, match="2 spin channels on the dense mesh and 1"):
        save_dataset(tmp_path / "mixed.npz", mixed, provenance={})


def test_equal_data_give_equal_files(data, tmp_path):
    for name in ("one", "two"):
        save_dataset(tmp_path / name, data, provenance={})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_interrupted_writing_leaves_the_old_file(data, tmp_path, monkeypatch):
    path = tmp_path / "d.npz"
    save_dataset(path, data, provenance={})
    before = path.read_bytes()

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(OSError, match="No space left"):
        save_dataset(path, data, provenance={"try": 2})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["d.npz"]


def test_damage_is_reported(data, tmp_path):
    path = tmp_path / "set.npz"
    save_dataset(path, data, provenance={})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not a readable data set"):
        load_dataset(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="not a readable data set"):
        load_dataset(path)


def test_every_flipped_bit_is_reported_or_harmless(data, tmp_path):
    path = tmp_path / "set.npz"
    save_dataset(path, data, provenance={})
    reference, whole = load_dataset(path), path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole) - 2000, 30):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        try:
            same = load_dataset(path)
        except ValueError:
            continue
        for one, two in zip(reference.states, same.states, strict=True):
            assert np.array_equal(one.eigenvalues, two.eigenvalues)
    with pytest.raises(ValueError, match="no such data set"):
        load_dataset(tmp_path / "absent.npz")


def test_unknown_split_is_named(data):
    with pytest.raises(ValueError, match="expected one of heldout, test, train, got 'all'"):
        data.select("all")


def test_split_is_seeded_and_keeps_families_apart():
    families = ["a"] * 20 + ["b"] * 10 + ["c"] * 8
    one = seeded_split(families, "c", seed=1)
    assert np.array_equal(one, seeded_split(families, "c", seed=1))
    assert not np.array_equal(one, seeded_split(families, "c", seed=2))
    assert set(one[30:]) == {"heldout"}
    assert np.sum(one[:20] == "test") == np.sum(one[:20] == "validation") == 3
    assert np.sum(one[20:30] == "train") == 6


def test_format_1_is_read():
    data = load_dataset(FORMATS / "dataset_v1.npz")
    assert data.split.tolist() == ["train", "test", "train"]
    assert [atoms.info for atoms in data.frames] == [
        {"name": f"s{i}", "family": "chain"} for i in (0, 2, 3)
    ]
    middle = Atoms("Si4", cell=[5.5, 5.5, 5.5], pbc=True)
    middle.positions[:, 0] = 1.25 * np.arange(4)
    middle.positions[:, 1] = 0.25
    assert data.frames[1] == middle
    states = data.states[0]
    assert (states.n_electrons, states.spin_degeneracy) == (8.0, 2)
    np.testing.assert_allclose(states.weights, [1 / 3, 2 / 3])
    levels = [-9.844, -4.296, 2.946, 8.160, 9.852, 12.845, 18.251]
    np.testing.assert_allclose(states.eigenvalues[0, 0, ::2], levels, atol=RESOLUTION)
    printed = data.printed[2]
    assert (printed.fermi_level, printed.smearing_width, printed.entropy_term) == (1.5, 0.1, -0.02)
