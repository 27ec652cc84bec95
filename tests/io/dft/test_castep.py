"""CASTEP: .bands, and the structure beside it."""

import numpy as np
import pytest
from ase.units import Bohr, Hartree
from dft_files import changed, saved

from ase_dos.io.dft import read_frames, read_states

BANDS = """Number of k-points     2
Number of spin components 1
Number of electrons  3.000
Number of eigenvalues      3
Fermi energy (in atomic units)     0.100000
Unit cell vectors
    8.000000    0.000000    0.000000
    0.000000    8.000000    0.000000
    0.000000    0.000000    8.000000
K-point     2  0.25000000  0.25000000  0.25000000  0.75000000
Spin component 1
   -0.20000000
    0.05000000
    0.40000000
K-point     1  0.00000000  0.00000000  0.00000000  0.25000000
Spin component 1
   -0.30000000
    0.20000000
    0.50000000
"""
SPINS = """Number of k-points     1
Number of spin components 2
Number of electrons  2.000     1.000
Number of eigenvalues      2     2
Fermi energies (in atomic units)     0.100000    0.100000
Unit cell vectors
    8.000000    0.000000    0.000000
    0.000000    8.000000    0.000000
    0.000000    0.000000    8.000000
K-point     1  0.00000000  0.00000000  0.00000000  1.00000000
Spin component 1
   -0.30000000
    0.05000000
Spin component 2
   -0.25000000
    0.15000000
"""
CELL = """%BLOCK LATTICE_CART
bohr
 8.0 0.0 0.0
 0.0 8.0 0.0
 0.0 0.0 8.0
%ENDBLOCK LATTICE_CART
%BLOCK POSITIONS_FRAC
Al 0.25 0.0 0.0
%ENDBLOCK POSITIONS_FRAC
"""


def test_levels_and_the_structure_of_the_cell_file(tmp_path):
    saved(tmp_path / "al.cell", CELL)
    [(atoms, states)] = read_frames(saved(tmp_path / "al.bands", BANDS))
    # CASTEP writes k-points as they come; they are ordered by number
    expected = Hartree * np.array([[[-0.3, 0.2, 0.5], [-0.2, 0.05, 0.4]]])
    np.testing.assert_allclose(states.eigenvalues, expected, rtol=1e-6)
    np.testing.assert_allclose(states.weights, [0.25, 0.75])
    assert (states.n_electrons, states.spin_degeneracy) == (3, 2)
    assert states.fermi_level == pytest.approx(0.1 * Hartree, rel=1e-6)
    np.testing.assert_allclose(atoms.positions, [[2 * Bohr, 0, 0]], rtol=1e-6)
    assert atoms.get_chemical_formula() == "Al"


def test_two_spins_and_two_fermi_levels(tmp_path):
    states = read_states(saved(tmp_path / "o.bands", SPINS))
    assert (states.n_electrons, states.spin_degeneracy) == (3, 1)
    assert states.fermi_level == pytest.approx(0.1 * Hartree, rel=1e-6)
    fixed = changed(SPINS, ("0.100000    0.100000", "0.100000    0.000000"))
    assert read_states(saved(tmp_path / "o.bands", fixed)).fermi_level is None
    uneven = changed(SPINS, ("     2     2", "     2     1"))
    with pytest.raises(ValueError, match="spins have different numbers of bands"):
        read_states(saved(tmp_path / "o.bands", uneven))


def test_spinors_are_as_many_as_electrons_below_the_fermi_level(tmp_path):
    # below the level: 0.25 * 1 + 0.75 * 2 states
    text = changed(BANDS, ("electrons  3.000", "electrons  1.750"))
    assert read_states(saved(tmp_path / "al.bands", text)).spin_degeneracy == 1


def test_band_paths_are_refused(tmp_path):
    points = "".join(
        f"K-point     {k + 1}  {x:.8f}  0.0 0.0  0.25\nSpin component 1\n  -0.3\n  0.2\n  0.5\n"
        for k, x in enumerate((0, 0.125, 0.25, 0.375))
    )
    head = BANDS[: BANDS.index("K-point     2")].replace("k-points     2", "k-points     4")
    with pytest.raises(ValueError, match=r"al\.bands: its k-points follow a path"):
        read_states(saved(tmp_path / "al.bands", head + points))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("   -0.20000000", "*" * 14, "a level did not fit its column"),
        ("   -0.20000000", "nothing", r"al\.bands: k-points and levels: it is damaged"),
        ("Number of electrons", "Number of other things", "no line 'Number of electrons'"),
        (BANDS[BANDS.index("K-point     1") :], "", "expected 2 k-points, got 1"),
    ],
)
def test_damaged_files_are_refused(tmp_path, old, new, message):
    with pytest.raises(ValueError, match=message):
        read_states(saved(tmp_path / "al.bands", changed(BANDS, (old, new))))


def test_the_structure_must_be_that_of_the_levels(tmp_path):
    path = saved(tmp_path / "al.bands", BANDS)
    with pytest.raises(ValueError, match=r"put al\.castep or al\.cell beside it"):
        read_frames(path)
    saved(tmp_path / "al.cell", CELL.replace("8.0", "8.5"))
    with pytest.raises(ValueError, match=r"al\.cell: its last cell is not that"):
        read_frames(path)
    saved(tmp_path / "al.cell", CELL.replace("Al 0.25", "?? x"))
    with pytest.raises(ValueError, match=r"al\.bands: al\.cell: it is damaged"):
        read_frames(path)
