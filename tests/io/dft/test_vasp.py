"""VASP: vasprun.xml."""

import tracemalloc

import numpy as np
import pytest
from ase.units import kB
from dft_files import between, changed, saved
from paths import STATES

from ase_dos.io.dft import read_frames, read_states

AL, NI = ((STATES / f"{name}_vasprun.xml").read_text() for name in ("al", "ni"))
CALCULATION = between(AL, " <calculation>", "</calculation>\n")
CONVERGENCE = between(AL, '   <separator name="electronic convergence" >', "</separator>\n")


def iteration(free_energy, without=0.0):
    return (
        f'  <scstep><energy><i name="e_fr_energy"> {free_energy:.8f} </i>'
        f'<i name="e_wo_entrp"> {without:.8f} </i></energy></scstep>\n'
    )


def with_iterations(text, free_energies):
    """Put iterations in place of those of the file."""
    start, end = text.index("  <scstep>"), text.rindex("</scstep>\n") + 10
    return text[:start] + "".join(map(iteration, free_energies)) + text[end:]


def with_kpoints(kpoints, generation=""):
    """Give the ten k-points of the file equal weights and new places."""
    rows = "".join(f"<v> {a:.8f} {b:.8f} {c:.8f} </v>" for a, b, c in kpoints)
    listed = between(AL, '  <varray name="kpointlist" >', "</varray>")
    weights = between(AL, '  <varray name="weights" >', "</varray>")
    equal = f'<varray name="weights">{"<v> 0.1 </v>" * 10}</varray>'
    new = f'{generation}<varray name="kpointlist">{rows}</varray>'
    return changed(AL, (listed, new), (weights, equal))


def test_spinors_hold_one_electron(tmp_path):
    xml = NI.replace('"LNONCOLLINEAR"> F', '"LNONCOLLINEAR"> T')
    start, end = xml.index('     <set comment="spin 2">'), xml.index("    </set>\n   </array>")
    path = saved(tmp_path / "vasprun.xml", xml[:start] + xml[end:])
    assert read_states(path).spin_degeneracy == 1


@pytest.mark.parametrize(("electrons", "degeneracy"), [(3, 2), (1.5, 1)])
def test_old_releases_tell_spinors_by_their_filling(tmp_path, electrons, degeneracy):
    line = '    <i type="logical" name="LNONCOLLINEAR"> F  </i>\n'
    xml = changed(AL, (line, ""), ("3.00000000</i>", f"{electrons:.8f}</i>"))
    assert read_states(saved(tmp_path / "vasprun.xml", xml)).spin_degeneracy == degeneracy


def test_convergence_in_the_last_allowed_iteration_is_enough(tmp_path):
    assert '"NELM">    60' in AL
    path = saved(tmp_path / "vasprun.xml", AL.replace('"NELM">    60', '"NELM">     2'))
    assert read_states(path).n_electrons == 3


def test_vasp_that_ran_out_of_iterations_is_refused(tmp_path):
    steps = AL.replace('"NELM">    60', '"NELM">     2').split("  <scstep>")
    path = saved(tmp_path / "vasprun.xml", "  <scstep>".join([*steps[:2], steps[-1]]))
    with pytest.raises(ValueError, match=r"NELM=2 .* still changes by 0\.3"):
        read_states(path)


RESPONSE = (
    '   <separator name="response functions" ><i type="int" name="NELM"> 1</i>{}</separator>\n'
)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_nelm_of_the_response_is_not_that_of_self_consistency(tmp_path, order):
    """VASP lists NELM twice where INCAR does not set it: 60, and 1 for linear response."""
    both = [CONVERGENCE, RESPONSE.format("")]
    xml = changed(AL, (CONVERGENCE, "".join(both[i] for i in order)))
    path = saved(tmp_path / "vasprun.xml", with_iterations(xml, -50 - 0.01 * np.arange(60)))
    with pytest.raises(ValueError, match=r"NELM=60 iterations .* changes by 0\.01 eV"):
        read_states(path)


@pytest.mark.parametrize("tag", ['<i type="logical" name="LEPSILON"> T  </i>', ""])
def test_iterations_of_a_linear_response_follow_and_do_not_count(tmp_path, tag):
    xml = changed(AL, (CONVERGENCE, CONVERGENCE + RESPONSE.format(tag)))
    reached = [*(-50 - 0.5 ** np.arange(14)), -50.00006104]
    response = -3 - 0.1 * np.arange(97)
    states = read_states(
        saved(tmp_path / "vasprun.xml", with_iterations(xml, [*reached, *response]))
    )
    # the entropy is that of the last iteration before the response
    assert states.entropy_term == pytest.approx(-50.00006104)
    unreached = -50 - 0.01 * np.arange(60)
    path = saved(tmp_path / "vasprun.xml", with_iterations(xml, [*unreached, *response]))
    with pytest.raises(ValueError, match="self-consistency was not reached: after NELM=60"):
        read_states(path)


@pytest.mark.parametrize("moment", [2.0, 0.0])
def test_a_fixed_moment_has_two_fermi_levels_and_none_is_told(tmp_path, moment):
    spin = '    <i type="logical" name="LNONCOLLINEAR"> F  </i>\n'
    free = changed(NI, (spin, spin + '    <i name="NUPDOWN">     -1.00000000</i>\n'))
    assert read_states(saved(tmp_path / "free.xml", free)).fermi_level == 13.7140
    fixed = free.replace("-1.00000000</i>", f"{moment:.8f}</i>")
    states = read_states(saved(tmp_path / "fixed.xml", fixed))
    assert states.fermi_level is states.entropy_term is None
    assert states.smearing_width == pytest.approx(0.40817, abs=1e-5)


def test_the_last_dos_of_a_step_counts(tmp_path):
    dos = between(AL, "  <dos>", "</dos>\n")
    first = dos.replace("8.04680000", "3.0")
    other_kpoints = dos.replace("<dos>", '<dos comment="kpoints_opt">').replace("8.04680000", "5.0")
    xml = changed(AL, (dos, first + dos + other_kpoints))
    assert read_states(saved(tmp_path / "vasprun.xml", xml)).fermi_level == 8.0468


def test_the_last_eigenvalues_of_a_step_count(tmp_path):
    levels = between(AL, "  <eigenvalues>", "</eigenvalues>\n")
    first = levels.replace("-3.3687", "-7.0000")
    projected = f"<projected>{first}</projected>\n"
    xml = changed(AL, (levels, first + levels + projected))
    states = read_states(saved(tmp_path / "vasprun.xml", xml))
    assert states.eigenvalues.shape == (1, 10, 8)
    assert states.bottom == -3.3687


LINE = np.linspace([0, 0, 0], [0.5, 0, 0.5], 10)


@pytest.mark.parametrize(
    ("kpoints", "generation"),
    [
        (LINE, '<generation param="listgenerated"></generation>'),
        (LINE, ""),
        (np.concatenate([LINE[::2], 0.5 - LINE[::2]]), ""),
    ],
)
def test_band_paths_are_refused(tmp_path, kpoints, generation):
    path = saved(tmp_path / "vasprun.xml", with_kpoints(kpoints, generation))
    with pytest.raises(ValueError, match=r"vasprun\.xml: its k-points follow a path .* no DOS"):
        read_states(path)


@pytest.mark.parametrize(
    ("kpoints", "generation"),
    [
        (np.linspace([0, 0, 0], [0, 0, 0.9], 10), ""),  # a mesh of 1 x 1 x 10
        (np.random.default_rng(0).random((10, 3)), ""),
        (LINE, '<generation param="Monkhorst-Pack"></generation>'),  # symmetry left ten
    ],
)
def test_meshes_and_lists_that_are_no_path_are_read(tmp_path, kpoints, generation):
    path = saved(tmp_path / "vasprun.xml", with_kpoints(kpoints, generation))
    np.testing.assert_allclose(read_states(path).weights, 0.1)


def test_a_path_without_weight_behind_a_mesh_does_not_count(tmp_path):
    """As hybrid functionals' band structures have it: the mesh alone samples the DOS."""
    extra = "<v> 0.0 0.0 0.1 </v><v> 0.0 0.0 0.2 </v><v> 0.0 0.0 0.3 </v>\n  </varray>"
    weights = between(AL, '  <varray name="weights" >', "</varray>")
    places = between(AL, '  <varray name="kpointlist" >', "</varray>")
    levels = "".join(
        f'<set comment="kpoint {k}">{"<r> -9.0 1.0 </r>" * 8}</set>' for k in (11, 12, 13)
    )
    xml = changed(
        AL,
        (weights, weights.replace("  </varray>", "<v> 0.0 </v>" * 3 + "</varray>")),
        (places, places.replace("  </varray>", extra)),
        ("     </set>\n    </set>\n   </array>", f"{levels}</set></set></array>"),
    )
    states = read_states(saved(tmp_path / "vasprun.xml", xml))
    assert states.n_kpoints == 13
    assert states.bottom == -3.3687
    gas = states.electron_gas(states.smearing_width / kB)
    assert gas.fermi_level == pytest.approx(states.fermi_level, abs=1e-3)


def test_releases_that_do_not_list_ediff_have_its_default(tmp_path):
    xml = changed(AL, ('   <i name="EDIFF">       0.00010000</i>\n', ""))
    xml = with_iterations(changed(xml, ('"NELM">    60', '"NELM">     3')), [-50, -51, -51.00005])
    assert read_states(saved(tmp_path / "vasprun.xml", xml)).n_electrons == 3
    xml = xml.replace("-51.00005", "-51.00015")
    with pytest.raises(ValueError, match=r"after NELM=3 .* \(EDIFF=0\.0001\)"):
        read_states(saved(tmp_path / "vasprun.xml", xml))


def test_eigenvalues_that_did_not_fit_are_named(tmp_path):
    path = saved(tmp_path / "vasprun.xml", AL.replace("   24.1342  ", "*********  "))
    with pytest.raises(ValueError, match="eigenvalues: a number did not fit its column"):
        read_states(path)


def test_what_is_not_asked_for_may_be_damaged(tmp_path):
    xml = changed(
        AL,
        ("<c>Al </c>", "<c>?? </c>"),
        ("   24.1342     0.0000", "   24.1342     ******"),
        ("  <eigenvalues>", f"{between(AL, '  <eigenvalues>', '</eigenvalues>')}\n  <eigenvalues>"),
    )
    xml = xml.replace("   20.3234  ", "*********  ", 1)  # in the first list, which does not count
    assert read_states(saved(tmp_path / "vasprun.xml", xml)).bottom == -3.3687


def test_a_level_or_energy_that_did_not_fit_is_not_told(tmp_path):
    stars = changed(AL, (">       8.04680000 <", "> ************** <"), ("-56.98202437", "*" * 12))
    states = read_states(saved(tmp_path / "vasprun.xml", stars))
    assert states.fermi_level is states.entropy_term is None
    assert states.bottom == -3.3687


def test_vasp_steps_without_eigenvalues_are_skipped(tmp_path):
    start, end = AL.index(" <calculation>"), AL.index("</calculation>\n") + 15
    step = AL[start:end]
    bare = step[: step.index("  <eigenvalues>")] + step[step.index("  <dos>") :]
    path = saved(tmp_path / "vasprun.xml", AL[:start] + bare + step + AL[end:])
    assert len(read_frames(path)) == 1
    assert read_states(path, index=0).n_kpoints == 10
    path = saved(tmp_path / "vasprun.xml", AL[:start] + bare + AL[end:])
    with pytest.raises(ValueError, match="no eigenvalues found"):
        read_states(path)


def two_steps():
    """Steps with other levels, and the atom at another place."""
    site = "<v>       0.00000000       0.00000000       0.00000000 </v>\n  </varray>\n </structure>"
    second = changed(CALCULATION, ("-3.3687", "-4.0000"), (site, site.replace("0.0", "0.2")))
    return CALCULATION, second


def test_steps_have_their_own_levels_and_structures(tmp_path):
    first, second = two_steps()
    path = saved(tmp_path / "vasprun.xml", changed(AL, (first, first + second)))
    frames = read_frames(path)
    assert [states.bottom for _, states in frames] == [-3.3687, -4.0]
    np.testing.assert_allclose(frames[0][0].get_scaled_positions(), [[0, 0, 0]])
    np.testing.assert_allclose(frames[1][0].get_scaled_positions(), [[0.2, 0.2, 0.2]])
    assert frames[0][0].pbc.all()
    assert frames[0][0].get_volume() == pytest.approx(16.48482964)
    bad = changed(AL, (first, first + second.replace("-4.0000", "*******")))
    with pytest.raises(ValueError, match=r"vasprun\.xml: structure 1: eigenvalues: .* fit its col"):
        read_frames(saved(tmp_path / "vasprun.xml", bad))


def test_k_points_of_a_step_are_those_that_symmetry_leaves_there(tmp_path):
    """VASP lists them again, within the step, when the symmetry of the atoms has changed."""
    first, second = two_steps()
    mesh = '<kpoints><generation param="Gamma"/><varray name="weights">{}</varray></kpoints>'
    equal = mesh.format("<v> 0.1 </v>" * 10)
    whole = mesh.format("<v> 0.005 </v>" * 200)  # as GW uses for a while
    changes = second.replace(" <calculation>", f" <calculation>{whole}{equal}")
    third = second.replace("-4.0000", "-5.0000")
    path = saved(tmp_path / "vasprun.xml", changed(AL, (first, first + changes + third)))
    weights = [states.weights for _, states in read_frames(path)]
    assert weights[0][:3] == pytest.approx([0.008, 0.064, 0.064])
    np.testing.assert_allclose(weights[1:], 0.1)


@pytest.mark.parametrize("cut", ["  <eigenvalues>", "</calculation>", "<scstep>"])
def test_whole_steps_of_a_killed_run_are_read(tmp_path, cut):
    first, second = two_steps()
    xml = changed(AL, (first, first + second))
    path = saved(tmp_path / "vasprun.xml", xml[: xml.rindex(cut)])
    with pytest.warns(UserWarning, match=r"vasprun\.xml: .* cut off .* 1 whole step$"):
        frames = read_frames(path)
    assert [states.bottom for _, states in frames] == [-3.3687]
    with pytest.warns(UserWarning, match="cut off"):
        assert read_states(path).bottom == -3.3687


def test_runs_of_gw_have_their_structure_before_the_step(tmp_path):
    structure = between(CALCULATION, " <structure >", "</structure>\n")
    other = between(AL, ' <structure name="initialpos" >', "</structure>\n").replace(
        "initialpos", "primitive_cell"
    )
    xml = changed(AL, (structure, ""), (" <kpoints>", other.replace("2.0", "1.0") + " <kpoints>"))
    atoms = read_frames(saved(tmp_path / "vasprun.xml", xml))[0][0]
    assert atoms.get_volume() == pytest.approx(16.48482964)


@pytest.mark.parametrize(("label", "symbol"), [("W_ ", "W"), ("r ", "Zr"), ("X ", "Xe")])
def test_elements_that_vasp_shortens(tmp_path, label, symbol):
    xml = changed(AL, ("<c>Al </c>", f"<c>{label}</c>"))
    assert read_frames(saved(tmp_path / "vasprun.xml", xml))[0][0].get_chemical_formula() == symbol
    xml = changed(AL, ("<c>Al </c>", "<c>?? </c>"))
    with pytest.raises(ValueError, match=r"species '\?\?': .* begins with an element"):
        read_frames(saved(tmp_path / "vasprun.xml", xml))


def test_of_a_large_file_the_numbers_alone_are_kept(tmp_path):
    rows = "<r> 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 </r>\n" * 50
    bands = f"<set>{rows}</set>" * 500
    projected = f"<projected><array><set>{bands}</set></array></projected>\n"
    text = changed(AL, ("  <dos>", projected + "  <dos>"))
    path = saved(tmp_path / "vasprun.xml", text)
    tracemalloc.start()
    states = read_states(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert states.n_bands == 8
    assert peak < 1e6 < len(text)


def relaxation(bad):
    """Four steps, of which one has not converged."""
    steps = []
    for i in range(4):
        step = CALCULATION.replace("2.02000056", f"2.0{i}000056")
        steps.append(with_iterations(step, [-5.0, -4.5 if i == bad else -4.0, -4.0]))
    return changed(AL, ('"NELM">    60', '"NELM">     3'), (CALCULATION, "".join(steps)))


def test_one_step_without_convergence_does_not_lose_the_others(tmp_path):
    path = saved(tmp_path / "vasprun.xml", relaxation(bad=2))
    message = r"vasprun\.xml: structure 2: self-consistency was not reached: after NELM=3"
    with pytest.raises(ValueError, match=message):
        read_frames(path)
    with pytest.warns(UserWarning, match=f"left out: .*{message}"):
        pairs = read_frames(path, on_error="skip")
    lengths = [atoms.cell.array.max() for atoms, _ in pairs]
    np.testing.assert_allclose(lengths, [2.00000056, 2.01000056, 2.03000056])
    errors = {}
    pairs = read_frames(path, slice(1, None), on_error=errors.__setitem__)
    assert (len(pairs), list(errors)) == (2, [2])
    with pytest.warns(UserWarning, match="left out"), pytest.raises(ValueError, match=message):
        read_frames(path, 2, on_error="skip")  # nothing is left
    with pytest.raises(ValueError, match="on_error: expected 'raise' or 'skip', got 'ignore'"):
        read_frames(path, on_error="ignore")
