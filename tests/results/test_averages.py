"""Averages over a trajectory, their two errors, and differences of runs."""

from dataclasses import replace

import numpy as np
import pytest
from ase.units import kB
from toy_results import TEMPERATURES, member_bias, toy_dataset

from ase_dos.results.averages import average, average_windows
from ase_dos.results.difference import compare
from ase_dos.utils.statistics import estimate_mean

SEEDS = 40


def test_averages_are_per_atom_and_in_their_units():
    data = toy_dataset()
    found = average(data)
    at_fermi = data["dos_at_fermi_level"].values / 8
    assert found["dos_at_fermi_level"].mean == pytest.approx(at_fermi.mean())
    assert found["dos_at_fermi_level"].estimate.spread == pytest.approx(at_fermi.std())
    assert found["occupied_width"].mean == pytest.approx(6.0)
    gamma = np.pi**2 / 3 * kB * at_fermi.mean()
    np.testing.assert_allclose(found["heat_capacity"].mean, gamma * TEMPERATURES)
    np.testing.assert_allclose(found["entropy"].mean, gamma * TEMPERATURES)
    np.testing.assert_allclose(found["free_energy"].mean, -gamma * kB * TEMPERATURES**2 / 2)
    assert found["dos"].unit == "states/eV/atom"


def test_sampling_error_is_the_spread_of_runs():
    found = [average(toy_dataset(n=400, seed=2 * seed)) for seed in range(SEEDS)]
    means = np.array([a["dos_at_fermi_level"].mean for a in found])
    errors = np.array([a["dos_at_fermi_level"].sampling_error for a in found])
    assert np.nanmean(errors) == pytest.approx(means.std(), rel=3 / np.sqrt(2 * SEEDS))


def test_a_short_run_says_that_it_does_not_know_its_error():
    short = average(toy_dataset(n=5))
    assert np.isnan(short["dos_at_fermi_level"].sampling_error)
    assert "too short to know it" in short.table()
    assert "not stationary" not in short.table()
    assert "too short" not in average(toy_dataset(n=2000)).table()


def test_dos_aligned_at_each_fermi_level_is_sharper_than_at_a_common_reference():
    data = toy_dataset()
    fermi, common = average(data), average(data, reference="common")
    onset = [np.argmin(np.abs(a.energies + 6)) for a in (fermi, common)]
    spreads = [a["dos"].estimate.spread[i] for a, i in zip((fermi, common), onset, strict=True)]
    # Half of what g(E_F) does remains at the onset; the rest is E_F that moves it.
    assert spreads[0] == pytest.approx(fermi["dos_at_fermi_level"].estimate.spread / 2, rel=0.05)
    assert spreads[1] > 3 * spreads[0]
    # At E_F the DOS is g(E_F), and so are its errors.
    zero = np.argmin(np.abs(fermi.energies))
    assert fermi.energies[zero] == 0.0
    one, other = fermi["dos"].estimate, fermi["dos_at_fermi_level"].estimate
    for name in ("mean", "error", "spread"):
        assert getattr(one, name)[zero] == pytest.approx(getattr(other, name), rel=1e-4)


def test_a_shift_of_all_energies_changes_nothing_that_is_aligned():
    data = toy_dataset(n=20)
    moved = data.assign_coords(energy=data["energy"] + 3.3).assign(
        fermi_level=data["fermi_level"] + 3.3, band_bottom=data["band_bottom"] + 3.3
    )
    for reference in ("fermi", "common"):
        a, b = average(data, reference=reference), average(moved, reference=reference)
        np.testing.assert_allclose(a.energies, b.energies)
        np.testing.assert_allclose(a["dos"].mean, b["dos"].mean, atol=1e-9)


def test_weights():
    data = toy_dataset()
    w = np.random.default_rng(0).uniform(size=200)
    found = average(data, weights=w)
    plain = estimate_mean(data["dos_at_fermi_level"].values / 8, w)
    assert found["dos_at_fermi_level"].estimate.error == pytest.approx(plain.error)
    assert found["dos_at_fermi_level"].mean == pytest.approx(plain.mean)
    # Frames of weight zero at the ends are as if they were not there.
    ends = np.zeros(200)
    ends[50:120] = 2.0
    a, b = average(data, weights=ends), average(data.isel(frame=slice(50, 120)))
    assert a.n_frames == b.n_frames == 70
    np.testing.assert_allclose(a["dos"].mean, b["dos"].mean, rtol=1e-12)
    np.testing.assert_allclose(a["dos"].sampling_error, b["dos"].sampling_error, rtol=1e-9)


def test_missing_frames_are_left_out_and_counted():
    data = toy_dataset(missing=(0, 7, 30, 31))
    found = average(data)
    assert (found.n_frames, found.n_missing) == (196, 4)
    assert "196 frames, 4 missing" in found.table()
    assert found["dos_at_fermi_level"].mean == pytest.approx(
        np.nanmean(data["dos_at_fermi_level"].values) / 8
    )
    assert np.isfinite(found["dos_at_fermi_level"].sampling_error)
    unfinished = toy_dataset()
    unfinished["status"][150:] = 0
    assert average(unfinished).n_frames == 150
    assert average(unfinished).n_missing == 0


def test_model_error_is_the_spread_of_averages_taken_member_by_member():
    few, many = (average(toy_dataset(n=n, members=16)) for n in (100, 1600))
    rms = np.sqrt(np.mean(member_bias(16) ** 2))
    for found in (few, many):  # it does not fall with the length of the run
        assert found["dos_at_fermi_level"].model_error == pytest.approx(rms)
        np.testing.assert_allclose(
            found["heat_capacity"].model_error, rms * found["heat_capacity"].mean
        )
        np.testing.assert_allclose(found["dos"].model_error, 0.1)
    ratio = few["dos_at_fermi_level"].sampling_error / many["dos_at_fermi_level"].sampling_error
    assert 2 < ratio < 8
    assert np.isnan(average(toy_dataset())["entropy"].model_error).all()


def test_windows_of_a_drifting_run():
    data = toy_dataset(n=400, drift=2.0)
    windows = average_windows(data, 4)
    assert [w.n_frames for w in windows] == [100] * 4
    assert windows[1].window[0] == 500.0
    assert windows[0].axis == "Time (fs)"
    means = [w["dos_at_fermi_level"].mean for w in windows]
    np.testing.assert_allclose(means, [1.25, 1.75, 2.25, 2.75], atol=0.15)
    assert "not stationary" in average(data).table()
    for w in windows:
        np.testing.assert_array_equal(w.energies, windows[0].energies)
    by_edges = average_windows(data, [0, 500, 1995])
    assert [w.n_frames for w in by_edges] == [100, 300]
    np.testing.assert_allclose(by_edges[0]["dos"].mean, windows[0]["dos"].mean)


def test_significance_of_a_difference():
    """Runs of one system differ by more than two errors in 5 % of all cases."""
    found = [average(toy_dataset(n=400, seed=2 * seed)) for seed in range(2 * SEEDS)]
    pairs = zip(found[::2], found[1::2], strict=True)
    differences = [compare(a, b)["dos_at_fermi_level"] for a, b in pairs]
    z = np.array([one.z for one in differences])
    p = np.array([one.p for one in differences])
    known = np.isfinite(z)
    assert known.mean() > 0.9
    assert np.mean(p[known] < 0.05) < 0.15
    # With few degrees of freedom four errors are not as rare as in a normal law.
    few = min(differences, key=lambda one: one.degrees_of_freedom)
    assert replace(few, value=4 * few.error, degrees_of_freedom=6.0).p > 1e-3
    assert z[known].std() == pytest.approx(1.0, abs=3 / np.sqrt(2 * SEEDS))
    other = compare(average(toy_dataset(n=400, seed=5, offset=0.2)), found[0])["dos_at_fermi_level"]
    assert other.value == pytest.approx(0.2, abs=3 * other.error)
    assert other.p < 1e-6
    assert found[0]["dos_at_fermi_level"].mean == pytest.approx(1.0, abs=0.1)


def test_errors_that_two_runs_share_cancel():
    one, other = (average(toy_dataset(seed=s, offset=s * 0.2, members=32)) for s in (0, 1))
    same = compare(other, one)["dos_at_fermi_level"]
    assert same.shared_members
    assert same.model_error == pytest.approx(0.0, abs=1e-12)
    assert compare(other, one)["dos"].model_error.shape == compare(other, one)["dos"].value.shape
    stranger = toy_dataset(seed=1, offset=0.2, members=32)
    stranger.attrs["model_hash"] = "other"
    found = compare(average(stranger), one)["dos_at_fermi_level"]
    assert not found.shared_members
    assert found.model_error == pytest.approx(np.sqrt(2 * np.mean(member_bias(32) ** 2)))
    assert found.p > same.p
    unknown = compare(average(toy_dataset()), one)["dos_at_fermi_level"]
    assert np.isnan(unknown.model_error)
    assert unknown.error == unknown.sampling_error


def test_differences_are_taken_where_both_are_known():
    data = toy_dataset(n=30)
    a, b = average(data), average(data.isel(temperature=[0, 2], energy=slice(20, None)))
    found = compare(a, b)
    assert found["heat_capacity"].value.shape == (2,)
    np.testing.assert_allclose(found["dos"].value, 0.0, atol=1e-8)
    assert len(found["dos"].value) < len(a.energies)


def test_bad_input():
    data = toy_dataset(n=10)
    with pytest.raises(ValueError, match=r"got list"):
        average([1, 2])
    with pytest.raises(ValueError, match="reference"):
        average(data, reference="vacuum")
    with pytest.raises(ValueError, match="weights"):
        average(data, weights=[1.0])
    with pytest.raises(ValueError, match="weights"):
        average(data, weights=-np.ones(10))
    with pytest.raises(ValueError, match="no finished frame"):
        average(toy_dataset(n=4, missing=range(4)))
    with pytest.raises(ValueError, match="no frame from 1000 to 2000"):
        average_windows(data, [0, 1000, 2000])
    with pytest.raises(ValueError, match="rising"):
        average_windows(data, [3, 2])
    with pytest.raises(ValueError, match="no temperature in common"):
        compare(average(data.isel(temperature=[0])), average(data.isel(temperature=[1])))
    with pytest.raises(ValueError, match="one reference"):
        compare(average(data), average(data, reference="common"))
