"""Quantum ESPRESSO: the XML data file of pw.x."""

import re

import numpy as np
import pytest
from ase.units import Bohr
from dft_files import saved
from paths import STATES

from ase_dos.io.dft import read_frames, read_states

AL = STATES / "al_data-file-schema.xml"


def test_xml_and_text_of_quantum_espresso_agree_up_to_printing():
    xml = read_frames(AL)[0][0]
    text = read_frames(STATES / "al.pwo")[0][0]
    np.testing.assert_allclose(xml.cell, text.cell, atol=1e-5)


def test_xml_of_a_run_at_fixed_density(tmp_path):
    # as pw.x 6.7 writes it for calculation='nscf', which it calls unconverged
    text = AL.read_text()
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
    text = AL.read_text()
    text = text.replace("<occupations_kind>smearing<", "<occupations_kind>fixed<")
    assert read_states(saved(tmp_path / "data.xml", text)).fermi_level is None


@pytest.mark.parametrize("tag", ["nelec", "band_structure", "output"])
def test_xml_without_an_element_names_it(tmp_path, tag):
    text = AL.read_text()
    text = text.replace(f"<{tag}", "<other").replace(f"</{tag}>", "</other>")
    with pytest.raises(ValueError, match=f"no <{tag}.*> in "):
        read_frames(saved(tmp_path / "data.xml", text))


def structure(x):
    """One Al atom at x (bohr) in the cell of the file."""
    rows = "".join(
        f"<a{i}>{row}</a{i}>"
        for i, row in enumerate(["0.0 3.8 3.8", "3.8 0.0 3.8", "3.8 3.8 0.0"], 1)
    )
    atom = f'<atom name="Al" index="1">{x} 0.0 0.0</atom>'
    return (
        f'<atomic_structure nat="1" alat="5.4"><atomic_positions>{atom}</atomic_positions>'
        f"<cell>{rows}</cell></atomic_structure>"
    )


def written(path, *, steps, output, converged="false", energies=None, start=0.0):
    """Data file of a relaxation: positions of its steps, and those behind them."""
    energies = energies or ["-2.084711866532249e0"] * len(steps)
    listed = "".join(
        f'<step n_step="{number}">{structure(x)}<total_energy><etot>{energy}</etot></total_energy>'
        "</step>"
        for (number, x), energy in zip(steps, energies, strict=True)
    )
    done = f"<opt_conv><convergence_achieved>{converged}</convergence_achieved></opt_conv>"
    before, first, second = re.split(
        "<atomic_structure.*?</atomic_structure>", AL.read_text(), flags=re.S
    )
    text = before + structure(start) + first + structure(output) + second
    text = text.replace("</convergence_info>", done + "</convergence_info>")
    return saved(path, text.replace("<output>", listed + "<output>"))


def place(path):
    ((atoms, _),) = read_frames(path)
    return atoms.positions[0, 0] / Bohr


def test_the_structure_is_that_of_the_bands_not_that_of_the_next_step(tmp_path):
    path = tmp_path / "data.xml"
    # since release 6.6 a step is written before the atoms move on
    assert place(written(path, steps=[(1, 0.1), (2, 0.2)], output=0.3)) == pytest.approx(0.2)
    # to release 6.5 after that
    assert place(written(path, steps=[(1, 0.2), (2, 0.3)], output=0.3)) == pytest.approx(0.2)
    assert place(written(path, steps=[(1, 0.3)], output=0.3, start=0.1)) == pytest.approx(0.1)
    # a relaxation that has converged moves no more
    steps = [(1, 0.1), (2, 0.2)]
    converged = written(path, steps=steps, output=0.2, converged="true")
    assert place(converged) == pytest.approx(0.2)


def test_a_step_that_is_not_in_the_file_is_missed(tmp_path):
    path = tmp_path / "data.xml"
    for given in (
        {"steps": [(1, 0.1)], "output": 0.3, "energies": ["-2.08"]},
        {"steps": [(1, 0.1), (5, 0.3)], "output": 0.3},
    ):
        with pytest.raises(ValueError, match="step that the bands are of is not in the file"):
            read_frames(written(path, **given))


@pytest.mark.parametrize(
    ("label", "symbol"),
    [
        ("Si", "Si"),
        ("SI", "Si"),
        ("si", "Si"),
        ("Si1", "Si"),
        ("Si_a", "Si"),
        ("Si-1", "Si"),
        ("FE", "Fe"),
        ("Fe2", "Fe"),
        ("CU", "Cu"),
        ("Oa", "O"),
        ("C_h", "C"),
        ("H1", "H"),
    ],
)
def test_labels_of_species_begin_with_their_element_in_any_case(tmp_path, label, symbol):
    text = AL.read_text().replace('<atom name="Al"', f'<atom name="{label}"')
    ((atoms, _),) = read_frames(saved(tmp_path / "data.xml", text))
    assert atoms.get_chemical_symbols() == [symbol]


@pytest.mark.parametrize("label", ["Qa", "1Si", "X", "Xx", "", "D"])
def test_labels_without_an_element_are_refused(tmp_path, label):
    text = AL.read_text().replace('<atom name="Al"', f'<atom name="{label}"')
    with pytest.raises(ValueError, match=rf"data\.xml: species '{label}': expected a label"):
        read_frames(saved(tmp_path / "data.xml", text))


def test_occupations_that_do_not_give_the_electrons_are_refused(tmp_path):
    text = AL.read_text().replace("<noncolin>false</noncolin>", "<noncolin>true</noncolin>")
    with pytest.raises(ValueError, match="weights: they sum to 2"):
        read_states(saved(tmp_path / "data.xml", text))
    text = AL.read_text().replace("<nelec>3.000", "<nelec>4.000")
    with pytest.raises(ValueError, match=r"hold 3\.00 electrons, but it says 4\.00"):
        read_states(saved(tmp_path / "data.xml", text))


def test_two_fermi_levels_are_not_one(tmp_path):
    old = "</fermi_energy>"
    for new in (
        old + "<two_fermi_energies>2.7e-1 2.6e-1</two_fermi_energies>",
        old,
    ):
        text = AL.read_text().replace(old, new)
        if new == old:
            moment = "<tot_magnetization>1.0</tot_magnetization><tot_charge>"
            text = text.replace("<tot_charge>", moment)
        states = read_states(saved(tmp_path / "data.xml", text))
        assert (states.fermi_level, states.entropy_term) == (None, None)


def test_convergence_that_is_announced_but_not_reached_is_refused(tmp_path):
    # scf_must_converge=.false.
    text = AL.read_text().replace("<scf_error>5.834030269143669e-12", "<scf_error>5.8e-03")
    with pytest.raises(ValueError, match=r"not reached: the accuracy is 0\.012 Ry"):
        read_states(saved(tmp_path / "data.xml", text))


def test_an_overflow_in_the_file_is_named(tmp_path):
    text = AL.read_text()
    start = text.index(">", text.index("<eigenvalues")) + 1
    text = text[:start] + " ******* " + text[start:]
    with pytest.raises(ValueError, match=r"<eigenvalues>: a number did not fit its column"):
        read_states(saved(tmp_path / "data.xml", text))
