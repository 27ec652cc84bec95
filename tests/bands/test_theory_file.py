"""Calculated bands from files: what was written, k meshes, band structures."""

import ase.io
import numpy as np
import pytest
from ase.build import bulk, mx2
from ase.calculators.test import FreeElectrons
from ase.spectrum.band_structure import calculate_band_structure
from paths import REPOSITORY

from ase_dos.bands import TheoryBands, read_theory, write_theory

AXIS = np.linspace(-0.6, 0.6, 13)


def test_own_files_bring_everything_back(tmp_path):
    x, y = np.meshgrid(AXIS, AXIS, indexing="ij")
    theory = TheoryBands(np.stack([-1 - x**2, -0.2 + y]), (AXIS, AXIS), interpolation_error=0.004)
    write_theory(theory, tmp_path / "theory.nc")
    found = read_theory(tmp_path / "theory.nc")
    np.testing.assert_array_equal(found.energies, theory.energies)
    np.testing.assert_array_equal(found.momenta, theory.momenta)
    assert found.names == ("kx", "ky")
    assert found.interpolation_error == 0.004
    line = TheoryBands(theory.energies[:, 0], (AXIS,), ("k",))
    write_theory(line, tmp_path / "line.nc")
    assert read_theory(tmp_path / "line.nc").interpolation_error is None


def test_the_bands_of_the_repository_have_the_symmetry_of_their_crystal():
    theory = read_theory(REPOSITORY / "data/wse2/wse2.npz", momenta=(AXIS, AXIS))
    assert theory.energies.shape == (14, 13, 13)
    middle = theory.energies[:, 6, 6]
    assert middle[-1] == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(theory.energies, theory.energies[:, ::-1], atol=1e-6)
    np.testing.assert_allclose(theory.energies, theory.energies[:, :, ::-1], atol=1e-6)
    angles = np.pi / 3 * np.arange(6) + 0.2
    ring = theory.at(0.4 * np.stack([np.cos(angles), np.sin(angles)], axis=-1))
    assert ring.std(axis=1).max() < theory.interpolation_error


def test_a_band_structure_of_ase(tmp_path):
    atoms = bulk("Al")
    atoms.calc = FreeElectrons(nvalence=3, kpts={"path": "GX", "npoints": 20})
    structure = calculate_band_structure(atoms, atoms.cell.bandpath("GX", npoints=20))
    structure.write(tmp_path / "bands.json")
    found = read_theory(tmp_path / "bands.json")
    assert found.names == ("k",)
    assert found.momenta[0][-1] == pytest.approx(2 * np.pi / 4.05)


def test_files_that_are_no_bands(tmp_path):
    np.savez(tmp_path / "half.npz", kpoints=np.zeros((1, 3)), cell=np.eye(3))
    ase.io.write(tmp_path / "atoms.xyz", mx2("WSe2"))
    (tmp_path / "broken.nc").write_text("nothing")
    (tmp_path / "broken.npz").write_text("nothing")
    (tmp_path / "broken.json").write_text("{")
    cases = {
        "absent.nc": "no such file",
        "half.npz": "expected the arrays kpoints, energies, cell, got .* there is no energies",
        "atoms.xyz": r"expected calculated bands as \.nc, \.npz or \.json; .*from_calculator",
        "broken.nc": "no NetCDF file, or a damaged one",
        "broken.npz": ".*pickle",
        "broken.json": "it is damaged, or no JSON file",
    }
    for name, message in cases.items():
        with pytest.raises(ValueError, match=rf"/{name}: {message}"):
            read_theory(tmp_path / name)
