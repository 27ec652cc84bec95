"""Densities of states in pymatgen, and its structures in ours."""

import numpy as np
import pytest
from ase import Atoms
from toy_model import ToyModel, toy_frames

from ase_dos.io import open_frames

pytest.importorskip("pymatgen.core")
from pymatgen.core import Lattice, Structure
from pymatgen.electronic_structure.core import Spin
from pymatgen.io.ase import AseAtomsAdaptor

from ase_dos.adapters.pymatgen import complete_dos, total_dos


@pytest.fixture
def atoms():
    return toy_frames(1)[0]


def test_dos_keeps_its_values_and_fermi_level(atoms):
    dos = ToyModel().predict(atoms).total()
    theirs = total_dos(dos)
    np.testing.assert_array_equal(theirs.energies, dos.energies)
    np.testing.assert_array_equal(theirs.get_densities(), dos.values)
    assert theirs.efermi == dos.get_fermi_level()
    filled = theirs.energies <= theirs.efermi
    electrons = np.trapezoid(theirs.get_densities()[filled], theirs.energies[filled])
    assert electrons == pytest.approx(dos.n_electrons, rel=0.01)


def test_sites_and_elements_sum_to_the_cell(atoms):
    atoms.symbols[[0, 5]] = "Ge"
    model = ToyModel()
    model.species = (14, 32)
    local = model.predict(atoms)
    theirs = complete_dos(local, atoms)
    elements = theirs.get_element_dos()
    assert {str(one) for one in elements} == {"Si", "Ge"}
    total = sum(dos.densities[Spin.up] for dos in elements.values())
    np.testing.assert_allclose(total, local.total().values, atol=1e-12)
    for site, values in zip(theirs.structure, local.values, strict=True):
        np.testing.assert_array_equal(theirs.get_site_dos(site).densities[Spin.up], values)
    np.testing.assert_allclose(theirs.structure.cart_coords, atoms.positions, atol=1e-12)


def test_structures_are_read_as_frames(atoms):
    structures = [AseAtomsAdaptor.get_structure(one) for one in (atoms, *toy_frames(2, seed=5))]
    for structure, frame in zip(structures, open_frames(structures), strict=True):
        assert type(frame) is Atoms
        assert frame.pbc.all()
        np.testing.assert_allclose(frame.positions, structure.cart_coords)
        np.testing.assert_allclose(frame.cell.array, structure.lattice.matrix)


def test_what_does_not_fit(atoms):
    local = ToyModel().predict(atoms)
    with pytest.raises(ValueError, match="atoms: expected 8, as in the local DOS, got 4"):
        complete_dos(local, atoms[:4])
    atoms.cell[2] = 0.0
    with pytest.raises(ValueError, match="expected a cell in three dimensions"):
        complete_dos(local, atoms)
    alloy = Structure(Lattice.cubic(3.0), [{"Si": 0.5, "Ge": 0.5}], [[0, 0, 0]])
    with pytest.raises(ValueError, match="ordered"):
        open_frames([alloy])[0]
