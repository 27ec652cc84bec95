"""Quantum ESPRESSO: states in the text of pw.x."""

import re

import numpy as np
import pytest
from ase.units import kB
from dft_files import saved
from paths import STATES
from pwx import DONE, doubled, header, moved, nscf, scf

from ase_dos.io.dft import read_frames, read_states


def test_eigenvalues_stand_at_their_spin_kpoint_and_band():
    states = read_states(STATES / "ni.pwo")
    # typed from the output: up, third k-point; down, last k-point follows its heading
    np.testing.assert_array_equal(
        states.eigenvalues[0, 2, :8],
        [8.9768, 10.0837, 12.7660, 12.8363, 12.8363, 13.0677, 29.9118, 31.1951],
    )
    np.testing.assert_allclose(
        states.weights, [0.0370370, 0.2962963, 0.2222222, 0.4444444], atol=1e-7
    )
    down = (STATES / "ni.pwo").read_text().split("SPIN DOWN")[1].split("bands (ev):")[4]
    assert states.eigenvalues[1, 3, 0] == float(down.split()[0])
    assert states.valid_to == states.eigenvalues[..., -1].min()


def test_md_frames_differ_and_index_selects():
    frames = read_frames(STATES / "si_md.pwo")
    first = read_states(STATES / "si_md.pwo", index=0)
    np.testing.assert_array_equal(first.eigenvalues, frames[0][1].eigenvalues)
    assert not np.array_equal(first.eigenvalues, frames[2][1].eigenvalues)
    assert not np.allclose(frames[0][0].positions, frames[2][0].positions)
    chosen = read_frames(STATES / "si_md.pwo", index=1)
    np.testing.assert_array_equal(chosen[0][1].eigenvalues, frames[1][1].eigenvalues)
    with pytest.raises(ValueError, match="3 structures with eigenvalues, none at index 7"):
        read_states(STATES / "si_md.pwo", index=7)


def test_touching_columns_come_apart(tmp_path):
    text = (STATES / "al.pwo").read_text().replace("    -3.3687  20.3234", "  -103.3687-120.3234")
    states = read_states(saved(tmp_path / "al.pwo", text))
    np.testing.assert_array_equal(states.eigenvalues[0, 0, :2], [-120.3234, -103.3687])


def test_fixed_magnetisation_leaves_no_single_fermi_level(tmp_path):
    text = (STATES / "ni.pwo").read_text()
    text = text.replace(
        "the Fermi energy is    13.7140 ev",
        "the spin up/dw Fermi energies are    13.9140   13.5140 ev",
    )
    states = read_states(saved(tmp_path / "ni.pwo", text))
    assert (states.fermi_level, states.entropy_term) == (None, None)


def test_other_smearings_carry_no_temperature(tmp_path):
    text = (STATES / "al.pwo").read_text().replace("Fermi-Dirac", "Marzari-Vanderbilt")
    states = read_states(saved(tmp_path / "al.pwo", text))
    assert (states.smearing_width, states.entropy_term) == (None, None)
    assert states.fermi_level == 8.0468


@pytest.mark.parametrize(
    "words",
    [
        "Noncollinear calculation with spin-orbit",
        "Noncollinear calculation without spin-orbit",
        "Non magnetic calculation with spin-orbit",
    ],
)
def test_a_spinor_holds_one_electron(tmp_path, words):
    text = header(words, bands=8, weights=(0.25, 0.75)) + scf(
        doubled(((-3, 1, 4, 9), (-2, 2, 5, 8)))
    )
    states = read_states(saved(tmp_path / "run.out", text + DONE))
    assert states.spin_degeneracy == 1
    assert 2 < states.electron_gas(100).fermi_level < 4


def test_pw_x_itself_fills_spinors_without_magnetisation_like_this():
    states = read_states(STATES / "pt.pwo")
    temperature = states.smearing_width / kB
    gas = states.electron_gas(temperature)
    assert (states.spin_degeneracy, states.fermi_level) == (1, 18.3488)
    assert gas.fermi_level == pytest.approx(18.3488, abs=1e-3)
    assert -gas.entropy * temperature == pytest.approx(states.entropy_term, rel=1e-3)


@pytest.mark.parametrize(
    ("words", "weights", "levels"),
    [
        ((), (0.25, 0.75), doubled(((-3, 1, 4, 9), (-2, 2, 5, 8)))),
        (("Noncollinear calculation with spin-orbit",), (0.5, 1.5), ((-3, 1, 4, 9), (-2, 2, 5, 8))),
    ],
)
def test_weights_that_contradict_the_header_are_refused(tmp_path, words, weights, levels):
    text = header(*words, bands=len(levels[0]), weights=weights) + scf(levels)
    with pytest.raises(ValueError, match=r"run\.out: weights: expected a sum of 1 .* got [12]"):
        read_states(saved(tmp_path / "run.out", text))


def test_levels_that_hold_other_electrons_are_refused(tmp_path):
    metal, insulator = ((STATES / f"{name}.pwo").read_text() for name in ("al", "si"))
    text = metal.replace("Fermi energy is     8.0468", "Fermi energy is    18.0468")
    with pytest.raises(ValueError, match=r"hold \d\.\d\d electrons, but it says 3\.00"):
        read_states(saved(tmp_path / "al.pwo", text))
    text = insulator.replace("electrons       =         8.00", "electrons       =        10.00")
    with pytest.raises(ValueError, match=r"level is \S+ eV, but the file says 6\.2042 eV"):
        read_states(saved(tmp_path / "si.pwo", text))


def test_releases_to_5_2_list_the_points_of_both_spins(tmp_path):
    text = (STATES / "ni.pwo").read_text()
    rows = re.findall(r" +k\( +\d+\) = .*\n", text)[:4]
    old = text.replace("".join(rows), "".join(rows * 2)).replace("points=     4", "points=     8")
    new, states = read_states(STATES / "ni.pwo"), read_states(saved(tmp_path / "ni.pwo", old))
    np.testing.assert_array_equal(states.eigenvalues, new.eigenvalues)
    np.testing.assert_array_equal(states.weights, new.weights)


@pytest.mark.parametrize(("number", "width"), [(-99, 0.02), (-1, None), (0, None), (1, None)])
def test_releases_to_4_2_number_the_smearing_and_name_alat_a_0(tmp_path, number, width):
    text = (STATES / "al.pwo").read_text().replace("units of alat", "units of a_0")
    text = text.replace("(alat units)", "(a_0 units)").replace(
        "PWSCF v.6.7MaX", "PWSCF     v.4.0.4"
    )
    old = re.sub(
        "Fermi-Dirac smearing, width .Ry.=  0.0200",
        f"gaussian broad. (Ry)=  0.0200     ngauss = {number:3d}",
        text,
    )
    atoms, states = read_frames(saved(tmp_path / "al.out", old))[0]
    new_atoms, new = read_frames(STATES / "al.pwo")[0]
    np.testing.assert_array_equal(states.eigenvalues, new.eigenvalues)
    np.testing.assert_array_equal(atoms.cell, new_atoms.cell)
    assert states.fermi_level == 8.0468
    if width is None:
        assert (states.smearing_width, states.entropy_term) == (None, None)
    else:
        assert (states.smearing_width, states.entropy_term) == (
            new.smearing_width,
            new.entropy_term,
        )


REFINE = "\n     EXX: now go back to refine exchange calculation\n"
REACHED = "\n     EXX self-consistency reached\n"
SEMILOCAL, HALFWAY = ((-3, 1, 4, 9), (-2, 2, 5, 8)), ((-4, 0, 6, 10), (-3, 1, 7, 9))
HYBRID = ((-4.1, -0.1, 6.1, 10), (-3.1, 0.9, 7.1, 9))


def refined(*, shift=0.0):
    """Loop of a hybrid functional over one structure."""
    parts = []
    for levels in (SEMILOCAL, HALFWAY, HYBRID):
        up = [[e + shift for e in point] for point in levels]
        top, bottom = max(point[1] for point in up), min(point[2] for point in up)
        level = f"highest occupied, lowest unoccupied level (ev): {top:10.4f}{bottom:10.4f}"
        parts.append(scf(up, level))
    return REFINE.join(parts) + REACHED


def test_the_last_refinement_of_a_hybrid_functional_counts(tmp_path):
    start = header("EXX-fraction              =        0.25")
    path = saved(tmp_path / "scf.out", start + refined() + DONE)
    ((_, states),) = read_frames(path)
    np.testing.assert_array_equal(states.eigenvalues[0], HYBRID)
    np.testing.assert_array_equal(read_states(path, index=0).eigenvalues[0], HYBRID)
    steps = [refined(shift=0.1 * i) for i in range(3)]
    path = saved(
        tmp_path / "md.out", start + moved("Si 0.1 0.0 0.0").join(steps) + moved("Si 0.2 0.0 0.0")
    )
    frames = read_frames(path)
    assert [atoms.positions[0, 0] > 0 for atoms, _ in frames] == [False, True, True]
    for i, (_, states) in enumerate(frames):
        np.testing.assert_allclose(states.eigenvalues[0], np.add(HYBRID, 0.1 * i))


def test_a_hybrid_functional_that_is_not_refined_to_its_end_is_refused(tmp_path):
    start = header("EXX-fraction              =        0.25")
    whole = start + refined() + DONE
    for text in (whole[: whole.rindex("EXX self")], whole[: whole.rindex("EXX: now")]):
        with pytest.raises(
            ValueError, match=r"ends before 'EXX self-consistency reached'.* cut off"
        ):
            read_states(saved(tmp_path / "scf.out", text))
    text = whole.replace(
        "self-consistency reached", "convergence NOT achieved after 100 iterations"
    )
    with pytest.raises(ValueError, match="not reached"):
        read_states(saved(tmp_path / "scf.out", text))


def test_hybrid_functionals_of_old_releases(tmp_path):
    # to release 5.0, convergence is announced once, behind the refinements, by other words
    step = scf(SEMILOCAL, end="NOW GO BACK TO REFINE HYBRID CALCULATION") + scf(
        HYBRID, "highest occupied, lowest unoccupied level (ev):     0.9000    6.1000"
    )
    text = header("EXX-fraction              =        0.25", version="4.3.2") + step + DONE
    ((_, states),) = read_frames(saved(tmp_path / "scf.out", text))
    np.testing.assert_array_equal(states.eigenvalues[0], HYBRID)


def test_convergence_that_is_announced_but_not_reached_is_refused(tmp_path):
    # scf_must_converge=.false.
    path = saved(tmp_path / "run.out", header() + scf(accuracy="0.01168840") + DONE)
    with pytest.raises(
        ValueError, match=r"not reached: the accuracy is 0\.0116884 Ry, .* 1e-06 Ry"
    ):
        read_states(path)


def test_a_fixed_moment_has_no_single_fermi_level_whatever_is_printed(tmp_path):
    text = (STATES / "ni.pwo").read_text()
    fixed = text.replace("=        10.00", "=        10.00 (up:   5.31, down:   4.69)")
    assert fixed != text
    states = read_states(saved(tmp_path / "ni.pwo", fixed))
    assert (states.fermi_level, states.entropy_term) == (None, None)


def test_separate_levels_of_conduction_electrons_are_not_one_fermi_level(tmp_path):
    two = "the Fermi energy is     3.0000 ev\n     the conduction Fermi energy is     5.0000 ev"
    states = read_states(saved(tmp_path / "run.out", header() + scf(level=two) + DONE))
    assert states.fermi_level is None


def test_electrons_that_come_from_a_potentiostat_are_counted(tmp_path):
    smearing = "Marzari-Vanderbilt smearing, width (Ry)=  0.0100"
    start = header("Initial Total Charge =     0.000000 e", electrons="3.90", filling=smearing)
    charge = "\n     FCP: Total Charge =     0.000000  ->    -0.100000\n"
    end = "\n     total charge of GC-SCF    =      -0.05000000 e\n"
    relax = start + scf() + moved("Si 0.1 0.0 0.0") + charge + scf() + DONE
    counts = [states.n_electrons for _, states in read_frames(saved(tmp_path / "fcp.out", relax))]
    assert counts == pytest.approx([3.9, 4.0])
    states = read_states(saved(tmp_path / "gcscf.out", start + scf() + end + DONE))
    assert states.n_electrons == pytest.approx(3.95)


def test_fixed_density_on_a_path_is_refused_and_on_a_mesh_read(tmp_path):
    path = [(x, 0, 0) for x in (0, 0.1, 0.2, 0.3, 0.4, 0.5)] + [
        (0.5, y, 0) for y in (0.1, 0.2, 0.3)
    ]
    mesh = [(x, y, z) for x in (0, 0.5) for y in (0, 0.5) for z in (0, 0.5)]
    for name, points in (("path.out", path), ("mesh.out", mesh)):
        start = header(points=points, weights=[2 / len(points)] * len(points))
        saved(tmp_path / name, start + nscf(((-3, 1, 4, 9),) * len(points)) + DONE)
    with pytest.raises(ValueError, match=r"path\.out: its k-points follow a path"):
        read_states(tmp_path / "path.out")
    assert read_states(tmp_path / "mesh.out").n_kpoints == 8


def test_windows_line_ends_and_latin_1_bytes(tmp_path):
    path = tmp_path / "al.out"
    text = (STATES / "al.pwo").read_text().replace("al.pwi", "Größe.pwi")
    path.write_bytes(text.replace("\n", "\r\n").encode("latin-1"))
    (atoms, states), (same_atoms, same) = read_frames(path)[0], read_frames(STATES / "al.pwo")[0]
    np.testing.assert_array_equal(states.eigenvalues, same.eigenvalues)
    np.testing.assert_array_equal(atoms.positions, same_atoms.positions)
    assert states.fermi_level == same.fermi_level
