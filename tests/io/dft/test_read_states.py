"""Eigenvalues from files: what programs printed is read, and what they derived is derived again."""

import bz2
import gzip
import lzma
import shutil

import numpy as np
import pytest
from ase.units import Rydberg, kB
from dft_files import saved
from paths import STATES

from ase_dos.io.dft import FORMATS, is_output, read_frames, read_states

# name: (spins, k-points, bands), electrons, Fermi level and kT in eV, as the program prints them
FILES = {
    "si.pwo": ((1, 4, 8), 8, None, None),
    "si_md.pwo": ((1, 1, 6), 8, None, None),
    "al.pwo": ((1, 10, 8), 3, 8.0468, 0.02 * Rydberg),
    "ni.pwo": ((2, 4, 14), 10, 13.7140, 0.03 * Rydberg),
    "al_data-file-schema.xml": ((1, 8, 8), 3, 7.2874670, 0.01234 * Rydberg),
    "al_vasprun.xml": ((1, 10, 8), 3, 8.0468, 0.02 * Rydberg),
    "ni_vasprun.xml": ((2, 4, 14), 10, 13.7140, 0.03 * Rydberg),
    "al.gpw": ((1, 2, 8), 3, 6.5563541, 0.2),
    "h2.gpw": ((1, 1, 4), 2, -3.7101429, 1.0),
    "h2.gpaw.txt": ((1, 1, 4), 2, -3.710, 1.0),
    "h2_gpaw22.txt": ((1, 1, 4), 2, -3.71014, 1.0),
    "h.gpaw.txt": ((2, 1, 4), 1, -1.988, 0.1),
    "al_aims.out": ((1, 10, 8), 3, 8.0468, 0.02 * Rydberg),
    "ni_aims.out": ((2, 4, 14), 10, 13.7140, 0.03 * Rydberg),
}


# -TS in eV, typed from the outputs. The H atom is a gap of many kT: nothing to compare.
ENTROPY_TERMS = {
    "al.pwo": -0.00887182 * Rydberg,
    "ni.pwo": -0.07356963 * Rydberg,
    "al_data-file-schema.xml": -0.0059236980 * Rydberg,
    "al_vasprun.xml": -0.00887182 * Rydberg,
    "ni_vasprun.xml": -0.07356963 * Rydberg,
    "al.gpw": -0.190954,
    "h2.gpw": -0.022909,
    "h2.gpaw.txt": -0.022909,
    "h2_gpaw22.txt": -0.022909,
    "al_aims.out": -0.00887182 * Rydberg,
    "ni_aims.out": -0.07356963 * Rydberg,
}


@pytest.mark.parametrize("name", FILES)
def test_what_the_program_printed_is_read(name):
    shape, n_electrons, fermi_level, width = FILES[name]
    states = read_states(STATES / name)
    assert states.eigenvalues.shape == shape
    assert states.n_electrons == pytest.approx(n_electrons, abs=1e-7)
    assert states.spin_degeneracy == (1 if shape[0] == 2 else 2)
    if width is None:
        assert states.fermi_level is states.smearing_width is states.entropy_term is None
        return
    assert states.fermi_level == pytest.approx(fermi_level, abs=1e-6)
    assert states.smearing_width == pytest.approx(width, rel=1e-6)
    assert states.entropy_term == pytest.approx(ENTROPY_TERMS.get(name, 0.0), abs=1e-6)


@pytest.mark.parametrize("name", ENTROPY_TERMS)
def test_our_thermodynamics_give_the_programs_fermi_level_and_entropy(name):
    states = read_states(STATES / name)
    temperature = states.smearing_width / kB
    gas = states.electron_gas(temperature)
    assert gas.fermi_level == pytest.approx(states.fermi_level, abs=1e-3)
    assert -gas.entropy * temperature == pytest.approx(states.entropy_term, rel=5e-3, abs=3e-5)


@pytest.mark.parametrize("name", ["si.pwo", "si_md.pwo"])
def test_fermi_level_of_an_insulator_lies_in_its_printed_gap(name):
    highest, lowest = {"si.pwo": (6.2042, 6.8592), "si_md.pwo": (7.3338, 9.0807)}[name]
    assert highest < read_states(STATES / name).electron_gas(50).fermi_level < lowest


@pytest.mark.parametrize("name", FILES)
def test_frames_pair_structures_with_their_states(name):
    frames = read_frames(STATES / name)
    assert len(frames) == {"si_md.pwo": 3, "h2.gpaw.txt": 2}.get(name, 1)
    atoms, states = frames[-1]
    assert (
        atoms.get_chemical_formula().lower()
        == {"si": "si2", "al": "al", "ni": "ni", "h2": "h2", "h": "h"}[
            name.replace(".", "_").split("_")[0]
        ]
    )
    last = read_states(STATES / name)
    np.testing.assert_array_equal(states.eigenvalues, last.eigenvalues)
    assert atoms.get_volume() > 5


def test_handwritten_files_carry_the_eigenvalues_they_were_made_from():
    for name in ("al", "ni"):
        original = read_states(STATES / f"{name}.pwo")
        for copy in (f"{name}_vasprun.xml", f"{name}_aims.out"):
            states = read_states(STATES / copy)
            np.testing.assert_allclose(states.eigenvalues, original.eigenvalues, atol=6e-5)
            np.testing.assert_allclose(states.weights, original.weights, atol=1e-7)


@pytest.mark.parametrize(
    "names", [("si.pwo", "al.pwo", "ni.pwo"), ("h.gpaw.txt", "h2_gpaw22.txt", "h.gpaw.txt")]
)
def test_runs_appended_to_one_file_keep_their_own_settings(tmp_path, names):
    path = saved(tmp_path / "runs", "".join((STATES / name).read_text() for name in names))
    for index, name in enumerate(names):
        states, same = read_states(path, index=index), read_states(STATES / name)
        np.testing.assert_array_equal(states.eigenvalues, same.eigenvalues)
        np.testing.assert_array_equal(states.weights, same.weights)
        assert states.n_electrons == same.n_electrons
        assert states.spin_degeneracy == same.spin_degeneracy
        assert states.smearing_width == same.smearing_width


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2"])
def test_compressed_outputs_of_every_program_are_read(tmp_path, name, suffix):
    packer = {".gz": gzip, ".xz": lzma, ".bz2": bz2}[suffix]
    path = tmp_path / (name + suffix)
    path.write_bytes(packer.compress((STATES / name).read_bytes()))
    assert is_output(path)
    packed, plain = read_frames(path), read_frames(STATES / name)
    assert [atoms for atoms, _ in packed] == [atoms for atoms, _ in plain]
    for (_, states), (_, same) in zip(packed, plain, strict=True):
        np.testing.assert_array_equal(states.eigenvalues, same.eigenvalues)
        np.testing.assert_array_equal(states.weights, same.weights)
        assert states.fermi_level == same.fermi_level


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith(".gpw")])
def test_line_ends_of_windows_and_bytes_of_latin_1_are_read(tmp_path, name):
    data = (STATES / name).read_bytes().replace(b"\n", b"\r\n")
    text = b"" if name.endswith(".xml") else b"  title: \xc9tude\r\n"
    (tmp_path / "run").write_bytes(text + data)
    frames = read_frames(tmp_path / "run")
    for (atoms, states), (same, plain) in zip(frames, read_frames(STATES / name), strict=True):
        assert atoms == same
        np.testing.assert_array_equal(states.eigenvalues, plain.eigenvalues)
        assert states.entropy_term == plain.entropy_term


def test_a_compressed_output_that_cannot_be_unpacked_is_named(tmp_path):
    path = tmp_path / "run.pwo.gz"
    path.write_bytes(gzip.compress(b"")[:10] + b"\xff" * 100)
    assert is_output(path)  # so that a folder does not pass over it
    with pytest.raises(ValueError, match=r"run\.pwo\.gz: the compressed file is damaged"):
        read_frames(path)


def test_n_electrons_overrides_the_file():
    assert read_states(STATES / "al.pwo", n_electrons=2.5).n_electrons == 2.5
    assert read_frames(STATES / "al.pwo", n_electrons=2.5)[0][1].n_electrons == 2.5


@pytest.mark.parametrize("name", ["al.pwo", "al_vasprun.xml", "al.gpw", "al_aims.out"])
def test_the_content_tells_the_format(tmp_path, name):
    shutil.copy(STATES / name, tmp_path / "file")
    states = read_states(tmp_path / "file")
    assert states.n_bands == 8
    wrong = next(f for f in FORMATS if f not in ("espresso-out", "vasp-xml", "gpw", "aims-output"))
    with pytest.raises(ValueError, match="file: "):
        read_states(tmp_path / "file", format=wrong)
