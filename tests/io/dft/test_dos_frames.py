"""Densities of states on a grid that structures carry."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read, write

from ase_dos.io.dft import read_dos_frames


def dos_file(path, mask, size=9, **info):
    frames = []
    for i in range(2):
        atoms = Atoms("Si", positions=[[0, 0, 0]], cell=[3, 3, 3], pbc=True)
        atoms.info = {"DOS": np.arange(size) + i, "number_of_electrons": 4.0, "gap": 0.1, **info}
        if mask is not None:
            atoms.info["mask"] = np.asarray(mask)
        frames.append(atoms)
    write(path, frames)
    return path


@pytest.mark.parametrize("dtype", [int, float, bool])
def test_mask_becomes_the_end_of_validity(tmp_path, dtype):
    mask = np.array([1] * 6 + [0] * 3, dtype=dtype)
    frames = read_dos_frames(dos_file(tmp_path / "f.xyz", mask), start=-2.0, step=0.5, smearing=0.3)
    assert len(frames) == 2
    atoms, dos = frames[1]
    assert dos.valid_to == pytest.approx(-2.0 + 5 * 0.5)
    np.testing.assert_allclose(dos.energies, -2 + 0.5 * np.arange(6))
    np.testing.assert_allclose(dos.values, np.arange(6) + 1)
    assert (dos.n_electrons, dos.smearing) == (4.0, 0.3)
    assert set(atoms.info) == {"number_of_electrons", "gap"}


def test_values_that_the_mask_rejects_are_not_read(tmp_path):
    values = np.array([0.0, 1, 2, 3, 4, 5, np.nan, -np.inf, 1e300])
    path = dos_file(tmp_path / "f.xyz", [1] * 6 + [0] * 3, DOS=values)
    dos = read_dos_frames(path, start=-2.0, step=0.5)[0][1]
    np.testing.assert_array_equal(dos.values, values[:6])
    assert dos.valid_to == 0.5
    with pytest.raises(ValueError, match=r"frame 0: .*NaN or infinite, the first at index \(6,\)"):
        read_dos_frames(dos_file(path, [1] * 7 + [0] * 2, DOS=values), start=-2.0, step=0.5)


def test_structures_keep_their_own_grids_and_masks(tmp_path):
    """As concatenated files have them: other lengths, other masks, other compositions."""
    frames = []
    for symbol, size, known in (("Ga", 9, 9), ("As", 12, 7), ("GaAs", 30, 8)):
        atoms = Atoms(symbol, np.zeros((len(symbol) // 2, 3)), cell=[3, 3, 3], pbc=True)
        mask = (np.arange(size) < known).astype(int)
        atoms.info = {"DOS": np.arange(size), "mask": mask, "number_of_electrons": 3.0}
        frames.append(atoms)
    write(tmp_path / "f.xyz", frames)
    read = read_dos_frames(tmp_path / "f.xyz", start=-2.0, step=0.5)
    assert [atoms.get_chemical_formula() for atoms, _ in read] == ["Ga", "As", "AsGa"]
    assert [dos.valid_to for _, dos in read] == [2.0, 1.0, 1.5]


def test_known_states_must_hold_the_electrons(tmp_path):
    path = dos_file(tmp_path / "f.xyz", [1] * 6 + [0] * 3, number_of_electrons=6.5)
    with pytest.raises(ValueError, match=r"frame 0: .*up to 0.5 eV, hold 6.25 electrons.*has 6.5"):
        read_dos_frames(path, start=-2.0, step=0.5)


def test_no_mask_means_valid_to_the_end(tmp_path):
    path = dos_file(tmp_path / "f.xyz", None)
    energies = np.linspace(0, 4, 9)
    dos = read_dos_frames(path, energies, n_electrons=3)[0][1]
    assert (dos.valid_to, dos.n_electrons) == (4.0, 3)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([1, 1, 0, 1, 0, 0, 0, 0, 0], "ones up to some energy"),
        ([0] * 9, "ones up to some energy"),
        ([1, 1, 2, 0, 0, 0, 0, 0, 0], "zeros and ones"),
        ([1] * 8, r"expected shape \(9\)"),
    ],
)
def test_bad_masks_are_refused(tmp_path, mask, message):
    path = dos_file(tmp_path / "f.xyz", mask)
    with pytest.raises(ValueError, match=f"f.xyz, frame 0: .*{message}"):
        read_dos_frames(path, start=0, step=0.1)


def test_bad_dos_files_are_refused(tmp_path):
    path = dos_file(tmp_path / "f.xyz", None)
    with pytest.raises(ValueError, match="either energies, or start and step"):
        read_dos_frames(path)
    with pytest.raises(ValueError, match="either energies, or start and step"):
        read_dos_frames(path, np.arange(9.0), start=0, step=1)
    with pytest.raises(ValueError, match=r"frame 0: energies: expected shape \(9\)"):
        read_dos_frames(path, np.arange(8.0))
    write(tmp_path / "bare.xyz", bulk("Si"))
    with pytest.raises(ValueError, match=r'expected info\["DOS"\]'):
        read_dos_frames(tmp_path / "bare.xyz", start=0, step=1)
    with pytest.raises(ValueError, match="NaN"):
        read_dos_frames(dos_file(tmp_path / "n.xyz", None, DOS=np.full(9, np.nan)), start=0, step=1)


def test_bad_structures_can_be_left_out(tmp_path):
    path = dos_file(tmp_path / "f.xyz", None)
    good, bad = read(path, ":")
    bad.info["DOS"] = np.full(9, np.nan)
    write(path, [good, bad, good, bad])
    grid = {"start": -2.0, "step": 0.5}
    with pytest.warns(UserWarning, match=r"left out: .*f\.xyz, frame [13]: ") as warned:
        assert len(read_dos_frames(path, **grid, on_error="skip")) == 2
    assert len(warned) == 2
    errors = []
    frames = read_dos_frames(
        path, **grid, on_error=lambda number, error: errors.append((number, error))
    )
    assert len(frames) == 2
    assert [number for number, _ in errors] == [1, 3]
    assert "f.xyz, frame 1: " in str(errors[0][1])


def test_a_damaged_structure_does_not_hide_those_behind_it(tmp_path):
    path = dos_file(tmp_path / "f.xyz", None)
    lines = path.read_text().splitlines(keepends=True)
    lines[2] = "Si 0.0 zero 0.0\n"
    path.write_text("".join(lines))
    with pytest.warns(UserWarning, match=r"f\.xyz, frame 0: "):
        ((_, dos),) = read_dos_frames(path, start=-2.0, step=0.5, on_error="skip")
    np.testing.assert_allclose(dos.values, np.arange(9) + 1)
    path.write_text("".join(lines[:3]))
    with (
        pytest.warns(UserWarning, match="frame 0"),
        pytest.raises(ValueError, match=r"f\.xyz, frame 0: "),
    ):
        read_dos_frames(path, start=-2.0, step=0.5, on_error="skip")
