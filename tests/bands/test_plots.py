"""Figures of maps, theory and reconstructed bands: what is drawn, where, and what is refused."""

import numpy as np
import pytest
from toy_bands import square_bands
from toy_maps import toy_map

from ase_dos.bands import (
    BandMap,
    BrillouinZone,
    LineProfile,
    ReconstructedBands,
    TheoryBands,
    ZoneBasis,
    plot_constant_energies,
    plot_corrections,
    plot_cut,
    plot_similarity,
    plot_stacked_spectrum,
    plot_surfaces,
    similarity_matrix,
    stacked_spectrum,
)

pytest.importorskip("xarray")

A = 3.0
KX, KY = np.linspace(-1.2, 1.2, 29), np.linspace(-1.1, 1.1, 23)
E = np.linspace(-4.3, 0.7, 126)
TRUTH = square_bands(KX[:, None], KY, A)
ZONE = BrillouinZone.square(A)


@pytest.fixture(scope="module")
def band_map():
    return toy_map(TRUTH, (KX, KY), E, 400, line=(0.08, 0.05), background=0.1)


def found(**changed):
    strengths = np.ones_like(TRUTH)
    mask = np.ones(TRUTH.shape, bool)
    mask[0, :3] = False
    values = {
        "energies": TRUTH,
        "theory": TRUTH + 0.2,
        "momenta": (KX, KY),
        "amplitudes": 180 * strengths,
        "std": 0.02 * strengths,
        "mask": mask,
        "profile": LineProfile(0.08, 0.05),
        "shift": -0.2,
    }
    return ReconstructedBands(**{**values, **changed})


def drawn(figure):
    """Draw it, and return its size in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).shape


def test_cut_along_a_path(band_map):
    corners = [[0, 0], [1.0, 0], [1.0, 1.0]]
    ax = plot_cut(band_map, found(), points=corners, labels=["G", "X", "M"], n=50)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["G", "X", "M"]
    np.testing.assert_allclose(ax.get_xticks(), [0, 1, 2])
    theory, _, bands, *_ = ax.lines
    k = np.minimum(bands.get_xdata(), 1.0), np.maximum(bands.get_xdata() - 1.0, 0.0)
    np.testing.assert_allclose(bands.get_ydata(), square_bands(*k, A)[0], atol=1e-3)
    np.testing.assert_allclose(theory.get_ydata(), bands.get_ydata() + 0.2, atol=1e-6)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["theory", "reconstruction", "2 standard deviations"]
    shaded = ax.collections[1].get_paths()[0].vertices
    assert np.ptp(shaded[np.isclose(shaded[:, 0], 0)][:, 1]) == pytest.approx(0.08)
    drawn(ax.figure)


def test_cut_hides_where_the_data_say_nothing(band_map):
    ax = plot_cut(band_map, found(), points=[[-1.2, 0], [1.2, 0]], n=97)
    bands = ax.lines[2:4]
    assert np.isnan(bands[0].get_ydata()[:8]).all()
    assert np.isfinite(bands[0].get_ydata()[14:]).all()
    assert np.isfinite(bands[1].get_ydata()).all()


def test_cut_with_theory_alone_and_over_one_momentum(band_map):
    wide = np.linspace(-1.4, 1.4, 71)
    theory = TheoryBands(square_bands(wide[:, None], wide, A) - 0.1, (wide, wide))
    ax = plot_cut(band_map, theory=theory, points=[[0, 0], [1, 0]], n=40)
    x = ax.lines[0].get_xdata()
    np.testing.assert_allclose(ax.lines[1].get_ydata(), square_bands(x, 0, A)[1] - 0.1, atol=1e-4)
    line = BandMap.from_arrays(band_map.values[:, 11], E, k=KX)
    none = found(std=None, std_refused="no counts").energies[:, :, 11]
    flat = ReconstructedBands(none, none, (KX,), np.ones_like(none), std_refused="no counts")
    ax = plot_cut(line, flat)
    assert ax.get_xlabel() == "$k$ (1/Å)"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["theory", "reconstruction"]
    with pytest.raises(ValueError, match="none for one"):
        plot_cut(line, points=[[0, 0], [1, 0]])
    with pytest.raises(ValueError, match="corners of a path"):
        plot_cut(band_map)
    with pytest.raises(ValueError, match="labels: expected 2, one for each corner, got 1"):
        plot_cut(band_map, points=[[0, 0], [1, 0]], labels=["G"])


def test_constant_energies(band_map):
    figure = plot_constant_energies(band_map, [-3.0, -2.2, -1.0, -0.5, -0.3], found(), zone=ZONE)
    panels = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in panels][:2] == ["$-3.00$ eV", "$-2.20$ eV"]
    assert all(ax.get_aspect() == 1 for ax in panels)
    image = panels[0].collections[0].get_array()
    expected = band_map.constant_energy(-3.0, 0.05).values.T
    np.testing.assert_allclose(np.asarray(image).ravel(), expected.ravel())
    assert len(panels[0].collections) == 2  # the contour of the lower band
    assert drawn(figure)[0] < drawn(figure)[1]
    with pytest.raises(ValueError, match="nothing to show"):
        plot_constant_energies(band_map, [])
    line = BandMap.from_arrays(band_map.values[:, 11], E, k=KX)
    with pytest.raises(ValueError, match="over two momenta"):
        plot_constant_energies(line, [-1.0])


def test_corrections_are_without_the_rigid_shift():
    hill = 0.03 * np.exp(-(KX[:, None] ** 2 + KY**2) / 0.1)
    figure = plot_corrections(found(energies=TRUTH + hill), zone=ZONE)
    first, second = (ax for ax in figure.axes if ax.get_title())
    image = np.ma.filled(first.collections[0].get_array(), np.nan).reshape(23, 29).T
    np.testing.assert_allclose(image[3:], 1e3 * hill[3:], atol=1e-6)
    assert np.isnan(image[:3]).all()
    assert second.get_title() == "band 1"
    assert "shift of -200 meV" in figure.axes[-1].get_ylabel()
    drawn(figure)
    none = TRUTH[:, :, 11]
    flat = ReconstructedBands(none, none, (KX,), np.ones_like(none), std_refused="no counts")
    for plot in (plot_corrections, plot_surfaces):
        with pytest.raises(ValueError, match="expected bands over two momenta"):
            plot(flat)


@pytest.mark.parametrize("zone", [None, ZONE])
def test_surfaces(zone):
    figure = plot_surfaces(found(), bands=[1], zone=zone)
    (ax,) = figure.axes
    assert len(ax.collections) == 1
    if zone is not None:
        whole = plot_surfaces(found(), bands=[1]).axes[0].get_xlim()[1]
        assert ax.get_xlim()[1] / whole == pytest.approx(np.pi / A / KX[-1])
    drawn(figure)


def test_stacked_spectrum_is_the_line(band_map):
    stacked = stacked_spectrum(band_map, found(), 1, reach=0.4)
    assert stacked.n_spectra == KX.size * KY.size
    step = E[1] - E[0]
    line = LineProfile(0.08, 0.05).binned(step).density(stacked.offsets) * 180 * step
    np.testing.assert_allclose(stacked.line, line, rtol=0.06, atol=0.06 * line.max())
    pull = (stacked.counts - stacked.expected) / stacked.errors
    assert np.abs(stacked.counts - stacked.expected).max() < 0.08 * stacked.counts.max()
    assert np.isfinite(pull).all()
    middle = stacked.counts[np.abs(stacked.offsets) < 0.02].mean()
    assert middle == pytest.approx(stacked.counts.max(), rel=0.05)
    ax = plot_stacked_spectrum(stacked)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), stacked.expected)
    drawn(ax.figure)


def test_stacked_spectra_that_cannot_be(band_map):
    with pytest.raises(ValueError, match="no fitted line"):
        stacked_spectrum(band_map, found(profile=None), 0)
    with pytest.raises(ValueError, match=r"the map has \(28, 23\) momenta, the bands \(29, 23\)"):
        stacked_spectrum(band_map.cropped(kx=(-1.2, 1.15)), found(), 0)
    with pytest.raises(ValueError, match="band: expected 0 to 1, got 2"):
        stacked_spectrum(band_map, found(), 2)
    with pytest.raises(ValueError, match="no momentum with data is left"):
        stacked_spectrum(band_map, found(), 0, zone=np.zeros((29, 23), bool))


def test_similarity_shows_its_numbers():
    basis = ZoneBasis((KX, KY), ZONE.mask((KX, KY)), 36)
    matrix = similarity_matrix({"theory": TRUTH, "scaled": 1.1 * TRUTH, "wide": 1.2 * TRUTH}, basis)
    ax = plot_similarity(matrix)
    texts = [text.get_text() for text in ax.texts]
    assert f"{1e3 * matrix.distance[1, 0]:.0f}" in texts[0]
    assert texts[1] == "1.000"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["theory", "scaled", "wide"]
    drawn(ax.figure)
