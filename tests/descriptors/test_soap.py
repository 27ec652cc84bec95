"""SOAP: the naive formula, symmetries, continuity, and frames without meaning."""

from dataclasses import replace

import numpy as np
import pytest
import reference_soap as reference
from ase import Atoms
from soap_frames import FRAMES, assert_close, soap_for

from ase_dos.descriptors.soap import SOAP


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("silicon", {"cutoff": 4.0}),
        ("perovskite", {"cutoff": 3.0, "max_radial": 5, "max_angular": 3}),
        ("ethanol", {"cutoff": 3.5, "max_radial": 3, "max_angular": 0}),
        ("ethanol", {"cutoff": 3.5, "max_radial": 1, "max_angular": 4, "center_weight": 0.3}),
        ("slab", {"cutoff": 3.0, "max_radial": 6, "radial_scaling": (1.0, 2.0, 5)}),
    ],
)
def test_power_spectrum_agrees_with_naive_formula(name, options):
    atoms = FRAMES[name]
    soap = soap_for(atoms, **options)
    full = reference.power_spectrum(soap, atoms)
    assert_close(soap.basis.unfold(soap.compute(atoms)), full, 1e-9)


def test_rotation_changes_nothing():
    atoms = FRAMES["perovskite"].copy()
    soap = soap_for(atoms)
    features = soap.compute(atoms)
    atoms.rotate(73.0, (1, 2, -0.5), rotate_cell=True)
    assert_close(soap.compute(atoms), features, 1e-12)


def test_reflection_changes_nothing():
    atoms = FRAMES["skewed"].copy()
    soap = soap_for(atoms)
    features = soap.compute(atoms)
    mirror = np.diag([1.0, -1.0, 1.0])
    atoms.cell[:] = atoms.cell.array @ mirror
    atoms.positions = atoms.positions @ mirror
    assert_close(soap.compute(atoms), features, 1e-12)


def test_translation_changes_nothing():
    for atoms in FRAMES.values():
        moved = atoms.copy()
        moved.positions += [13.1, -7.2, 41.7]
        soap = soap_for(atoms)
        assert_close(soap.compute(moved), soap.compute(atoms), 1e-11)


def test_permutation_permutes_the_features():
    atoms = FRAMES["perovskite"]
    order = [3, 1, 4, 0, 2]
    soap = soap_for(atoms)
    assert_close(soap.compute(atoms[order]), soap.compute(atoms)[order], 1e-12)


def test_supercell_repeats_the_features():
    atoms = FRAMES["perovskite"]
    soap = soap_for(atoms)
    features = np.tile(soap.compute(atoms), (8, 1))
    assert_close(soap.compute(atoms.repeat(2)), features, 1e-12)


def test_other_choice_of_cell_changes_nothing():
    atoms = FRAMES["silicon"]
    other = atoms.copy()
    other.cell[1] += other.cell[0]
    other.cell[2] -= 2 * other.cell[1]
    soap = SOAP()
    assert_close(soap.compute(other), soap.compute(atoms), 1e-12)


def test_features_are_continuous_across_the_cutoff():
    soap = SOAP(cutoff=4.0, species=("H",))
    lone = soap.compute(Atoms("H"))
    edge = [
        np.abs(soap.compute(Atoms("H2", [[0, 0, 0], [0, 0, 4.0 - d]]))[0] - lone).max()
        for d in (1e-2, 1e-3, 1e-4, -1e-4)
    ]
    # The shifted cosine vanishes with the square of the distance to the cutoff.
    assert edge[1] < 0.02 * edge[0]
    assert edge[2] < 0.02 * edge[1]
    assert edge[3] == 0


def test_neighbors_beyond_the_cutoff_do_not_matter():
    soap = SOAP(cutoff=3.0, species=("H",))
    three = Atoms("H3", [[0, 0, 0], [0, 0, 1.0], [0, 0, 3.5]])
    assert_close(soap.compute(three)[0], soap.compute(three[:2])[0], 1e-14)


def test_lone_atom_sees_itself():
    soap = SOAP(species=(14,))
    features = soap.basis.unfold(soap.compute(Atoms("Si")))[0, 0]
    own = reference.radial(0.0, 6.0, 8, 6, 0.4)[0] / np.sqrt(4 * np.pi)
    assert_close(features[0], np.outer(own, own), 1e-9)
    assert (features[1:] == 0).all()
    assert (replace(soap, center_weight=0.0).compute(Atoms("Si")) == 0).all()


def test_blocks_join_to_the_whole():
    atoms = FRAMES["silicon"].repeat((2, 2, 3))
    soap = SOAP(max_radial=4, max_angular=3)
    whole = soap.compute(atoms)
    seen = 0
    for where, block in soap.blocks(atoms, size=17):
        assert_close(block, whole[where], 1e-14)
        seen += len(block)
    assert seen == len(atoms)


def test_frames_without_meaning_are_refused():
    soap = SOAP()
    with pytest.raises(ValueError, match="empty"):
        soap.compute(Atoms())
    with pytest.raises(
        ValueError, match=r"unknown species H \(1\); the descriptor knows Si \(14\) only"
    ):
        soap.compute(Atoms("SiH", [[0, 0, 0], [1, 0, 0]]))
    with pytest.raises(ValueError, match="NaN"):
        soap.compute(Atoms("Si", [[0, np.nan, 0]]))
    with pytest.raises(ValueError, match="same place"):
        soap.compute(Atoms("Si2"))
