"""Files of many densities."""

import json

import numpy as np
import pytest
from density_toys import toy_density, toy_waters
from toy_densities import smooth_basis

from ase_dos.density.files import read_densities, write_densities
from ase_dos.utils.structure_errors import StructureError

FRAMES = toy_waters(3)
DENSITIES = [toy_density(atoms) for atoms in FRAMES]


@pytest.fixture
def path(tmp_path):
    for number, atoms in enumerate(FRAMES):
        atoms.info = {"name": f"water_{number}", "family": "water"}
    write_densities(tmp_path / "set.npz", DENSITIES, FRAMES, extra=np.arange(4))
    return tmp_path / "set.npz"


def changed(path, **arrays):
    """Write the file again, with other arrays or without those that are None."""
    with np.load(path) as file:
        kept = {name: file[name] for name in file.files} | arrays
    np.savez(path, **{name: array for name, array in kept.items() if array is not None})
    return path


def test_molecules_come_back(path):
    frames, densities = read_densities(path)
    for atoms, density, old, was in zip(frames, densities, FRAMES, DENSITIES, strict=True):
        np.testing.assert_array_equal(density.coefficients, was.coefficients)
        np.testing.assert_array_equal(atoms.positions, old.positions)
        assert atoms.info == {"charge": 0.0, **old.info}
        assert density.basis == was.basis
    with np.load(path) as file:
        assert file["extra"].tolist() == [0, 1, 2, 3]


def test_files_of_others_need_no_names(path):
    frames, _ = read_densities(changed(path, names=None, families=None))
    assert frames[0].info == {"charge": 0.0}


def test_bad_files(path, tmp_path):
    with pytest.raises(ValueError, match="expected at least one, got none"):
        write_densities(tmp_path / "none.npz", [])
    other = toy_density(FRAMES[1], smooth_basis())
    with pytest.raises(StructureError, match=r"structure 1: .* one basis for all"):
        write_densities(tmp_path / "two.npz", [DENSITIES[0], other])
    with np.load(path) as file:
        coefficients = file["coefficients"]
    swapped = coefficients.copy()
    swapped[:20] = swapped[:20][::-1]
    with pytest.raises(StructureError, match=r"structure 0: .* integrate to"):
        read_densities(changed(path, coefficients=swapped))
    with pytest.raises(ValueError, match="9 positions and 54 coefficients"):
        read_densities(changed(path, coefficients=coefficients[:-1]))
    with pytest.raises(ValueError, match="it lacks coefficients"):
        read_densities(changed(path, coefficients=None))
    with pytest.raises(ValueError, match="not a file of densities"):
        read_densities(changed(path, header=np.array(json.dumps({"kind": "density"}))))
