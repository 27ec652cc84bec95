"""Files that are cut off, broken, empty or foreign: what the error says."""

import shutil

import pytest
from ase.build import bulk
from ase.io import write
from dft_files import saved
from paths import STATES

from ase_dos.io.dft import is_output, read_frames, read_states


def cut_off(name, marker):
    text = (STATES / name).read_text()
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
        read_states(STATES / name)


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
    path = saved(tmp_path / name, cut_off(name, marker))
    with pytest.raises(ValueError, match=f"{name}: .*{message}"):
        read_states(path)
    with pytest.raises(ValueError, match=name):
        read_frames(path)


@pytest.mark.parametrize("keep", [30, 2000, 30_000])
def test_cut_off_gpw_files_are_refused(tmp_path, keep):
    path = tmp_path / "al.gpw"
    path.write_bytes((STATES / "al.gpw").read_bytes()[:keep])
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
        ("al_vasprun.xml", "-3.3687", "NaN", "NaN"),
        ("al_aims.out", "  | k-point:    3 at", "  | other:    3 at", "output k_point_list"),
        ("al_aims.out", "  K-point:      10 at", "  K-point:       9 at", "k_eigenvalue 10"),
        ("al_data-file-schema.xml", "achieved>true<", "achieved>false<", "not reached"),
    ],
)
def test_broken_contents_are_refused(tmp_path, name, old, new, message):
    text = (STATES / name).read_text()
    assert old in text
    path = saved(tmp_path / name, text.replace(old, new))
    with pytest.raises(ValueError, match=f"{name}: .*{message}"):
        read_states(path)


def test_empty_missing_and_foreign_files(tmp_path):
    empty = saved(tmp_path / "run.pwo", "")
    with pytest.raises(ValueError, match=r"run\.pwo: the file is empty"):
        read_states(empty)
    with pytest.raises(ValueError, match="no such file"):
        read_frames(tmp_path / "absent.gpw")
    with pytest.raises(ValueError, match="is a directory, expected a file"):
        read_states(tmp_path)
    foreign = saved(tmp_path / "notes.txt", "some words\n")
    with pytest.raises(ValueError, match=r"notes\.txt: format 'unknown' .*espresso-out"):
        read_states(foreign)
    write(tmp_path / "si.xyz", bulk("Si"))
    with pytest.raises(ValueError, match="format 'extxyz' holds no eigenvalues"):
        read_states(tmp_path / "si.xyz")
    with pytest.raises(ValueError, match="format 'csv'"):
        read_states(STATES / "al.pwo", format="csv")


@pytest.mark.parametrize("name", ["run.out", "slurm-12.out", "vasprun.xml", "pw.pwo", "run.gpw"])
@pytest.mark.parametrize(
    "text",
    [
        "job started\njob finished\n",
        "    1   0.000   0.000   0.000   2.00000  -5.1\n",
        "pattern = 'Program PWSCF v.7.2'  # a script that looks for it\n",
        "grep 'Invoking FHI-aims' run.out\n",
    ],
)
def test_a_name_alone_makes_no_dft_output(tmp_path, name, text):
    path = saved(tmp_path / name, text)
    assert not is_output(path)
    with pytest.raises(ValueError, match="format 'unknown' holds no eigenvalues"):
        read_states(path)


def test_a_job_log_around_the_output_hides_nothing(tmp_path):
    log = "loading module\n" * 2000 + (STATES / "al.pwo").read_text() + "\nexit code 0\n"
    assert read_states(saved(tmp_path / "job.log", log)).n_bands == 8
    shutil.copy(STATES / "al.pwo", tmp_path / "notes.xyz")
    assert is_output(tmp_path / "notes.xyz")
