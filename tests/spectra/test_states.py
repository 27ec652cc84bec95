"""ElectronicStates: what it keeps, derives and refuses."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointDFTCalculator, arrays_to_kpoints
from ase.io import read
from ase.units import kB
from paths import STATES

from ase_dos.spectra.states import ElectronicStates

DATA = STATES


@pytest.fixture
def bands():
    rng = np.random.default_rng(7)
    return np.sort(rng.uniform(-5, 10, size=(2, 4, 6)), axis=-1)


WEIGHTS = np.array([0.1, 0.2, 0.3, 0.4])


def calculator(eigenvalues, occupations, weights=WEIGHTS, efermi=1.5):
    calc = SinglePointDFTCalculator(Atoms(), efermi=efermi)
    calc.kpts = arrays_to_kpoints(eigenvalues, occupations, weights)
    return calc


def test_two_dimensions_become_one_spin_channel(bands):
    states = ElectronicStates(bands[0], WEIGHTS, 5, 2)
    assert states.eigenvalues.shape == (1, 4, 6)
    assert (states.n_spins, states.n_kpoints, states.n_bands) == (1, 4, 6)


def test_values_do_not_follow_the_callers_array(bands):
    states = ElectronicStates(bands, WEIGHTS, 5, 1)
    before = states.eigenvalues.copy()
    bands[:] = 0
    np.testing.assert_array_equal(states.eigenvalues, before)


def test_bands_are_sorted_at_every_kpoint(bands):
    shuffled = bands.copy()
    shuffled[0, 1] = shuffled[0, 1, ::-1]
    states = ElectronicStates(shuffled, WEIGHTS, 5, 1)
    np.testing.assert_array_equal(states.eigenvalues, bands)


@pytest.mark.parametrize("error", [0.0, 4e-8, -4e-8])
def test_weights_of_sum_two_and_rounded_ones_are_normalised(bands, error):
    states = ElectronicStates(bands[0], 2 * WEIGHTS + error, 5, 2)
    assert states.weights.sum() == pytest.approx(1, abs=1e-14)
    np.testing.assert_allclose(states.weights, WEIGHTS, atol=1e-7)


def test_valid_to_is_the_lowest_top_band_of_weighted_kpoints(bands):
    weights = np.array([0.0, 0.3, 0.3, 0.4])
    bands[:, 0] += 100  # as a path of zero-weight k-points beside the grid
    bands[0, 0, -1] = -50
    states = ElectronicStates(bands, weights, 5, 1)
    lowest = min(bands[s, k, -1] for s in range(2) for k in range(1, 4))
    assert states.valid_to == lowest
    assert states.bottom == bands[:, 1:].min()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": [0.1, 0.2, 0.3, 0.1]}, r"sum of 1 .* got 0\.7"),
        ({"weights": [0.5, 0.5, 0.5, 1.5]}, "sum of 1 .* got 3"),
        ({"weights": [-0.1, 0.4, 0.3, 0.4]}, "none below zero, got -0.1 at index 0"),
        ({"weights": [0.5, 0.5]}, r"weights: expected shape \(4\)"),
        ({"weights": 2 * WEIGHTS, "spin_degeneracy": 1}, "sum to 2"),
        ({"weights": [np.nan, 0.4, 0.3, 0.4]}, "NaN"),
        ({"spin_degeneracy": 3}, "spin_degeneracy: expected 2"),
        ({"spin_degeneracy": None}, "spin_degeneracy: expected 2"),
        ({"n_electrons": 0}, "n_electrons: expected a number > 0"),
        ({"n_electrons": 12.1}, "12.1 electrons do not fit into 12 states"),
        ({"eigenvalues": np.zeros(3)}, "eigenvalues: expected shape"),
        ({"eigenvalues": np.zeros((3, 4, 6))}, "eigenvalues: expected shape"),
        ({"eigenvalues": np.zeros((1, 4, 0))}, "eigenvalues: expected shape"),
        ({"eigenvalues": [[1.0, 2.0], [1.0]]}, "regular array"),
        ({"fermi_level": np.inf}, "fermi_level"),
    ],
)
def test_contradictions_are_refused(bands, changes, message):
    arguments = {
        "eigenvalues": bands[0],
        "weights": WEIGHTS,
        "n_electrons": 5,
        "spin_degeneracy": 2,
    }
    with pytest.raises(ValueError, match=message):
        ElectronicStates(**(arguments | changes))


def test_nan_eigenvalue_is_located(bands):
    bands[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match=r"eigenvalues: 1 of 48 .* index \(1, 2, 3\)"):
        ElectronicStates(bands, WEIGHTS, 5, 1)


def test_two_channels_cannot_hold_two_electrons_per_eigenvalue(bands):
    with pytest.raises(ValueError, match="two spin channels"):
        ElectronicStates(bands, WEIGHTS, 5, 2)


def test_full_bands_without_empty_ones_are_allowed(bands):
    assert ElectronicStates(bands[0], WEIGHTS, 12, 2).n_electrons == 12


def test_from_arrays_fills_in_the_usual_assumptions(bands):
    assert ElectronicStates.from_arrays(bands, n_electrons=5).spin_degeneracy == 1
    paired = ElectronicStates.from_arrays(bands[0], n_electrons=5, fermi_level=1.0)
    assert (paired.spin_degeneracy, paired.fermi_level) == (2, 1.0)
    np.testing.assert_allclose(paired.weights, 0.25)
    molecule = ElectronicStates.from_arrays([-3.0, 1.0], n_electrons=2)
    assert molecule.eigenvalues.shape == (1, 1, 2)


def test_electrons_and_entropy_match_the_plain_triple_loop(bands):
    states = ElectronicStates(bands, WEIGHTS, 5, 1)
    gas = states.electron_gas(3000)
    count = entropy = 0.0
    for s in range(2):
        for k in range(4):
            for e in bands[s, k]:
                f = 1 / (1 + np.exp((e - gas.fermi_level) / (kB * 3000)))
                count += WEIGHTS[k] * f
                if 0 < f < 1:
                    entropy -= WEIGHTS[k] * kB * (f * np.log(f) + (1 - f) * np.log1p(-f))
    assert count == pytest.approx(5, abs=1e-9)
    assert gas.entropy == pytest.approx(entropy, rel=1e-6)


def test_calculator_with_two_channels_counts_its_occupations(bands):
    f = 1 / (1 + np.exp((bands - 1.5) / 0.1))
    states = ElectronicStates.from_calculator(calculator(bands, f))
    assert states.n_electrons == pytest.approx(sum(WEIGHTS @ f[s].sum(1) for s in range(2)))
    assert (states.spin_degeneracy, states.fermi_level) == (1, 1.5)
    np.testing.assert_array_equal(states.eigenvalues, bands)


def test_calculator_with_one_channel_counts_only_if_it_is_certain(bands):
    f = 1 / (1 + np.exp((bands[:1] - 1.5) / 0.1))
    states = ElectronicStates.from_calculator(calculator(bands[:1], 2 * f))
    assert states.n_electrons == pytest.approx(2 * WEIGHTS @ f[0].sum(1))
    # 0..1 may mean fractions of two electrons, or spinors, or half-filled bands.
    with pytest.raises(ValueError, match="pass n_electrons"):
        ElectronicStates.from_calculator(calculator(bands[:1], f))
    given = ElectronicStates.from_calculator(calculator(bands[:1], f), n_electrons=4)
    assert given.n_electrons == 4


def test_calculator_of_a_band_path_is_refused(bands):
    path = np.linspace([0, 0, 0], [0.5, 0, 0], len(WEIGHTS))
    mesh, line = calculator(bands, 0 * bands), calculator(bands, 0 * bands, WEIGHTS * 0 + 0.25)
    mesh.ibz_kpts = line.ibz_kpts = path  # weights that differ: what symmetry left of a mesh
    assert ElectronicStates.from_calculator(mesh, n_electrons=3).n_electrons == 3
    with pytest.raises(ValueError, match="its k-points follow a path"):
        ElectronicStates.from_calculator(line, n_electrons=3)


def test_calculator_with_two_fermi_levels_tells_none(bands):
    calc = calculator(bands, 0 * bands)

    def get_fermi_level():
        raise ValueError("There are two Fermi-levels!")

    calc.get_fermi_level = get_fermi_level
    assert ElectronicStates.from_calculator(calc, n_electrons=3).fermi_level is None


def test_calculator_read_from_a_file_of_quantum_espresso():
    calc = read(DATA / "al.pwo").calc
    with pytest.raises(ValueError, match="pass n_electrons"):
        ElectronicStates.from_calculator(calc)
    states = ElectronicStates.from_calculator(calc, n_electrons=3)
    assert states.spin_degeneracy == 2
    assert states.weights.sum() == pytest.approx(1)
    assert states.fermi_level == 8.0468


@pytest.mark.parametrize(
    ("calc", "message"),
    [
        (SimpleNamespace(name="emt"), "emt: expected one with eigenvalues"),
        (SinglePointDFTCalculator(Atoms()), "it has no k-points"),
    ],
)
def test_calculators_without_eigenvalues_are_refused(calc, message):
    with pytest.raises(ValueError, match=message):
        ElectronicStates.from_calculator(calc)


def test_several_fermi_levels_are_none(bands):
    f = np.ones_like(bands)
    states = ElectronicStates.from_calculator(calculator(bands, f, efermi=[1.0, 2.0]))
    assert states.fermi_level is None


def test_live_gpaw_agrees_with_its_file():
    gpaw = pytest.importorskip("gpaw")
    from ase_dos.io.dft import read_states

    calc = gpaw.GPAW(DATA / "al.gpw", txt=None)
    states = ElectronicStates.from_calculator(calc)
    same = read_states(DATA / "al.gpw")
    assert states.n_electrons == pytest.approx(3, abs=1e-8)
    assert states.spin_degeneracy == 2
    np.testing.assert_allclose(states.eigenvalues, same.eigenvalues, atol=1e-9)
    np.testing.assert_allclose(states.weights, same.weights)
    assert states.fermi_level == pytest.approx(same.fermi_level, abs=1e-9)
