"""Magnetic moments of the calculator: at the chemical potential and temperature of all else."""

import ase.io
import numpy as np
import pytest
from ase.calculators.calculator import PropertyNotImplementedError
from derivatives import check_derivatives
from toy_model import toy_frames
from toy_spin import magnetic_model

from ase_dos.adapters.ase import DOSCalculator
from ase_dos.model.blocks import predict_in_blocks

pytestmark = [
    pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning"),
    pytest.mark.filterwarnings("ignore::ase_dos.electrons.smearing.SmearingWarning"),
]


@pytest.fixture(scope="module")
def ferromagnet():
    return magnetic_model()


@pytest.fixture
def atoms(ferromagnet):
    atoms = toy_frames(1, seed=40)[0]
    atoms.calc = DOSCalculator(ferromagnet, electronic_temperature=3000.0)
    return atoms


def test_moments_of_the_atoms_sum_to_that_of_the_cell(atoms):
    moment = atoms.get_magnetic_moment()
    assert moment > 1.0
    np.testing.assert_allclose(atoms.get_magnetic_moments().sum(), moment)
    assert moment == pytest.approx(atoms.calc.get_dos().magnetic_moment(3000.0))
    np.testing.assert_allclose(
        atoms.calc.get_dos().channels.sum(axis=0), atoms.calc.get_dos().values
    )
    doubled = atoms.repeat((1, 2, 1))
    doubled.calc = atoms.calc
    assert doubled.get_magnetic_moment() == pytest.approx(2 * moment)


def test_moments_follow_the_temperature_of_the_electrons(atoms):
    """They are those of one structure with frozen exchange: only the occupations change."""
    moments = []
    for temperature in (300.0, 3000.0, 20_000.0):
        atoms.calc.electronic_temperature = temperature
        moments.append(atoms.get_magnetic_moment())
    expected = atoms.calc.get_dos().magnetic_moment([300.0, 3000.0, 20_000.0])
    np.testing.assert_allclose(moments, expected)
    assert np.ptp(moments) > 1e-3


def test_moments_turn_with_the_structure_and_with_the_order_of_its_atoms(atoms):
    before = atoms.get_magnetic_moments()
    order = np.random.default_rng(0).permutation(len(atoms))
    turned = atoms[order]
    turned.rotate(50.0, (1, 1, 2), rotate_cell=True)
    turned.calc = atoms.calc
    np.testing.assert_allclose(turned.get_magnetic_moments(), before[order], rtol=1e-8)


def test_groups_of_atoms_have_moments_at_their_own_temperatures(atoms):
    groups = np.arange(8) // 4
    atoms.calc.set_group_temperatures(np.array([1000.0, 20_000.0]), groups)
    moments = atoms.get_magnetic_moments()
    local = atoms.calc.get_local_dos()
    for group, temperature in enumerate((1000.0, 20_000.0)):
        part = local.total(groups == group)
        expected = part.magnetic_moment(temperature)
        assert moments[groups == group].sum() == pytest.approx(expected)


@pytest.mark.parametrize("temperature", [3000.0, 20_000.0])
def test_forces_and_stress_are_those_of_both_channels(ferromagnet, temperature):
    atoms = toy_frames(1, seed=42)[0]
    check_derivatives(ferromagnet, atoms, temperature, True, ((0, 0), (1, 2)))


def test_a_frame_in_blocks(ferromagnet):
    atoms = toy_frames(1, seed=41)[0].repeat((2, 2, 1))
    whole, blocks = ferromagnet.predict(atoms), predict_in_blocks(ferromagnet, atoms, 9)
    np.testing.assert_allclose(blocks.total().spin, whole.total().spin, atol=1e-8)


def test_ase_keeps_the_moments(atoms, tmp_path):
    moments = atoms.get_magnetic_moments()
    assert set(atoms.calc.results) == {"magmom", "magmoms"}
    ase.io.write(tmp_path / "a.traj", atoms)
    back = ase.io.read(tmp_path / "a.traj")
    np.testing.assert_allclose(back.get_magnetic_moments(), moments)


def test_a_model_of_the_total_has_no_moments(atoms, toy_model):
    atoms.calc = DOSCalculator(toy_model)
    with pytest.raises(PropertyNotImplementedError, match="not divided into spin channels"):
        atoms.get_magnetic_moment()
