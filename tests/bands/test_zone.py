"""Brillouin zones of surfaces, and the compression of bands on them."""

import numpy as np
import pytest
from ase.build import graphene
from scipy.spatial import cKDTree
from toy_bands import graphene_bands, hexagonal_bands, square_bands

from ase_dos.bands import BrillouinZone, ZoneBasis

A = 3.0
AXIS = np.linspace(-1.5, 1.5, 97)
K = 4 * np.pi / (3 * A)  # distance of the corner K of a hexagonal zone


def test_hexagon():
    zone = BrillouinZone.hexagonal(A)
    corners = zone.corners
    assert len(corners) == 6
    np.testing.assert_allclose(np.linalg.norm(corners, axis=1), K)
    assert zone.radius == pytest.approx(K)
    np.testing.assert_allclose(np.abs(corners[:, 1]).min(), 0, atol=1e-12)  # K lies along a1
    np.testing.assert_allclose(graphene_bands(*corners.T, A), 0, atol=1e-6)  # the cones
    assert zone.area == pytest.approx(1.5 * np.sqrt(3) * K**2)


def test_square_and_turned_zone():
    zone = BrillouinZone.square(A)
    np.testing.assert_allclose(np.abs(zone.corners), np.pi / A)
    turned = BrillouinZone.square(A, azimuth=45.0)
    assert not turned.contains([np.pi / A, np.pi / A])
    assert turned.contains([np.sqrt(2) * np.pi / A, 0.0])


@pytest.mark.parametrize(
    "vectors",
    [[[3.0, 0], [-1.5, 2.6]], [[3.0, 0], [0.8, 4.0]], [[3.0, 0.2], [9.5, 4.0]], [[0, 5.0], [2, 1]]],
)
def test_zone_is_nearest_to_zero(vectors):
    """Brute force: 0 is the nearest of all reciprocal lattice points."""
    cell = np.eye(3)
    cell[:2, :2] = vectors
    zone = BrillouinZone.from_cell(cell)
    reciprocal = 2 * np.pi * np.linalg.inv(np.array(vectors)).T
    steps = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 2), axis=-1).reshape(-1, 2)
    lattice = steps @ reciprocal
    axis = np.linspace(-2.1, 2.1, 101)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    nearest = cKDTree(lattice).query(points)[0]
    np.testing.assert_array_equal(
        zone.mask((axis, axis)), np.linalg.norm(points, axis=-1) <= nearest + 1e-9
    )
    assert zone.area == pytest.approx(abs(np.linalg.det(reciprocal)))
    x, y = zone.corners.T
    polygon = 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))
    assert polygon == pytest.approx(zone.area)


def test_zone_of_a_crystal():
    cell = graphene(a=A, vacuum=10).cell.complete()
    np.testing.assert_allclose(
        np.sort(BrillouinZone.from_cell(cell).corners, axis=0),
        np.sort(BrillouinZone.hexagonal(A).corners, axis=0),
        atol=1e-9,
    )
    with pytest.raises(ValueError, match=r"z components up to 2\.000 Angstrom"):
        BrillouinZone.from_cell([[0, 2, 2], [2, 0, 2], [2, 2, 0]])
    with pytest.raises(ValueError, match="parallel"):
        BrillouinZone.from_cell(np.array([[1, 0, 0], [2, 0, 0], [0, 0, 1.0]]))
    with pytest.raises(ValueError, match="expected the axes kx and ky"):
        BrillouinZone.hexagonal(A).mask((AXIS,))


@pytest.fixture(scope="module")
def basis():
    return ZoneBasis((AXIS, AXIS), BrillouinZone.hexagonal(A).mask((AXIS, AXIS)), 120)


def test_functions_are_orthonormal_on_the_zone(basis):
    functions = basis.expand(np.eye(basis.size))[:, basis.mask]
    gram = functions @ functions.T / functions.shape[1]
    np.testing.assert_allclose(gram, np.eye(basis.size), atol=1e-10)
    np.testing.assert_allclose(functions[0], 1.0)
    assert np.isnan(basis.expand(np.eye(basis.size))[:, ~basis.mask]).all()


def test_first_functions_are_those_of_the_hexagon(basis):
    """Mahajan and Dai: H2 and H3 = sqrt(6/5) 2 rho cos, sin; H4 ~ rho^2 - 5/12 (side 1)."""
    kx, ky = np.meshgrid(AXIS, AXIS, indexing="ij")
    x, y = kx[basis.mask] / K, ky[basis.mask] / K
    functions = basis.expand(np.eye(basis.size))[:, basis.mask]
    assert basis.orders[:6] == [(0, 0), (1, -1), (1, 1), (2, -2), (2, 0), (2, 2)]
    np.testing.assert_allclose(functions[2], np.sqrt(6 / 5) * 2 * x, atol=0.03)
    np.testing.assert_allclose(functions[1], np.sqrt(6 / 5) * 2 * y, atol=0.03)
    defocus = np.sqrt(5 / 43) * (12 * (x**2 + y**2) - 5)
    np.testing.assert_allclose(functions[4], defocus, atol=0.06)


def test_polynomials_come_back_exactly(basis):
    kx, ky = np.meshgrid(AXIS, AXIS, indexing="ij")
    polynomial = (1 + kx - 2 * ky**3 + kx**5 * ky**4)[None]
    compressed = basis.compress(polynomial)
    back = basis.expand(compressed.coefficients)
    np.testing.assert_allclose(back[:, basis.mask], polynomial[:, basis.mask], atol=1e-9)
    assert compressed.coefficients[0, 0] == pytest.approx(polynomial[0][basis.mask].mean())


def test_error_of_compression_is_stated(basis):
    kx, ky = np.meshgrid(AXIS, AXIS, indexing="ij")
    bands = np.concatenate([hexagonal_bands(kx, ky, A), graphene_bands(kx, ky, A)])
    compressed = basis.compress(bands)
    lost = basis.expand(compressed.coefficients)[:, basis.mask] - bands[:, basis.mask]
    np.testing.assert_allclose(compressed.rms_error, np.sqrt((lost**2).mean(axis=1)))
    np.testing.assert_allclose(compressed.max_error, np.abs(lost).max(axis=1))
    assert compressed.rms_error[0] < 1e-5
    assert 1e-4 < compressed.rms_error[1] < 0.1  # cones
    deviation = np.sqrt((compressed.coefficients[:, 1:] ** 2).sum(axis=1))
    np.testing.assert_allclose(deviation, bands[:, basis.mask].std(axis=1), rtol=1e-3)


def test_any_mask_and_grid():
    x, y = np.linspace(-1, 1.2, 40), np.linspace(-0.8, 1, 33)
    basis = ZoneBasis((x, y), BrillouinZone.square(A).mask((x, y)), 66)
    compressed = basis.compress(square_bands(x[:, None], y, A))
    assert (compressed.rms_error < 1e-4).all()


def test_what_does_not_fit(basis):
    mask = BrillouinZone.hexagonal(A).mask((AXIS, AXIS))
    with pytest.raises(ValueError, match="mask: expected booleans"):
        ZoneBasis((AXIS, AXIS), mask.astype(int))
    with pytest.raises(ValueError, match="mask: expected booleans of shape"):
        ZoneBasis((AXIS, AXIS[1:]), mask)
    with pytest.raises(ValueError, match="functions need as many points"):
        ZoneBasis((AXIS, AXIS), np.arange(97 * 97).reshape(97, 97) < 20, 30)
    with pytest.raises(ValueError, match=r"bands: expected shape \(bands, 97, 97\)"):
        basis.compress(np.zeros((97, 97)))
    bands = np.zeros((2, 97, 97))
    bands[1, 48, 48] = np.nan
    with pytest.raises(ValueError, match="not known at 1 of the"):
        basis.compress(bands)
    with pytest.raises(ValueError, match="coefficients: expected shape"):
        basis.expand(np.zeros((2, 5)))
