"""Local quantities of the atoms of finished frames, and their structures."""

import numpy as np
import pytest
from ase import Atoms
from toy_results import toy_dataset

from ase_dos.results.atoms import atomic_frames, finished_structures


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


def test_frames_are_the_same_however_many_are_read_at_a_time():
    data = toy_dataset(n=11, local=True, missing=(4,))
    whole = list(atomic_frames(data))
    three_frames = atomic_frames(data, block_atoms=24)
    for one, other in zip(whole, three_frames, strict=True):
        assert one.index == other.index
        np.testing.assert_array_equal(one.coefficients, other.coefficients)
        np.testing.assert_array_equal(one.scalars["local_charge"], other.scalars["local_charge"])


def test_padded_atoms_are_left_out():
    data = toy_dataset(n=4, local=True)
    data["n_atoms"][1] = 5
    sizes = [len(frame.coefficients) for frame in atomic_frames(data)]
    assert sizes == [8, 5, 8, 8]
