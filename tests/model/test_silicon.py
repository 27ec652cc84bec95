"""The data set in the repository against the DFT program, and the shipped model against both."""

import pytest
from ase.units import kB
from paths import REPOSITORY

from ase_dos.io.dataset import load_dataset
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.training_set import make_targets, training_set_hash
from ase_dos.spectra.target import target_from_states

PATH = REPOSITORY / "data" / "silicon" / "silicon.npz"


@pytest.fixture(scope="module")
def data():
    return load_dataset(PATH)


@pytest.fixture(scope="module")
def model():
    return DOSModel.load("silicon")


def test_thermodynamics_of_every_run_are_those_the_program_printed(data):
    """GPAW printed three decimals of E_F (eV) and six of -TS (eV)."""
    assert len(data.printed) >= 200
    for atoms, run in zip(data.frames, data.printed, strict=True):
        gas = run.electron_gas(run.smearing_width / kB)
        assert abs(gas.fermi_level - run.fermi_level) < 1e-3, atoms.info["name"]
        entropy_term = -gas.temperature * gas.entropy
        tolerance = max(3e-5, 0.005 * abs(run.entropy_term))
        assert abs(entropy_term - run.entropy_term) < tolerance, atoms.info["name"]


def test_dense_mesh_holds_the_electrons_of_the_cell(data):
    for atoms, states in zip(data.frames, data.states, strict=True):
        assert states.n_electrons == 4 * len(atoms)
        assert states.weights.sum() == pytest.approx(1)
        window = states.valid_to - states.electron_gas(1000.0).fermi_level
        assert window > 12, atoms.info["name"]  # enough for 10 000 K and more


def test_window_supports_ten_thousand_kelvin(data, model):
    for split in ("train", "test"):
        frames, states = data.select(split)
        for atoms, one in zip(frames[::20], states[::20], strict=True):
            assert one.electron_gas(10_000.0).heat_capacity > 0
            assert model.predict(atoms).total().electron_gas(10_000.0).heat_capacity > 0


def test_splits_are_disjoint_and_cover_the_families(data):
    names = [atoms.info["name"] for atoms in data.frames]
    assert len(set(names)) == len(names)
    heldout = set(data.families[data.split == "heldout"])
    assert len(heldout) == 1
    trained = set(data.families[data.split == "train"])
    assert trained == set(data.families) - heldout
    for split in ("validation", "test"):
        assert set(data.families[data.split == split]) == trained


def test_shipped_model_was_trained_on_the_training_split(data, model):
    frames, states = data.select("train")
    targets = make_targets(states, model.smearing)
    assert model.info["training_set_hash"] == training_set_hash(frames, targets)
    assert model.info["n_structures"] == len(frames)
    assert model.options.reference == "adaptive"
    assert model.info["valence"] == [4.0]


def test_shipped_model_predicts_structures_it_has_not_seen(data, model):
    frames, states = data.select("test")
    report = model.evaluate(frames, states)
    # the spread is what predicting the mean of all spectra would miss
    assert report.percent_rmse < 40
    assert report.mean_absolute_errors[0] < 0.5


def test_predicted_fermi_level_of_diamond_lies_where_the_density_of_states_is_low(data, model):
    index = next(i for i, a in enumerate(data.frames) if a.info["name"] == "diamond8_00")
    dos = model.predict(data.frames[index]).total()
    fermi = dos.electron_gas(5000.0).fermi_level
    truth = target_from_states(data.states[index], model.smearing)
    assert dos.at(fermi) < 0.2 * dos.values.max()
    bottom = truth.dos(model.grid.energies, truth.fermi_level).band_bottom  # 0 at E_F
    assert fermi - dos.band_bottom == pytest.approx(-bottom, abs=0.3)
