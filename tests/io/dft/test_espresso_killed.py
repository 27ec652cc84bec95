"""Quantum ESPRESSO: runs that were killed, and those that were started again behind them."""

import warnings

import numpy as np
import pytest
from dft_files import saved
from paths import STATES

from ase_dos.io.dft import read_frames, read_states

MD = (STATES / "si_md.pwo").read_text()


def same(frames, others):
    for (atoms, states), (other_atoms, other) in zip(frames, others, strict=True):
        np.testing.assert_array_equal(atoms.positions, other_atoms.positions)
        np.testing.assert_array_equal(states.eigenvalues, other.eigenvalues)
    return True


def test_whole_steps_before_any_cut_are_read(tmp_path):
    whole = read_frames(STATES / "si_md.pwo")
    ends = [i for i in range(len(MD)) if MD.startswith("convergence has been achieved", i)]
    for cut in range(ends[0] + 30, len(MD), 211):
        path = saved(tmp_path / "md.out", MD[:cut])
        n_whole = sum(end + 29 <= cut for end in ends)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert same(read_frames(path), whole[:n_whole])
        begun = MD[:cut].count("Self-consistent Calculation")
        assert len(caught) == begun - n_whole, cut


@pytest.mark.parametrize("marker", ["   7.3338", "k = 0.0000 0.0000", "iteration #  3"])
def test_a_step_that_was_cut_is_said_once(tmp_path, marker):
    path = saved(tmp_path / "md.out", MD[: MD.rindex(marker) + 4])
    message = r"md\.out: a run was killed .* 1 unfinished of 3 structures left out"
    with pytest.warns(UserWarning, match=message) as caught:
        frames = read_frames(path)
    assert (len(frames), len(caught)) == (2, 1)
    with pytest.warns(UserWarning, match=message):
        last = read_states(path)
    np.testing.assert_array_equal(last.eigenvalues, frames[1][1].eigenvalues)


def test_a_run_that_goes_on_behind_the_cut(tmp_path):
    text = MD[: MD.rindex("   7.3338")] + "\n" + (STATES / "al.pwo").read_text()
    with pytest.warns(UserWarning, match="1 unfinished of 4 structures left out"):
        frames = read_frames(saved(tmp_path / "runs.out", text))
    assert [str(atoms.symbols) for atoms, _ in frames] == ["Si2", "Si2", "Al"]
    assert frames[1][1].n_electrons == 8
    assert frames[2][1].fermi_level == 8.0468


def test_a_run_of_one_step_that_was_cut_is_refused(tmp_path):
    text = (STATES / "al.pwo").read_text()
    path = saved(tmp_path / "al.out", text[: text.index("convergence has been")])
    with pytest.raises(
        ValueError, match="ends before 'convergence has been achieved'; it is cut off"
    ):
        read_frames(path)


def test_an_error_of_pw_x_is_passed_on(tmp_path):
    error = "     Error in routine  c_bands (1):\n     too many bands are not converged\n"
    text = MD[: MD.index("     Self-consistent Calculation")] + error
    path = saved(tmp_path / "md.out", text)
    with pytest.raises(
        ValueError, match=r"md\.out: pw\.x stopped .* c_bands \(1\): too many bands"
    ):
        read_states(path)
