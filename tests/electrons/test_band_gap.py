"""Band gaps: of levels, exactly; of a DOS, within its broadening."""

import numpy as np
import pytest
from scipy.special import ndtr

from ase_dos.electrons.band_gap import gap_of_dos
from ase_dos.electrons.smearing import SmearingWarning
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.states import ElectronicStates

K = (np.arange(12) + 0.5) / 12
WEIGHTS = np.full(12, 1 / 12)


def bands(gap, width=2.0):
    """Two cosine bands per spin whose edges, at different k-points, are a gap apart."""
    valence = -0.5 * width * (1 - np.cos(np.pi * K))
    conduction = gap + 0.5 * width * (1 + np.cos(np.pi * K))
    top = np.full(12, 20.0)
    return np.stack([valence, conduction, top], axis=1), conduction.min() - valence.max()


@pytest.mark.parametrize("shift", [0.0, -7.3])
def test_indirect_gap_of_levels(shift):
    levels, gap = bands(1.1)
    assert ElectronicStates(levels + shift, WEIGHTS, 2.0, 2).band_gap == pytest.approx(gap)


def test_gap_is_that_of_both_spins_and_leaves_out_k_points_without_weight():
    levels, _ = bands(1.1)
    up, down = levels, levels + 0.3
    weights = WEIGHTS.copy()
    levels = np.stack([up, down])
    levels[:, 3] = [[-50, 0.5, 20], [-50, 0.4, 20]]  # in the gap, but of no weight
    weights[3] = 0
    states = ElectronicStates(levels, weights / weights.sum(), 2.0, 1)
    assert states.band_gap == pytest.approx(up[:, 1].min() - down[:, 0].max())


def test_spin_channels_may_hold_different_numbers_of_bands():
    """A magnetic insulator: two bands of one channel are filled, and none of the other."""
    levels = np.stack([bands(1.1)[0], bands(1.1)[0] + 7.0])
    states = ElectronicStates(levels, WEIGHTS, 2.0, 1)
    assert states.band_gap == pytest.approx(7.0 + levels[0, :, 0].min() - levels[0, :, 1].max())


def test_a_metal_has_no_gap_though_its_levels_are_apart():
    overlapping = bands(-0.5)[0]
    assert ElectronicStates(overlapping, WEIGHTS, 2.0, 2).band_gap == 0
    insulator = bands(1.1)[0]
    for electrons in (1.0, 2.0 + 1 / 24, 1.9):  # half filled, doped, charged
        assert ElectronicStates(insulator, WEIGHTS, electrons, 2).band_gap == 0


def test_molecule():
    states = ElectronicStates([[-9.0, -5.0, -5.0, 1.25, 8.0]], [1.0], 6.0, 2)
    assert states.band_gap == pytest.approx(6.25)
    degenerate = ElectronicStates([[-9.0, -5.0, -5.0, 1.25, 8.0]], [1.0], 4.0, 2)
    assert degenerate.band_gap == 0


def test_no_empty_bands_tell_no_gap():
    states = ElectronicStates(bands(1.1)[0][:, :1], WEIGHTS, 2.0, 2)
    with pytest.raises(ValueError, match="empty states above them"):
        _ = states.band_gap


def edges(gap, sigma, step=0.01):
    """Bands of 2 states/eV with sharp edges, broadened: 8 electrons, E_F in the middle."""
    e = np.arange(-8.0, 8.0, step)
    inner = ndtr((np.abs(e) - gap / 2) / sigma)
    outer = ndtr((4.0 + gap / 2 - np.abs(e)) / sigma)
    return DOS(e, 2.0 * inner * outer, 8.0, sigma)


def test_gap_of_a_sharp_dos():
    e = np.arange(-8.0, 8.0, 0.01)
    values = np.where((np.abs(e) > 1.0) & (np.abs(e) < 5.0), 2.0, 0.0)
    assert DOS(e, values, 8.0).band_gap(1e-3) == pytest.approx(2.0, abs=0.03)
    assert DOS(e, values, 4.0).band_gap(1e-3) == 0


@pytest.mark.parametrize("gap", [2.0, 3.0])
def test_broadening_moves_the_edges_by_what_the_threshold_says(gap):
    """Of the plateau of 2 states/eV, 1 is at the edge, and 2 ndtr(-2) two deviations inside."""
    dos = edges(gap, 0.2)
    for threshold, moved in ((1.0, 0.0), (2 * ndtr(-2), 2 * 2 * 0.2)):
        with pytest.warns(SmearingWarning, match=r"broadened by 0\.2 eV"):
            found = dos.band_gap(threshold)
        assert found == pytest.approx(gap - moved, abs=2e-3)


@pytest.mark.filterwarnings("ignore:band gap of a DOS")
def test_a_narrow_gap_is_lost_in_the_broadening():
    assert edges(0.2, 0.3).band_gap(0.1) == 0


def test_thresholds_that_tell_no_gap_are_refused():
    e = np.arange(-8.0, 8.0, 0.01)
    values = np.where((np.abs(e) > 1.0) & (np.abs(e) < 5.0), 2.0, 0.0)
    with pytest.raises(ValueError, match=r"below 3 states/eV everywhere .* lower threshold"):
        gap_of_dos(e, values, 0.0, 3.0)
    with pytest.raises(ValueError, match="threshold: expected a number > 0, got 0"):
        DOS(e, values, 8.0).band_gap(0.0)


def test_fermi_level_of_a_dos():
    dos = edges(2.0, 0.05)
    assert dos.get_fermi_level() == pytest.approx(0, abs=0.01)
    assert dos.shifted(3.5).get_fermi_level() == pytest.approx(3.5, abs=0.01)
    e = np.linspace(0.0, 8.0, 801)
    metal = DOS(e, np.full(e.size, 2.0), 6.0)
    assert metal.get_fermi_level() == pytest.approx(3.0, abs=1e-9)
    assert metal.get_fermi_level(1000.0) == metal.electron_gas(1000.0).fermi_level


@pytest.mark.parametrize("gap", [-0.5, 0.3, 1.1])
def test_gap_is_that_of_ase(gap):
    from ase.dft.bandgap import bandgap

    levels = bands(gap)[0]
    states = ElectronicStates(levels, WEIGHTS, 2.0, 2)
    fermi_level = states.electron_gas(0.0).fermi_level
    expected, _, _ = bandgap(eigenvalues=levels[None], efermi=fermi_level, output=None)
    assert states.band_gap == pytest.approx(expected)
