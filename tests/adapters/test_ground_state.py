"""Ground states of any kind under hot electrons, universal potentials among them."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import (
    CalculationFailed,
    Calculator,
    PropertyNotImplementedError,
    all_changes,
)
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.stress import voigt_6_to_full_3x3_stress
from derivatives import central

from ase_dos.adapters.ase import DOSCalculator

SINGLE = 1e-6  # rounding of single precision, relative


class Universal(Calculator):
    """EMT with the habits of CHGNet: single precision, stress as a matrix, not all it declares."""

    implemented_properties = ("energy", "forces", "stress", "magmoms", "energies")

    def __init__(self, **changes):
        super().__init__()
        self.changes = changes

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        super().calculate(atoms, properties, system_changes)
        emt = EMT()
        self.results = {
            "energy": np.float32(emt.get_property("energy", atoms)),
            "forces": emt.get_property("forces", atoms).astype(np.float32),
            "stress": voigt_6_to_full_3x3_stress(emt.get_property("stress", atoms)).astype("f4"),
        }
        self.results |= self.changes


def chgnet():
    """CHGNet with the weights that its package holds."""
    dynamics = pytest.importorskip("chgnet.model.dynamics", exc_type=ImportError)
    return dynamics.CHGNetCalculator(use_device="cpu")


KINDS = {"EMT": EMT, "Lennard-Jones": LennardJones, "universal": Universal, "CHGNet": chgnet}


@pytest.fixture
def atoms():
    crystal = bulk("Al", cubic=True)
    crystal.rattle(0.1, seed=1)
    crystal.set_cell(crystal.cell.array @ (np.eye(3) + 0.03 * np.eye(3, k=1)), scale_atoms=True)
    return crystal


@pytest.mark.filterwarnings("ignore:.*:UserWarning:chgnet", "ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_energy_forces_and_stress_are_sums(atoms, kind):
    """A = E_0 + F(T), each part of it as the calculators give it alone."""
    ground = KINDS[kind]()
    hot = DOSCalculator("aluminium", ground_state=ground, electronic_temperature=12_000.0)
    electrons = DOSCalculator("aluminium", electronic_temperature=12_000.0)
    for name in ("energy", "free_energy", "forces", "stress"):
        part = "energy" if name == "free_energy" else name
        cold = np.asarray(ground.get_property(part, atoms), dtype=float)
        if cold.shape == (3, 3):
            cold = cold[(0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)]
        excited = electrons.get_property(name, atoms)
        assert np.abs(excited).max() > 1e-3 * np.abs(cold).max()
        total = hot.get_property(name, atoms)
        np.testing.assert_allclose(
            total, cold + excited, rtol=1e-12, atol=SINGLE * np.abs(cold).max()
        )
        assert np.asarray(total).dtype == float


def test_forces_on_a_universal_potential_are_derivatives(atoms):
    """In double precision, for differences of energies."""

    class Double(Universal):
        def calculate(self, atoms=None, properties=("energy",), system_changes=()):
            Calculator.calculate(self, atoms, properties, system_changes)
            emt = EMT()
            self.results = {name: emt.get_property(name, atoms) for name in ("energy", "forces")}
            stress = emt.get_property("stress", atoms)
            self.results["stress"] = voigt_6_to_full_3x3_stress(stress)

    calc = DOSCalculator("aluminium", ground_state=Double(), electronic_temperature=12_000.0)

    def energy(step):
        moved = atoms.copy()
        moved.positions[1, 2] += step
        return calc.get_property("energy", moved)

    def sheared(step):
        other = atoms.copy()
        strain = np.eye(3)
        strain[1, 2] = strain[2, 1] = step / 2
        other.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        return calc.get_property("energy", other)

    forces, stress = calc.get_property("forces", atoms), calc.get_property("stress", atoms)
    assert forces[1, 2] == pytest.approx(-central(energy), rel=1e-6)
    assert stress[3] == pytest.approx(central(sheared) / atoms.get_volume(), rel=1e-6)


def test_what_the_ground_state_does_not_give(atoms):
    atoms.calc = DOSCalculator("aluminium", ground_state=Universal(), electronic_temperature=9e3)
    with pytest.raises(
        PropertyNotImplementedError, match="energies: the ground state, Universal, does not give it"
    ):
        atoms.get_potential_energies()
    assert np.isfinite(atoms.get_potential_energy())
    assert atoms.calc.get_property("electronic_entropies", atoms).shape == (4,)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("forces", np.zeros(12), r"forces: expected shape \(4, 3\), got \(12,\)"),
        ("stress", np.zeros((2, 3)), r"stress: expected shape \(6\), got \(2, 3\)"),
        ("energy", [1.0], r"energy: expected shape \(\), got \(1,\)"),
        ("forces", np.full((4, 3), np.nan), "forces: 12 of 12 values are NaN or infinite"),
    ],
)
def test_numbers_in_no_shape_of_ase_are_refused(atoms, name, value, message):
    atoms.calc = DOSCalculator("aluminium", ground_state=Universal(**{name: value}))
    with pytest.raises(CalculationFailed, match=f"ground state, Universal: {message}"):
        atoms.calc.get_property(name, atoms)
