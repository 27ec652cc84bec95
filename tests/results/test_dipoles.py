"""Stored dipole moments: runs between gaps, averages, spectra and figures."""

import re

import numpy as np
import pytest
from ase.units import Debye
from toy_dipoles import oscillation, store_dipoles
from toy_results import toy_dataset

from ase_dos.results.averages import average
from ase_dos.results.difference import compare
from ase_dos.results.dipole_plots import plot_dipoles, plot_infrared
from ase_dos.results.dipoles import DipoleRuns, trajectory_spectrum
from ase_dos.results.plots import plot_ensemble
from ase_dos.results.result import TrajectoryResult

TIME = np.arange(0, 2000, 2.0)


def run(path, time=TIME, **options):
    dipoles = np.array([0.4, 0.0, 0.0]) + oscillation(1500.0, 0.02, np.arange(len(time)) * 2.0)
    return TrajectoryResult.load(store_dipoles(path, dipoles, time, **options))


def test_gaps_in_time_and_missing_frames_end_a_run(tmp_path):
    two = np.concatenate([TIME[:400], TIME[:600] + 5000])
    result = run(tmp_path / "two", two, missing=(700,))
    runs = DipoleRuns.of(result)
    assert runs.timestep == 2.0
    assert [len(one) for one in runs.dipoles] == [400, 300, 299]
    np.testing.assert_array_equal(np.concatenate(runs.dipoles), result.dipole)
    assert runs.members is None
    again = np.concatenate([TIME[:500], TIME[:500]])  # a second run from time zero
    assert [len(one) for one in DipoleRuns.of(run(tmp_path / "again", again)).dipoles] == [500, 500]


def test_rounded_times_are_equal_steps(tmp_path):
    uneven = np.cumsum(np.random.default_rng(0).uniform(0.1, 2, 1000))
    with pytest.raises(ValueError, match="timestep: the times of the frames"):
        DipoleRuns.of(run(tmp_path / "uneven", uneven))
    runs = DipoleRuns.of(run(tmp_path / "tenths", np.round(np.arange(1000) * 0.75, 1)))
    assert [len(one) for one in runs.dipoles] == [1000]
    assert runs.timestep == pytest.approx(0.75, rel=1e-3)


def test_time_step_is_read_or_given(tmp_path):
    known = run(tmp_path / "known")
    unknown = run(tmp_path / "unknown", time_unit="unit of the trajectory")
    nothing = run(tmp_path / "nothing", np.full(len(TIME), np.nan))
    expected = trajectory_spectrum(known, 300.0, resolution=60.0)
    for result, why in ((unknown, "unit of their time"), (nothing, "have no time")):
        with pytest.raises(ValueError, match=f"timestep: .*{why}.* give the time"):
            trajectory_spectrum(result, 300.0, resolution=60.0)
        given = trajectory_spectrum(result, 300.0, timestep=2.0, resolution=60.0)
        np.testing.assert_allclose(given.values, expected.values)
    (band,) = expected.bands()
    assert band.wavenumber == pytest.approx(1500.0, abs=1.0)
    slower = trajectory_spectrum(known, 300.0, timestep=3.0, resolution=60.0)
    assert slower.bands()[0].wavenumber == pytest.approx(1000.0, abs=1.0)


def test_hydrogen_needs_short_steps(tmp_path):
    result = run(tmp_path / "slow", TIME * 3)
    with pytest.warns(UserWarning, match="6 fs apart: stretches of hydrogen above 2780 1/cm"):
        trajectory_spectrum(result, 300.0, resolution=60.0)


def test_averages_of_dipoles_and_charges(tmp_path):
    result = run(tmp_path / "run", members=2)
    found = average(result)
    assert [number.label for number in found.numbers()] == [
        "|dipole moment|",
        "charge of H",
        "charge of O",
    ]
    sizes = np.linalg.norm(result.dipole, axis=1) / Debye
    assert found["dipole_size"].unit == "D"
    assert found["dipole_size"].mean == pytest.approx(sizes.mean())
    assert found["dipole_size"].model_error == pytest.approx(
        sizes.mean() * np.sqrt(np.mean([0.1**2, 0.2**2]))
    )
    assert found["charge_O"].mean == pytest.approx(-2 * found["charge_H"].mean, rel=1e-5)
    assert "|dipole moment|" in result.summary()
    difference = compare(found, found)["dipole_size"]
    assert (difference.value, difference.model_error) == (0, 0)


def test_what_needs_a_dos_says_so(tmp_path):
    result = run(tmp_path / "run")
    with pytest.raises(ValueError, match=r"dos: not in these results.* takes a run with --model"):
        plot_ensemble(result)
    with pytest.raises(AttributeError, match="with a DOS model"):
        _ = result.fermi_level
    with pytest.raises(AttributeError, match="members"):
        _ = result.dipole_member


def test_results_without_dipoles_say_so(tmp_path):
    with pytest.raises(ValueError, match=r"dipole: not in these results.*--density-model"):
        trajectory_spectrum(toy_dataset(n=20), 300.0)


def test_members_give_the_spectrum_a_model_error(tmp_path):
    spectrum = trajectory_spectrum(run(tmp_path / "run", members=3), 300.0, resolution=60.0)
    factors = (1 + 0.1 * np.arange(1, 4)) ** 2
    top = spectrum.values.argmax()
    np.testing.assert_allclose(spectrum.members[:, top], factors * spectrum.values[top])


def test_figures(tmp_path):
    result = run(tmp_path / "run", members=2)
    spectrum = trajectory_spectrum(result, 300.0, resolution=60.0)
    ax = plot_infrared(spectrum)
    assert re.match(r"1(499|500|501) 1/cm", ax.texts[0].get_text())
    assert len(ax.collections) == 2
    assert plot_dipoles(result).get_ylabel() == "|dipole moment| (D)"
