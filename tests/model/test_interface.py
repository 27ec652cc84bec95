"""What every model offers, and that a model which breaks a rule is told which."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from ase_dos import SOAP, DOSCalculator, DOSModel, DOSObserver, analyze_trajectory
from ase_dos.model.interface import require_ensemble
from ase_dos.model.loading import load_model
from ase_dos.model.validation import validate_model
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.trajectory.heat_capacity import heat_capacity_table

pytestmark = pytest.mark.filterwarnings("ignore:.*surroundings unlike")


class PairModel:
    """A band of every atom, tilted by the sum over pairs of exp(-r^2): a model of a user's own."""

    def __init__(self):
        self.info = {"hash": "pairs"}
        self.species = (6, 14)
        self.grid = EnergyGrid(-10.0, 0.1, 250)
        self.smearing = 0.2
        self.cutoff = 5.0

    def _pairs(self, atoms):
        from ase_dos.descriptors.neighbors import find_pairs

        pairs = find_pairs(atoms, self.cutoff)
        strength = np.exp(-(pairs.distances**2) / 2.0)
        return pairs, strength

    def _basis(self):
        energies = self.grid.energies
        band = 1.2 / (1.0 + np.exp(-(energies + 6.0) / 0.5))
        return np.stack([band, 0.1 * band * np.tanh(energies / 4)])

    def predict(self, atoms, which=None):
        pairs, strength = self._pairs(atoms)
        field = np.bincount(pairs.first, strength, len(atoms))
        which = np.arange(len(atoms)) if which is None else which
        coefficients = np.stack([np.ones(len(atoms)), field], axis=1)[which]
        valence = np.full(len(which), 4.0)
        return LocalDOS(coefficients, self._basis(), self.grid.energies, valence, self.smearing)

    def differentiate(self, atoms, weights, groups=None):
        slopes = np.atleast_2d(weights) @ self._basis()[1]
        of_atom = slopes[np.zeros(len(atoms), int) if groups is None else groups]
        pairs, strength = self._pairs(atoms)
        # By the vector of each pair; the field of the first atom is what it changes.
        along = (-of_atom[pairs.first] * strength)[:, None] * pairs.vectors
        gradient = np.zeros((len(atoms), 3))
        np.add.at(gradient, pairs.neighbors, along)
        np.add.at(gradient, pairs.first, -along)
        return gradient, np.einsum("pa,pb->ab", along, pairs.vectors)


@pytest.mark.parametrize("name", ["silicon", "aluminium"])
def test_shipped_models_keep_to_the_interface(name):
    model = load_model(name)
    crystal = bulk("Si", cubic=True) if name == "silicon" else bulk("Al", cubic=True)
    crystal.rattle(0.1, seed=1)
    validate_model(model, crystal)


def test_trained_model_keeps_to_the_interface(toy_model, toy_data):
    validate_model(toy_model, toy_data[0][0])


def test_model_of_a_user_goes_everywhere(tmp_path):
    """Calculator, forces, trajectory, blocks, observer and table know the interface only."""
    model = PairModel()
    validate_model(model)
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=3)
    atoms.calc = DOSCalculator(model, electronic_temperature=5000.0)
    numerical = []
    for step in (1e-3, -1e-3):
        moved = atoms.copy()
        moved.calc = DOSCalculator(model, electronic_temperature=5000.0)
        moved.positions[2, 1] += step
        numerical.append(moved.get_potential_energy())
    force = -(numerical[0] - numerical[1]) / 2e-3
    assert atoms.get_forces()[2, 1] == pytest.approx(force, rel=1e-4)
    options = {"progress": False, "local": True}
    whole = analyze_trajectory([atoms], model, 3000.0, tmp_path / "a.zarr", **options)
    parts = analyze_trajectory(
        [atoms], model, 3000.0, tmp_path / "b.zarr", block_atoms=3, **options
    )
    np.testing.assert_allclose(parts.dos, whole.dos, rtol=1e-9)
    with DOSObserver(atoms, model, tmp_path / "c.zarr", 3000.0) as observer:
        observer()
    assert observer.result().entropy[0] == pytest.approx(whole.entropy[0])
    assert heat_capacity_table([atoms], model).n_structures == 1


def broken(rule):
    """Return a model that breaks one rule."""
    model = PairModel()
    predict, differentiate = model.predict, model.differentiate
    if rule == "states per atom":
        model._basis = lambda: 0.01 * PairModel._basis(model)
    elif rule == "which":
        model.predict = lambda atoms, which=None: predict(atoms)
    elif rule == "gradient":
        model.differentiate = lambda *given: (
            1.01 * differentiate(*given)[0],
            differentiate(*given)[1],
        )
    elif rule == "virial":
        model.differentiate = lambda *given: (differentiate(*given)[0], -differentiate(*given)[1])
    elif rule == "shape":
        model.differentiate = lambda *given: (differentiate(*given)[0].ravel(), np.zeros((3, 3)))
    elif rule == "groups":
        model.differentiate = lambda atoms, weights, groups=None: differentiate(
            atoms, weights, None if groups is None else 1 - groups
        )
    elif rule == "extensivity":

        def mean_field(atoms, which=None):
            local = predict(atoms, which)
            local.coefficients[:, 1] += 0.01 * len(atoms)
            return local

        model.predict = mean_field
    elif rule == "rotation":

        def tilted(atoms, which=None):
            local = predict(atoms, which)
            local.coefficients[:, 1] += np.abs(atoms.cell.array[0, 1])
            return local

        model.predict = tilted
    elif rule == "changes the atoms":

        def wrapping(atoms, which=None):
            atoms.positions += 0.1
            return predict(atoms, which)

        model.predict = wrapping
    elif rule == "json":
        model.info = {"hash": "x", "array": np.zeros(3)}
    elif rule == "cutoff":
        model.cutoff = 0.0
    return model


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("states per atom", "hold .* electrons, the cell has 32"),
        ("which", r"predict\(which\): 8 atoms for 4"),
        ("gradient", "the gradient is not that of predict"),
        ("virial", "the virial is not the derivative by strain"),
        ("shape", r"expected shapes \(8, 3\) and \(3, 3\)"),
        ("groups", "the gradient is not that of predict"),
        ("extensivity", "supercell: the local DOS of an atom"),
        ("rotation", "rotation: the local DOS of an atom is not what it was"),
        ("changes the atoms", "changed the structure"),
        ("json", "plain values for JSON"),
        ("cutoff", "cutoff: expected Angstrom > 0"),
    ],
)
def test_broken_rules_are_named(rule, message):
    with pytest.raises(ValueError, match=message):
        validate_model(broken(rule))


NO_MODEL = {
    "None": (None, "got None"),
    "number": (3.5, "got 3.5, which has no"),
    "class": (DOSModel, "which has no info"),
    "untrained": (DOSModel(SOAP()), "the model is not trained"),
    "no such name": ("unobtainium", "expected a path or one of the shipped models"),
}


@pytest.mark.parametrize("given", NO_MODEL)
@pytest.mark.parametrize("user", ["calculator", "trajectory", "observer", "table", "validation"])
def test_what_is_no_model_is_refused_by_all(user, given, tmp_path):
    model, message = NO_MODEL[given]
    atoms = bulk("Si")
    call = {
        "calculator": lambda: DOSCalculator(model),
        "trajectory": lambda: analyze_trajectory([atoms], model, output=tmp_path / "x.zarr"),
        "observer": lambda: DOSObserver(atoms, model, tmp_path / "x.zarr"),
        "table": lambda: heat_capacity_table([atoms], model),
        "validation": lambda: validate_model(load_model(model)),
    }[user]
    from ase.calculators.calculator import CalculatorSetupError

    with pytest.raises((ValueError, CalculatorSetupError), match=message):
        call()
    assert not (tmp_path / "x.zarr").exists()


def test_members_need_an_ensemble(tmp_path):
    with pytest.raises(ValueError, match="model pairs has no predict_ensemble"):
        require_ensemble(PairModel())
    with pytest.raises(ValueError, match="model pairs has no predict_ensemble"):
        analyze_trajectory([bulk("Si")], PairModel(), output=tmp_path / "x.zarr", members=4)
    with pytest.raises(ValueError, match="model pairs has no predict_ensemble"):
        heat_capacity_table([bulk("Si")], PairModel(), n_members=4)


def test_blocks_need_a_cutoff():
    from ase_dos.model.blocks import predict_in_blocks

    model = PairModel()
    model.cutoff = np.inf
    with pytest.raises(ValueError, match="pairs depends on atoms at any distance"):
        predict_in_blocks(model, Atoms("Si"), 10)
