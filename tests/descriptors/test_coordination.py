"""Coordination of crystals, molecules and glasses."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from ase_dos.descriptors.coordination import coordination, first_minimum


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
