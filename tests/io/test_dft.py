"""Eigenvalues from files: what programs printed is read, and what they derived is derived again."""

import shutil

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ase.units import Rydberg, kB
from paths import STATES

from ase_dos.io.dft import FORMATS, read_dos_frames, read_frames, read_states

DATA = STATES

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
    states = read_states(DATA / name)
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
    states = read_states(DATA / name)
    temperature = states.smearing_width / kB
    gas = states.electron_gas(temperature)
    assert gas.fermi_level == pytest.approx(states.fermi_level, abs=1e-3)
    assert -gas.entropy * temperature == pytest.approx(states.entropy_term, rel=5e-3, abs=3e-5)


@pytest.mark.parametrize("name", ["si.pwo", "si_md.pwo"])
def test_fermi_level_of_an_insulator_lies_in_its_printed_gap(name):
    highest, lowest = {"si.pwo": (6.2042, 6.8592), "si_md.pwo": (7.3338, 9.0807)}[name]
    assert highest < read_states(DATA / name).electron_gas(50).fermi_level < lowest


@pytest.mark.parametrize("name", FILES)
def test_frames_pair_structures_with_their_states(name):
    frames = read_frames(DATA / name)
    assert len(frames) == {"si_md.pwo": 3, "h2.gpaw.txt": 2}.get(name, 1)
    atoms, states = frames[-1]
    assert (
        atoms.get_chemical_formula().lower()
        == {"si": "si2", "al": "al", "ni": "ni", "h2": "h2", "h": "h"}[
            name.replace(".", "_").split("_")[0]
        ]
    )
    last = read_states(DATA / name)
    np.testing.assert_array_equal(states.eigenvalues, last.eigenvalues)
    assert atoms.get_volume() > 5


def test_eigenvalues_stand_at_their_spin_kpoint_and_band():
    states = read_states(DATA / "ni.pwo")
    # typed from the output: up, third k-point; down, last k-point follows its heading
    np.testing.assert_array_equal(
        states.eigenvalues[0, 2, :8],
        [8.9768, 10.0837, 12.7660, 12.8363, 12.8363, 13.0677, 29.9118, 31.1951],
    )
    np.testing.assert_allclose(
        states.weights, [0.0370370, 0.2962963, 0.2222222, 0.4444444], atol=1e-7
    )
    down = (DATA / "ni.pwo").read_text().split("SPIN DOWN")[1].split("bands (ev):")[4]
    assert states.eigenvalues[1, 3, 0] == float(down.split()[0])
    assert states.valid_to == states.eigenvalues[..., -1].min()


def test_md_frames_differ_and_index_selects():
    frames = read_frames(DATA / "si_md.pwo")
    first = read_states(DATA / "si_md.pwo", index=0)
    np.testing.assert_array_equal(first.eigenvalues, frames[0][1].eigenvalues)
    assert not np.array_equal(first.eigenvalues, frames[2][1].eigenvalues)
    assert not np.allclose(frames[0][0].positions, frames[2][0].positions)
    chosen = read_frames(DATA / "si_md.pwo", index=1)
    np.testing.assert_array_equal(chosen[0][1].eigenvalues, frames[1][1].eigenvalues)
    with pytest.raises(ValueError, match="3 structures with eigenvalues, none at index 7"):
        read_states(DATA / "si_md.pwo", index=7)


def test_xml_and_text_of_quantum_espresso_agree_up_to_printing():
    xml = read_frames(DATA / "al_data-file-schema.xml")[0][0]
    text = read_frames(DATA / "al.pwo")[0][0]
    np.testing.assert_allclose(xml.cell, text.cell, atol=1e-5)


def test_handwritten_files_carry_the_eigenvalues_they_were_made_from():
    for name in ("al", "ni"):
        original = read_states(DATA / f"{name}.pwo")
        for copy in (f"{name}_vasprun.xml", f"{name}_aims.out"):
            states = read_states(DATA / copy)
            np.testing.assert_allclose(states.eigenvalues, original.eigenvalues, atol=6e-5)
            np.testing.assert_allclose(states.weights, original.weights, atol=1e-7)


@pytest.mark.parametrize(
    "names", [("si.pwo", "al.pwo", "ni.pwo"), ("h.gpaw.txt", "h2_gpaw22.txt", "h.gpaw.txt")]
)
def test_runs_appended_to_one_file_keep_their_own_settings(tmp_path, names):
    path = _saved(tmp_path / "runs", "".join((DATA / name).read_text() for name in names))
    for index, name in enumerate(names):
        states, same = read_states(path, index=index), read_states(DATA / name)
        np.testing.assert_array_equal(states.eigenvalues, same.eigenvalues)
        np.testing.assert_array_equal(states.weights, same.weights)
        assert states.n_electrons == same.n_electrons
        assert states.spin_degeneracy == same.spin_degeneracy
        assert states.smearing_width == same.smearing_width


def test_appended_runs_of_aims_are_refused(tmp_path):
    path = _saved(tmp_path / "runs", 2 * (DATA / "al_aims.out").read_text())
    with pytest.raises(ValueError, match="several FHI-aims runs"):
        read_states(path)


def test_xml_of_a_run_at_fixed_density(tmp_path):
    # as pw.x 6.7 writes it for calculation='nscf', which it calls unconverged
    text = (DATA / "al_data-file-schema.xml").read_text()
    text = text.replace("achieved>true<", "achieved>false<")
    for calculation in ("nscf", "bands"):
        changed = text.replace("<calculation>scf<", f"<calculation>{calculation}<")
        path = _saved(tmp_path / "data.xml", changed)
        if calculation == "nscf":
            assert read_states(path).fermi_level == pytest.approx(7.2874670, abs=1e-6)
        else:
            with pytest.raises(ValueError, match="follows a path"):
                read_states(path)


def test_xml_with_fixed_occupations_has_no_fermi_level(tmp_path):
    text = (DATA / "al_data-file-schema.xml").read_text()
    text = text.replace("<occupations_kind>smearing<", "<occupations_kind>fixed<")
    assert read_states(_saved(tmp_path / "data.xml", text)).fermi_level is None


def test_n_electrons_overrides_the_file():
    assert read_states(DATA / "al.pwo", n_electrons=2.5).n_electrons == 2.5
    assert read_frames(DATA / "al.pwo", n_electrons=2.5)[0][1].n_electrons == 2.5


def test_touching_columns_come_apart(tmp_path):
    text = (DATA / "al.pwo").read_text().replace("    -3.3687  20.3234", "  -103.3687-120.3234")
    states = read_states(_saved(tmp_path / "al.pwo", text))
    np.testing.assert_array_equal(states.eigenvalues[0, 0, :2], [-120.3234, -103.3687])


def test_fixed_magnetisation_leaves_no_single_fermi_level(tmp_path):
    text = (DATA / "ni.pwo").read_text()
    text = text.replace(
        "the Fermi energy is    13.7140 ev",
        "the spin up/dw Fermi energies are    13.9140   13.5140 ev",
    )
    states = read_states(_saved(tmp_path / "ni.pwo", text))
    assert (states.fermi_level, states.entropy_term) == (None, None)


def test_other_smearings_carry_no_temperature(tmp_path):
    text = (DATA / "al.pwo").read_text().replace("Fermi-Dirac", "Marzari-Vanderbilt")
    states = read_states(_saved(tmp_path / "al.pwo", text))
    assert (states.smearing_width, states.entropy_term) == (None, None)
    assert states.fermi_level == 8.0468


def test_spinors_hold_one_electron(tmp_path):
    xml = (DATA / "ni_vasprun.xml").read_text()
    xml = xml.replace('"LNONCOLLINEAR"> F', '"LNONCOLLINEAR"> T')
    start, end = xml.index('     <set comment="spin 2">'), xml.index("    </set>\n   </array>")
    path = _saved(tmp_path / "vasprun.xml", xml[:start] + xml[end:])
    assert read_states(path).spin_degeneracy == 1


# --------------------------------------------------------------------- what must fail


def _saved(path, text):
    path.write_text(text)
    return path


def _cut(name, marker):
    text = (DATA / name).read_text()
    return text[: text.rindex(marker)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("al_dense.pwo", "expected 195 k-point weights, got 0; .*verbosity='high'"),
        ("si_bands.pwo", "follows a path"),
        ("al.gpaw.txt", r"part of the 2 k-points .*\.gpw"),
    ],
)
def test_outputs_without_all_eigenvalues_say_what_to_do(name, message):
    with pytest.raises(ValueError, match=rf"{name}: .*{message}"):
        read_states(DATA / name)


@pytest.mark.parametrize(
    ("name", "marker", "message"),
    [
        ("al.pwo", "convergence has been", "it is cut off"),
        ("al.pwo", "End of self-consistent", "no end of a calculation"),
        ("ni.pwo", "k =-0.0000-0.4714", "cut off"),
        ("ni.pwo", "SPIN DOWN", "cut off"),
        ("al_vasprun.xml", "</eigenvalues>", "broken XML .*cut off"),
        ("al_data-file-schema.xml", "<ks_energies>", "broken XML .*cut off"),
        ("h2_gpaw22.txt", "Converged after", "no converged calculation"),
        ("h2_gpaw22.txt", " Band  Eigen", "no table of eigenvalues"),
        ("h.gpaw.txt", "|          2 |", "part of the"),
        ("al_aims.out", "Self-consistency cycle", "did not converge, or .* cut off"),
        ("al_aims.out", "Begin self-consistency loop", "no self-consistency loop"),
    ],
)
def test_cut_off_files_are_refused(tmp_path, name, marker, message):
    path = _saved(tmp_path / name, _cut(name, marker))
    with pytest.raises(ValueError, match=f"{name}: .*{message}"):
        read_states(path)
    with pytest.raises(ValueError, match=name):
        read_frames(path)


@pytest.mark.parametrize("keep", [30, 2000, 30_000])
def test_cut_off_gpw_files_are_refused(tmp_path, keep):
    path = tmp_path / "al.gpw"
    path.write_bytes((DATA / "al.gpw").read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"al\.gpw"):
        read_states(path)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("al.pwo", "convergence has been achieved", "convergence NOT achieved", "not reached"),
        ("al.pwo", "wk =   0.0160000", "wk =   0.0960000", "weights: expected a sum of 1"),
        ("al.pwo", "  20.3234  20.3234  20.3234", "*********  20.3234  20.3234", "fit its column"),
        ("al.pwo", "  20.3234  20.3234", "  20.3234", "different numbers of bands"),
        ("al.pwo", "number of electrons       =         3.00", "", "pass n_electrons"),
        ("al.pwo", "=         3.00", "=        30.00", "30 electrons do not fit into 16 states"),
        ("al_vasprun.xml", '"NELM">    60', '"NELM">     2', None),
        ("al_vasprun.xml", "-3.3687", "NaN", "NaN"),
        ("al_aims.out", "  | k-point:    3 at", "  | other:    3 at", "output k_point_list"),
        ("al_aims.out", "  K-point:      10 at", "  K-point:       9 at", "k_eigenvalue 10"),
        ("al_data-file-schema.xml", "achieved>true<", "achieved>false<", "not reached"),
    ],
)
def test_broken_contents_are_refused(tmp_path, name, old, new, message):
    text = (DATA / name).read_text()
    assert old in text
    path = _saved(tmp_path / name, text.replace(old, new))
    if message is None:  # converged in the last allowed step
        assert read_states(path).n_electrons == 3
        return
    with pytest.raises(ValueError, match=f"{name}: .*{message}"):
        read_states(path)


@pytest.mark.parametrize("tag", ["nelec", "band_structure", "output"])
def test_xml_without_an_element_names_it(tmp_path, tag):
    text = (DATA / "al_data-file-schema.xml").read_text()
    text = text.replace(f"<{tag}", "<other").replace(f"</{tag}>", "</other>")
    with pytest.raises(ValueError, match=f"no <{tag}.*> in "):
        read_frames(_saved(tmp_path / "data.xml", text))


def test_aims_eigenvalues_of_the_starting_density_are_refused(tmp_path):
    # output_level MD_light lists eigenvalues before the first iteration, and never again
    text = (DATA / "al_aims.out").read_text()
    first, _, rest = text.split("Writing Kohn-Sham eigenvalues.")
    tables, iterations = rest.split("  What follows", 1)
    light = first + "Writing Kohn-Sham eigenvalues." + tables + "  What follows" + iterations
    path = _saved(tmp_path / "aims.out", light)
    with pytest.raises(ValueError, match="starting density"):
        read_states(path)


def test_vasp_that_ran_out_of_iterations_is_refused(tmp_path):
    text = (DATA / "al_vasprun.xml").read_text().replace('"NELM">    60', '"NELM">     2')
    steps = text.split("  <scstep>")
    path = _saved(tmp_path / "vasprun.xml", "  <scstep>".join([*steps[:2], steps[-1]]))
    with pytest.raises(ValueError, match=r"NELM=2 .* still changes by 0\.3"):
        read_states(path)


def test_vasp_steps_without_eigenvalues_are_skipped(tmp_path):
    text = (DATA / "al_vasprun.xml").read_text()
    start, end = text.index(" <calculation>"), text.index("</calculation>\n") + 15
    step = text[start:end]
    bare = step[: step.index("  <eigenvalues>")] + step[step.index("  <dos>") :]
    path = _saved(tmp_path / "vasprun.xml", text[:start] + bare + step + text[end:])
    assert len(read_frames(path)) == 1
    assert read_states(path, index=0).n_kpoints == 10
    path = _saved(tmp_path / "vasprun.xml", text[:start] + bare + text[end:])
    with pytest.raises(ValueError, match="no eigenvalues found"):
        read_states(path)


def test_empty_missing_and_foreign_files(tmp_path):
    empty = _saved(tmp_path / "run.pwo", "")
    with pytest.raises(ValueError, match=r"run\.pwo: the file is empty"):
        read_states(empty)
    with pytest.raises(ValueError, match="no such file"):
        read_frames(tmp_path / "absent.gpw")
    foreign = _saved(tmp_path / "notes.txt", "some words\n")
    with pytest.raises(ValueError, match=r"notes\.txt: format 'unknown' .*espresso-out"):
        read_states(foreign)
    write(tmp_path / "si.xyz", bulk("Si"))
    with pytest.raises(ValueError, match="format 'extxyz' holds no eigenvalues"):
        read_states(tmp_path / "si.xyz")
    with pytest.raises(ValueError, match="format 'csv'"):
        read_states(DATA / "al.pwo", format="csv")


@pytest.mark.parametrize("name", ["al.pwo", "al_vasprun.xml", "al.gpw", "al_aims.out"])
def test_the_content_tells_the_format(tmp_path, name):
    shutil.copy(DATA / name, tmp_path / "file")
    states = read_states(tmp_path / "file")
    assert states.n_bands == 8
    wrong = next(f for f in FORMATS if f not in ("espresso-out", "vasp-xml", "gpw", "aims-output"))
    with pytest.raises(ValueError, match="file: "):
        read_states(tmp_path / "file", format=wrong)


# --------------------------------------------------------------------- DOS on a grid


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
