"""Averages over groups of atoms."""

import numpy as np
import pytest
from ase.build import bulk
from toy_atoms import two_kinds
from toy_model import ToyModel
from toy_results import toy_dataset

from ase_dos.results.atoms import AtomicFrame
from ase_dos.results.groups import group_atoms
from ase_dos.results.local_map import fit_local_map
from ase_dos.utils.statistics import estimate_mean


def test_groups_add_up_to_all_atoms():
    frames, kinds = two_kinds()
    groups = group_atoms(frames, kinds, by="kind")
    whole = group_atoms(frames, np.zeros(30))["0.0"]
    parts = [groups["0"], groups["1"]]
    assert sum(part.n_atoms for part in parts) == pytest.approx(30)
    total = sum(part.n_atoms * part.dos.mean for part in parts)
    np.testing.assert_allclose(total, 30 * whole.dos.mean, atol=1e-10)
    assert [part.scalars["charge"].mean for part in parts] == [0.0, 1.0]
    assert whole.scalars["charge"].mean == pytest.approx(np.mean(kinds))
    assert whole.atom_spread["charge"] == pytest.approx(np.std(kinds))
    assert groups.by == "kind"


def test_group_averages_equal_the_plain_sums():
    frames, kinds = two_kinds()
    w = np.random.default_rng(1).uniform(size=6)
    group = group_atoms(frames, iter(kinds), weights=w)["1"]
    counts = np.array([(kind == 1).sum() for kind in kinds])
    rows = []
    for frame, kind in zip(frames, kinds, strict=True):
        values = (frame.coefficients @ frame.basis)[kind == 1]  # atoms x energies: plain
        axis = frame.energies - frame.fermi_level
        rows.append(np.interp(groups_axis := np.arange(-60, 60) * 0.05, axis, values.mean(axis=0)))
    plain = estimate_mean(rows, w * counts)
    found = group_atoms(frames, kinds, weights=w)
    places = np.searchsorted(found.energies, groups_axis - 1e-9)
    np.testing.assert_allclose(group.dos.mean[places], plain.mean, atol=2e-3)
    np.testing.assert_allclose(group.dos.error[places], plain.error, atol=2e-3)
    same = [
        AtomicFrame(f.index, 0.0, {}, None, f.energies, f.basis, f.coefficients) for f in frames
    ]
    unmoved = group_atoms(same, kinds, weights=w)["1"]
    values = np.concatenate(
        [(f.coefficients @ f.basis)[k == 1] for f, k in zip(same, kinds, strict=True)]
    )
    each = np.repeat(w, counts)
    mean = np.average(values, axis=0, weights=each)
    np.testing.assert_allclose(unmoved.dos.mean, mean, atol=1e-10)
    spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=each))
    np.testing.assert_allclose(unmoved.dos_spread, spread, atol=1e-6)


def test_frames_of_values_need_no_modes():
    """Of a local DOS without modes the squares are summed, of one with modes the products."""
    frames, kinds = two_kinds()
    plain = [
        AtomicFrame(
            f.index, f.fermi_level, f.scalars, None, f.energies, None, f.coefficients @ f.basis
        )
        for f in frames
    ]
    expected, found = (group_atoms(of, kinds)["1"] for of in (frames, plain))
    np.testing.assert_allclose(found.dos.mean, expected.dos.mean, atol=1e-10)
    np.testing.assert_allclose(found.dos_spread, expected.dos_spread, atol=1e-7)
    assert found.atom_spread == pytest.approx(expected.atom_spread)


def test_a_group_that_only_frames_without_weight_hold_is_none():
    frames, _ = two_kinds()
    labels = [np.zeros(30, int)] * 5 + [np.ones(30, int)]
    groups = group_atoms(frames, labels, weights=[1, 1, 1, 1, 1, 0])
    assert list(groups.groups) == ["0"]


def test_species_of_results():
    data = toy_dataset(n=12, local=True, missing=(3,))
    data["numbers"][:2] = 8
    groups = group_atoms(data)
    assert sorted(groups.groups) == ["O", "Si"]
    assert groups["O"].n_atoms == 2
    assert groups.n_frames == 11
    stored = np.delete(data["local_dos_at_fermi_level"].values[:, :2], 3, axis=0).mean()
    assert groups["O"].scalars["local_dos_at_fermi_level"].mean == pytest.approx(stored, rel=1e-6)
    assert groups["Si"].dos.mean.shape == groups.energies.shape


def test_frames_of_predictions_and_without_local_dos():
    model, atoms = ToyModel(), bulk("Si", cubic=True)
    atoms.rattle(0.2, seed=0)
    local = model.predict(atoms)
    frame = AtomicFrame.of(local, charge=np.arange(8.0))
    assert frame.fermi_level == pytest.approx(local.total().electron_gas(0.0).fermi_level)
    groups = group_atoms([frame], np.array([0] * 4 + [1] * 4))
    assert groups["1"].scalars["charge"].mean == 5.5
    bare = toy_dataset(n=5, local=True).drop_vars(["coefficients", "basis"])
    assert group_atoms(bare)["Si"].dos is None
    with pytest.raises(ValueError, match="no local DOS"):
        fit_local_map(bare)


def test_bad_input():
    frames, kinds = two_kinds()
    with pytest.raises(ValueError, match="no array for frame 2"):
        group_atoms(frames, kinds[:2])
    with pytest.raises(ValueError, match="30 atoms"):
        group_atoms(frames, np.zeros(4))
    with pytest.raises(ValueError, match="put a continuous quantity in bins"):
        group_atoms(frames, (np.random.default_rng(i).random(30) for i in range(6)), by="x")
    with pytest.raises(ValueError, match="no atomic numbers"):
        group_atoms(frames)
    with pytest.raises(ValueError, match="'species' or arrays"):
        group_atoms(frames, "element")
    with pytest.raises(ValueError, match="at least one frame"):
        group_atoms([])
    with pytest.raises(ValueError, match="weights"):
        group_atoms(frames, kinds, weights=[1.0])
    with pytest.raises(ValueError, match="no local quantity"):
        group_atoms([AtomicFrame(0, 0.0)], np.zeros(1))
