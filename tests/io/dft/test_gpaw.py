"""GPAW: .gpw files and the text output."""

import gzip

import numpy as np
import pytest
from ase.build import bulk
from ase.io import ulm
from ase.io.trajectory import write_atoms
from dft_files import changed, saved
from paths import STATES

from ase_dos.io.dft import read_frames, read_states

MESH = np.array([[0, 0, 0], [0, 0, 0.25], [0, 0, 0.5], [0, 0, 0.75]])
LINE = np.linspace([0, 0, 0], [0.5, 0, 0.5], 4)
LEVELS = np.array([[[-3.0, 1.0, 5.0], [-2.0, 2.0, 6.0], [-1.0, 3.0, 7.0], [-2.0, 2.0, 6.0]]])
FILLED = np.array([[[1.0, 0.5, 0.0]] * 4])  # of one spin channel: three electrons
FERMI_DIRAC = {"name": "fermi-dirac", "width": 0.1}


def gpw(path, kpoints=MESH, filled=FILLED, levels=(1.5,), occupations=FERMI_DIRAC, **parameters):
    """Write what is read of a .gpw file."""
    with ulm.open(path, "w", tag="gpaw") as writer:
        writer.write(version=3)
        write_atoms(writer.child("atoms"), bulk("Al"))
        writer.child("results").write(energy=-3.0, free_energy=-3.1)
        writer.child("parameters").write(occupations=occupations, **parameters)
        waves = writer.child("wave_functions")
        waves.write(
            eigenvalues=LEVELS.repeat(len(filled), axis=0),
            occupations=filled,
            fermi_levels=np.array(levels),
        )
        weights = np.full(len(kpoints), 1 / len(kpoints))
        waves.child("kpts").write(weights=weights, ibzkpts=np.array(kpoints))
    return path


def test_a_mesh_is_read(tmp_path):
    [(atoms, states)] = read_frames(gpw(tmp_path / "al.gpw"))
    assert atoms.get_chemical_formula() == "Al"
    assert (states.n_electrons, states.fermi_level, states.smearing_width) == (3, 1.5, 0.1)
    assert states.entropy_term == pytest.approx(-0.2)
    charged = read_states(gpw(tmp_path / "ion.gpw", filled=0.75 * FILLED, charge=0.75))
    assert charged.n_electrons == 2.25


def test_band_paths_are_refused(tmp_path):
    path = gpw(tmp_path / "bands.gpw", LINE)
    with pytest.raises(ValueError, match=r"bands\.gpw: its k-points follow a path .* no DOS"):
        read_states(path)


def test_at_a_fixed_density_the_electrons_are_not_what_the_levels_hold(tmp_path):
    """Other k-points are filled up to the Fermi level of the first calculation."""
    path = gpw(tmp_path / "dense.gpw", filled=1.01 * FILLED)
    with pytest.raises(
        ValueError, match="how many electrons there are; in Python, pass n_electrons"
    ):
        read_states(path)
    assert read_states(path, n_electrons=3).n_electrons == 3


def test_a_fixed_moment_has_two_fermi_levels_and_none_is_told(tmp_path):
    both = np.concatenate([FILLED, FILLED])
    for name, options in (
        ("two", {"levels": (1.5, 0.5)}),
        ("told", {"occupations": {**FERMI_DIRAC, "fixmagmom": True}}),
    ):
        states = read_states(gpw(tmp_path / f"{name}.gpw", filled=both, **options))
        assert states.spin_degeneracy == 1
        assert states.fermi_level is states.entropy_term is None


def test_a_compressed_gpw_file_is_read(tmp_path):
    path = tmp_path / "al.gpw.gz"
    path.write_bytes(gzip.compress((STATES / "al.gpw").read_bytes()))
    [(atoms, states)] = read_frames(path)
    np.testing.assert_array_equal(states.eigenvalues, read_states(STATES / "al.gpw").eigenvalues)
    assert atoms.get_chemical_formula() == "Al"


def test_a_damaged_size_takes_no_memory(tmp_path):
    data = (STATES / "al.gpw").read_bytes()
    table = int(np.frombuffer(data[40:48], np.int64)[0])
    header = int(np.frombuffer(data[table : table + 8], np.int64)[0])  # begins with its length
    path = tmp_path / "al.gpw"
    path.write_bytes(data[:header] + np.int64(2**50).tobytes() + data[header + 8 :])
    # a petabyte is not there: what is there is read, and is all of it
    assert read_states(path).n_electrons == pytest.approx(3)
    shape = b'"eigenvalues.": {"ndarray": [[1, 2, 8]'
    assert shape in data
    path.write_bytes(data.replace(shape, shape.replace(b"1, 2, 8", b"99999,8")))
    with pytest.raises(ValueError, match=r"al\.gpw: "):
        read_states(path)


def test_structures_stand_before_their_levels_in_the_text():
    first, second = (atoms for atoms, _ in read_frames(STATES / "h2.gpaw.txt"))
    assert first.positions[:, 2] == pytest.approx([1.2, 2.0])
    assert second.positions[:, 2] == pytest.approx([1.15, 2.0])
    [(old, _)] = read_frames(STATES / "h2_gpaw22.txt")
    assert old.positions[:, 2] == pytest.approx([1.15, 2.0])
    for atoms in (first, second, old):
        np.testing.assert_array_equal(atoms.cell.array, 3 * np.eye(3))
        assert atoms.pbc.all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("1      3.65213", "1     ********"), "eigenvalues: a number did not fit its column"),
        (("Positions:", "Places:"), "no atoms or no unit cell"),
    ],
)
def test_damaged_texts_are_refused(tmp_path, changes, message):
    text = (STATES / "h2_gpaw22.txt").read_text()
    path = saved(tmp_path / "run.txt", changed(text, changes))
    with pytest.raises(ValueError, match=rf"run\.txt: .*{message}"):
        read_frames(path)
