"""Figures of atoms: coloured by values, on a map, in groups."""

import numpy as np
import pytest
from ase.build import bulk
from toy_results import toy_dataset

from ase_dos.descriptors.coordination import coordination
from ase_dos.results.atom_plots import plot_atoms, plot_components, plot_groups, plot_local_map
from ase_dos.results.groups import group_atoms
from ase_dos.results.local_map import fit_local_map


@pytest.fixture
def atoms():
    atoms = bulk("Si", cubic=True) * 2
    atoms.rattle(0.1, seed=0)
    return atoms


def test_atoms_are_coloured_by_their_values(atoms):
    values = np.linspace(0.0, 1.0, 64)
    ax = plot_atoms(atoms, values, label="g(E_F)")
    circles = ax.collections[0]
    order = np.argsort(atoms.positions[:, 2], kind="stable")
    np.testing.assert_allclose(circles.get_offsets(), atoms.positions[order][:, :2])
    # viridis gets lighter all the way
    light = circles.get_facecolor()[:, :3].sum(axis=1)
    assert np.corrcoef(light, values[order])[0, 1] > 0.95
    assert ax.figure.axes[1].get_ylabel() == "g(E_F)"
    limits = (ax.get_xlim(), ax.get_ylim())
    for (low, high), places in zip(limits, circles.get_offsets().T, strict=True):
        assert low < places.min() < places.max() < high
    side = plot_atoms(atoms, values, axis=0)
    assert (side.get_xlabel(), side.get_ylabel()) == ("$y$ (Å)", "$z$ (Å)")
    with pytest.raises(ValueError, match="values"):
        plot_atoms(atoms, values[:3])


def test_few_whole_numbers_are_classes(atoms):
    ax = plot_atoms(atoms, coordination(atoms))
    assert [t.get_text() for t in ax.figure.axes[1].get_yticklabels()] == ["4"]
    counts = np.arange(64) % 3 * 2
    bar = plot_atoms(atoms, counts).figure.axes[1]
    assert [t.get_text() for t in bar.get_yticklabels()] == ["0", "2", "4"]


def test_local_map():
    scores = np.random.default_rng(0).normal(size=(300, 3))
    ax = plot_local_map(scores, np.arange(300) % 4, label="Coordination", explained=[0.6, 0.2])
    assert "60 %" in ax.get_xlabel()
    assert len(ax.collections[0].get_offsets()) == 300
    assert ax.figure.axes[1].get_ylabel() == "Coordination"
    density = plot_local_map(scores)
    assert density.collections[0].get_array().sum() == 300
    assert len(np.unique(ax.collections[0].get_facecolor(), axis=0)) == 4  # a colour for a class


def test_groups_and_components():
    data = toy_dataset(n=6, local=True)
    labels = np.array([3, 4, 4, 4, 4, 4, 4, 10])
    groups = group_atoms(data, labels, by="Coordination")
    ax = plot_groups(groups, min_share=0.2)
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["4 (75 %)"]
    assert legend.get_title().get_text() == "Coordination (others: 25 %)"
    np.testing.assert_allclose(ax.lines[0].get_ydata(), groups["4"].dos.mean)
    assert list(groups.groups) == ["3", "4", "10"]
    assert len(plot_groups(groups, spread=True).collections) == 3
    local_map = fit_local_map(data)
    shown = plot_components(local_map)
    moved = shown.lines[1].get_ydata() - local_map.mean
    np.testing.assert_allclose(moved, 2 * np.sqrt(local_map.variances[0]) * local_map.components[0])
    bare = group_atoms(data.drop_vars(["coefficients", "basis"]), labels)
    with pytest.raises(ValueError, match="no local DOS"):
        plot_groups(bare)
