"""VASP: EIGENVAL, and the files beside it."""

import gzip

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write
from dft_files import changed, saved

from ase_dos.io.dft import is_output, read_frames, read_states

MESH = [(0, 0, 0), (0, 0, 0.25), (0, 0, 0.5)]
WEIGHTS = [0.25, 0.5, 0.25]
LEVELS = np.array([[[-3.0, 1.0, 5.0], [-2.0, 2.0, 6.0], [-1.0, 3.0, 7.0]]])
FILLED = np.array([[[1.0, 0.5, 0.0]] * 3])
ATOMS = bulk("Al")

OUTCAR = """ vasp.6.3.0
   VRHFIN =Al: s2p1
   ions per type =               1
   ICHARG =      2    charge: 1-file 2-atom 10-const
   LNONCOLLINEAR =      F non collinear calculations
   LSORBIT =      F    spin-orbit coupling
   IBRION =     -1    ionic relax: 0-MD 1-quasi-New 2-CG
   NELECT =       3.0000    total number of electrons
   NUPDOWN=      -1.0000    fix difference up-down
   ISMEAR =    -1;   SIGMA  =   0.10  broadening in eV -4-tet -1-fermi 0-gaus
      direct lattice vectors                 reciprocal lattice vectors
     0.000000000  2.025000000  2.025000000    -0.246913580  0.246913580  0.246913580
     2.025000000  0.000000000  2.025000000     0.246913580 -0.246913580  0.246913580
     2.025000000  2.025000000  0.000000000     0.246913580  0.246913580 -0.246913580

--------------------------------------- Iteration      1(   1)  ------------------------------
  entropy T*S    EENTRO =        -0.00900000
--------------------------------------- Iteration      1(   2)  ------------------------------
  entropy T*S    EENTRO =        -0.01000000
 E-fermi :   1.5000     XC(G=0):  -9.7939     alpha+bet : -9.8999
------------------------ aborting loop because EDIFF is reached ------------------------
 POSITION                                       TOTAL-FORCE (eV/Angst)
 -----------------------------------------------------------------------------------
      0.10000      0.00000      0.00000         0.000000      0.000000      0.000000
 -----------------------------------------------------------------------------------
"""


def eigenval(path, kpoints=MESH, levels=LEVELS, filled=FILLED, weights=WEIGHTS, electrons=3):
    """Write the file; without occupations as old releases do."""
    volume = ATOMS.get_volume()
    lines = [
        f"    1    1    1    {len(levels)}",
        f"  {volume:.7E}  0.2863782E-09  0.2863782E-09  0.2863782E-09  0.5000000E-15",
        "  1.000000000000000E-004",
        "  CAR ",
        " aluminium ",
        f"  {electrons:5d}  {len(kpoints):5d}  {levels.shape[2]:5d}",
    ]
    for k, (place, weight) in enumerate(zip(kpoints, weights, strict=True)):
        lines += [" ", "".join(f"{x:15.7E}" for x in (*place, weight))]
        for n in range(levels.shape[2]):
            row = [*levels[:, k, n], *(() if filled is None else filled[:, k, n])]
            lines.append(f"{n + 1:5d}" + "".join(f"{x:15.6f}" for x in row))
    return saved(path, "\n".join(lines) + "\n")


def test_levels_with_the_outcar_beside(tmp_path):
    saved(tmp_path / "OUTCAR", OUTCAR)
    [(atoms, states)] = read_frames(eigenval(tmp_path / "EIGENVAL"))
    np.testing.assert_array_equal(states.eigenvalues, LEVELS)
    np.testing.assert_allclose(states.weights, WEIGHTS)
    assert (states.n_electrons, states.spin_degeneracy) == (3, 2)
    assert (states.fermi_level, states.smearing_width, states.entropy_term) == (1.5, 0.1, -0.01)
    np.testing.assert_allclose(atoms.cell.array, ATOMS.cell.array)
    np.testing.assert_allclose(atoms.positions, [[0.1, 0, 0]])
    assert atoms.get_chemical_formula() == "Al"


def test_what_the_outcar_says_of_the_levels(tmp_path):
    spins = {"levels": np.concatenate([LEVELS, LEVELS + 1]), "filled": np.concatenate([FILLED] * 2)}
    path = eigenval(tmp_path / "EIGENVAL", **spins)
    saved(tmp_path / "OUTCAR", OUTCAR)
    states = read_states(path)
    np.testing.assert_array_equal(states.eigenvalues[1], LEVELS[0] + 1)
    assert (states.spin_degeneracy, states.fermi_level) == (1, 1.5)
    saved(tmp_path / "OUTCAR", changed(OUTCAR, ("NUPDOWN=      -1.0", "NUPDOWN=       1.0")))
    states = read_states(path)
    assert states.fermi_level is states.entropy_term is None
    eigenval(path)
    saved(tmp_path / "OUTCAR", changed(OUTCAR, ("COLLINEAR =      F", "COLLINEAR =      T")))
    assert read_states(path).spin_degeneracy == 1
    saved(tmp_path / "OUTCAR", changed(OUTCAR, ("=       3.0000", "=       3.2500")))
    assert read_states(path).n_electrons == 3.25


def test_a_fermi_level_that_did_not_fit_is_not_told(tmp_path):
    saved(tmp_path / "OUTCAR", changed(OUTCAR, ("E-fermi :   1.5000", "E-fermi : ********")))
    assert read_states(eigenval(tmp_path / "EIGENVAL")).fermi_level is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("EDIFF is reached", "EDIFF was not reached"), "self-consistency was not reached"),
        (("IBRION =     -1", "IBRION =      0"), "predicted for the next step"),
        (("2.025000000", "2.125000000"), "but EIGENVAL is of 1 in 16.607"),
        (("ions per type =               1", "ions per type =               2"), "for 2 atoms"),
    ],
)
def test_runs_that_do_not_give_these_levels_are_refused(tmp_path, change, message):
    saved(tmp_path / "OUTCAR", changed(OUTCAR, change))
    with pytest.raises(ValueError, match=f"EIGENVAL: .*{message}"):
        read_frames(eigenval(tmp_path / "EIGENVAL"))


def test_levels_with_poscar_and_doscar(tmp_path):
    path = eigenval(tmp_path / "EIGENVAL")
    with pytest.raises(ValueError, match="no structure; put the OUTCAR"):
        read_frames(path)
    write(tmp_path / "POSCAR", ATOMS, format="vasp")
    first = path.read_text().splitlines()[:5]
    doscar = [*first, "  20.0  -10.0  301  1.5000  1.0", "  -10.0  0.0  0.0"]
    saved(tmp_path / "DOSCAR", "\n".join(doscar) + "\n")
    [(atoms, states)] = read_frames(path)
    assert (states.n_electrons, states.spin_degeneracy, states.fermi_level) == (3, 2, 1.5)
    np.testing.assert_allclose(atoms.positions, ATOMS.positions)
    moved = ATOMS.copy()
    moved.positions += 0.1
    write(tmp_path / "CONTCAR", moved, format="vasp")
    with pytest.raises(ValueError, match="the atoms moved, and CONTCAR may be a step ahead"):
        read_frames(path)
    with pytest.raises(ValueError, match="DOSCAR: format 'unknown'"):
        read_states(tmp_path / "DOSCAR")


def test_without_outcar_the_filling_tells_spinors(tmp_path):
    path = tmp_path / "EIGENVAL"
    assert (
        read_states(eigenval(path, filled=FILLED * [1, 1, 0] / 1.5, electrons=2)).n_electrons == 2
    )
    spinors = FILLED.copy()
    spinors[..., :2] = 1
    assert read_states(eigenval(path, filled=spinors, electrons=2)).spin_degeneracy == 1
    # more electrons than bands: two in each
    assert read_states(eigenval(path, filled=None, electrons=4)).spin_degeneracy == 2
    with pytest.raises(ValueError, match="spin-paired or spinors; put the OUTCAR"):
        read_states(eigenval(path, filled=None, electrons=2))
    # VASP rounds the number of electrons here
    with pytest.raises(ValueError, match="pass n_electrons"):
        read_states(eigenval(path, filled=FILLED * 1.05))


def test_band_paths_are_refused(tmp_path):
    line = {"kpoints": np.linspace([0, 0, 0], [0.5, 0, 0.5], 3), "weights": [1 / 3] * 3}
    path = eigenval(tmp_path / "EIGENVAL", **line)
    with pytest.raises(ValueError, match="its k-points follow a path"):
        read_states(path)
    saved(tmp_path / "KPOINTS", "path\n20\nline\nreciprocal\n")
    with pytest.raises(ValueError, match="its k-points follow a path"):
        read_states(eigenval(path))
    saved(tmp_path / "KPOINTS", "mesh\n0\nGamma\n4 4 4\n")
    assert read_states(eigenval(path, **line)).n_kpoints == 3


def test_compressed_files_beside_are_read(tmp_path):
    plain = eigenval(tmp_path / "EIGENVAL")
    path = tmp_path / "EIGENVAL.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    (tmp_path / "OUTCAR.gz").write_bytes(gzip.compress(OUTCAR.encode()))
    [(atoms, states)] = read_frames(path)
    assert (len(atoms), states.fermi_level) == (1, 1.5)


def test_a_folder_has_the_levels_once(tmp_path):
    path = eigenval(tmp_path / "EIGENVAL")
    assert is_output(path)
    saved(tmp_path / "vasprun.xml", "<modeling>")
    assert not is_output(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("       6.000000", "*" * 15, "k-point 2: a number did not fit its column"),
        ("    3       7.000000       0.000000\n", "", "cut off, or has several structures"),
        ("    3       6.0", "    4       6.0", "not numbered 1, 2, 3"),
    ],
)
def test_damaged_files_are_refused(tmp_path, old, new, message):
    text = eigenval(tmp_path / "EIGENVAL").read_text()
    path = saved(tmp_path / "EIGENVAL", changed(text, (old, new)))
    with pytest.raises(ValueError, match=f"EIGENVAL: .*{message}"):
        read_states(path)
