"""The shipped aluminium model: hot electrons of unseen structures, forces and pressure."""

import json

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from derivatives import check_derivatives
from paths import REPOSITORY

from ase_dos.adapters.ase import DOSCalculator
from ase_dos.io.dataset import load_dataset
from ase_dos.model.dos_model import DOSModel

pytestmark = pytest.mark.filterwarnings("ignore:.*surroundings unlike")
PATH = REPOSITORY / "data" / "aluminium" / "aluminium.npz"


@pytest.fixture(scope="module")
def data():
    return load_dataset(PATH)


@pytest.fixture(scope="module")
def model():
    return DOSModel.load("aluminium")


@pytest.mark.parametrize(
    ("temperature", "bound"), [(1000.0, 0.04), (10_000.0, 0.025), (30_000.0, 0.012)]
)
def test_heat_capacity_of_unseen_structures_is_that_of_their_eigenvalues(
    data, model, temperature, bound
):
    for atoms, states in zip(*data.select("test"), strict=True):
        predicted = model.predict(atoms).total().electron_gas(temperature).heat_capacity
        expected = states.electron_gas(temperature).heat_capacity
        assert predicted == pytest.approx(expected, rel=bound), atoms.info["name"]


def test_free_energy_of_hot_electrons_is_that_of_self_consistent_dft(data, model):
    """The levels of the data set, and what self-consistency changes on a coarser mesh."""
    stored = json.loads(PATH.with_name("hot_electrons.json").read_text())
    temperatures = [stored["ground_temperature"], *stored["temperatures"][:2]]
    rows = {atoms.info["name"]: i for i, atoms in enumerate(data.frames)}
    assert len(stored["structures"]) >= 5
    for name, entry in stored["structures"].items():
        assert data.split[rows[name]] == "test"
        atoms, states = data.frames[rows[name]], data.states[rows[name]]
        response = np.subtract(entry["self_consistent"], entry["frozen"])[:2]
        curves = (states, model.predict(atoms).total())
        free = [one.electron_gas(temperatures).free_energy for one in curves]
        dft, predicted = ((f[1:] - f[0]) / len(atoms) for f in free)
        dft += response / len(atoms)
        np.testing.assert_allclose(predicted, dft, rtol=0.01, atol=1e-3, err_msg=name)


def structures():
    rng = np.random.default_rng(5)
    crystal = bulk("Al", a=4.1, cubic=True)
    crystal.rattle(0.1, rng=rng)
    cluster = bulk("Al", a=4.05, cubic=True).repeat((2, 1, 1))
    cluster.rattle(0.1, rng=rng)
    cluster.pbc = False
    skewed = bulk("Al", "hcp", a=2.86, c=4.67)
    skewed.set_cell(skewed.cell.array @ (np.eye(3) + rng.normal(0, 0.04, (3, 3))), scale_atoms=True)
    skewed.rattle(0.08, rng=rng)
    return {"crystal": crystal, "cluster": cluster, "small and skewed": skewed}


STRUCTURES = structures()


@pytest.mark.filterwarnings("ignore:.*tail of its Gaussian smearing")
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("temperature", [300.0, 3000.0, 20_000.0])
def test_forces_and_stress_are_the_derivatives_of_the_energy(model, structure, temperature):
    check_derivatives(
        model, STRUCTURES[structure], temperature, structure != "cluster", ((0, 0), (1, 1))
    )


def test_hot_electrons_press_the_crystal_apart():
    """Free electrons: P = 2U/3V rises with T; with fixed ions the free energy falls faster."""
    pressures = []
    for temperature in (300.0, 10_000.0, 20_000.0):
        atoms = bulk("Al", a=4.05)
        atoms.calc = DOSCalculator(
            "aluminium", ground_state=EMT(), electronic_temperature=temperature
        )
        pressures.append(-atoms.get_stress()[:3].mean())
    assert pressures[0] < pressures[1] < pressures[2]
