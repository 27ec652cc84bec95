"""Spatial blocks: every atom once, and the same local DOS as in the whole frame."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from ase_dos import DOSModel
from ase_dos.model.blocks import cut_blocks, cut_region, predict_in_blocks


@pytest.fixture(scope="module")
def silicon():
    return DOSModel.load("silicon")


def melt(repeat, seed=0, skew=0.0, pbc=True):
    atoms = bulk("Si", cubic=True).repeat(repeat)
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + skew * np.tri(3, k=-1)), scale_atoms=True)
    atoms.rattle(0.3, seed=seed)
    atoms.pbc = pbc
    # Atoms outside the cell are as good as those inside.
    atoms.positions[::3] += atoms.cell[0] * atoms.pbc[0] * 2
    return atoms


FRAMES = {
    "periodic": melt((4, 4, 3)),
    "skewed": melt((4, 3, 3), skew=0.4),
    "smaller than the cutoff": melt((1, 1, 1), skew=0.2),
    "cluster": melt((3, 3, 3), pbc=False),
    "slab": melt((3, 3, 2), pbc=[True, True, False]),
    "one atom": Atoms("Si"),
    "crystal planes": bulk("Si", cubic=True).repeat((4, 2, 2)),
}


@pytest.mark.parametrize("size", [1, 7, 60, 10_000])
@pytest.mark.parametrize("name", FRAMES)
def test_every_atom_belongs_to_one_block(name, size):
    atoms = FRAMES[name]
    blocks = list(cut_blocks(atoms, 5.0, size))
    owners = np.concatenate([block.indices for block in blocks])
    np.testing.assert_array_equal(np.sort(owners), np.arange(len(atoms)))
    assert max(len(block.indices) for block in blocks) <= size
    for own, block in blocks:
        np.testing.assert_array_equal(block.numbers[: len(own)], atoms.numbers[own])
        assert not block.pbc.any()


@pytest.mark.filterwarnings("ignore:.*have surroundings unlike")
@pytest.mark.parametrize("size", [40, 333])
@pytest.mark.parametrize("name", FRAMES)
def test_blocks_give_the_local_dos_of_the_whole_frame(silicon, name, size):
    atoms = FRAMES[name]
    whole = silicon.predictor.predict(atoms)
    parts = predict_in_blocks(silicon, atoms, size)
    scale = np.abs(whole.coefficients).max()
    np.testing.assert_allclose(parts.coefficients, whole.coefficients, atol=1e-12 * scale)
    np.testing.assert_allclose(parts.novelty, whole.novelty, rtol=1e-10)
    np.testing.assert_allclose(
        parts.total().values, whole.total().values, atol=1e-12 * whole.total().values.max()
    )


def test_a_halo_of_less_than_the_cutoff_is_noticed(silicon):
    atoms = FRAMES["periodic"]
    own, block = next(cut_blocks(atoms, 0.8 * silicon.descriptor.cutoff, 40))
    narrow = silicon.predictor.predict(block, which=np.arange(len(own)))
    whole = silicon.predictor.predict(atoms, which=own)
    assert np.abs(narrow.coefficients - whole.coefficients).max() > 1e-6


def test_bad_input():
    with pytest.raises(ValueError, match="size of a block: expected an integer >= 1, got 0"):
        next(cut_blocks(Atoms("Si"), 5.0, 0))
    with pytest.raises(ValueError, match="the frame is empty"):
        next(cut_blocks(Atoms(), 5.0, 10))
    with pytest.raises(ValueError, match=r"positions: 1 of 3 values are NaN"):
        next(cut_blocks(Atoms("Si", [[np.nan, 0, 0]]), 5.0, 10))


@pytest.mark.filterwarnings("ignore:.*have surroundings unlike")
@pytest.mark.parametrize("name", [name for name in FRAMES if name != "one atom"])
def test_regions_add_up_to_the_frame(silicon, name):
    """Gradient and virial of a functional of the DOS, from two parts of the atoms."""
    atoms = FRAMES[name]
    weights = np.stack([np.linspace(-1, 2, silicon.grid.size), np.zeros(silicon.grid.size)])
    gradient, virial = np.zeros((len(atoms), 3)), np.zeros((3, 3))
    heights = atoms.positions[:, 1]
    for which in (heights > np.median(heights), heights <= np.median(heights)):
        indices = np.flatnonzero(which)
        region, sources = cut_region(atoms, silicon.cutoff, indices)
        np.testing.assert_array_equal(region.numbers, atoms.numbers[sources])
        np.testing.assert_array_equal(sources[: len(indices)], indices)
        halo = np.arange(len(region)) >= len(indices)
        part = silicon.differentiate(region, weights, halo.astype(int))
        np.add.at(gradient, sources, part[0])
        virial += part[1]
    expected = silicon.differentiate(atoms, weights[0])
    scale = np.abs(expected[1]).max() / len(atoms)  # in the perfect crystal there is no gradient
    np.testing.assert_allclose(gradient, expected[0], atol=1e-11 * scale)
    np.testing.assert_allclose(virial, expected[1], atol=1e-12 * scale * len(atoms))


def test_a_region_of_a_frame_that_cannot_be_cut():
    atoms = melt((2, 2, 2))
    with pytest.raises(ValueError, match="cutoff"):
        cut_region(atoms, np.inf, np.arange(3))
    atoms.positions[5] = np.nan
    with pytest.raises(ValueError, match="positions"):
        cut_region(atoms, 4.0, np.arange(3))
