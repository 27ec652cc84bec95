"""Split into training and validation: seed, blocks of frames, species, copies."""

import numpy as np
import pytest
from ase.build import bulk

from ase_dos.model_selection.split import validation_rows
from ase_dos.utils.digests import structure_checksum


def crystals(count, symbol="Si"):
    return [bulk(symbol, "diamond", a=5.0 + 0.01 * i) for i in range(count)]


def hashes(frames, rows):
    return {structure_checksum(frames[i]) for i in np.flatnonzero(rows)}


def test_the_split_follows_the_seed_and_not_the_order():
    frames = crystals(40)
    one = validation_rows(frames, range(40), 0.15, seed=0)
    assert one.sum() == 6
    other = validation_rows(frames[::-1], range(40), 0.15, seed=0)
    assert hashes(frames, one) == hashes(frames[::-1], other)
    assert hashes(frames, one) != hashes(frames, validation_rows(frames, range(40), 0.15, seed=1))


def test_consecutive_frames_of_a_file_stay_together():
    frames = crystals(300)
    rows = validation_rows(frames, [0] * 200 + [1] * 100, 0.2, seed=3)
    for start, length in ((0, 10), (200, 5)):  # a twentieth of each file, ten at most
        stop = 200 if start == 0 else 300
        blocks = rows[start:stop].reshape(-1, length)
        assert (blocks.all(axis=1) | ~blocks.any(axis=1)).all()
    assert 60 <= rows.sum() < 70


def test_training_keeps_all_species_and_all_copies():
    frames = [*crystals(20), *crystals(2, "Ge")[:1], *crystals(20)]
    for seed in range(30):
        rows = validation_rows(frames, range(41), 0.4, seed)
        assert not rows[20]
        assert hashes(frames, rows).isdisjoint(hashes(frames, ~rows))


def test_small_sets_keep_three_structures_for_training():
    assert validation_rows([], [], 0.15, 0).size == 0
    for count in (1, 2, 3, 4, 5):
        rows = validation_rows(crystals(count), range(count), 0.9, 0)
        assert (~rows).sum() == min(count, 3)
    assert not validation_rows(crystals(20), range(20), 0.0, 0).any()
    for share in (-0.1, 1.0):
        with pytest.raises(ValueError, match="share from 0 to below 1"):
            validation_rows(crystals(5), range(5), share, 0)
