import numpy as np
import pytest
from ase.units import kB
from toy_photoemission import ENERGIES, PROFILE, momenta, toy_map

from ase_dos.bands import (
    BandMap,
    TheoryBands,
    compare_band_numbers,
    flat_bands,
    reconstruct_bands,
    reconstruction,
    simulate_map,
)


def rmse(found, truth):
    return float(np.sqrt(np.nanmean((found - truth) ** 2)))


@pytest.fixture(scope="module")
def reconstructed():
    measured, theory, truth = toy_map(14, bands=(0, 2))
    return reconstruct_bands(measured, theory, progress=False), measured, theory, truth


def test_bands_are_found_and_their_errors_known(reconstructed):
    bands, _, theory, truth = reconstructed
    assert rmse(bands.energies, truth) < 0.3 * rmse(theory.energies, truth)
    off = np.abs(bands.energies - truth) / bands.std
    assert 0.6 < (off < 1.0).mean() < 0.92
    assert (off < 2.0).mean() > 0.9
    assert bands.mask.all()
    assert (np.diff(bands.energies, axis=0) >= 0.0).all()
    assert bands.settings["scatter"] == pytest.approx(1.0, abs=0.05)


def test_bands_cross_where_theory_is_wrong_by_more_than_their_distance():
    """Two bands of theory touch on a ring; +50 and -60 meV make them cross there."""
    measured, theory, truth = toy_map(14)
    bands = reconstruct_bands(measured, theory, prior="correction", progress=False)
    assert rmse(bands.energies, truth) < 0.005
    assert (np.diff(bands.energies, axis=0) >= 0.0).all()
    ring = truth[1] - truth[0] < 0.15
    assert ring.mean() > 0.2
    off = (np.abs(bands.energies - truth) / bands.std)[:2, ring]
    assert (off < 1.0).mean() > 0.6
    assert (off < 2.0).mean() > 0.9


@pytest.mark.parametrize("temperature", [300.0, None])
def test_a_fermi_edge_is_found_where_there_is_one(temperature):
    """On more momenta than freedom is chosen on, whose bins smear the steep band."""
    k = np.linspace(-0.8, 0.8, 200)
    band = (0.1 - 3.5 * k**2)[None]
    options = {"counts_per_edc": 500.0, "temperature": temperature, "seed": 0}
    measured = simulate_map(band, np.linspace(-2.6, 0.6, 129), PROFILE, k=k, **options)
    theory = TheoryBands.from_arrays(band - 0.03 + 0.02 * np.cos(3.0 * k), k=k)
    bands = reconstruct_bands(measured, theory, prior="correction", align=False, progress=False)
    width = kB * (temperature or 0.0)
    assert bands.settings["edge"] == pytest.approx(width, rel=0.15)
    assert rmse(bands.energies, band) < 0.003


def test_line_and_counts_are_found(reconstructed):
    bands, measured, _, _ = reconstructed
    assert bands.profile.fwhm == pytest.approx(PROFILE.fwhm, rel=0.05)
    share = bands.amplitudes.sum() / measured.values.sum()
    assert share == pytest.approx(0.9, abs=0.04)


def test_counts_set_aside_choose_the_prior(reconstructed):
    held_out = reconstructed[0].settings["held_out"]
    assert set(held_out) == {"correction", "dispersion"}
    assert reconstructed[0].settings["prior"] == min(held_out, key=held_out.get)


def test_same_seed_same_result_and_input_untouched(reconstructed):
    bands, measured, theory, _ = reconstructed
    before = measured.values.copy()
    again = reconstruct_bands(measured, theory, progress=False)
    np.testing.assert_array_equal(again.energies, bands.energies)
    np.testing.assert_array_equal(measured.values, before)


def test_wrong_theory_loses_to_the_smoothness_of_bands():
    """Two bands in exchanged places: what theory is wrong by is as steep as the bands."""
    k = momenta(14)
    x, y = np.meshgrid(k, k, indexing="ij")
    truth = np.array([-1.5 - 0.1 * np.cos(3.0 * y), -0.8 - 0.5 * x**2])
    wrong = np.array([-1.5 - 0.5 * x**2, -0.8 - 0.1 * np.cos(3.0 * y)])
    measured = simulate_map(truth, ENERGIES, PROFILE, counts_per_edc=1000.0, kx=k, ky=k)
    bands = reconstruct_bands(measured, TheoryBands.from_arrays(wrong, k, k), progress=False)
    assert bands.settings["prior"] == "dispersion"
    assert rmse(bands.energies, truth) < 0.012


def test_another_zero_of_the_theory_changes_the_correction_only():
    """A theory of another rigid zero has the same bands: only differences of corrections count."""
    measured, theory, _ = toy_map(12, bands=(0, 2))
    options = {"prior": "correction", "eta": 0.1, "progress": False}
    bands = reconstruct_bands(measured, theory, **options)
    moved = reconstruct_bands(measured, theory.shifted(0.02), **options)
    assert rmse(moved.energies, bands.energies) < 0.001
    np.testing.assert_allclose((moved.correction - bands.correction).mean(), -0.02, atol=0.001)


def test_gaps_of_the_detector_are_masked_and_change_little_elsewhere():
    measured, theory, truth = toy_map(12, bands=(0,))
    values = measured.values.copy()
    values[:3, :3] = np.nan
    values[7:, 7:, :25] = np.nan
    holed = BandMap.from_arrays(
        values, measured.energies, kx=momenta(12), ky=momenta(12), counts=True
    )
    whole = reconstruct_bands(measured, theory, eta=0.2, progress=False)
    bands = reconstruct_bands(holed, theory, eta=0.2, progress=False)
    assert np.isnan(bands.energies[0, :3, :3]).all()
    assert not bands.mask[0, :3, :3].any()
    assert np.isfinite(bands.energies[0, 3:, 3:]).all()
    assert rmse(bands.energies, truth) < 1.5 * rmse(whole.energies, truth)


@pytest.mark.parametrize("shape", [(9, 14), (14, 1), (13, 0)])
def test_any_grid(shape):
    """Odd, not square, as thin as one momentum, or a line."""
    measured, theory, truth = toy_map(14, 2000.0, bands=(0,))
    kx, ky = momenta(14)[: shape[0]], momenta(14)[: shape[1] or 1]
    values = measured.values[: kx.size, : ky.size]
    if shape[1] < 2:
        k = measured.momenta[0][: kx.size]
        holed = BandMap.from_arrays(values[:, 0], measured.energies, k=k, counts=True)
        flat = TheoryBands.from_arrays(theory.energies[:, : kx.size, 0], k=k)
        bands = reconstruct_bands(holed, flat, progress=False)
        truth = truth[:, : kx.size, 0]
    else:
        holed = BandMap.from_arrays(values, measured.energies, kx=kx, ky=ky, counts=True)
        bands = reconstruct_bands(holed, theory, progress=False)
        truth = truth[:, : kx.size, : ky.size]
    assert bands.energies.shape == truth.shape
    assert rmse(bands.energies, truth) < 0.01


@pytest.mark.parametrize("optimizer", ["trw-s", "icm"])
def test_ridges_of_the_intensity(optimizer):
    measured, theory, truth = toy_map(14, 3000.0, bands=(0,))
    smooth = measured.smoothed(eV=0.04)
    bands = reconstruct_bands(
        smooth, theory, prior="dispersion", optimizer=optimizer, eta=1.0, progress=False
    )
    assert rmse(bands.energies, truth) < 0.03
    assert bands.std is None
    assert "no error bars" in bands.std_refused
    if optimizer == "trw-s":
        assert bands.gap[0] <= 1e-4


def test_killed_reconstruction_goes_on(tmp_path, monkeypatch):
    measured, theory, _ = toy_map(12, bands=(0,))
    options = {"prior": "correction", "progress": False, "checkpoint": tmp_path / "kept.npz"}
    whole = reconstruct_bands(measured, theory, prior="correction", progress=False)

    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    from ase_dos.bands import poisson_fit

    with monkeypatch.context() as patch:
        patch.setattr(poisson_fit, "_certified", kill)
        with pytest.raises(Killed):
            reconstruct_bands(measured, theory, **options)
    assert options["checkpoint"].exists()
    with monkeypatch.context() as patch:
        patch.setattr(poisson_fit, "_choose", kill)  # not done again
        bands = reconstruct_bands(measured, theory, **options)
    np.testing.assert_array_equal(bands.energies, whole.energies)
    np.testing.assert_array_equal(bands.std, whole.std)
    assert not options["checkpoint"].exists()


def test_checkpoint_of_another_task_is_refused(tmp_path, monkeypatch):
    measured, theory, _ = toy_map(12, bands=(0,))
    path = tmp_path / "kept.npz"
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ValueError, match=r"kept.npz: no checkpoint of a reconstruction"):
        reconstruct_bands(measured, theory, checkpoint=path, progress=False)
    assert path.exists()


def test_number_of_bands():
    measured, theory, _ = toy_map(10, 1000.0)
    fourth = np.concatenate([theory.energies, theory.energies[:1] + 0.7])
    candidates = [
        theory.select([0, 2]),
        theory,
        TheoryBands.from_arrays(fourth, *theory.momenta),
    ]
    compared = compare_band_numbers(measured, candidates)
    assert [c.best for c in compared] == [False, True, False]
    assert compared[0].held_out > 100.0
    assert compared[2].shares.min() < 0.005


@pytest.mark.parametrize("kind", ["scaled", "averaged"])
def test_scatter_that_is_not_poisson_has_no_error_bars(kind):
    measured, theory, _ = toy_map(10, 300.0, bands=(0,))
    if kind == "scaled":
        values = 7 * measured.values
    else:
        values = np.rint(measured.smoothed(kx=0.2, ky=0.2).values)
    other = BandMap.from_arrays(values, ENERGIES, kx=momenta(10), ky=momenta(10), counts=True)
    with pytest.warns(UserWarning, match="counts scatter"):
        bands = reconstruct_bands(other, theory, progress=False)
    assert bands.std is None
    assert "no raw counts" in bands.std_refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": "gauss"}, "likelihood: expected one of"),
        ({"prior": "flat"}, "prior: expected one of"),
        ({"optimizer": "adam"}, "optimizer: expected one of"),
        ({"optimizer": "icm"}, 'optimizer "icm" is for likelihood'),
        ({"eta": -1.0}, "eta"),
        ({"seed": -1}, "seed"),
    ],
)
def test_wrong_options_are_refused(options, message):
    measured, theory, _ = toy_map(8, bands=(0,))
    with pytest.raises(ValueError, match=message):
        reconstruct_bands(measured, theory, **options)


def test_impossible_maps_and_theories_are_refused():
    measured, theory, _ = toy_map(8, bands=(0,))
    with pytest.raises(ValueError, match=r"bands 0 .* lie outside the map"):
        reconstruct_bands(measured, theory.shifted(9.0))
    with pytest.raises(ValueError, match="needs raw counts"):
        reconstruct_bands(measured.smoothed(eV=0.05), theory, likelihood="poisson")


def test_theory_with_a_band_too_many_warns():
    measured, theory, _ = toy_map(10, 500.0, bands=(0,))
    more = np.concatenate([theory.energies, theory.energies - 0.6])
    with pytest.warns(UserWarning, match=r"bands 0 have less than 0\.3 % of the signal"):
        reconstruct_bands(
            measured,
            TheoryBands.from_arrays(more, *theory.momenta),
            eta=0.1,
            align=False,
            progress=False,
        )


def test_no_step_of_the_reconstruction_reads_the_terminal(capsys):
    measured, theory, _ = toy_map(8, bands=(0,))
    reconstruct_bands(measured, theory, eta=0.1)
    assert capsys.readouterr() == ("", "")
    assert reconstruction.__all__ == ["reconstruct_bands"]


def test_without_theory_separate_bands_are_found_from_flat_ones():
    measured, _, truth = toy_map(12, bands=(0, 2))
    flat = flat_bands(measured, 2)
    assert np.ptp(flat.energies, axis=(1, 2)).max() == 0.0
    bands = reconstruct_bands(measured, flat, align=False, progress=False)
    assert rmse(bands.energies, truth) < 0.01


def test_more_flat_bands_than_peaks_are_refused():
    measured, _, _ = toy_map(12, 3000.0, bands=(0,))
    with pytest.raises(ValueError, match=r"9 flat bands: the mean spectrum has \d peaks only"):
        flat_bands(measured, 9)
