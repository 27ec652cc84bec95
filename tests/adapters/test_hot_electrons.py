"""Energy, forces and stress of hot electrons: one number and its exact derivatives."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.md.verlet import VelocityVerlet
from ase.units import fs
from derivatives import central, check_derivatives
from networks import network
from toy_dips import DippedModel
from toy_model import toy_frames

from ase_dos.adapters.ase import DOSCalculator
from ase_dos.descriptors.soap import SOAP
from ase_dos.electrons.negative_dos import NegativeDOSWarning
from ase_dos.fit.network import Network
from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.loading import load_model
from ase_dos.spectra.dos import DOS, EnergyGrid
from ase_dos.utils.warnings import collect_warnings

pytestmark = [
    pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning"),
    pytest.mark.filterwarnings("ignore::ase_dos.electrons.smearing.SmearingWarning"),
]


TEMPERATURES = (300.0, 3000.0, 20_000.0)


def metal(atoms, soap):
    """DOS of a metal of our own making: broad peaks whose heights follow the surroundings."""
    energies = np.arange(-16.0, 60.0, 0.05)
    centers, heights = np.arange(-6.0, 49.0, 5.0), np.linspace(1.2, 3.4, 11)
    mixing = np.random.default_rng(3).normal(0, 0.3, (soap.n_features, 11))
    peaks = np.exp(-0.5 * ((energies - centers[:, None]) / 2.0) ** 2) / (2.0 * np.sqrt(2 * np.pi))
    local = heights + np.tanh(soap.compute(atoms) @ mixing / 3)
    return DOS(energies, (local @ peaks).sum(axis=0), 4.0 * len(atoms), 0.3)


def trained(regressor):
    soap = SOAP(4.5, 4, 3, 0.5, ("Si",), radial_scaling=(1.0, 2.5, 4))
    frames = toy_frames(12)
    model = DOSModel(
        soap,
        EnergyGrid(-20.0, 0.05, 1000),
        regressor=regressor,
        n_modes=10,
        reference="fermi",
        regularizations=[1e-3],
        penalties=[0.0],
    )
    return model.fit(frames, [metal(atoms, soap) for atoms in frames])


@pytest.fixture(scope="module")
def models():
    small = Network(width=8, committee=1, steps=20)
    return {
        "ridge": trained("ridge"),
        "kernel": trained(SparseKernel(40, 3)),
        "network": network("metal", lambda: trained(small)),
    }


def structures():
    crystal = toy_frames(1, seed=40)[0]
    rng = np.random.default_rng(2)
    cluster = bulk("Si", cubic=True)
    cluster.positions += rng.normal(0, 0.1, (8, 3))
    cluster.pbc = False
    skewed = bulk("Si", a=5.5)
    skewed.set_cell(skewed.cell.array @ (np.eye(3) + rng.normal(0, 0.05, (3, 3))), scale_atoms=True)
    skewed.rattle(0.1, rng=rng)
    return {"crystal": crystal, "cluster": cluster, "small and skewed": skewed}


STRUCTURES = structures()


@pytest.mark.parametrize("kind", ["ridge", "kernel", "network"])
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_forces_and_stress_are_the_derivatives_of_the_energy(models, kind, structure, temperature):
    check_derivatives(
        models[kind],
        STRUCTURES[structure],
        temperature,
        structure != "cluster",
        ((0, 0), (1, 2), (1, 1)),
    )


@pytest.mark.filterwarnings("ignore::ase_dos.electrons.negative_dos.NegativeDOSWarning")
@pytest.mark.parametrize("temperature", [2000.0, 9000.0])
@pytest.mark.parametrize("depth", [0.6, 1.0, 2.0])
def test_derivatives_with_a_dos_that_dips_below_zero(depth, temperature):
    hot = STRUCTURES["crystal"].copy()
    hot.calc = calc = DOSCalculator(DippedModel(depth), electronic_temperature=temperature)
    assert calc.get_dos(hot).values.min() < 0
    assert hot.get_potential_energy() < 0
    for atom, axis in ((0, 0), (1, 2), (5, 1)):

        def energy(step, place=(atom, axis)):
            moved = hot.copy()
            moved.positions[place] += step
            return calc.get_property("energy", moved)

        assert calc.get_property("forces", hot)[atom, axis] == pytest.approx(
            -central(energy), rel=1e-6
        )
    for name, total in (("energies", "energy"), ("electronic_entropies", "electronic_entropy")):
        parts = calc.get_property(name, hot)
        assert parts.sum() == pytest.approx(calc.get_property(total, hot), rel=1e-9)
    assert calc.get_property("electronic_charges", hot).sum() == pytest.approx(0, abs=1e-9)
    assert calc.get_property("electronic_heat_capacity", hot) > 0


@pytest.mark.filterwarnings("ignore::ase_dos.electrons.negative_dos.NegativeDOSWarning")
@pytest.mark.parametrize("length", [2.1, 2.3, 3.0])
def test_forces_far_from_the_training_set(length):
    """A molecule, to a model of bulk silicon: its DOS is negative in the gap."""
    molecule = Atoms("Si2", [[0, 0, 0], [0.3, 0.2, length]])
    check_derivatives(load_model("silicon"), molecule, 5000.0, False, ((0, 0), (1, 2)))


@pytest.mark.filterwarnings("ignore::ase_dos.electrons.negative_dos.NegativeDOSWarning")
def test_energy_is_conserved_with_a_dos_that_dips_below_zero():
    """Forces change by steps where another energy has the extreme count; the energy does not."""
    atoms = STRUCTURES["crystal"].copy()
    atoms.calc = DOSCalculator(DippedModel(), electronic_temperature=9000.0)
    atoms.set_momenta(np.random.default_rng(0).normal(0, 1.0, (8, 3)))
    total, potential = [], []
    with VelocityVerlet(atoms, 2 * fs) as run:
        for _ in range(60):
            run.run(1)
            total.append(atoms.get_total_energy())
            potential.append(atoms.get_potential_energy())
    assert np.ptp(total) < 1e-3 * np.ptp(potential)


def test_a_run_is_warned_once_of_a_dos_that_dips_below_zero():
    calc = DOSCalculator(DippedModel(), electronic_temperature=9000.0)
    warned = pytest.warns(NegativeDOSWarning, match="of this kind are only counted")
    for _ in range(2):  # of two structures the second is another run
        atoms = STRUCTURES["crystal"].copy()
        atoms.calc = calc
        with warned as found, VelocityVerlet(atoms, 2 * fs) as run:
            atoms.rattle(0.05, seed=1)
            run.run(5)
            calc.get_electron_gas()
        ours = [one.category for one in found if issubclass(one.category, UserWarning)]
        assert ours == [NegativeDOSWarning]


def test_dynamics_count_the_warnings_of_all_steps():
    atoms = STRUCTURES["crystal"].copy()
    calc = DOSCalculator(DippedModel(), electronic_temperature=9000.0)
    with collect_warnings() as found:
        for seed in range(3):
            atoms.rattle(0.05, seed=seed)
            calc.get_property("forces", atoms)
    assert len({one.kind for one in found}) == 1
    assert len(found) == 3


def test_parts_of_the_atoms_sum_to_the_cell(models):
    atoms = STRUCTURES["crystal"].copy()
    atoms.calc = calc = DOSCalculator(models["kernel"], electronic_temperature=8000.0)
    assert calc.get_property("energies", atoms).sum() == pytest.approx(
        atoms.get_potential_energy(), rel=1e-9
    )
    assert calc.get_property("electronic_entropies", atoms).sum() == pytest.approx(
        calc.get_property("electronic_entropy", atoms), rel=1e-9
    )
    assert calc.get_property("electronic_charges", atoms).sum() == pytest.approx(0, abs=1e-9)
    assert atoms.get_potential_energy() == pytest.approx(
        calc.get_property("electronic_free_energy", atoms), rel=1e-12
    )


def test_smearing_of_the_ground_state_is_not_counted_twice(models):
    atoms = STRUCTURES["crystal"].copy()
    calc = DOSCalculator(models["ridge"], electronic_temperature=3000.0)
    whole = calc.get_property("energy", atoms)
    calc.set(ground_state_smearing=1000.0)
    rest = calc.get_property("energy", atoms)
    calc.set(electronic_temperature=1000.0, ground_state_smearing=0.0)
    assert calc.get_property("energy", atoms) + rest == pytest.approx(whole, rel=1e-9)
    calc.set(ground_state_smearing=1000.0)
    assert calc.get_property("energy", atoms) == 0
    np.testing.assert_allclose(calc.get_property("forces", atoms), 0, atol=1e-12)


def test_any_ground_state_adds_up_and_energy_is_conserved(models):
    """EMT calls silicon atoms aluminium here: its numbers are real, the system is not."""
    model = models["kernel"]

    class Disguised(EMT):
        def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
            twin = atoms.copy()
            twin.numbers[:] = 13
            super().calculate(twin, properties, system_changes)

    atoms = STRUCTURES["crystal"].copy()
    cold = atoms.copy()
    cold.calc = Disguised()
    hot = DOSCalculator(model, ground_state=Disguised(), electronic_temperature=10_000.0)
    alone = DOSCalculator(model, electronic_temperature=10_000.0)
    atoms.calc = hot
    assert atoms.get_potential_energy() == pytest.approx(
        cold.get_potential_energy() + alone.get_property("energy", cold), rel=1e-12
    )
    np.testing.assert_allclose(
        atoms.get_forces(), cold.get_forces() + alone.get_property("forces", cold), atol=1e-12
    )
    np.testing.assert_allclose(
        atoms.get_stress(), cold.get_stress() + alone.get_property("stress", cold), atol=1e-12
    )
    assert hot.todict()["ground_state"] == "Disguised"
    drifts = []
    for step in (1.0, 0.5):
        moving = STRUCTURES["crystal"].copy()
        moving.calc = hot
        velocities = np.random.default_rng(0).normal(0, 0.02, (8, 3))
        moving.set_velocities(velocities - velocities.mean(axis=0))
        dynamics = VelocityVerlet(moving, step * fs)
        energies = []
        dynamics.attach(lambda: energies.append(moving.get_total_energy()))  # noqa: B023
        dynamics.run(int(24 / step))
        drifts.append(np.ptp(energies))
    assert drifts[0] / drifts[1] == pytest.approx(4.0, rel=0.05)  # of second order


def test_results_are_dropped_where_parameters_look_the_same(models, tmp_path):
    """Another potential of the same name, the end of groups, a file with another model."""
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.05, seed=1)
    atoms.calc = calc = DOSCalculator(models["ridge"], ground_state=LennardJones(epsilon=0.1))
    calc.set(electronic_temperature=6000.0)
    alone = atoms.get_potential_energy(), atoms.get_forces()
    calc.set_group_temperatures(np.array([2000.0, 10_000.0]), np.arange(8) % 2)
    assert atoms.get_potential_energy() != pytest.approx(alone[0], abs=1e-6)
    atoms.get_stress()
    calc.set(electronic_temperature=6000.0)  # the mean of the groups
    assert atoms.get_potential_energy() == alone[0]
    np.testing.assert_array_equal(atoms.get_forces(), alone[1])
    calc.set(ground_state=LennardJones(epsilon=0.2))
    assert atoms.get_potential_energy() != pytest.approx(alone[0], abs=1e-6)
    path = tmp_path / "model.npz"
    energies = []
    for kind in ("ridge", "kernel"):
        models[kind].save(path)
        calc.set(model=str(path))
        energies.append(atoms.get_potential_energy())
    assert energies[0] != energies[1]


@pytest.mark.filterwarnings("ignore::ase_dos.electrons.negative_dos.NegativeDOSWarning")
def test_what_has_no_stress():
    molecule = Atoms("Si2", [[0, 0, 0], [0, 0, 2.3]])
    molecule.calc = DOSCalculator("silicon", electronic_temperature=5000.0)
    assert np.isfinite(molecule.get_forces()).all()
    with pytest.raises(PropertyNotImplementedError, match="no volume"):
        molecule.get_stress()


def test_supercell_has_the_same_forces(models):
    atoms = STRUCTURES["small and skewed"].copy()
    atoms.calc = DOSCalculator(models["kernel"], electronic_temperature=6000.0)
    large = atoms.repeat((2, 1, 2))
    large.calc = DOSCalculator(models["kernel"], electronic_temperature=6000.0)
    np.testing.assert_allclose(large.get_forces()[:2], atoms.get_forces(), atol=1e-10)
    np.testing.assert_allclose(large.get_stress(), atoms.get_stress(), atol=1e-12)
