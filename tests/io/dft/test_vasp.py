"""VASP: vasprun.xml."""

import pytest
from dft_files import saved
from paths import STATES

from ase_dos.io.dft import read_frames, read_states


def test_spinors_hold_one_electron(tmp_path):
    xml = (STATES / "ni_vasprun.xml").read_text()
    xml = xml.replace('"LNONCOLLINEAR"> F', '"LNONCOLLINEAR"> T')
    start, end = xml.index('     <set comment="spin 2">'), xml.index("    </set>\n   </array>")
    path = saved(tmp_path / "vasprun.xml", xml[:start] + xml[end:])
    assert read_states(path).spin_degeneracy == 1


def test_convergence_in_the_last_allowed_iteration_is_enough(tmp_path):
    text = (STATES / "al_vasprun.xml").read_text()
    assert '"NELM">    60' in text
    path = saved(tmp_path / "vasprun.xml", text.replace('"NELM">    60', '"NELM">     2'))
    assert read_states(path).n_electrons == 3


def test_vasp_that_ran_out_of_iterations_is_refused(tmp_path):
    text = (STATES / "al_vasprun.xml").read_text().replace('"NELM">    60', '"NELM">     2')
    steps = text.split("  <scstep>")
    path = saved(tmp_path / "vasprun.xml", "  <scstep>".join([*steps[:2], steps[-1]]))
    with pytest.raises(ValueError, match=r"NELM=2 .* still changes by 0\.3"):
        read_states(path)


def test_vasp_steps_without_eigenvalues_are_skipped(tmp_path):
    text = (STATES / "al_vasprun.xml").read_text()
    start, end = text.index(" <calculation>"), text.index("</calculation>\n") + 15
    step = text[start:end]
    bare = step[: step.index("  <eigenvalues>")] + step[step.index("  <dos>") :]
    path = saved(tmp_path / "vasprun.xml", text[:start] + bare + step + text[end:])
    assert len(read_frames(path)) == 1
    assert read_states(path, index=0).n_kpoints == 10
    path = saved(tmp_path / "vasprun.xml", text[:start] + bare + text[end:])
    with pytest.raises(ValueError, match="no eigenvalues found"):
        read_states(path)
