"""Data sets in the repository against the DFT program, and the shipped models against both."""

from dataclasses import dataclass

import numpy as np
import pytest
import reference_thermo as reference
from ase.build import bulk
from ase.units import kB
from paths import REPOSITORY

from ase_dos.io.dataset import load_dataset
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.training_set import make_targets, training_set_hash


@dataclass(frozen=True)
class Material:
    """What is known of a data set and the model trained on it."""

    name: str
    structures: int  # at least
    valence: int
    headroom: float  # eV above E_F that all bands reach
    fermi_level: float  # eV, what E_F may differ from the one printed with three decimals
    entropy: tuple[float, float]  # relative, and eV: what -TS may differ from the one printed
    errors: tuple[float, float, float]  # bounds: percent of the spread, E_F (eV), g(E_F)
    options: dict


MATERIALS = {
    "silicon": Material(
        "silicon",
        200,
        4,
        12.0,
        1e-3,
        (0.005, 3e-5),
        (33.0, 0.1, 0.02),
        {"reference": "adaptive", "headroom": 14.0, "n_modes": 32, "radial_basis": 5},
    ),
    "aluminium": Material(
        "aluminium",
        120,
        3,
        40.9,
        2e-3,
        (0.01, 1e-12),
        (35.0, 0.03, 0.003),
        {"reference": "fermi", "headroom": 41.0, "n_modes": 48, "radial_basis": 5},
    ),
}


@pytest.fixture(scope="module", params=MATERIALS)
def material(request):
    return MATERIALS[request.param]


@pytest.fixture(scope="module")
def data(material):
    return load_dataset(REPOSITORY / "data" / material.name / f"{material.name}.npz")


@pytest.fixture(scope="module")
def model(material):
    return DOSModel.load(material.name)


def test_thermodynamics_of_every_run_are_those_the_program_printed(data, material):
    """GPAW printed three decimals of E_F (eV) and six of -TS (eV)."""
    assert len(data.printed) >= material.structures
    relative, absolute = material.entropy
    for atoms, run in zip(data.frames, data.printed, strict=True):
        gas = run.electron_gas(run.smearing_width / kB)
        assert abs(gas.fermi_level - run.fermi_level) < material.fermi_level, atoms.info["name"]
        entropy_term = -gas.temperature * gas.entropy
        expected = pytest.approx(run.entropy_term, rel=relative, abs=absolute)
        assert entropy_term == expected, atoms.info["name"]


def test_dense_meshes_hold_the_electrons_and_reach_far_above_the_fermi_level(data, material):
    for atoms, states, run in zip(data.frames, data.states, data.printed, strict=True):
        assert states.n_electrons == material.valence * len(atoms)
        assert states.weights.sum() == pytest.approx(1)
        assert states.valid_to - run.fermi_level > material.headroom, atoms.info["name"]


def test_splits_are_disjoint_and_cover_the_families(data):
    names = [atoms.info["name"] for atoms in data.frames]
    assert len(set(names)) == len(names)
    assert set(data.families[data.split == "heldout"]) == {"surface"}
    for split in ("train", "validation", "test"):
        assert set(data.families[data.split == split]) == set(data.families) - {"surface"}


def test_model_was_trained_on_the_training_split(data, model, material):
    """Its checksum covers structures and levels, and is the same on every machine."""
    frames, states = data.select("train")
    targets = make_targets(states, model.smearing)
    assert model.info["training_set_hash"] == training_set_hash(frames, targets)
    assert model.info["n_structures"] == len(frames)
    assert model.info["valence"] == [material.valence]
    for name, value in material.options.items():
        assert getattr(model.options, name) == value


def test_loaded_model_trains_as_it_was_trained(data, model):
    """To the rounding of another machine, in what it predicts and how sure it is."""
    frames, states = data.select("train")
    again = DOSModel.from_options(model.options).fit(frames, states)
    for name in ("regularization", "shift_penalty", "grid", "training_set_hash"):
        assert again.info[name] == model.info[name]
    atoms = data.select("test")[0][0]
    old, new = (one.predict(atoms).total().values for one in (model, again))
    np.testing.assert_allclose(new, old, atol=1e-7 * old.max())


def test_model_predicts_structures_it_has_not_seen(data, model, material):
    """The spread is what predicting the mean of all spectra would miss."""
    report = model.evaluate(*data.select("test"))
    percent, fermi, at_fermi = material.errors
    assert report.percent_rmse < percent
    assert report.mean_absolute_errors[0] < fermi  # eV
    assert report.mean_absolute_errors[1] < at_fermi  # states/eV/atom


@pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning")
@pytest.mark.parametrize("rattle", [0.0, 0.1, 0.2])
def test_negative_values_below_the_bands_do_not_matter(material, model, rattle):
    """Fine quadrature of the DOS as it was predicted, with its negative values."""
    atoms = bulk({4: "Si", 3: "Al"}[material.valence], cubic=True) * (2, 2, 2)
    atoms.rattle(rattle, seed=0)
    dos = model.predict(atoms).total()
    assert dos.values.min() < 0
    gas = dos.electron_gas([0.0, 3000.0])
    bands = dos.energies > dos.band_bottom
    assert (gas.filling.dos[0, bands] == dos.values[bands]).all()
    assert (np.asarray(gas.repaired_electrons) < 1e-12).all()
    want = reference.gas_of_dos(dos.energies, dos.values, dos.n_electrons, 3000.0)
    for name in ("fermi_level", "entropy", "heat_capacity", "thermal_dos", "fermi_slope"):
        assert getattr(gas, name)[1] == pytest.approx(want[name], rel=1e-9), name
    cold, hot = (gas.weights(dos.energies).grand_potential[i] for i in (0, 1))
    derivative = dos.excite(3000.0).derivative
    np.testing.assert_array_equal(derivative[bands], (hot - cold)[bands])
