"""Quantum ESPRESSO: text and XML of pw.x."""

import numpy as np
import pytest
from dft_files import saved
from paths import STATES

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


def test_xml_and_text_of_quantum_espresso_agree_up_to_printing():
    xml = read_frames(STATES / "al_data-file-schema.xml")[0][0]
    text = read_frames(STATES / "al.pwo")[0][0]
    np.testing.assert_allclose(xml.cell, text.cell, atol=1e-5)


def test_xml_of_a_run_at_fixed_density(tmp_path):
    # as pw.x 6.7 writes it for calculation='nscf', which it calls unconverged
    text = (STATES / "al_data-file-schema.xml").read_text()
    text = text.replace("achieved>true<", "achieved>false<")
    for calculation in ("nscf", "bands"):
        changed = text.replace("<calculation>scf<", f"<calculation>{calculation}<")
        path = saved(tmp_path / "data.xml", changed)
        if calculation == "nscf":
            assert read_states(path).fermi_level == pytest.approx(7.2874670, abs=1e-6)
        else:
            with pytest.raises(ValueError, match="follows a path"):
                read_states(path)


def test_xml_with_fixed_occupations_has_no_fermi_level(tmp_path):
    text = (STATES / "al_data-file-schema.xml").read_text()
    text = text.replace("<occupations_kind>smearing<", "<occupations_kind>fixed<")
    assert read_states(saved(tmp_path / "data.xml", text)).fermi_level is None


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


@pytest.mark.parametrize("tag", ["nelec", "band_structure", "output"])
def test_xml_without_an_element_names_it(tmp_path, tag):
    text = (STATES / "al_data-file-schema.xml").read_text()
    text = text.replace(f"<{tag}", "<other").replace(f"</{tag}>", "</other>")
    with pytest.raises(ValueError, match=f"no <{tag}.*> in "):
        read_frames(saved(tmp_path / "data.xml", text))
