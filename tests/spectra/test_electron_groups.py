"""Groups of atoms with electrons of their own: sums, parts, and their number."""

import numpy as np
import pytest
from toy_dos import rough_metal

from ase_dos.spectra.electron_groups import ElectronGroups
from ase_dos.spectra.local_dos import LocalDOS


def local_dos(n_atoms=6):
    e, g = rough_metal()
    basis = np.stack([g, g * np.sin(e)])
    weights = np.random.default_rng(1).uniform(0.1, 0.3, (n_atoms, 2))
    return LocalDOS(weights, basis, e, np.full(n_atoms, 2.0))


def test_one_group_is_the_cell():
    local = local_dos()
    groups = ElectronGroups.of_one_temperature(3000.0, 6)
    gas = local.total().electron_gas([0.0, 3000.0])
    sums = groups.thermal_sums(local)
    assert sums["entropy"] == gas.entropy[1]
    assert sums["free_energy"] == gas.free_energy[1] - gas.free_energy[0]
    assert sums["heat_capacity"] == gas.heat_capacity[1]
    excited = groups.excite(local, 0.0)
    assert excited.free_energy == local.total().excite(3000.0).free_energy


def test_groups_are_cells_of_their_own():
    local = local_dos()
    labels = np.array([2, 0, 2, 0, 0, 2])  # no atom in group 1
    groups = ElectronGroups(np.array([1000.0, 77.0, 4000.0]), labels)
    assert len(groups) == 2
    assert groups.mean_temperature == 2500.0
    assert [atoms.tolist() for atoms in groups.atoms()] == [[1, 3, 4], [0, 2, 5]]
    parts = [local.total(labels == 0).excite(1000.0, 300.0)]
    parts.append(local.total(labels == 2).excite(4000.0, 300.0))
    excited = groups.excite(local, 300.0)
    assert excited.free_energy == sum(part.free_energy for part in parts)
    np.testing.assert_array_equal(excited.derivatives, [part.derivative for part in parts])


def test_parts_of_atoms_sum_to_every_group():
    local = local_dos()
    labels = np.arange(6) % 2
    groups = ElectronGroups(np.array([2000.0, 5000.0]), labels)
    excited = groups.excite(local, 500.0)
    free_energies, entropies, charges = excited.shares(local)
    for group, part in enumerate(excited.parts):
        here = labels == group
        assert free_energies[here].sum() == pytest.approx(part.free_energy, rel=1e-9)
        assert charges[here].sum() == pytest.approx(0.0, abs=1e-9)
    assert entropies.sum() == pytest.approx(groups.thermal_sums(local)["entropy"], rel=1e-9)
