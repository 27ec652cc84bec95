import numpy as np
import pytest

from ase_dos.results.alignment import align_spectra
from ase_dos.spectra.dos import DOS, EnergyGrid
from ase_dos.spectra.local_dos import LocalDOS


def gaussian(energies, center=0.0, width=1.0):
    return np.exp(-0.5 * ((energies - center) / width) ** 2) / (width * np.sqrt(2 * np.pi))


def test_grid_spans_at_least_what_was_asked():
    grid = EnergyGrid.spanning(-1, 2.02, 0.05)
    assert grid.stop >= 2.02
    assert grid.energies[0] == -1
    assert np.allclose(np.diff(grid.energies), 0.05)
    assert len(grid.energies) == grid.size


@pytest.mark.parametrize("bad", [(0, 0, 5), (0, -1, 5), (0, 0.1, 1), (np.nan, 0.1, 5)])
def test_grid_rejects(bad):
    with pytest.raises(ValueError, match="grid"):
        EnergyGrid(*bad)


def test_shift_moves_axis_and_validity():
    energies = np.linspace(-5, 5, 101)
    dos = DOS(energies, gaussian(energies), 1.0, valid_to=3.0)
    moved = dos.shifted(1.5)
    assert moved.valid_to == 4.5
    assert moved.at(1.5) == pytest.approx(dos.at(0.0))


def test_band_bottom_follows_a_shift_and_ignores_scale():
    energies = np.linspace(-10, 10, 2001)
    dos = DOS(energies, 4 * gaussian(energies), 2.0)
    double = DOS(energies, 8 * gaussian(energies), 4.0)
    # 0.5 % of 2 electrons are 0.01 of 4 states: the 0.25 % quantile of the normal distribution
    assert dos.band_bottom == pytest.approx(-2.807, abs=2e-3)
    assert double.band_bottom == pytest.approx(dos.band_bottom)
    assert dos.shifted(0.7).band_bottom == pytest.approx(dos.band_bottom + 0.7)


@pytest.mark.parametrize(
    ("energies", "values", "message"),
    [
        ([0, 1, 3], [1, 1, 1], "uniform"),
        ([0, 1, 2], [1, 1], r"expected shape \(3\), got \(2,\)"),
        ([0, 1, 2], [1, np.nan, 1], "NaN"),
        ([2, 1, 0], [1, 1, 1], "rising"),
    ],
)
def test_dos_rejects(energies, values, message):
    with pytest.raises(ValueError, match=message):
        DOS(energies, values, 1.0)


def test_dos_rejects_no_electrons():
    with pytest.raises(ValueError, match="n_electrons"):
        DOS([0, 1, 2], [1, 1, 1], 0)


def test_local_dos_sums_to_the_total():
    rng = np.random.default_rng(1)
    energies = np.linspace(-3, 3, 61)
    local = LocalDOS(rng.random((7, 3)), rng.random((3, 61)), energies, np.full(7, 4.0))
    total = local.total()
    assert np.allclose(local.values.sum(axis=0), total.values)
    assert total.n_electrons == 28
    weights = rng.random((2, 61))
    assert np.allclose(local.project(weights), local.values @ weights.T)
    assert np.allclose(local.project(weights[0]).sum(), total.values @ weights[0])
    some = np.arange(7) < 3
    parts = local.total(some), local.total(~some)
    assert np.allclose(parts[0].values, local.values[:3].sum(axis=0))
    assert np.allclose(parts[0].values + parts[1].values, total.values)
    assert parts[0].n_electrons == 12


def test_ase_round_trip():
    energies = np.linspace(-5, 5, 101)
    dos = DOS(energies, gaussian(energies), 1.0)
    back = DOS.from_ase(dos.to_ase(), 1.0)
    assert np.array_equal(back.values, dos.values)
    assert np.array_equal(back.energies, dos.energies)


@pytest.mark.parametrize("references", [[0.3, -1.17, 2.0], [0.5, 0.5], [1.0 / 3]])
def test_alignment_is_exact_for_cubics_and_uses_all_that_is_known(references):
    energies = np.linspace(-5, 5, 101)
    references = np.array(references)

    def cubic(e):
        return 1 + e - 0.2 * e**2 + 0.03 * e**3

    axis, rows = align_spectra(
        energies, [cubic(energies - zero) for zero in references], references
    )
    np.testing.assert_allclose(rows, np.tile(cubic(axis), (len(references), 1)), atol=1e-10)
    assert axis[0] - 0.1 < (energies[0] - references).max() <= axis[0] + 1e-9
    assert axis[-1] + 0.1 > (energies[-1] - references).min() >= axis[-1] - 1e-9
    np.testing.assert_allclose(axis / 0.1, np.rint(axis / 0.1), atol=1e-9)


def test_alignment_needs_a_common_part():
    energies = np.linspace(-5, 5, 101)
    with pytest.raises(ValueError, match="no common part"):
        align_spectra(energies, np.zeros((2, 101)), [-6.0, 6.0])
