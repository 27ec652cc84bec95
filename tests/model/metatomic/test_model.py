"""Metatomic models as models of the DOS: values, derivatives, ensembles, blocks, processes."""

import pickle
import shutil

import numpy as np
import pytest
from ase.build import bulk
from toy_metatomic import CONVENTION, CUTOFF, ENERGIES, MEMBERS, PairDOS, write_toy

from ase_dos import DOSCalculator, DOSModel, analyze_trajectory
from ase_dos.descriptors.neighbors import find_pairs
from ase_dos.electrons.negative_dos import NegativeDOSWarning
from ase_dos.model import load_metatomic, load_model, validate_model
from ase_dos.model.metatomic.file import MetatomicFile
from ase_dos.results.groups import group_atoms
from ase_dos.results.local_map import fit_local_map


@pytest.fixture(scope="module")
def model(toy_file):
    return load_metatomic(toy_file)


def crystal(repeat=1, seed=0):
    atoms = bulk("Si", cubic=True).repeat(repeat)
    atoms.rattle(0.1, seed=seed)
    atoms.symbols[::3] = "C"
    return atoms


def pair_dos(atoms):
    """The same model in plain numpy."""
    pairs = find_pairs(atoms, CUTOFF)
    field = np.bincount(pairs.first, np.exp(-(pairs.distances**2) / 2.0), len(atoms))
    band = 1.2 / (1.0 + np.exp(-(ENERGIES + 6.0) / 0.5))
    return band + field[:, None] * 0.1 * band * np.tanh(ENERGIES / 4)


@pytest.mark.parametrize("pbc", [True, False, (True, True, False)])
def test_values_are_those_of_the_file(model, pbc):
    atoms = crystal()
    atoms.pbc = pbc
    local = model.predict(atoms)
    np.testing.assert_allclose(local.values, pair_dos(atoms), rtol=1e-12)
    np.testing.assert_allclose(local.energies, ENERGIES, atol=1e-12)
    assert local.valence.tolist() == [4.0] * len(atoms)


def test_same_model_by_the_name_of_the_class(model, toy_file):
    assert DOSModel.from_metatomic(toy_file).info == model.info
    other = DOSModel.from_metatomic(toy_file, "mtt::dos", smearing=0.3)
    assert other.smearing == 0.3


def test_model_keeps_to_the_interface(model):
    """Invariance, extensivity, derivatives against finite differences, ensemble."""
    validate_model(model)
    validate_model(model, crystal())


def test_blocks_change_nothing(model, toy_file):
    atoms = crystal(5)
    atoms.positions[::5] += 2 * atoms.cell[0]
    in_blocks = load_metatomic(toy_file, block_size=125)
    whole, parts = model.predict(atoms), in_blocks.predict(atoms)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-12)
    some = np.arange(len(atoms))[::-2]
    np.testing.assert_allclose(in_blocks.predict(atoms, some).values, whole.values[some])
    weights = np.stack([np.sin(ENERGIES), np.cos(ENERGIES)])
    groups = np.arange(len(atoms)) % 2
    for found, expected in zip(
        in_blocks.differentiate(atoms, weights, groups),
        model.differentiate(atoms, weights, groups),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, atol=1e-10)


def test_single_precision_is_that_of_the_file(model, tmp_path):
    single = load_metatomic(write_toy(tmp_path / "single.pt", dtype="float32"), **CONVENTION)
    atoms = crystal()
    values = single.predict(atoms).values
    np.testing.assert_allclose(values, model.predict(atoms).values, atol=1e-6)
    gradient, _ = single.differentiate(atoms, ENERGIES)
    np.testing.assert_allclose(gradient, model.differentiate(atoms, ENERGIES)[0], atol=1e-4)


def test_window_keeps_the_electrons(model, toy_file):
    """What follows from the DOS is that of all energies; states below are not lost silently."""
    atoms = crystal()
    whole = model.predict(atoms).total().electron_gas([0.0, 3000.0])
    shorter = load_metatomic(toy_file, window=(-9.95, 6.0))
    assert shorter.grid.size == 160
    gas = shorter.predict(atoms).total().electron_gas([0.0, 3000.0])
    np.testing.assert_allclose(gas.fermi_level, whole.fermi_level, atol=1e-3)
    np.testing.assert_allclose(gas.entropy[1], whole.entropy[1], rtol=1e-3)
    gradient, _ = shorter.differentiate(atoms, np.ones(160))
    inside = ((ENERGIES > -9.95) & (ENERGIES < 6.01)).astype(float)
    np.testing.assert_allclose(gradient, model.differentiate(atoms, inside)[0], atol=1e-12)
    with pytest.raises(ValueError, match=r"window: atom \d has 1\.\d+ states below -5 eV"):
        load_metatomic(toy_file, window=(-5.0, 6.0)).predict(atoms)
    with pytest.raises(ValueError, match=r"window: expected energies from -10 to 14\.9 eV"):
        load_metatomic(toy_file, window=(20.0, 30.0))


def test_negative_states_below_the_fermi_level_are_told(tmp_path, monkeypatch):
    class Dipping(PairDOS):
        def __init__(self, dtype):
            super().__init__(dtype)
            self.basis[0, :20] -= 0.1

    monkeypatch.setattr("toy_metatomic.PairDOS", Dipping)
    path = write_toy(tmp_path / "dip.pt")
    atoms = crystal()
    with pytest.warns(NegativeDOSWarning, match="take away 1.* of 32 electrons"):
        local = load_metatomic(path, **CONVENTION).predict(atoms)
    assert local.values.min() < -0.05
    load_metatomic(path, **CONVENTION, window=(-8.0, 14.0))  # without it


def test_hot_electrons_by_the_path_of_a_file(toy_file):
    """Forces and stress are derivatives of the energy, which the calculator of any model has."""
    atoms = crystal()
    atoms.calc = DOSCalculator(toy_file, electronic_temperature=8000.0)
    forces, energies = atoms.get_forces(), []
    for step in (1e-3, -1e-3):
        moved = atoms.copy()
        moved.calc = DOSCalculator(toy_file, electronic_temperature=8000.0)
        moved.positions[2, 1] += step
        energies.append(moved.get_potential_energy())
    assert forces[2, 1] == pytest.approx(-(energies[0] - energies[1]) / 2e-3, rel=1e-5)
    assert atoms.get_stress().shape == (6,)
    assert atoms.calc.get_local_dos().values.shape == (8, 250)


def test_processes_load_the_file(model, tmp_path):
    frames = [crystal(seed=seed) for seed in range(3)]
    options = {"progress": False, "local": True}
    here = analyze_trajectory(frames, model, 3000.0, tmp_path / "a.zarr", **options)
    there = analyze_trajectory(frames, model, 3000.0, tmp_path / "b.zarr", backend=1, **options)
    np.testing.assert_array_equal(there.dos, here.dos)
    # The values of every atom are stored, and no modes, which would be an identity.
    assert "basis" not in there.dataset
    np.testing.assert_allclose(there.local_dos(0).values, pair_dos(frames[0]), rtol=1e-5)
    np.testing.assert_allclose(
        group_atoms(there)["C"].scalars["local_charge"].mean,
        np.mean([there.local(i)["local_charge"][f.numbers == 6] for i, f in enumerate(frames)]),
    )
    assert fit_local_map(there).components.shape == (2, 250)


def test_another_file_at_the_same_path_is_refused(toy_file, tmp_path):
    path = tmp_path / "model.pt"
    shutil.copy(toy_file, path)
    packed = pickle.dumps(load_model(path))
    assert pickle.loads(packed).info == load_model(path).info
    write_toy(path)
    with pytest.raises(ValueError, match="has changed since the model was loaded"):
        pickle.loads(packed)


def test_members_of_an_ensemble_have_its_covariance(model, toy_file):
    atoms = crystal()
    ensemble = model.predict_ensemble(atoms, 4000, seed=3)
    file = MetatomicFile(toy_file, "mtt::dos")
    of_file = file.members(atoms, np.arange(len(atoms))).sum(axis=0)
    assert len(of_file) == MEMBERS
    expected = of_file.std(axis=0, ddof=1)
    np.testing.assert_allclose(ensemble.error, expected, rtol=0.1)
    np.testing.assert_allclose(ensemble.values.mean(axis=0), ensemble.mean.values, atol=0.1)
    squared = np.sum(expected**2) * model.grid.step
    assert ensemble.expected_error == pytest.approx(np.sqrt(squared) / len(atoms))
    assert ensemble.local_errors.shape == (8,)
    # Members of two structures share their weights.
    other = model.predict_ensemble(crystal(seed=1), 4000, seed=3)
    first = (ensemble.values - ensemble.mean.values)[:, 100]
    second = (other.values - other.mean.values)[:, 100]
    assert np.corrcoef(first, second)[0, 1] > 0.99
