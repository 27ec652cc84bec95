"""Models whose output is the DOS of whole structures: everything but local quantities."""

import pickle

import numpy as np
import pytest
from ase.build import bulk
from toy_metatomic import CONVENTION, write_toy

from ase_dos import DOSCalculator, analyze_trajectory
from ase_dos.model import load_metatomic, validate_model
from ase_dos.model.blocks import predict_in_blocks


@pytest.fixture(scope="module")
def per_atom(toy_file):
    return load_metatomic(toy_file)


@pytest.fixture(scope="module")
def total(tmp_path_factory):
    path = tmp_path_factory.mktemp("metatomic") / "total.pt"
    return load_metatomic(write_toy(path, sample_kind="system", ensemble=True), **CONVENTION)


def crystal(seed=0):
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=seed)
    atoms.symbols[::3] = "C"
    return atoms


def test_total_is_the_sum_over_atoms(per_atom, total):
    atoms = crystal()
    found, expected = total.predict(atoms), per_atom.predict(atoms).total()
    assert len(found) == len(atoms)
    assert found.total().n_electrons == expected.n_electrons == 32.0
    np.testing.assert_allclose(found.total().values, expected.values, rtol=1e-12)
    np.testing.assert_allclose(found.shifted(1.0).total().energies, expected.energies + 1.0)
    assert repr(found).startswith("<UndividedDOS of 8 atoms: <DOS energies -10 to 14.9 (250)")
    again = pickle.loads(pickle.dumps(total)).predict(atoms)
    np.testing.assert_array_equal(again.total().values, found.total().values)


def test_model_keeps_to_the_interface(total):
    validate_model(total, crystal())


def test_energy_forces_and_trajectories_are_those_of_the_sum(per_atom, total, tmp_path):
    found, expected = crystal(), crystal()
    for atoms, model in ((found, total), (expected, per_atom)):
        atoms.calc = DOSCalculator(model, electronic_temperature=6000.0)
    assert found.get_potential_energy() == pytest.approx(expected.get_potential_energy(), rel=1e-9)
    np.testing.assert_allclose(found.get_forces(), expected.get_forces(), atol=1e-12)
    np.testing.assert_allclose(found.get_stress(), expected.get_stress(), atol=1e-12)
    frames = [crystal(seed) for seed in range(2)]
    options = {"progress": False}
    here = analyze_trajectory(frames, total, 3000.0, tmp_path / "a.zarr", **options)
    there = analyze_trajectory(frames, per_atom, 3000.0, tmp_path / "b.zarr", **options)
    np.testing.assert_allclose(here.heat_capacity, there.heat_capacity, rtol=1e-9)
    assert list(here.local(0)) == ["numbers"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, atoms: model.predict(atoms).values,
        lambda model, atoms: model.predict(atoms).project(np.ones(250)),
        lambda model, atoms: model.predict(atoms).take([0]),
        lambda model, atoms: model.predict(atoms).total(atoms.numbers == 6),
        lambda model, atoms: model.predict(atoms, which=np.arange(3)),
        lambda model, atoms: model.differentiate(atoms, np.ones((2, 250)), np.arange(8) % 2),
        lambda model, atoms: DOSCalculator(model).get_property("local_dos", atoms),
        lambda model, atoms: DOSCalculator(model).get_property("energies", atoms),
    ],
    ids=["values", "sums", "some", "species", "predict some", "groups", "local_dos", "energies"],
)
def test_what_is_local_is_refused(total, ask):
    with pytest.raises(Exception, match="whole structures, from which nothing local follows"):
        ask(total, crystal())


def test_local_of_a_trajectory_and_blocks_are_refused(total, tmp_path):
    with pytest.raises(ValueError, match="nothing local follows"):
        analyze_trajectory(
            [crystal()], total, 3000.0, tmp_path / "c.zarr", local=True, progress=False
        )
    with pytest.raises(ValueError, match="predict without blocks"):
        predict_in_blocks(total, crystal(), 4)
    assert not hasattr(total, "predict_ensemble")


def test_window_is_checked_for_the_structure(total, tmp_path):
    path = write_toy(tmp_path / "total.pt", sample_kind="system")
    with pytest.raises(ValueError, match=r"window: the structure has \d+\.\d+ states below -5 eV"):
        load_metatomic(path, **CONVENTION, window=(-5.0, 6.0)).predict(crystal())
