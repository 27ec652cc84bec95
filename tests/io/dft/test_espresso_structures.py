"""Quantum ESPRESSO: structures in the text of pw.x."""

import numpy as np
import pytest
from ase.units import Bohr
from dft_files import saved
from pwx import DONE, header, moved, scf

from ase_dos.io.dft import read_frames, read_states

ALAT = 7 * Bohr
PAIR = (("Si", 0, 0, 0), ("Si", 0.25, 0.25, 0.5))


def cell_card(headline, numbers):
    rows = [f"{x:14.9f}{y:14.9f}{z:14.9f}" for x, y, z in numbers]
    return "\n".join([f"CELL_PARAMETERS ({headline})", *rows, "", ""])


@pytest.mark.parametrize(
    ("unit", "length"),
    [("alat", ALAT), ("bohr", Bohr), ("angstrom", 1.0), ("crystal", ALAT)],
)
def test_positions_of_later_steps_have_the_unit_of_their_card(tmp_path, unit, length):
    card = moved("Si   0.1 0.2 -0.3   0   0   0", "Si   0.5 0.0 0.0", unit=unit)
    text = header(atoms=PAIR) + scf() + card + scf() + DONE
    (first, _), (second, _) = read_frames(saved(tmp_path / "relax.out", text))
    np.testing.assert_allclose(first.positions, [[0, 0, 0], np.multiply(ALAT, [0.25, 0.25, 0.5])])
    np.testing.assert_allclose(
        second.positions, np.multiply(length, [[0.1, 0.2, -0.3], [0.5, 0, 0]])
    )
    np.testing.assert_allclose(second.cell, ALAT * np.eye(3))
    assert second.pbc.all()


@pytest.mark.parametrize(
    ("headline", "length"),
    [
        ("alat=  8.00000000", 8 * Bohr),
        ("alat", ALAT),
        ("bohr", Bohr),
        ("angstrom", 1.0),
    ],
)
def test_cells_of_later_steps_have_the_unit_of_their_card(tmp_path, headline, length):
    vectors = [[6.0, 0.1, 0.0], [0.0, 6.5, 0.0], [0.2, 0.0, -7.0]]
    step = moved("Si 0.5 0.5 0.5", unit="crystal", cell=cell_card(headline, vectors))
    # the headers of a last calculation at the relaxed structure repeat the cell, not the banner
    last = header().partition("starts on")[2].partition("\n")[2] + scf() + DONE
    text = header() + scf() + step + scf() + last
    frames = read_frames(saved(tmp_path / "vc-relax.out", text))
    cells = [atoms.cell.array for atoms, _ in frames]
    np.testing.assert_allclose(
        cells, [ALAT * np.eye(3), np.multiply(length, vectors), ALAT * np.eye(3)]
    )
    np.testing.assert_allclose(frames[1][0].get_scaled_positions(), [[0.5, 0.5, 0.5]])


HUBBARD = """
     =================== HUBBARD OCCUPATIONS ===================
     ------------------------ ATOM    1 ------------------------
     Tr[ns(  1)] =   5.00000
     eigenvalues:
       0.500  0.500  0.500  0.500  0.500
"""


@pytest.mark.parametrize(
    ("before", "behind", "words"),
    [
        (HUBBARD, "", ()),
        ("\n --- enter write_ns ---\n U( 1)     =  3.00000000\n --- exit write_ns ---\n", "", ()),
        ("", "     atom    1 type  1   force =   *************    0.00000000    0.00000000\n", ()),
        ("", "     Computed dipole along edir(3) :\n        Dipole  0.0 Ry au,  0.0 Debye\n", ()),
        ("", "", ("Assuming isolated system, Martyna-Tuckerman method",)),
        ("", "     DFT-D3 Dispersion         =      -0.01000000 Ry\n", ()),
    ],
)
def test_what_else_is_printed_is_in_nobodys_way(tmp_path, before, behind, words):
    text = header(*words) + scf(before=before) + behind + DONE
    ((atoms, states),) = read_frames(saved(tmp_path / "run.out", text))
    assert atoms.get_chemical_symbols() == ["Si"]
    np.testing.assert_array_equal(states.eigenvalues[0, 0], [-3, 1, 4, 9])


def test_species_keep_their_element_in_both_tables(tmp_path):
    atoms = [("FE1", 0, 0, 0), ("oa", 0.5, 0, 0)]
    step = moved("FE1  0.0 0.0 0.0", "oa  0.4 0.0 0.0")
    path = saved(tmp_path / "run.out", header(atoms=atoms) + scf() + step + scf() + DONE)
    assert [str(atoms.symbols) for atoms, _ in read_frames(path)] == ["FeO", "FeO"]
    atoms = [("Q1", 0, 0, 0)]
    path = saved(tmp_path / "odd.out", header(atoms=atoms) + scf() + DONE)
    with pytest.raises(ValueError, match=r"odd\.out: species 'Q1': expected a label"):
        read_frames(path)


def test_positions_that_are_not_printed_are_not_guessed(tmp_path):
    # i-PI and ASE drive pw.x through a socket; the header has the positions of the input
    iteration = "     estimated scf accuracy    <       0.01000000 Ry\n"
    step = scf().replace("Calculation\n", "Calculation\n" + iteration, 1)
    step = " @ DRIVER MODE: Received positions \n" + step
    path = saved(tmp_path / "ipi.out", header() + 3 * step + DONE)
    with pytest.raises(ValueError, match=r"ipi\.out: structure 0: .* did not print the positions"):
        read_frames(path)
    assert [read_states(path, index=i).n_bands for i in range(3)] == [4, 4, 4]
    path = saved(tmp_path / "two.out", header() + 2 * scf() + DONE)
    with pytest.raises(ValueError, match=r"structure 1: pw\.x did not print the positions"):
        read_frames(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "(   0.0000000   0.0000000",
            "(************   0.0000000",
            "expected 1 atoms below .* got 0",
        ),
        ("a(3) = ", "a 3  = ", "expected 3 cell vectors below .* got 2"),
        ("celldm(1)=", "celldm   =", r"no celldm\(1\)"),
        ("number of atoms/cell", "number of cells", "no number of atoms"),
    ],
)
def test_damaged_structures_are_refused(tmp_path, old, new, message):
    text = header() + scf() + DONE
    assert old in text
    with pytest.raises(ValueError, match=rf"run\.out: .*{message}"):
        read_frames(saved(tmp_path / "run.out", text.replace(old, new)))


def test_a_number_that_is_missing_is_not_taken_from_the_next_row(tmp_path):
    vectors = cell_card("bohr", 6.0 * np.eye(3)).replace("   6.000000000", "", 1)
    step = moved("Si 0.5 0.5 0.5", unit="crystal", cell=vectors)
    with pytest.raises(ValueError, match=r"structure 1: expected 3 cell vectors .* got 0"):
        read_frames(saved(tmp_path / "run.out", header() + scf() + step + scf() + DONE))


def test_an_unknown_unit_is_named(tmp_path):
    text = header() + scf() + moved("Si 0.0 0.0 0.0", unit="furlong") + scf() + DONE
    with pytest.raises(ValueError, match=r"structure 1: .*\(furlong\).* expected one of the units"):
        read_frames(saved(tmp_path / "run.out", text))
