import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from toy_model import ToyModel
from toy_results import toy_dataset

from ase_dos.descriptors.coordination import coordination, first_minimum
from ase_dos.results.atoms import AtomicFrame, atomic_frames, finished_structures
from ase_dos.results.groups import group_atoms
from ase_dos.results.local_map import assign_clusters, find_clusters, fit_local_map
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.statistics import estimate_mean


def two_kinds(n_frames=6, atoms=30, seed=0):
    """Frames of atoms of two kinds whose local DOS peak at different energies."""
    rng = np.random.default_rng(seed)
    energies = -8.0 + 0.05 * np.arange(321)
    basis = np.stack([np.exp(-((energies - c) ** 2) / w) for c, w in ((-5, 1), (-4, 2), (2, 1))])
    kinds, frames = [], []
    for index in range(n_frames):
        kind = rng.integers(0, 2, atoms)
        coefficients = 0.1 * rng.normal(size=(atoms, 3)) + np.where(
            kind[:, None] == 0, [1.0, 1.0, 0.0], [0.2, 1.0, 1.0]
        )
        kinds.append(kind)
        frames.append(
            AtomicFrame(
                index, 0.1 * index, {"charge": kind + 0.0}, None, energies, basis, coefficients
            )
        )
    return frames, kinds


@pytest.mark.parametrize(
    ("atoms", "count"),
    # The two nearest shells of bcc are closer to each other than any cutoff can tell.
    [(bulk("Si"), 4), (bulk("Al"), 12), (bulk("Fe"), 14), (bulk("GaAs", "zincblende", a=5.65), 4)],
)
def test_coordination_of_crystals(atoms, count):
    assert (coordination(atoms) == count).all()
    assert (coordination(atoms * (3, 2, 2)) == count).all()


def test_coordination_follows_the_cutoff_and_the_species():
    si = bulk("Si", cubic=True)
    assert (coordination(si, cutoff=4.0) == 16).all()
    # O-H bonds count, H...H of one molecule (1.51 Angstrom) do not.
    water = Atoms("OH2", [[0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0]])
    assert coordination(water).tolist() == [2, 1, 1]
    assert coordination(water, cutoff=1.6).tolist() == [2, 2, 2]
    with pytest.raises(ValueError, match="cutoff"):
        coordination(si, cutoff=-1.0)


def test_coordination_is_the_same_in_blocks(monkeypatch):
    atoms = bulk("Si", cubic=True) * 2
    atoms.rattle(0.3, seed=1)
    whole = coordination(atoms)
    monkeypatch.setattr("ase_dos.descriptors.coordination.BLOCK", 7)
    np.testing.assert_array_equal(coordination(atoms), whole)
    assert first_minimum(atoms) > 2.4


def test_first_minimum_lies_between_the_shells():
    atoms = bulk("Si", cubic=True) * 3
    assert first_minimum(atoms) == pytest.approx((2.35 + 3.52) / 2, abs=0.15)
    atoms.rattle(0.1, seed=0)
    assert 2.6 < first_minimum(atoms) < 3.3
    with pytest.raises(ValueError, match="no two atoms"):
        first_minimum(Atoms("Si2", [[0, 0, 0], [9, 0, 0]]))


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


def test_structures_of_finished_frames():
    data = toy_dataset(n=5, missing=(1,), local=True).isel(frame=slice(0, 4))
    images = [Atoms("Si8", np.full((8, 3), float(i))) for i in range(6)]
    picked = list(finished_structures(data, images))
    assert [atoms.positions[0, 0] for atoms in picked] == [0.0, 2.0, 3.0]
    assert [frame.index for frame in atomic_frames(data)] == [0, 2, 3]
    assert [frame.index for frame in atomic_frames(data, [3, 0])] == [3, 0]
    with pytest.raises(ValueError, match="frame 1: no result"):
        list(atomic_frames(data, [1]))
    with pytest.raises(ValueError, match="ends after 2 frames"):
        list(finished_structures(data, images[:2]))
    with pytest.raises(ValueError, match="9 atoms"):
        list(finished_structures(data, [Atoms("Si9")] * 4))


def test_frames_are_the_same_however_many_are_read_at_a_time(monkeypatch):
    data = toy_dataset(n=11, local=True, missing=(4,))
    whole = list(atomic_frames(data))
    monkeypatch.setattr("ase_dos.results.atoms.BLOCK_ATOMS", 24)  # three frames
    for one, other in zip(whole, atomic_frames(data), strict=True):
        assert one.index == other.index
        np.testing.assert_array_equal(one.coefficients, other.coefficients)
        np.testing.assert_array_equal(one.scalars["local_charge"], other.scalars["local_charge"])


def test_padded_atoms_are_left_out():
    data = toy_dataset(n=4, local=True)
    data["n_atoms"][1] = 5
    sizes = [len(frame.coefficients) for frame in atomic_frames(data)]
    assert sizes == [8, 5, 8, 8]


def test_map_equals_the_decomposition_of_the_whole_curves():
    frames, _ = two_kinds()
    step = frames[0].energies[1] - frames[0].energies[0]
    curves = np.concatenate([f.coefficients @ f.basis for f in frames])  # plain
    centred = curves - curves.mean(axis=0)
    _, values, directions = np.linalg.svd(np.sqrt(step) * centred, full_matrices=False)
    found = fit_local_map(frames, 3)
    np.testing.assert_allclose(found.mean, curves.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.variances, values[:3] ** 2 / (len(curves) - 1), rtol=1e-9)
    overlap = step * found.components @ found.components.T
    np.testing.assert_allclose(overlap, np.eye(3), atol=1e-10)
    same = np.abs(np.sqrt(step) * found.components @ directions[:3].T)
    np.testing.assert_allclose(same, np.eye(3), atol=1e-8)
    scores = np.concatenate([found.scores(frame) for frame in frames])
    # Three modes make three components complete.
    np.testing.assert_allclose(found.mean + scores @ found.components, curves, atol=1e-10)
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-12)
    assert found.explained.sum() == pytest.approx(1.0)


def test_map_does_not_depend_on_the_modes_chosen():
    """Distances are those of the curves: mixing the modes changes nothing."""
    frames, _ = two_kinds()
    mix = np.random.default_rng(3).normal(size=(3, 3))
    mixed = [
        AtomicFrame(
            f.index,
            f.fermi_level,
            f.scalars,
            None,
            f.energies,
            mix @ f.basis,
            f.coefficients @ np.linalg.inv(mix),
        )
        for f in frames
    ]
    a, b = fit_local_map(frames), fit_local_map(mixed)
    np.testing.assert_allclose(a.components, b.components, atol=1e-9)
    np.testing.assert_allclose(a.scores(frames[0]), b.scores(mixed[0]), atol=1e-9)
    # Nor on redundant ones.
    doubled = [
        AtomicFrame(
            f.index,
            f.fermi_level,
            {},
            None,
            f.energies,
            np.tile(f.basis, (2, 1)),
            np.tile(f.coefficients / 2, (1, 2)),
        )
        for f in frames
    ]
    np.testing.assert_allclose(fit_local_map(doubled).components, a.components, atol=1e-9)


def test_clusters_are_the_kinds():
    frames, kinds = two_kinds()
    found = fit_local_map(frames)
    scores = np.concatenate([found.scores(frame) for frame in frames])
    centers = find_clusters(scores, 2)
    labels = assign_clusters(scores, centers)
    agreement = np.mean(labels == np.concatenate(kinds))
    assert max(agreement, 1 - agreement) > 0.99
    assert centers[0, 0] < centers[1, 0]
    np.testing.assert_array_equal(centers, find_clusters(scores, 2))
    groups = group_atoms(frames, (assign_clusters(found.scores(f), centers) for f in frames))
    assert sorted(groups.groups) == ["0", "1"]
    with pytest.raises(ValueError, match="n_clusters"):
        find_clusters(np.zeros((5, 2)), 2)


def test_scores_of_a_predicted_local_dos():
    frames, _ = two_kinds()
    f = frames[0]
    local = LocalDOS(f.coefficients, f.basis, f.energies, np.ones(30))
    found = fit_local_map(frames)
    np.testing.assert_array_equal(found.scores(local), found.scores(f))


def test_bad_input():
    frames, kinds = two_kinds()
    with pytest.raises(ValueError, match="ended before frame 2"):
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
    with pytest.raises(ValueError, match="n_components"):
        fit_local_map(frames, 4)
    with pytest.raises(ValueError, match="at least 2 atoms"):
        fit_local_map([])
    other = AtomicFrame(6, 0.0, {}, None, frames[0].energies, 2 * frames[0].basis, np.ones((2, 3)))
    with pytest.raises(ValueError, match="other energy modes"):
        fit_local_map([*frames, other])
    with pytest.raises(ValueError, match="no local quantity"):
        group_atoms([AtomicFrame(0, 0.0)], np.zeros(1))
