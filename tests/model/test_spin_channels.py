"""Model of both spin channels: one regression, one chemical potential, magnetic moments."""

import warnings

import numpy as np
import pytest
from toy_spin import paired, spin_set
from toy_training import QUICK, soap

from ase_dos.model.dos_model import DOSModel
from ase_dos.model.training_remarks import TrainingSetWarning
from ase_dos.model.validation import validate_model
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.target import target_from_states

FRAMES, STATES = spin_set(12)


def train(states=STATES, **options):
    return DOSModel(soap(), smearing=0.3, **{**QUICK, **options}).fit(FRAMES, states)


@pytest.fixture(scope="module")
def model():
    return train(spin="channels")


@pytest.fixture(scope="module")
def fresh():
    return spin_set(4, seed=30)


def test_it_keeps_to_the_interface(model):
    validate_model(model, FRAMES[0])


def test_moments_of_structures_it_has_not_seen(model, fresh):
    for atoms, states in zip(*fresh, strict=True):
        target = target_from_states(states, 0.3)
        truth = target.dos(target.nodes).magnetic_moment()
        dos = model.predict(atoms).total()
        assert truth > 1.0
        assert dos.magnetic_moment() == pytest.approx(truth, rel=0.05)
        assert dos.channels.sum(axis=0) == pytest.approx(dos.values)


def test_the_sum_of_the_channels_is_the_model_of_the_total(fresh):
    """With the same shifts and regularisation the two are one regression."""
    both, total = (train(spin=spin, reference="fermi") for spin in ("channels", "total"))
    for atoms in fresh[0]:
        found, expected = (one.predict(atoms).total() for one in (both, total))
        np.testing.assert_allclose(found.values, expected.values, atol=1e-9 * expected.values.max())
        assert expected.spin is None


def test_states_that_are_not_split_give_the_model_without_spin(fresh):
    states = spin_set(12, splitting=0.0)[1]
    both = train(states, spin="channels")
    plain = train([paired(one) for one in states])
    dos, expected = (one.predict(fresh[0][0]).total() for one in (both, plain))
    np.testing.assert_allclose(dos.values, expected.values, atol=1e-8 * expected.values.max())
    assert dos.magnetic_moment() == pytest.approx(0.0, abs=1e-10)
    found, wanted = (one.electron_gas([300.0, 10_000.0]) for one in (dos, expected))
    for name in ("entropy", "heat_capacity", "free_energy"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-6)
    assert both.info["leave_one_out_rmse"] == pytest.approx(plain.info["leave_one_out_rmse"])


def test_the_direction_of_the_moments_does_not_matter(model, fresh):
    turned = [type(one)(one.eigenvalues[::-1], one.weights, one.n_electrons, 1) for one in STATES]
    other = train(turned, spin="channels")
    one, two = (m.predict(fresh[0][0]).total() for m in (model, other))
    np.testing.assert_allclose(one.spin, two.spin, atol=1e-9 * np.abs(one.spin).max())


def test_errors_of_moments(model, fresh):
    report = model.evaluate(*fresh)
    assert report.mean_absolute_errors[-1] < 0.02  # mu_B per atom
    assert report.header()["magnetic_moment_mae"] == report.mean_absolute_errors[-1]
    assert "MAE M " in report.summary()
    ensemble = model.predict_ensemble(fresh[0][0], 8)
    moment, error = ensemble.spread(lambda dos: dos.magnetic_moment())
    assert moment == pytest.approx(model.predict(fresh[0][0]).total().magnetic_moment())
    assert 0 < error < 0.5 * moment


def test_file(model, fresh, tmp_path):
    model.save(tmp_path / "m.npz")
    loaded = DOSModel.load(tmp_path / "m.npz")
    assert loaded.options.spin == "channels"
    assert loaded.info["states"] == {"spin-polarised": 12}
    one, two = (m.predict(fresh[0][0]).total() for m in (model, loaded))
    np.testing.assert_array_equal(one.spin, two.spin)


def test_a_model_of_the_total_says_what_it_was_trained_on(fresh):
    total = train(regularizations=[1e-2])
    assert total.options.spin == "total"
    assert total.info["states"] == {"spin-polarised": 12}
    report = total.evaluate(*fresh)
    assert np.isnan(report.mean_absolute_errors[-1])
    assert "MAE M " not in report.summary()
    assert "magnetic_moment_mae" not in report.header()


def test_training_on_a_dos_with_channels(model, fresh):
    targets = [target_from_states(one, 0.3) for one in STATES]
    spectra = [target.dos(target.nodes) for target in targets]
    one, two = (m.predict(fresh[0][0]).total() for m in (model, train(spectra, spin="channels")))
    assert two.magnetic_moment() == pytest.approx(one.magnetic_moment(), rel=1e-3)
    bare = DOS(spectra[1].energies, spectra[1].values, spectra[1].n_electrons, 0.3)
    with pytest.raises(ValueError, match=r"structure 1: spin: .* got a DOS without them"):
        train([spectra[0], bare, *spectra[2:]], spin="channels")


def test_spin_paired_states():
    mixed = [paired(one) if i < 2 else one for i, one in enumerate(STATES)]
    with pytest.raises(ValueError, match=r"structures 0, 1: spin: .* got spin-paired; compute"):
        train(mixed, spin="channels")
    with pytest.warns(TrainingSetWarning, match="2 spin-paired, 10 spin-polarised"):
        train(mixed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="spin: expected"):
            train(spin="up")
