"""Networks: what they learn that a linear model cannot, and when they need PyTorch."""

import subprocess
import sys

import numpy as np
import pytest
from ase.build import bulk
from networks import stored
from paths import REPOSITORY
from toy_model import toy_frames, toy_states

from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.descriptors.soap import SOAP
from ase_dos.fit.modes import solve
from ase_dos.fit.network import Network
from ase_dos.fit.regression import Alignment, Regression
from ase_dos.fit.ridge import Ridge
from ase_dos.model.dos_model import DOSModel
from ase_dos.spectra.target import DOSTarget

ENERGIES = np.arange(-4, 4, 0.2)
NODES = np.arange(-9, 9, 0.1)
ATOMS = 3  # in every structure
SMALL = Network(width=16, committee=2, steps=150, learning_rate=2e-2)


def spectra(features, energies):
    """DOS of every structure and its slope: two peaks, one with a height that is no line in x."""
    height = 1.0 + np.sin(2.0 * features[..., 0]) * features[..., 1]
    other = np.stack([1.0 + 0.0 * height, height], axis=-1).mean(axis=1)  # over the atoms
    x = (energies[:, None] - [-2.0, 1.0]) / 0.5
    shapes = np.exp(-0.5 * x**2)
    return other @ shapes.T, other @ (-x / 0.5 * shapes).T


def make_data(n, seed, shifts=None):
    """Features (n, atoms, 2) and targets of structures, each raised by its shift."""
    features = np.random.default_rng(seed).uniform(-1.5, 1.5, (n, ATOMS, 2))
    targets = []
    for one, shift in zip(features, np.zeros(n) if shifts is None else shifts, strict=True):
        values, slopes = spectra(one[None], NODES - shift)
        targets.append(
            DOSTarget(-9.0, 0.1, ATOMS * values[0], ATOMS * slopes[0], 20.0, 4.0, 0.0, 0.5)
        )
    return features, targets


def regression_of(features, targets, feature_map):
    n = len(targets)
    design = np.array([feature_map(some).mean(axis=0) for some in features])
    ridge = Ridge.decompose(design, np.ones((n, 1)))
    return Regression(ridge, targets, np.full(n, ATOMS), ENERGIES, np.zeros(n))


def trained(network, features, targets, adaptive=False):
    linear = regression_of(features, targets, FeatureMap())
    start = Alignment(linear.origin, np.nan, 0.01, 0.0)
    owners = np.repeat(np.arange(len(features)), ATOMS)
    from ase_dos.fit.network_training import train_networks

    data = ([features.reshape(-1, 2)], [owners], linear, start, adaptive)
    return train_networks(network, *data)[0]


def error(feature_map, train, test):
    """Root-mean-square error per energy of new structures."""
    regression = regression_of(*train, feature_map)
    solution = solve(regression, Alignment(regression.origin, np.nan, 1e-4, 0.0), 4)
    outputs = np.array([feature_map(some).mean(axis=0) for some in test[0]])
    found = outputs @ solution.weights @ solution.modes + solution.terms[0]
    return np.sqrt(np.mean((found - spectra(test[0], ENERGIES)[0]) ** 2))


def test_learns_what_a_linear_model_cannot():
    pytest.importorskip("torch")
    train, test = make_data(60, 0), make_data(30, 1)
    feature_map = trained(SMALL, *train)
    assert feature_map.size(2) == 32
    assert error(feature_map, train, test) < 0.25 * error(FeatureMap(), train, test)


def test_same_seed_same_network():
    pytest.importorskip("torch")
    train = make_data(20, 0)
    short = {"width": 4, "committee": 2, "steps": 10}
    one, two = (trained(Network(**short, seed=3), *train) for _ in range(2))
    np.testing.assert_array_equal(one.weights[0], two.weights[0])
    np.testing.assert_array_equal(one.biases[0], two.biases[0])
    other = trained(Network(**short, seed=4), *train)
    assert not np.allclose(one.weights[0], other.weights[0])
    assert not np.allclose(one.weights[0][:, :4], one.weights[0][:, 4:])  # members differ


def test_best_network_is_the_one_whose_error_was_measured():
    """A training of one step measures the network before this step, and so returns that."""
    pytest.importorskip("torch")
    train = make_data(20, 0)
    slow, fast = (
        trained(Network(width=4, committee=1, steps=1, learning_rate=rate), *train)
        for rate in (1e-3, 1.0)
    )
    np.testing.assert_array_equal(slow.weights[0], fast.weights[0])
    np.testing.assert_array_equal(slow.biases[0], fast.biases[0])


def test_scale_and_origin_of_the_features_are_of_no_consequence():
    pytest.importorskip("torch")
    features, targets = make_data(20, 0)
    short = Network(width=4, committee=1, steps=10)
    plain, moved = (
        trained(short, some, targets)(some.reshape(-1, 2))
        for some in (features, 1e-3 * features + 5.0)
    )
    np.testing.assert_allclose(plain, moved, atol=1e-6)


def test_shifts_are_learned_with_the_network():
    """Structures with an energy zero of their own spoil a network that takes them as they are."""
    pytest.importorskip("torch")
    shifts = np.random.default_rng(2).normal(0, 0.25, 60)
    train, test = make_data(60, 0, shifts), make_data(30, 1)
    right = make_data(60, 0)
    adaptive, fixed = (trained(SMALL, *train, adaptive=choice) for choice in (True, False))
    # Both are compared by the regression on the true energies: the hidden layer alone matters.
    assert error(adaptive, right, test) < 0.8 * error(fixed, right, test)


SOAP_SMALL = SOAP(cutoff=4.0, max_radial=2, max_angular=1, width=0.5, species=("Si",))
OPTIONS = {"n_modes": 4, "regularizations": [1e-2], "penalties": [0.01]}
QUICK = Network(width=4, committee=2, steps=8)


@pytest.fixture(scope="module")
def data():
    frames = toy_frames(8)
    return frames, [toy_states(atoms, seed=i) for i, atoms in enumerate(frames)]


def test_fixed_reference_keeps_the_shifts(data):
    pytest.importorskip("torch")
    kept, moved = (
        DOSModel(SOAP_SMALL, regressor=QUICK, reference=reference, **OPTIONS).fit(*data)
        for reference in ("fermi", "adaptive")
    )
    linear = DOSModel(SOAP_SMALL, reference="fermi", **OPTIONS).fit(*data)
    np.testing.assert_array_equal(kept.training.alignment.shifts, linear.training.alignment.shifts)
    assert np.abs(moved.training.alignment.shifts - kept.training.alignment.shifts).max() > 1e-3


# Forbids torch, then predicts.
WITHOUT_TORCH = """
import sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ImportError("torch is not installed")

sys.meta_path.insert(0, Forbidden())
import numpy as np
from ase.build import bulk
from ase_dos.model.dos_model import DOSModel
model = DOSModel.load(sys.argv[1])
atoms = bulk("Si", cubic=True)
print(repr(float(model.predictor.predict(atoms).total().values.sum())))
print(repr(float(model.predict_ensemble(atoms, 4).values.sum())))
try:
    # Other structures: repeats of one would count once.
    others = [bulk("Si", cubic=True, a=5.3 + 0.1 * i) for i in range(4)]
    model.fit(others, [model.predict_ensemble(other).mean for other in others])
except ImportError as error:
    print(error)
"""


def test_prediction_needs_no_torch():
    path = REPOSITORY / "tests" / "data" / "networks" / "toy.npz"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(path)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    total, ensemble, message = done.stdout.splitlines()
    atoms, model = bulk("Si", cubic=True), stored("toy")
    expected = model.predictor.predict(atoms).total().values.sum()
    assert float(total) == pytest.approx(expected, rel=1e-12)
    expected = model.predict_ensemble(atoms, 4).values.sum()
    assert float(ensemble) == pytest.approx(expected, rel=1e-12)
    assert "training a network needs PyTorch: pip install 'ase_dos[network]'" in message


def test_training_without_torch_says_what_to_install(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "ase_dos.fit.network_training", raising=False)
    with pytest.raises(ImportError, match=r"needs PyTorch: pip install 'ase_dos\[network\]'"):
        DOSModel(SOAP_SMALL, regressor=QUICK, **OPTIONS).fit(*data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "width: expected an integer >= 1, got 0"),
        ({"committee": 1.5}, r"committee: expected an integer >= 1, got 1\.5"),
        ({"steps": -1}, "steps: expected an integer >= 1, got -1"),
        ({"learning_rate": 0.0}, "learning_rate: expected a number > 0"),
        ({"regularization": -1.0}, "regularization: expected a number > 0"),
        ({"held_out": 1.0}, r"expected 0 < held_out < 1, got 1\.0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=f"Network: {message}"):
        Network(**options)


def test_groups_are_left_out_whole_in_the_loss():
    torch = pytest.importorskip("torch")
    from ase_dos.fit.network_training import _Ridge

    rng = np.random.default_rng(0)
    outputs, targets, groups = rng.normal(size=(9, 3)), rng.normal(size=(9, 4)), [0, 1, 1, 2, 0] * 2
    groups = np.array(groups[:9])
    inside, outside = np.arange(8), np.array([8])
    ridge = _Ridge(np.ones((9, 1)), groups, inside, outside, 0.1)
    known = torch.ones((9, 4), dtype=torch.bool)
    found, _ = ridge.residuals(torch.tensor(outputs), torch.tensor(targets), known)
    inner = outputs[:8] - outputs[:8].mean(axis=0)
    strength = 0.1 * np.sum(inner**2) / 8
    design = np.hstack([outputs[:8], np.ones((8, 1))])
    for out in range(8):
        rest = groups[:8] != groups[out]
        gram = design[rest].T @ design[rest] + np.diag([strength] * 3 + [0.0])
        weights = np.linalg.solve(gram, design[rest].T @ targets[:8][rest])
        expected = targets[out] - design[out] @ weights
        np.testing.assert_allclose(found[out].numpy(), expected, atol=1e-10)
