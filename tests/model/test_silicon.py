"""The shipped silicon model: its window, and diamond."""

import pytest
from paths import REPOSITORY

from ase_dos.io.dataset import load_dataset
from ase_dos.model.dos_model import DOSModel
from ase_dos.spectra.target import target_from_states

PATH = REPOSITORY / "data" / "silicon" / "silicon.npz"


@pytest.fixture(scope="module")
def data():
    return load_dataset(PATH)


@pytest.fixture(scope="module")
def model():
    return DOSModel.load("silicon")


def test_window_supports_ten_thousand_kelvin(data, model):
    for split in ("train", "test"):
        frames, states = data.select(split)
        for atoms, one in zip(frames[::20], states[::20], strict=True):
            assert one.electron_gas(10_000.0).heat_capacity > 0
            assert model.predict(atoms).total().electron_gas(10_000.0).heat_capacity > 0


def test_predicted_fermi_level_of_diamond_lies_where_the_density_of_states_is_low(data, model):
    index = next(i for i, a in enumerate(data.frames) if a.info["name"] == "diamond8_00")
    dos = model.predict(data.frames[index]).total()
    fermi = dos.electron_gas(5000.0).fermi_level
    truth = target_from_states(data.states[index], model.smearing)
    assert dos.at(fermi) < 0.2 * dos.values.max()
    bottom = truth.dos(model.grid.energies, truth.fermi_level).band_bottom  # 0 at E_F
    assert fermi - dos.band_bottom == pytest.approx(-bottom, abs=0.3)
