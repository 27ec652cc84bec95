"""Map of local densities of states, and clusters of atoms in it."""

import numpy as np
import pytest
from toy_atoms import two_kinds

from ase_dos.results.atoms import AtomicFrame
from ase_dos.results.groups import group_atoms
from ase_dos.results.local_map import assign_clusters, find_clusters, fit_local_map
from ase_dos.spectra.local_dos import LocalDOS


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


def test_frames_of_values_need_no_modes():
    frames, _ = two_kinds()
    plain = [
        AtomicFrame(f.index, f.fermi_level, {}, None, f.energies, None, f.coefficients @ f.basis)
        for f in frames
    ]
    expected, found = fit_local_map(frames), fit_local_map(plain)
    for name in ("mean", "components", "variances", "explained"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-9)
    np.testing.assert_allclose(found.scores(plain[0]), expected.scores(frames[0]), atol=1e-9)
    with pytest.raises(ValueError, match="energy modes differ"):
        fit_local_map([*plain, frames[0]])


def test_bad_input():
    frames, _ = two_kinds()
    with pytest.raises(ValueError, match="n_components"):
        fit_local_map(frames, 4)
    with pytest.raises(ValueError, match="at least 2 atoms"):
        fit_local_map([])
    other = AtomicFrame(6, 0.0, {}, None, frames[0].energies, 2 * frames[0].basis, np.ones((2, 3)))
    with pytest.raises(ValueError, match="energy modes differ"):
        fit_local_map([*frames, other])
