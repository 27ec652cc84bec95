"""SIESTA: .EIG, and the files beside it."""

import numpy as np
import pytest
from ase.units import Bohr
from dft_files import changed, saved

from ase_dos.io.dft import read_frames, read_states

EIG = """        1.5000
     3     1     2
     1    -3.00000     1.00000     5.00000
     2    -2.00000
          2.00000     6.00000
"""
SPINS = """        1.5000
     2     2     1
     1    -3.00000     1.00000    -2.50000
          2.50000
"""
KP = """     2
     1    0.000000    0.000000    0.000000       0.250000
     2    0.196350    0.196350    0.196350       0.750000
"""
XV = """     8.000000000     0.000000000     0.000000000     0.0  0.0  0.0
     0.000000000     8.000000000     0.000000000     0.0  0.0  0.0
     0.000000000     0.000000000     8.000000000     0.0  0.0  0.0
           1
  1    13       2.000000000     0.000000000     0.000000000     0.0  0.0  0.0
"""
OUTPUT = """Siesta Version: siesta-4.0--500
                           *  WELCOME TO SIESTA  *
reinit: System Label: al
redata: Fix the spin of the system       =     F
Total number of electrons:     3.000000
                        Begin CG opt. move =      0
outcoor: Atomic coordinates (Ang):
    1.05835440    0.00000000    0.00000000   1       1  Al

SCF cycle converged after    8 iterations
"""


@pytest.fixture
def run(tmp_path):
    """Return the path of the levels of a run with all of its files."""
    for name, text in (("al.KP", KP), ("al.XV", XV), ("out", OUTPUT)):
        saved(tmp_path / name, text)
    saved(tmp_path / "other.out", OUTPUT.replace("Label: al", "Label: other"))
    return saved(tmp_path / "al.EIG", EIG)


def test_levels_weights_structure_and_electrons(run):
    [(atoms, states)] = read_frames(run)
    np.testing.assert_array_equal(states.eigenvalues, [[[-3, 1, 5], [-2, 2, 6]]])
    np.testing.assert_allclose(states.weights, [0.25, 0.75])
    assert (states.n_electrons, states.spin_degeneracy, states.fermi_level) == (3, 2, 1.5)
    np.testing.assert_allclose(atoms.positions, [[2 * Bohr, 0, 0]])
    np.testing.assert_allclose(atoms.cell.array, 8 * Bohr * np.eye(3))
    assert atoms.get_chemical_formula() == "Al"


def test_spins_and_a_fixed_moment(run):
    saved(run, SPINS)
    run.with_name("al.KP").unlink()  # not needed for one
    states = read_states(run)
    np.testing.assert_array_equal(states.eigenvalues, [[[-3, 1]], [[-2.5, 2.5]]])
    assert (states.spin_degeneracy, states.fermi_level) == (1, 1.5)
    fixed = changed(
        OUTPUT, ("Fix the spin of the system       =     F", "Fix the spin of the system = T")
    )
    saved(run.with_name("out"), fixed)
    assert read_states(run).fermi_level is None


def test_spinors_are_as_many_as_electrons_below_the_fermi_level(run):
    # below the level: 0.25 * 2 + 0.75 * 1 states
    saved(run.with_name("out"), changed(OUTPUT, ("3.000000", "1.250000")))
    assert read_states(run).spin_degeneracy == 1


def test_many_k_points_have_rounded_weights(run):
    count = 3000  # each printed as 0.000333
    rows = "".join(f"{k + 1:6d}   -3.0   1.0   5.0\n" for k in range(count))
    saved(run, f"  1.5\n  3  1  {count}\n{rows}")
    points = "".join(f"{k + 1:6d}  0.0 0.0 0.0 {1 / count:.6f}\n" for k in range(count))
    saved(run.with_name("al.KP"), f"  {count}\n{points}")
    assert read_states(run).weights == pytest.approx(np.full(count, 1 / count))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("al.KP", r"no weights of its 2 k-points; put al\.KP beside"),
        ("al.XV", r"no structure; put al\.XV beside"),
        ("out", "pass n_electrons"),
    ],
)
def test_files_that_are_not_beside_are_named(run, name, message):
    run.with_name(name).unlink()
    with pytest.raises(ValueError, match=rf"al\.EIG: .*{message}"):
        read_frames(run)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("al.EIG", "-2.00000", "********", "eigenvalues: a number did not fit its column"),
        ("al.EIG", "          2.00000     6.00000\n", "", "got 6 numbers for 8; it is cut off"),
        ("al.EIG", "     2    -2.0", "     3    -2.0", "not numbered 1, 2, 3"),
        ("al.KP", "     2    0.196350", "     0.196350", r"al\.KP: expected 2 k-points"),
        ("al.XV", "  1    13  ", "  1  ", r"al\.XV: it is damaged"),
        ("out", "SCF cycle converged", "SCF_NOT_CONV", "self-consistency was not reached"),
    ],
)
def test_damaged_files_are_refused(run, name, old, new, message):
    path = run.with_name(name)
    saved(path, changed(path.read_text(), (old, new)))
    with pytest.raises(ValueError, match=rf"al\.EIG: .*{message}"):
        read_frames(run)


def test_a_structure_one_step_ahead_is_not_taken(run):
    later = OUTPUT.index("                        Begin")
    twice = OUTPUT + OUTPUT[later:].replace("move =      0", "move =      1")
    saved(run.with_name("out"), twice)
    assert len(read_frames(run)) == 1
    saved(run.with_name("out"), twice.replace("1.05835440", "1.15835440"))
    with pytest.raises(ValueError, match=r"the atoms moved, and al\.XV is not seen to be the last"):
        read_frames(run)
