"""Similarity of bands: differences, distances of coefficients, and the matrix of many."""

import numpy as np
import pytest
from toy_bands import square_bands

from ase_dos.bands import BrillouinZone, ZoneBasis, band_rmse, similarity_matrix
from ase_dos.bands.similarity import coefficient_distance, cosine_similarity

A = 3.0
AXIS = np.linspace(-1.2, 1.2, 41)
MASK = BrillouinZone.square(A).mask((AXIS, AXIS))
BANDS = square_bands(AXIS[:, None], AXIS, A)


@pytest.fixture(scope="module")
def basis():
    return ZoneBasis((AXIS, AXIS), MASK, 66)


def test_rmse_of_bands():
    other = BANDS + np.array([0.1, -0.3])[:, None, None]
    np.testing.assert_allclose(band_rmse(BANDS, other), [0.1, 0.3])
    other[0, 3, 4] = np.nan
    other[0, 0] += 5
    np.testing.assert_allclose(band_rmse(BANDS, other, MASK), [0.1, 0.3])
    mixed = BANDS.copy()
    mixed[1, :, :20] += 1.0
    assert band_rmse(BANDS, mixed)[1] == pytest.approx(np.sqrt(20 / 41))
    assert band_rmse(BANDS[:, 0], BANDS[:, 0])[0] == 0.0


def test_distance_leaves_means_out_and_is_that_of_the_bands(basis):
    wave = 0.2 * np.sin(A * AXIS)[:, None] * np.ones_like(AXIS)
    other = BANDS + 3.0 + wave
    first, second = (basis.compress(b).coefficients for b in (BANDS, other))
    expected = (wave - wave[MASK].mean())[MASK].std()
    np.testing.assert_allclose(coefficient_distance(first, second), expected, rtol=1e-3)
    np.testing.assert_allclose(coefficient_distance(first, first), 0.0)


def test_cosine_is_of_shape(basis):
    first = basis.compress(BANDS).coefficients
    stretched = basis.compress(1.5 * BANDS + 1).coefficients
    np.testing.assert_allclose(cosine_similarity(first, stretched), 1.0)
    np.testing.assert_allclose(cosine_similarity(first, basis.compress(-BANDS).coefficients), -1.0)
    flat = np.zeros_like(first)
    assert np.isnan(cosine_similarity(first, flat)).all()


def test_matrix(basis):
    near, far = BANDS * 1.02 + 0.3, BANDS * 1.3
    matrix = similarity_matrix({"truth": BANDS, "near": near, "far": far}, basis)
    assert matrix.names == ("truth", "near", "far")
    np.testing.assert_array_equal(matrix.distance, matrix.distance.T)
    np.testing.assert_array_equal(np.diag(matrix.distance), 0)
    np.testing.assert_allclose(matrix.cosine, 1.0)
    assert matrix.distance[0, 1] < matrix.distance[1, 2] < matrix.distance[0, 2]
    apart = coefficient_distance(*(basis.compress(b).coefficients for b in (BANDS, far)))
    assert matrix.distance[0, 2] == pytest.approx(apart.mean())
    assert matrix.distance_error[0, 2] == pytest.approx(abs(np.diff(apart)[0]) / 2)


def test_what_does_not_fit(basis):
    with pytest.raises(ValueError, match="two arrays"):
        band_rmse(BANDS, BANDS[:1])
    with pytest.raises(ValueError, match="mask: expected booleans"):
        band_rmse(BANDS, BANDS, MASK[1:])
    with pytest.raises(ValueError, match=r"bands 0 \(from 0\): no momentum counts"):
        band_rmse(np.stack([BANDS[0] * np.nan, BANDS[1]]), BANDS)
    with pytest.raises(ValueError, match="two band structures or more"):
        similarity_matrix({"one": BANDS}, basis)
    with pytest.raises(ValueError, match="same number in all, got one 2, other 1"):
        similarity_matrix({"one": BANDS, "other": BANDS[:1]}, basis)
    with pytest.raises(ValueError, match="other: bands: expected shape"):
        similarity_matrix({"one": BANDS, "other": BANDS[:, 1:]}, basis)
    with pytest.raises(ValueError, match="of one shape"):
        coefficient_distance(np.zeros((2, 3)), np.zeros((2, 4)))
