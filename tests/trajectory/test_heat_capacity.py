"""Heat capacities averaged over structures, with their statistical and model errors."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from toy_metal import DENSITY, GAMMA, Metal, metals
from toy_model import ToyModel, toy_frames

from ase_dos.spectra.local_dos import LocalDOS, NoveltyWarning, warn_of_novelty
from ase_dos.trajectory.heat_capacity import heat_capacity_table
from ase_dos.utils.statistics import estimate_mean


def test_mean_and_statistical_error_over_frames():
    rng = np.random.default_rng(0)
    shifts = np.zeros(400)
    for i in range(1, 400):  # correlated over some five frames
        shifts[i] = 0.7 * shifts[i - 1] + rng.normal(0, 0.01)
    table = heat_capacity_table(metals(shifts), Metal(), lowest=500, highest=5000, points=4)
    series = GAMMA * (1 + shifts[:, None]) * table.temperatures
    np.testing.assert_allclose(table.heat_capacity.mean, series.mean(axis=0), rtol=1e-6)
    expected = estimate_mean(series[:, 1]).error
    naive = series[:, 1].std() / np.sqrt(400)
    assert table.heat_capacity.sampling_error[1] == pytest.approx(expected, rel=1e-5)
    assert table.heat_capacity.sampling_error[1] > 1.7 * naive
    assert table.n_structures == 400


def test_error_of_the_model_does_not_shrink_with_frames():
    frames = metals(np.random.default_rng(0).uniform(-0.1, 0.1, 60))
    table = heat_capacity_table(frames, Metal(), lowest=500, highest=5000, points=3, n_members=8)
    capacity = table.heat_capacity
    np.testing.assert_allclose(capacity.model_error, 0.01 * capacity.mean, rtol=1e-4)
    few = heat_capacity_table(frames[:9], Metal(), lowest=500, highest=5000, points=3, n_members=8)
    np.testing.assert_allclose(few.heat_capacity.model_error, capacity.model_error, rtol=0.05)
    assert np.isnan(few.heat_capacity.sampling_error).all()  # too few to know it
    assert (capacity.sampling_error > 0.5 * capacity.model_error).all()


def test_default_range_ends_where_the_energies_of_the_model_end():
    frames, model = toy_frames(3), ToyModel()
    table = heat_capacity_table(frames, model)
    highest = table.temperatures[-1]
    assert table.temperatures[0] == 300
    with pytest.raises(ValueError, match="supports up to") as error:
        heat_capacity_table(frames, model, highest=1.01 * highest)
    assert f"supports up to {highest:.4g} K" in str(error.value)
    every = [model.predict(atoms).total().electron_gas(table.temperatures) for atoms in frames]
    np.testing.assert_allclose(
        table.heat_capacity.mean,
        np.mean([gas.heat_capacity / 8 for gas in every], axis=0),
        rtol=1e-9,
    )


def test_shipped_model_and_its_uncertainty():
    frames = [bulk("Si", cubic=True) for _ in range(2)]
    for i, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=i)
    table = heat_capacity_table(
        frames, "silicon", lowest=3000, highest=9000, points=3, n_members=16
    )
    capacity = table.heat_capacity
    assert (capacity.model_error > 0).all()
    assert (capacity.model_error < 0.1 * capacity.mean).all()
    assert table.electrons == 4
    assert table.volume == pytest.approx(bulk("Si").get_volume() / 2)


def test_what_cannot_be_averaged(tmp_path):
    model = ToyModel()
    with pytest.raises(ValueError, match="no frame among start=0"):
        heat_capacity_table([], model)
    strange = bulk("Ge", cubic=True)
    with pytest.raises(ValueError, match="frame 1 of structures in memory: atoms: unknown species"):
        heat_capacity_table([*toy_frames(1), strange], model)
    for options, message in (
        ({"lowest": -1}, "lowest temperature: expected a number > 0"),
        ({"highest": 200}, "expected more than 300 K, got 200 K"),
        ({"points": 1}, "points: expected 2 or more"),
        ({"n_members": 1}, "n_members: expected 0"),
        ({"lowest": 1e5}, "expected a lowest temperature below that"),
        ({"volume": 0}, "volume: expected a number > 0"),
    ):
        with pytest.raises(ValueError, match=message):
            heat_capacity_table(toy_frames(1), model, **options)

    class Hole(Metal):
        def predict(self, atoms, which=None):
            local, energies = super().predict(atoms), self.grid.energies
            basis = np.where(np.abs(energies) < 1, -1e-3, local.basis)
            valence = np.trapezoid(basis[0] * (energies < 0), energies) * DENSITY
            return LocalDOS(local.coefficients, basis, energies, valence + 0 * local.valence)

    # The hole is a gap, to which negative values open it.
    table = heat_capacity_table(metals(), Hole(), lowest=300, highest=1000)
    assert (table.heat_capacity.mean > 0).all()
    with pytest.raises(ValueError, match=r"heat capacity at \d+ K is 0 .*take higher temperatures"):
        heat_capacity_table(metals(), Hole(), lowest=5, highest=1000)


def test_unknown_surroundings_are_given_once_with_the_number_of_frames():
    class Novel(Metal):
        def predict(self, atoms, which=None):
            local = super().predict(atoms, which)
            novelty = np.full(len(local), 1.0 + 10 * atoms.positions[0, 0])
            local = replace(local, novelty=novelty)
            warn_of_novelty(local)
            return local

    frames = metals([0.0, 0.1, 0.0, 0.05])
    with pytest.warns(NoveltyWarning, match="2 of 4 frames, the first is frame 1: ") as caught:
        heat_capacity_table(frames, Novel(), highest=1000, n_members=2)
    assert len(caught) == 1


def test_a_model_without_an_ensemble_has_no_model_error():
    class Certain(Metal):
        predict_ensemble = property()

    table = heat_capacity_table(metals(), Certain(), highest=1000)
    assert np.isnan(table.heat_capacity.model_error).all()
    with pytest.raises(ValueError, match=r"members: .*has no predict_ensemble"):
        heat_capacity_table(metals(), Certain(), highest=1000, n_members=2)
