"""A trained model: physics of its predictions, and what it refuses to learn from."""

import numpy as np
import pytest
from ase import Atoms
from toy_model import toy_frames, toy_states
from toy_training import soap, two_species

from ase_dos.model.dos_model import DOSModel
from ase_dos.spectra.dos import DOS, EnergyGrid
from ase_dos.spectra.target import target_from_states


def test_training_set_is_reproduced_and_new_structures_predicted(toy_model, toy_data):
    """Errors of known structures below a tenth of the spread, of new ones below a quarter."""
    known = toy_model.evaluate(*toy_data)
    frames = toy_frames(5, seed=77)
    states = [toy_states(atoms, seed=100 + i) for i, atoms in enumerate(frames)]
    fresh = toy_model.evaluate(frames, states)
    assert known.percent_rmse < 10
    assert fresh.percent_rmse < 25
    assert "RMSE" in fresh.summary()


def test_total_is_the_sum_of_local_parts_and_the_count_is_right(toy_model, toy_data):
    atoms = toy_data[0][0]
    local = toy_model.predict(atoms)
    total = local.total()
    assert toy_model.options.valence is None
    assert local.values.shape == (8, toy_model.grid.size)
    assert np.allclose(local.values.sum(axis=0), total.values)
    assert total.n_electrons == 32
    truth = target_from_states(toy_data[1][0], 0.3)
    gas = total.electron_gas(1000.0)
    held = total.energies < gas.fermi_level
    expected = truth.dos(total.energies, toy_model.training.shifts[0]).values
    assert np.trapezoid(total.values[held]) == pytest.approx(np.trapezoid(expected[held]), rel=0.02)


@pytest.mark.parametrize("change", ["rotation", "permutation", "translation", "supercell"])
def test_invariance(toy_model, toy_data, change):
    atoms = toy_data[0][1]
    before = toy_model.predict(atoms).total().values
    other = atoms.copy()
    factor = 1
    if change == "rotation":
        other.rotate(37, (1, 2, 3), rotate_cell=True)
    elif change == "permutation":
        other = other[np.random.default_rng(0).permutation(8)]
    elif change == "translation":
        other.positions += [0.3, -7.1, 2.2]
    else:
        other, factor = other.repeat((2, 1, 1)), 2
    after = toy_model.predict(other).total().values
    assert np.allclose(after, factor * before, atol=1e-8)


def test_result_does_not_depend_on_the_absolute_energies(toy_data):
    frames, states = toy_data
    raised = [
        type(s)(s.eigenvalues + 3.0 * np.sin(i), s.weights, s.n_electrons, 2)
        for i, s in enumerate(states)
    ]
    options = {"n_modes": 8, "regularizations": [1e-3], "penalties": [0.01]}
    one = DOSModel(soap(), **options).fit(frames, states)
    two = DOSModel(soap(), **options).fit(frames, raised)
    assert np.allclose(
        one.predict(frames[0]).total().values, two.predict(frames[0]).total().values, atol=1e-3
    )
    assert np.allclose(
        two.training.shifts - one.training.shifts,
        3.0 * np.sin(np.arange(len(frames))),
        atol=1e-3,
    )


def test_average_potential_does_depend_on_them(toy_data):
    frames, states = toy_data
    options = {"n_modes": 8, "regularizations": [1e-3], "penalties": [0.01]}
    errors = {
        reference: DOSModel(soap(), reference=reference, **options)
        .fit(frames, states)
        .info["leave_one_out_rmse"]
        for reference in ("adaptive", "fermi", "average_potential")
    }
    assert errors["adaptive"] <= 1.02 * errors["fermi"]
    assert errors["fermi"] < 0.5 * errors["average_potential"]


def test_training_on_dos_agrees_with_training_on_eigenvalues(toy_data):
    frames, states = toy_data
    targets = [target_from_states(s, 0.3) for s in states]
    dos = [t.dos(np.arange(t.start, t.valid_to, 0.05)) for t in targets]
    options = {
        "n_modes": 8,
        "regularizations": [1e-3],
        "penalties": [0.01],
        "grid": EnergyGrid(-15, 0.05, 500),
    }
    one = DOSModel(soap(), **options).fit(frames, states).predict(frames[0]).total()
    two = DOSModel(soap(), **options).fit(frames, dos).predict(frames[0]).total()
    assert isinstance(dos[0], DOS)
    assert np.abs(one.values - two.values).max() < 0.02 * one.values.max()


def test_two_species_with_their_own_valence():
    frames, states = two_species({"C": 5, "Si": 3})
    model = DOSModel(
        soap(species=("C", "Si")), n_modes=6, regularizations=[1e-2], penalties=[0.0]
    ).fit(frames, states)
    assert model.info["valence"] == [5.0, 3.0]
    local = model.predict(frames[0])
    assert local.coefficients.shape[1] == 2 + 6
    assert np.array_equal(local.coefficients[:, 0] == 1, frames[0].numbers == 6)
    assert np.array_equal(local.valence, np.where(frames[0].numbers == 6, 5, 3))


def test_compound_of_one_stoichiometry_needs_the_valence():
    frames = toy_frames(6, seed=5)
    for atoms in frames:
        atoms.numbers[::2] = 6
    states = [toy_states(atoms, seed=i) for i, atoms in enumerate(frames)]
    options = {"n_modes": 4, "regularizations": [1e-2], "penalties": [0.0]}
    with pytest.raises(ValueError, match=r"do not tell the valences of C, Si apart"):
        DOSModel(soap(species=("C", "Si")), **options).fit(frames, states)
    model = DOSModel(soap(species=("C", "Si")), valence={"C": 4, "Si": 4}, **options)
    assert model.fit(frames, states).info["valence"] == [4.0, 4.0]
    wrong = DOSModel(soap(species=("C", "Si")), valence={"C": 4, "Si": 5}, **options)
    with pytest.raises(ValueError, match=r"32 electrons, but the given valences .* make 36"):
        wrong.fit(frames, states)


def test_dos_of_another_broadening_is_refused(toy_data):
    frames, states = toy_data
    target = target_from_states(states[0], 0.2)
    dos = target.dos(np.arange(target.start, target.valid_to, 0.05))
    with pytest.raises(ValueError, match=r"structure 0: its DOS is broadened by 0\.2 eV"):
        DOSModel(soap()).fit(frames[:3], [dos] * 3)


def test_hash_of_the_training_set_covers_the_states(toy_data):
    frames, states = toy_data
    options = {"n_modes": 4, "regularizations": [1e-2], "penalties": [0.0]}
    other = [type(s)(s.eigenvalues * 1.01, s.weights, s.n_electrons, 2) for s in states]
    hashes = {
        DOSModel(soap(), **options).fit(frames, some).info["training_set_hash"]
        for some in (states, other)
    }
    assert len(hashes) == 2


def test_bad_structures(toy_model, toy_data):
    atoms = toy_data[0][0].copy()
    atoms.positions[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        toy_model.predict(atoms)
    with pytest.raises(ValueError, match="Ge"):
        toy_model.predict(Atoms("GeSi", [[0, 0, 0], [0, 0, 2.4]]))
    with pytest.raises(ValueError, match=r"no atoms|empty|at least one atom"):
        toy_model.predict(Atoms())


def test_bad_training_sets(toy_data):
    frames, states = toy_data
    with pytest.raises(ValueError, match="at least 3 structures, got 2"):
        DOSModel(soap()).fit(frames[:2], states[:2])
    with pytest.raises(ValueError, match="got 3 for 4"):
        DOSModel(soap()).fit(frames[:4], states[:3])
    charged = list(states[:5])
    charged[1] = type(charged[1])(charged[1].eigenvalues, charged[1].weights, 31.0, 2)
    with pytest.raises(ValueError, match="electrons, but the others imply"):
        DOSModel(soap()).fit(frames[:5], charged)
    with pytest.raises(ValueError, match="not trained"):
        DOSModel(soap()).predict(frames[0])


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([0, 1, 2, 0, 1, 0, 1, 0], r"groups: expected 0 to 1, .* got 0 to 2"),
        ([0, -1, 0, 0, 0, 0, 0, 0], r"groups: expected 0 to 1, .* got -1 to 0"),
        ([0, 0.5, 0, 0, 0, 0, 0, 0], "groups: expected integers, got 0.5"),
        ([0, 1], r"groups: expected shape \(8\), got \(2,\)"),
    ],
)
def test_groups_that_no_weights_belong_to(toy_model, toy_data, groups, message):
    weights = np.ones((2, toy_model.grid.size))
    with pytest.raises(ValueError, match=message):
        toy_model.differentiate(toy_data[0][0], weights, np.array(groups))
