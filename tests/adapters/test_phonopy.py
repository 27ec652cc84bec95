"""Free energies along volumes for phonopy, and the files that its programs read."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from toy_metal import GAMMA, Metal

from ase_dos.adapters.phonopy import (
    electronic_free_energies,
    read_e_v,
    read_thermal_properties,
)
from ase_dos.spectra.states import ElectronicStates

SIDES = (3.8, 3.9, 4.0, 4.1, 4.2)
KELVIN = np.arange(0.0, 1001.0, 100.0)


def crystal(side, energy=None):
    atoms = Atoms("Al2", np.zeros((2, 3)), cell=side * np.eye(3), pbc=True)
    if energy is not None:
        atoms.calc = SinglePointCalculator(atoms, energy=energy)
    return atoms


def metals(energies=(1.0, 0.5, 0.2, 0.4, 1.1)):
    cells = [crystal(*pair) for pair in zip(SIDES, energies, strict=True)]
    return [(atoms, Metal().predict(atoms).total()) for atoms in cells]


def levels(side):
    """Eigenvalues of a metal whose bands narrow as it expands."""
    grid = np.linspace(0.0, 1.0, 40)
    values = (4.0 / side) ** 2 * (6.0 * grid[:, None] + np.arange(4) * 3.0)
    return ElectronicStates(values, np.full(40, 1 / 40), 3.0, 2)


def test_free_energy_of_a_metal_falls_with_the_square_of_the_temperature():
    table = electronic_free_energies(metals(), KELVIN)
    np.testing.assert_allclose(table.volumes, np.array(SIDES) ** 3, rtol=1e-12)
    np.testing.assert_array_equal(table.values[0], (1.0, 0.5, 0.2, 0.4, 1.1))
    expected = -2 * GAMMA / 2 * KELVIN**2
    np.testing.assert_allclose(table.excitations, expected[:, None] * np.ones(5), atol=1e-12)


def test_cells_of_phonopy_may_be_others():
    """Volumes and energies of four atoms: the free energy is that of four atoms too."""
    own = electronic_free_energies(metals(), KELVIN)
    e_v = (2 * own.volumes, np.arange(5.0))
    table = electronic_free_energies(metals((None,) * 5), KELVIN, e_v)
    assert table.n_atoms == 4
    np.testing.assert_allclose(table.values - e_v[1], 2 * own.excitations, atol=1e-14)
    one = own.of_cell(1)
    np.testing.assert_allclose(one.values, own.values / 2)
    np.testing.assert_allclose(one.volumes, own.volumes / 2)


def test_phonopy_reads_what_is_written(tmp_path):
    file_io = pytest.importorskip("phonopy.file_IO")
    table = electronic_free_energies(metals(), KELVIN + 1 / 3)
    table.write_fe_v(tmp_path / "fe-v.dat")
    table.write_e_v(tmp_path / "e-v.dat")
    temperatures, values = file_io.read_efe(tmp_path / "fe-v.dat")
    np.testing.assert_allclose(temperatures, table.temperatures, atol=1e-6)
    np.testing.assert_allclose(values, table.values, atol=1e-8)
    for read in (file_io.read_v_e, read_e_v):
        volumes, energies = read(tmp_path / "e-v.dat")
        np.testing.assert_allclose(volumes, table.volumes, atol=1e-8)
        np.testing.assert_allclose(energies, table.energies, atol=1e-8)


def test_free_energies_of_levels_are_those_of_phonopy():
    kpoint_sum = pytest.importorskip("phonopy.electron.kpoint_sum")
    states = pytest.importorskip("phonopy.electron.states")
    table = electronic_free_energies([(crystal(side, 0.0), levels(side)) for side in SIDES], KELVIN)
    for volume, side in enumerate(SIDES):
        own = levels(side)
        theirs = kpoint_sum.compute_thermal_properties_by_kpoint_sum(
            states.ElectronicStates(
                eigenvalues=own.eigenvalues,
                weights=np.ones(40, dtype=int),
                n_electrons=own.n_electrons,
                spin_degeneracy=own.spin_degeneracy,
            ),
            KELVIN,
        )
        # Its 0 K is a low temperature, at which these electrons are 4e-6 eV above the ground state.
        ours, theirs = table.excitations[1:, volume], theirs.free_energy[1:]
        np.testing.assert_allclose(ours - ours[0], theirs - theirs[0], atol=2e-8)
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_cell_and_temperatures_of_phonopy(tmp_path):
    phonopy = pytest.importorskip("phonopy")
    structure = pytest.importorskip("phonopy.structure.atoms")
    cell = structure.PhonopyAtoms(["Al"], cell=4.0 * np.eye(3), scaled_positions=[[0, 0, 0]])
    phonons = phonopy.Phonopy(cell, np.diag((1, 1, 1)))
    phonons.force_constants = np.zeros((1, 1, 3, 3))
    phonons.run_mesh((1, 1, 1))
    phonons.run_thermal_properties(t_min=0, t_max=200, t_step=12.5)
    phonons.write_yaml_thermal_properties(tmp_path / "thermal_properties.yaml")
    n_atoms, temperatures = read_thermal_properties([tmp_path / "thermal_properties.yaml"])
    assert n_atoms == 1
    np.testing.assert_allclose(temperatures, np.arange(0.0, 201.0, 12.5))


def test_phonons_of_volumes_that_do_not_belong_together(tmp_path):
    """Other temperatures are refused; of imaginary modes it is said which volume has them."""
    paths = [tmp_path / f"{name}.yaml" for name in ("first", "second", "other", "unstable")]
    for path, last, integrated in zip(
        paths, (300.0, 300.0, 600.0, 300.0), (24000, 23997, 24000, 23950), strict=True
    ):
        counts = f"natom: 1\nnum_modes: 24000\nnum_integrated_modes: {integrated}\n"
        path.write_text(f"{counts}- temperature:   0.0\n- temperature:   {last}\n")
    assert read_thermal_properties(paths[:2])[0] == 1
    with pytest.raises(
        ValueError, match=r"other\.yaml: .* 2 from 0 to 300 K\), got 1 atoms, 2 from"
    ):
        read_thermal_properties(paths[:3])
    with pytest.warns(UserWarning, match=r"unstable\.yaml: 47 of 24000 modes are imaginary"):
        read_thermal_properties([paths[0], paths[3]])


def test_structures_that_are_not_one_crystal_at_different_volumes_are_refused():
    good, kelvin = metals(), [300.0]
    surface = crystal(4.3, 0.0)
    surface.cell[2] = 0.0
    for pairs, message in (
        (good[:4], "phonopy needs 5 or more for its equation of state, got 4"),
        ([*good, good[2]], "two structures have the same"),
        ([*good[:4], (surface, good[4][1])], "structure 4: expected a cell in three dimensions"),
        ([*good[:4], (crystal(4.3, 0.0), levels(4.3))], "structure 4: expected Al2 with 120 elec"),
        (metals((0.0, 1.0, None, 2.0, 3.0)), "structure 2: it has no energy; give volumes and"),
    ):
        with pytest.raises(ValueError, match=message):
            electronic_free_energies(pairs, kelvin)


def test_energies_of_other_volumes_are_refused(tmp_path):
    volumes = np.array(SIDES) ** 3
    for other, message in (
        (volumes[:4], "expected 5 volumes, as there are structures, got 4"),
        (volumes[::-1], "line 1, 74.088 Angstrom.3, is that of 2.70.* atoms of structure 0"),
        (0.8 * volumes, "is that of 1.6 atoms"),
        (volumes * (1, 1, 1, 1, 1.001), "line 5, "),
    ):
        with pytest.raises(ValueError, match=message):
            electronic_free_energies(metals(), [300.0], (other, np.zeros(len(other))))
    for text in ("1 2 3\n", "volume energy\n", "1 nan\n"):
        (tmp_path / "e-v.dat").write_text(text)
        with pytest.raises(ValueError, match=r"e-v\.dat: expected columns of volumes and energies"):
            read_e_v(tmp_path / "e-v.dat")
        with pytest.raises(ValueError, match=r"expected thermal_properties\.yaml of phonopy"):
            read_thermal_properties([tmp_path / "e-v.dat"])
