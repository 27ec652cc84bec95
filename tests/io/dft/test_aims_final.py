"""FHI-aims: all k-points in Final_KS_eigenvalues.dat."""

import re

import numpy as np
import pytest
from aims_files import END, SMALL, SPIN_ORBIT
from dft_files import changed, saved

from ase_dos.io.dft import is_output, read_frames, read_states


def final(occupations, levels, kpoints=None, header=""):
    """Text of a Final_KS_eigenvalues.dat; arrays (kpoints, states, spins)."""
    kpoints = np.linspace([0, 0, 0], [0.5, 0.5, 0.5], len(levels)) if kpoints is None else kpoints
    blocks = []
    for k, (place, f, e) in enumerate(zip(kpoints, occupations, levels, strict=True)):
        rows = [
            f"{n + 1:8d}" + "".join(f"  {o:15.12f}  {v:22.12f}" for o, v in zip(*pair, strict=True))
            for n, pair in enumerate(zip(f, e, strict=True))
        ]
        where = "".join(f"  {x:18.12f}" for x in place)
        blocks.append(
            f"k-point number:   {k + 1:8d}\nk-point in recip. lattice units: {where}\n"
            f"k-point in cartesian units (A^{{-1}}): {where}\n" + "\n".join(rows) + "\n \n"
        )
    return header + "".join(blocks)


PAIRED = np.array([[-15.0, 1.0], [-14.0, 2.0]])[..., None]  # two k-points, two states
FILLED = np.array([[2.0, 0.0], [2.0, 0.0]])[..., None]
# Two k-points, of which the output lists one.
OUTPUT = SMALL.replace(":         1\n          Begin", ":         2\n          Begin") + END
HEADER = "# Plain ASCII output of the Kohn-Sham eigenvalues on a k-space grid\n"
NAME = "Final_KS_eigenvalues.dat"


@pytest.mark.parametrize("header", ["", HEADER])
@pytest.mark.parametrize("name", [NAME, "aims.out"])
def test_all_k_points_are_in_the_final_file(tmp_path, name, header):
    saved(tmp_path / NAME, final(FILLED, PAIRED, header=header))
    saved(tmp_path / "aims.out", OUTPUT)
    [(atoms, states)] = read_frames(tmp_path / name)
    np.testing.assert_array_equal(states.eigenvalues, PAIRED[None, ..., 0])
    np.testing.assert_array_equal(states.weights, [0.5, 0.5])
    assert (states.n_electrons, states.spin_degeneracy, states.fermi_level) == (2, 2, -5)
    assert atoms.get_chemical_formula() == "He"
    assert states.entropy_term is None  # it belongs to the k-points of the run


def test_without_it_the_error_names_the_final_file(tmp_path):
    with pytest.raises(ValueError, match=r"output postscf_eigenvalues.* Final_KS_eigenvalues"):
        read_states(saved(tmp_path / "aims.out", OUTPUT))


def test_final_file_alone(tmp_path):
    path = saved(tmp_path / NAME, final(FILLED, PAIRED))
    states = read_states(path)
    assert (states.n_electrons, states.fermi_level) == (2, None)
    with pytest.raises(ValueError, match="structure is in the output of FHI-aims"):
        read_frames(path)


def test_final_file_of_two_spins(tmp_path):
    levels = np.array([[[-15.0, -14.5], [1.0, 1.5]], [[-14.0, -13.5], [2.0, 2.5]]])
    filled = np.array([[[1.0, 1.0], [0.0, 0.0]]] * 2)
    states = read_states(saved(tmp_path / NAME, final(filled, levels)))
    np.testing.assert_array_equal(states.eigenvalues[1], [[-14.5, 1.5], [-13.5, 2.5]])
    assert (states.n_electrons, states.spin_degeneracy) == (2, 1)


def test_final_files_with_and_without_spin_orbit_coupling(tmp_path):
    output = OUTPUT.replace(END, SPIN_ORBIT + END)
    saved(
        tmp_path / "aims.out", changed(output, ("  Input geo", "  include_spin_orbit\n  Input geo"))
    )
    plain = saved(tmp_path / f"{NAME}.no_soc", final(FILLED, PAIRED))
    levels = np.array([[-15.1, -14.9, 0.9, 1.1], [-14.1, -13.9, 1.9, 2.1]])[..., None]
    coupled = final(np.array([[1.0, 1, 0, 0]] * 2)[..., None], levels)
    coupled = coupled.replace("number:          2", "number:          4")  # aims counts on
    states = read_states(saved(tmp_path / NAME, coupled))
    assert (states.n_bands, states.spin_degeneracy, states.n_electrons) == (4, 1, 2)
    assert states.fermi_level == -4
    assert read_states(tmp_path / "aims.out").n_bands == 4
    states = read_states(plain)
    assert (states.n_bands, states.spin_degeneracy, states.n_electrons) == (2, 2, 2)
    assert states.fermi_level == -5


def test_occupations_tell_that_k_points_are_missing(tmp_path):
    saved(tmp_path / "aims.out", OUTPUT)
    path = saved(tmp_path / NAME, final(FILLED * [[[1.0]], [[0.8]]], PAIRED))
    with pytest.raises(
        ValueError, match=r"2 k-points add up to 1\.8 electrons, but the run has 2:"
    ):
        read_states(path)


def test_a_mesh_without_minus_k_has_their_weights(tmp_path):
    """Three of four k-points along one axis: the one in the middle stands for two."""
    kpoints = [[0, 0, 0], [0, 0, 0.25], [0, 0, 0.5]]
    levels = np.array([[-15.0, 1], [-14, 2], [-13, 3]])[..., None]
    path = saved(tmp_path / NAME, final(FILLED[[0, 0, 0]], levels, kpoints))
    np.testing.assert_allclose(read_states(path).weights, [0.25, 0.5, 0.25])
    whole = [*kpoints, [0, 0, 0.75]]
    path = saved(tmp_path / NAME, final(FILLED[[0] * 4], levels[[0, 1, 2, 1]], whole))
    np.testing.assert_allclose(read_states(path).weights, 0.25)


def test_outputs_of_another_run_beside_are_not_taken(tmp_path):
    saved(tmp_path / "aims.out", "  aims_uuid : A-1\n" + OUTPUT)
    path = saved(tmp_path / NAME, final(FILLED, PAIRED, header="#   aims_uuid : B-2\n" + HEADER))
    assert read_states(path).fermi_level is None
    with pytest.raises(ValueError, match="got 1 lists"):
        read_states(tmp_path / "aims.out")
    saved(tmp_path / "other.out", "  aims_uuid : B-2\n" + OUTPUT)
    assert read_states(path).fermi_level == -5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (r"\n       2 .*\n \n", "\n", r"\[1, 2\] states; the file is cut off or damaged"),
        (r"-15\.000000000000", "*" * 16, "did not fit its column"),
        (r"k-point number:          2\n", "", "not numbered 1, 2, 3"),
        (r"k-point in recip.*\n", "", "no coordinates of k-point 1"),
    ],
)
def test_damaged_final_files_are_refused(tmp_path, old, new, message):
    text = re.sub(old, new, final(FILLED, PAIRED), count=1)
    with pytest.raises(ValueError, match=f"{NAME}: .*{message}"):
        read_states(saved(tmp_path / NAME, text))


def test_a_folder_has_a_run_once(tmp_path):
    output, path = (
        saved(tmp_path / "aims.out", OUTPUT),
        saved(tmp_path / NAME, final(FILLED, PAIRED)),
    )
    assert is_output(output)
    assert not is_output(path)
    output.unlink()
    assert is_output(path)
