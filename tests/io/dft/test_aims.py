"""FHI-aims: its output."""

import numpy as np
import pytest
from aims_files import CYCLE, END, SMALL, SPIN_ORBIT
from ase.units import Rydberg
from dft_files import changed, saved
from paths import STATES

from ase_dos.io.dft import read_frames, read_states

AL, NI = ((STATES / f"{name}_aims.out").read_text() for name in ("al", "ni"))


def test_appended_runs_of_aims_are_refused(tmp_path):
    path = saved(tmp_path / "runs", 2 * AL)
    with pytest.raises(ValueError, match="several FHI-aims runs"):
        read_states(path)


def test_aims_eigenvalues_of_the_starting_density_are_refused(tmp_path):
    # output_level MD_light lists eigenvalues before the first iteration, and never again
    first, _, rest = AL.split("Writing Kohn-Sham eigenvalues.")
    tables, iterations = rest.split("  What follows", 1)
    light = first + "Writing Kohn-Sham eigenvalues." + tables + "  What follows" + iterations
    path = saved(tmp_path / "aims.out", light)
    with pytest.raises(ValueError, match="starting density"):
        read_states(path)


@pytest.mark.parametrize(
    "line",
    [
        "(Fermi level) in eV                 : -.50000000E+01",  # 2015
        "(Fermi level):    -5.00000000eV",  # 2017
        "(Fermi level):    -5.00000000 eV",
    ],
)
def test_the_fermi_level_of_any_release_is_read(tmp_path, line):
    text = changed(SMALL, ("(Fermi level):    -5.00000000 eV", line))
    assert read_states(saved(tmp_path / "aims.out", text)).fermi_level == -5


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  Input geometry:", "  fixed_spin_moment   2.0\n  Input geometry:"),
        (
            "  Writing Kohn",
            "  | Chemical potential, spin up:   -5.0 eV.\n"
            "  | Chemical potential, spin dn:   -9.0 eV.\n  Writing Kohn",
        ),
    ],
)
def test_a_fixed_moment_has_two_fermi_levels_and_none_is_told(tmp_path, old, new):
    states = read_states(saved(tmp_path / "free.out", NI))
    assert (states.fermi_level, states.entropy_term) == (
        13.714,
        pytest.approx(-0.07356963 * Rydberg),
    )
    states = read_states(saved(tmp_path / "fixed.out", changed(NI, (old, new))))
    assert states.fermi_level is states.entropy_term is None
    assert states.smearing_width == pytest.approx(0.40817, abs=1e-5)


def test_the_k_points_of_bands_and_dos_after_the_run_do_not_count(tmp_path):
    after = "  Writing the requested band structure output:\n  | Number of k-points   :   15\n"
    path = saved(tmp_path / "aims.out", AL + after)
    assert read_states(path).n_kpoints == 10


def test_levels_with_spin_orbit_coupling_are_the_result_where_they_were_asked_for(tmp_path):
    states = read_states(saved(tmp_path / "aims.out", SMALL + SPIN_ORBIT + END))
    np.testing.assert_array_equal(states.eigenvalues, [[[-15.1, -14.9, 0.9, 1.1]]])
    assert (states.spin_degeneracy, states.n_electrons, states.fermi_level) == (1, 2, -4)
    assert states.entropy_term is None  # the one printed is without the coupling
    asked = changed(SMALL, ("  Input geometry:", "    include_spin_orbit\n  Input geometry:"))
    with pytest.raises(ValueError, match="no eigenvalues found; is the file cut off"):
        read_states(saved(tmp_path / "cut.out", asked))


def moved(x, header):
    return f"{header}\n                  x [A]   y [A]   z [A]\n   atom   {x:.8f}  0.0  0.0  He\n"


def test_structures_of_molecular_dynamics_keep_their_cell(tmp_path):
    used = "  Atomic structure (and velocities) as used in the preceding time step:"
    text = SMALL + moved(0.1, used) + CYCLE.replace("-15.0000", "-16.0000")
    text += moved(0.3, used.replace("Atomic", "Final atomic")) + END
    frames = read_frames(saved(tmp_path / "aims.out", text))
    assert [atoms.positions[0, 0] for atoms, _ in frames] == [0.1, 0.3]
    assert [states.bottom for _, states in frames] == [-15, -16]
    for atoms, _ in frames:
        np.testing.assert_array_equal(atoms.cell.array, 4 * np.eye(3))
        assert atoms.pbc.all()


def relaxation():
    vectors = "".join(f"  lattice_vector  {v}\n" for v in ("5 0 0", "0 5 0", "0 0 5"))
    update = f"  Updated atomic structure:\n{vectors}   atom   0.3  0.0  0.0  He\n"
    fractional = "  Fractional coordinates:\n   atom_frac 0.06 0.0 0.0  He\n" + 30 * "-" + "\n"
    return SMALL + update + fractional + CYCLE.replace("-15.0000", "-16.0000")


def test_structures_of_a_relaxation_stand_before_their_levels(tmp_path):
    frames = read_frames(saved(tmp_path / "aims.out", relaxation() + END))
    assert [atoms.positions[0, 0] for atoms, _ in frames] == [0.1, 0.3]
    assert [states.bottom for _, states in frames] == [-15, -16]
    assert [atoms.get_volume() for atoms, _ in frames] == pytest.approx([64, 125])


def test_older_releases_print_no_cell_that_does_not_change(tmp_path):
    text = "".join(
        line for line in relaxation().splitlines(keepends=True) if "lattice_vector" not in line
    )
    [_, (atoms, _)] = read_frames(saved(tmp_path / "aims.out", text + END))
    np.testing.assert_array_equal(atoms.cell.array, 4 * np.eye(3))
    text = changed(text, ("  Input geo", "  relax_unit_cell full\n  Input geo"))
    with pytest.raises(ValueError, match=r"structure 1: no lattice vectors"):
        read_frames(saved(tmp_path / "aims.out", text + END))


def test_whole_structures_of_a_killed_run_are_read(tmp_path):
    text = relaxation()
    cut = text[: text.rindex("  Self-consistency cycle converged.")]
    path = saved(tmp_path / "aims.out", cut)
    with pytest.warns(UserWarning, match=r"aims\.out: .* structure 1, which is left out"):
        frames = read_frames(path)
    assert [states.bottom for _, states in frames] == [-15]


def test_cycles_of_strained_cells_are_no_structures(tmp_path):
    """Stresses by finite differences: cycles follow that no structure is printed for."""
    text = SMALL + CYCLE.replace("-15.0000", "-16.0000") + END
    frames = read_frames(saved(tmp_path / "aims.out", text))
    assert [states.bottom for _, states in frames] == [-15]


def test_a_cycle_with_another_mixer_is_the_same_structure(tmp_path):
    text = SMALL.replace("Self-consistency cycle converged.", "restarting mixer")
    text += CYCLE.replace("-15.0000", "-16.0000") + END
    frames = read_frames(saved(tmp_path / "aims.out", text))
    assert [states.bottom for _, states in frames] == [-16]
