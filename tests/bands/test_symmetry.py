"""Rotations and mirrors of maps: exact on grids that they keep, interpolated else."""

import numpy as np
import pytest

from ase_dos.bands import BandMap
from ase_dos.bands.symmetry import plane_operations

E = np.linspace(-1.0, 0.0, 4)


def made(values, kx, ky):
    return BandMap.from_arrays(values, E, kx=kx, ky=ky)


def axis(n, top=1.0):
    return np.linspace(-top, top, n)


def hexagonal(kx, ky):
    """Smooth and positive, with a sixfold axis and mirrors at the origin."""
    x, y = np.meshgrid(kx, ky, indexing="ij")
    turned = 2 * np.pi * np.arange(3) / 3
    waves = sum(np.cos(2.0 * (x * np.cos(a) + y * np.sin(a))) for a in turned)
    return (4.0 + waves)[:, :, None] * (1.0 + E**2)


def test_the_operations_are_a_group():
    for rotation, mirror in ((1, 10.0), (2, None), (3, 90.0), (6, 0.0), (4, 22.5)):
        group = plane_operations(rotation, mirror)
        assert len(group) == rotation * (1 if mirror is None else 2)
        for a in group:
            np.testing.assert_allclose(a @ a.T, np.eye(2), atol=1e-12)
            for b in group:
                assert min(np.abs(a @ b - c).max() for c in group) < 1e-12
    np.testing.assert_allclose(plane_operations(1, 0)[1] @ [1.0, 2.0], [1.0, -2.0])
    np.testing.assert_allclose(plane_operations(1, 90)[1] @ [1.0, 2.0], [-1.0, 2.0], atol=1e-12)


@pytest.mark.parametrize("shape", [(9, 9), (8, 8), (9, 8), (12, 7)])
def test_mirrors_and_twofold_axes_are_exact_on_any_grid(shape):
    """Of a random map the mean is that of the array and the reversed array, to the last pixel."""
    values = np.random.default_rng(0).random((*shape, 4))
    band_map = made(values, axis(shape[0], 1.3), axis(shape[1], 0.7))
    for options, image in (
        ({"mirror": 0}, values[:, ::-1]),
        ({"mirror": 90}, values[::-1]),
        ({"rotation": 2}, values[::-1, ::-1]),
    ):
        once = band_map.symmetrized(**options)
        np.testing.assert_allclose(once.values, (values + image) / 2, rtol=1e-12)
        np.testing.assert_allclose(once.symmetrized(**options).values, once.values, rtol=1e-12)
    both = band_map.symmetrized(rotation=2, mirror=0).values
    four = values + values[::-1] + values[:, ::-1] + values[::-1, ::-1]
    np.testing.assert_allclose(both, four / 4, rtol=1e-12)


@pytest.mark.parametrize("n", [8, 9])
def test_fourfold_axes_are_exact_on_square_grids(n):
    values = np.random.default_rng(1).random((n, n, 4))
    once = made(values, axis(n), axis(n)).symmetrized(rotation=4)
    turned = sum(np.rot90(values, m, axes=(0, 1)) for m in range(4)) / 4
    np.testing.assert_allclose(once.values, turned, rtol=1e-12)
    np.testing.assert_allclose(once.symmetrized(rotation=4).values, once.values, rtol=1e-12)


@pytest.mark.parametrize("shape", [(61, 61), (60, 64), (61, 48)])
def test_a_symmetric_map_stays_what_it_is(shape):
    """To the error of linear interpolation: step^2 / 8 times the sum of second derivatives."""
    kx, ky = axis(shape[0], 1.5), axis(shape[1], 1.4)
    values = hexagonal(kx, ky)
    once = made(values, kx, ky).symmetrized(rotation=6, mirror=0)
    bound = ((kx[1] - kx[0]) ** 2 + (ky[1] - ky[0]) ** 2) / 8 * 3 * 2.0**2 * 2
    error = np.abs(once.values - values).max()
    assert error < bound
    assert error > 1e-6  # it was interpolated
    tilted = made(values, kx, ky).symmetrized(rotation=6, mirror=10)
    assert np.abs(tilted.values - values).max() > 10 * bound


def test_noise_of_a_map_that_lacks_symmetry_becomes_symmetric():
    rng = np.random.default_rng(2)
    kx = ky = axis(61, 1.5)
    band_map = made(hexagonal(kx, ky) + rng.random((61, 61, 4)), kx, ky).symmetrized(rotation=6)
    inside = np.hypot(*np.meshgrid(kx, ky, indexing="ij")) < 1.4
    once, twice = band_map.values[inside], band_map.symmetrized(rotation=6).values[inside]
    assert np.abs(twice - once).std() < 0.2 * (once - hexagonal(kx, ky)[inside]).std()


def test_the_centre_is_that_given():
    kx, ky = axis(41), axis(41)
    values = hexagonal(kx - 0.1, ky + 0.2)
    once = made(values, kx, ky).symmetrized(rotation=6, center=(0.1, -0.2))
    assert np.abs(once.values - values).max() < 0.02
    wrong = made(values, kx, ky).symmetrized(rotation=6)
    assert np.abs(wrong.values - values).max() > 0.2
    with pytest.raises(ValueError, match="center: ky = 3 is outside the map, -1 to 1"):
        made(values, kx, ky).symmetrized(rotation=6, center=(0, 3))
    with pytest.raises(ValueError, match="expected a rotation above 1, a mirror, or both"):
        made(values, kx, ky).symmetrized()


def test_gaps_fill_from_their_images_and_weigh_nothing():
    values = np.random.default_rng(3).random((9, 9, 4)) + 1
    values[:3, 5:] = np.nan
    once = made(values, axis(9), axis(9)).symmetrized(mirror=90)
    np.testing.assert_array_equal(once.values[:3, 5:], values[::-1][:3, 5:])
    assert once.valid.all()
    values[6:, 5:] = np.nan
    both = made(values, axis(9), axis(9)).symmetrized(mirror=90)
    assert np.isnan(both.values[:3, 5:]).all()
    assert both.valid.sum() == (81 - 24) * 4


def test_lines_turn_round():
    values = np.random.default_rng(4).random((9, 4))
    line = BandMap.from_arrays(values, E, k=axis(9))
    for options in ({"rotation": 2}, {"mirror": 0}):
        once = line.symmetrized(**options)
        np.testing.assert_allclose(once.values, (values + values[::-1]) / 2, rtol=1e-12)
    moved = line.symmetrized(rotation=2, center=0.25)
    np.testing.assert_allclose(moved.values[1], values[1])  # its image is outside
    np.testing.assert_allclose(moved.values[4], (values[4] + values[6]) / 2)
    with pytest.raises(ValueError, match="can be turned by a twofold axis only, got 3"):
        line.symmetrized(rotation=3)
